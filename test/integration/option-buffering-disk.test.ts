/** Bodies of backends with buffering that are longer than what of them may be in memory (shared/spec frontend-options §2.7). */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, rmdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import test, { after, beforeEach } from 'node:test';
import { ENGINES, startEngines, whole } from '../harness/engines.ts';
import { bytesOnDisk, exchangeTest } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { descriptorsIn, temporaryFolder } from '../harness/tools.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const MIB = 1_048_576;
const BODY = randomBytes(3 * MIB);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const SUM = sha256(BODY);

const seen: string[] = [];
let failures = 0;
let gate: (() => void) | null = null;
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/unread' && failures-- > 0) {
    // Before its body is here, which then is not sent to its end.
    response.writeHead(503, { connection: 'close' }).end('later');
    request.resume();
    return;
  }
  if (request.url === '/long') {
    for (let i = 0; i < 12; i++) if (!response.write(BODY.subarray(0, MIB))) await once(response, 'drain');
    response.end();
    return;
  }
  if (request.url === '/gated') {
    response.write('first,');
    request.resume().on('end', () => {
      gate = () => response.end('second');
    });
    return;
  }
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    hash.update(chunk);
    chunks.push(chunk);
  }
  seen.push(`${request.headers['content-length']} ${hash.digest('hex')}`);
  if (request.url === '/flaky' && failures-- > 0) response.writeHead(503).end(chunks[0]);
  else if (request.url === '/echo')
    for (const chunk of [...chunks, null]) chunk === null ? response.end() : response.write(chunk);
  else response.end('taken');
}

// The request of a client that leaves breaks off in the middle.
const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
const url = await listening({ after }, server);
const folder = temporaryFolder();
after(() => folder.remove());
const engines = await startEngines(
  { after },
  { flags: [`--buffering.dir=${folder.path}`, '--buffering.maxDisk=10', '--workers=2', '--retry.minPerSecond=10000'] },
);
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> =>
  addRoute(tsuji, [url], under('backends/$/buffering', keys));
const buffered = await route({
  memrequestbodybytes: '65536',
  memresponsebodybytes: '65536',
  retryexpression: 'ResponseCode() == 503 && Attempts() <= 3',
});
const short = await route({ maxresponsebodybytes: '1000' });

// There is room for one body in both directions: what clients that have left had there goes a moment later.
beforeEach(() => waitFor(async () => (await bytesOnDisk(tsuji)) === 0, 'the disk to be free'));

for (const engine of ENGINES) {
  test(`${engine}: bodies beyond the memory go over the disk, there and back, byte for byte`, async (t) => {
    seen.length = 0;
    const asked = engines.client(t, engine).ask({ host: buffered, path: '/echo', method: 'POST', body: 'open' });
    asked.upload.end(BODY);
    const answer = await whole(asked);
    assert.deepEqual(
      [answer.status, answer.fields['content-length'], sha256(answer.body)],
      [200, String(BODY.length), SUM],
    );
    assert.deepEqual(seen, [`${BODY.length} ${SUM}`]);
    assert.deepEqual(readdirSync(folder.path), []);
  });

  test(`${engine}: each repetition brings all of the body, whatever of it the try before has taken`, async (t) => {
    for (const path of ['/flaky', '/unread']) {
      seen.length = 0;
      failures = 3;
      const answer = await whole(engines.client(t, engine).ask({ host: buffered, path, method: 'POST', body: BODY }));
      assert.deepEqual([answer.status, answer.body.toString()], [200, 'taken']);
      assert.deepEqual(seen, Array(path === '/flaky' ? 4 : 1).fill(`${BODY.length} ${SUM}`));
    }
  });

  test(`${engine}: a client that leaves takes its file along, at any time`, async (t) => {
    const up = engines.client(t, engine).ask({ host: buffered, method: 'POST', body: 'open' });
    up.upload.on('error', () => {});
    up.upload.write(BODY);
    await waitFor(async () => (await bytesOnDisk(tsuji)) > 0, 'some of it to be on disk');
    up.leave();
    await waitFor(async () => (await bytesOnDisk(tsuji)) === 0, 'its file to be closed');
    const down = engines.client(t, engine).ask({ host: buffered, path: '/echo', method: 'POST', body: BODY });
    down.head.catch(() => {});
    await down.head;
    down.leave();
  });

  test(`${engine}: a request whose answer counts and that the server has leaves the disk`, async (t) => {
    const asked = engines.client(t, engine).ask({ host: buffered, path: '/gated', method: 'POST', body: BODY });
    await waitFor(() => gate !== null, 'the server to have all of it');
    await waitFor(async () => (await bytesOnDisk(tsuji)) === 0, 'its file to be closed');
    gate?.();
    gate = null;
    assert.equal((await whole(asked)).body.toString(), 'first,second');
  });

  test(`${engine}: what is beyond the disk that there may be is a 503`, async (t) => {
    const long = engines.client(t, engine).ask({ host: buffered, path: '/long' });
    assert.equal((await long.head).status, 503);
    const before = seen.length;
    const asked = engines.client(t, engine).ask({
      host: buffered,
      method: 'POST',
      body: Buffer.alloc(12 * MIB),
    });
    asked.upload.on('error', () => {});
    // Who is told before all of its body has gone may not get to read it.
    const status = await asked.head.then(
      (head) => head.status,
      () => 503,
    );
    assert.deepEqual([status, seen.length], [503, before]);
  });
}

