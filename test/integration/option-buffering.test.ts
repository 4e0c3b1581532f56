/** Buffering of a backend, and requests that are sent once more (shared/spec frontend-options §2.7, §4.5). */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { type Ask, bytesOf, ENGINES, type Engine, isHttp2, startEngines, whole } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { bodyServer, listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

type Seen = { method: string; length: string | undefined; coding: string | undefined; body: string };
const seen: Seen[] = [];
let failures = 0;
const server = bodyServer((request, response, body) => {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  seen.push({ method: request.method!, length, coding, body });
  if (request.url === '/flaky' && failures-- > 0) {
    response.writeHead(503).end('later');
    return;
  }
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    return;
  }
  if (request.url === '/bad') response.writeHead(502).end('bad');
  else if (request.url === '/long') {
    response.write('x'.repeat(2_000));
    response.end('y'.repeat(2_000));
  } else {
    response.write('first,');
    setImmediate(() => response.end('second'));
  }
});
const url = await listening({ after }, server);
const engines = await startEngines({ after });
const { tsuji } = engines;
const route = (keys: Record<string, string>, urls = [url]): Promise<string> =>
  addRoute(tsuji, urls, under('backends/$/buffering', keys));
const plain = await route({ maxrequestbodybytes: '1000', maxresponsebodybytes: '3000' });
const retrying = await route({ retryexpression: 'ResponseCode() == 503 && Attempts() <= 3 || IsNetworkError()' });
let pages = 0;
const pageServer = createServer((_, response) => {
  pages++;
  response.end('the page');
});
tsuji.set('backends/pages/servers/s/url', await listening({ after }, pageServer));
const paged = await addRoute(tsuji, [url], {
  'backends/$/buffering/retryexpression': 'ResponseCode() >= 500 && Attempts() <= 3',
  'frontends/$/errors/p/status': '5xx',
  'frontends/$/errors/p/backend': 'pages',
});
const pagedDead = await addRoute(tsuji, ['http://127.0.0.1:1'], {
  'backends/$/buffering/retryexpression': 'IsNetworkError() && Attempts() <= 3',
  'frontends/$/errors/p/status': '502',
  'frontends/$/errors/p/backend': 'pages',
});
const spared = await addRoute(tsuji, [url], {
  'backends/$/buffering/retryexpression': 'ResponseCode() >= 500 && Attempts() <= 3',
  'backends/$/failover/backend': 'pages',
  'backends/$/failover/status': '502,503',
});
const dead = await route({ retryexpression: 'IsNetworkError() && Attempts() < 4' }, ['http://127.0.0.1:1']);

async function ask(t: { after(fn: () => unknown): unknown }, engine: Engine, request: Ask) {
  return whole(engines.client(t, engine).ask(request));
}

for (const engine of ENGINES) {
  test(`${engine}: bodies go on whole, with their length`, async (t) => {
    const asked = engines.client(t, engine).ask({ host: plain, method: 'POST', body: 'open' });
    asked.upload.write('one ');
    asked.upload.end('two');
    const answer = await whole(asked);
    assert.equal(answer.body.toString(), 'first,second');
    assert.equal(answer.fields['content-length'], '12');
    assert.deepEqual(seen.at(-1), { method: 'POST', length: '7', coding: undefined, body: 'one two' });
  });

  test(`${engine}: what is longer is refused, and what never ends is not waited for`, async (t) => {
    const before = seen.length;
    const long = await ask(t, engine, { host: plain, method: 'POST', body: Buffer.alloc(1001) });
    assert.deepEqual([long.status, seen.length], [413, before]);
    if (!isHttp2(engine)) {
      const open = engines.client(t, engine).ask({ host: plain, method: 'POST', body: 'open' });
      open.upload.on('error', () => {});
      open.upload.write(Buffer.alloc(600));
      open.upload.write(Buffer.alloc(600));
      await open.head.then(
        ({ status }) => assert.equal(status, 413),
        () => {},
      );
      open.leave();
      assert.equal(seen.length, before);
    }
    const answer = await ask(t, engine, { host: plain, path: '/long' });
    assert.deepEqual([answer.status, answer.body.toString()], [500, 'Internal Server Error']);
    const events = engines.client(t, engine).ask({ host: plain, path: '/events' });
    assert.equal((await events.head).status, 200);
    const body = await events.body;
    assert.equal((await body.iterator({ destroyOnReturn: false }).next()).value.toString(), 'data: 1\n\n');
    events.leave();
  });

  test(`${engine}: a request is sent once more with its body as long as the expression holds`, async (t) => {
    const before = seen.length;
    failures = 3;
    const answer = await ask(t, engine, { host: retrying, path: '/flaky', method: 'POST', body: Buffer.from('again') });
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'first,second']);
    assert.deepEqual(
      seen.slice(before).map(({ method, body }) => `${method} ${body}`),
      Array(4).fill('POST again'),
    );
    failures = 4;
    assert.equal((await ask(t, engine, { host: retrying, path: '/flaky' })).status, 503);
    const many = seen.length;
    const bad = await ask(t, engine, { host: retrying, path: '/bad' });
    assert.deepEqual([bad.status, bad.body.toString(), seen.length - many], [502, 'bad', 11]);
    assert.equal((await ask(t, engine, { host: dead })).status, 502);
  });
}

for (const engine of ENGINES) {
  test(`${engine}: no page is asked for, and no other backend, before the last answer that the expression wants`, async (t) => {
    const tries = async (host: string, path: string, failing: number): Promise<[string, number, number]> => {
      const [tried, asked] = [seen.length, pages];
      failures = failing;
      const { status, body } = await ask(t, engine, { host, path });
      return [`${status} ${body.toString()}`, seen.length - tried, pages - asked];
    };
    assert.deepEqual(await tries(paged, '/flaky', 3), ['200 first,second', 4, 0]);
    assert.deepEqual(await tries(paged, '/flaky', 4), ['503 the page', 4, 1]);
    assert.deepEqual(await tries(paged, '/bad', 0), ['502 the page', 4, 1]);
    assert.deepEqual(await tries(pagedDead, '/', 0), ['502 the page', 0, 1]);
    assert.deepEqual(await tries(spared, '/flaky', 3), ['200 first,second', 4, 0]);
    assert.deepEqual(await tries(spared, '/bad', 0), ['200 the page', 4, 1]);
  });
}

test('nothing is left, and an expression that is none costs the retries only', async (t) => {
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
  const odd = await route({ retryexpression: 'Attempts() < 2.5' });
  const { problems } = await tsuji.status();
  assert.ok(
    problems.some(({ key, reason }) => key.endsWith('buffering/retryexpression') && /no meaning here/.test(reason)),
  );
  const asked = engines.client(t, 'uws').ask({ host: odd });
  assert.equal((await bytesOf(await asked.body)).toString(), 'first,second');
});