test('a response that says that it is too long is a 500, in whatever pieces it comes', async (t) => {
  const client = engines.client(t, 'tsuji');
  const fits = await whole(client.ask({ host: short, path: '/echo', method: 'POST', body: Buffer.alloc(1000) }));
  assert.equal(fits.status, 200);
  const sized = createServer((_, response) => response.end(Buffer.alloc(1001)));
  const host = await addRoute(
    tsuji,
    [await listening(t, sized)],
    under('backends/$/buffering', { maxresponsebodybytes: '1000' }),
  );
  for (const engine of ENGINES) {
    const { status, body } = await whole(engines.client(t, engine).ask({ host }));
    assert.deepEqual([status, body.toString()], [500, 'Internal Server Error']);
  }
});

test('a worker that is replaced leaves no file behind, and what it had of the disk is free', async (t) => {
  const own = temporaryFolder();
  t.after(() => own.remove());
  const small = await startEngines(t, {
    flags: [`--buffering.dir=${own.path}`, '--buffering.maxDisk=4', '--workers=1'],
    imports: [new URL('../harness/fault-hook.ts', import.meta.url).href],
  });
  const host = await addRoute(small.tsuji, [url], under('backends/$/buffering', { memrequestbodybytes: '1' }));
  const files = (): number => descriptorsIn(own.path, small.tsuji.child.pid);
  const up = small.client(t, 'tsuji').ask({ host, method: 'POST', body: 'open' });
  up.upload.on('error', () => {});
  up.upload.write(BODY);
  await waitFor(() => files() === 1, 'its file');
  const fatal = small.client(t, 'tsuji').ask({ host, fields: { 'x-fault': 'uncaught' } });
  await fatal.head.catch(() => {});
  await small.tsuji.waitForStatus(
    ({ workers }) => workers[0].restarts === 1 && workers[0].state === 'serving',
    'the worker to be replaced',
  );
  await waitFor(() => files() === 0, 'its file to be closed');
  const next = await whole(small.client(t, 'tsuji').ask({ host, method: 'POST', body: BODY }));
  assert.equal(next.status, 200);
});

exchangeTest(
  'no folder is a 500, which the log says, what fits into memory passes, and nothing is left',
  tsuji,
  async (t) => {
    rmdirSync(folder.path);
    const client = engines.client(t, 'tsuji');
    const answer = await whole(client.ask({ host: buffered, method: 'POST', body: BODY }));
    assert.equal(answer.status, 500);
    await tsuji.hasSaid(/event=spool_failed .*ENOENT/);
    assert.equal((await whole(client.ask({ host: buffered, method: 'POST', body: Buffer.alloc(60_000) }))).status, 200);
  },
);
