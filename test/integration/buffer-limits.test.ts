/** `--limits.workerBuffers` and `--limits.connectionBuffers`: what waits too much for a slow peer ends, and only that. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after } from 'node:test';
import {
  ENGINES,
  type EngineTsuji,
  http1Client,
  OTHER_HTTP1_ENGINES,
  startEngines,
  UWS_ENGINES,
  whole,
} from '../harness/engines.ts';
import { bufferedBytes, exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { untilStill, waitFor } from '../harness/wait.ts';
import { echoing, type Peer, startWsServer, wsClient } from '../harness/websocket.ts';

const MIB = 1 << 20;
/** As long as a message may be. */
const MESSAGE = Buffer.alloc(16 * MIB, 'm');

const ofConnection = await startTsuji({ after }, { flags: ['--limits.connectionBuffers=10'] });
const narrow = await startEngines({ after }, { workers: 1, flags: ['--limits.workerBuffers=1'] });
/** Each of them makes some 64 KiB wait. */
const STALLED = 30;
const PIECE = Buffer.alloc(65_536, 'p');
const ofWorker = await startTsuji({ after }, { flags: ['--limits.workerBuffers=30', '--limits.connectionBuffers=0'] });

async function endedSoFar(tsuji: Tsuji): Promise<number> {
  return Number(/^tsuji_buffer_limit_total (\d+)$/m.exec(await tsuji.metrics())![1]);
}

/** A WebSocket whose server does not read. */
async function stopped(t: Scope, tsuji: Tsuji): Promise<{ client: Peer; server: Peer }> {
  const ws = await startWsServer(t);
  const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [ws.url]));
  const server = await ws.next();
  server.ws.pause();
  return { client, server };
}

/** Until a message of its client waits, less what the kernel takes, or has been too much. */
async function fill({ client }: { client: Peer }, tsuji: Tsuji): Promise<void> {
  const [buffered, ended] = [await bufferedBytes(tsuji), await endedSoFar(tsuji)];
  client.ws.send(MESSAGE);
  await waitFor(
    async () => (await bufferedBytes(tsuji)) > buffered || (await endedSoFar(tsuji)) > ended,
    'the message to wait or too much to be ended',
  );
  await untilStill(() => bufferedBytes(tsuji), 'the kernel to have its share');
}

const toldOfLimit = (tsuji: Tsuji, limit: string): Promise<void> =>
  tsuji.hasSaid(
    new RegExp(
      `level=warning .* event=limit_reached (limit=memory object=${limit}|limit=${limit} object=\\S+) value=\\d+ what=.* refused=\\d+`,
    ),
  );

exchangeTest('a WebSocket that waits with more than its own limit is closed with 1013', ofConnection, async (t) => {
  const tsuji = ofConnection;
  const before = await endedSoFar(tsuji);
  const bystander = await wsClient(t, tsuji.port, await addRoute(tsuji, [(await startWsServer(t, echoing)).url]));
  const one = await stopped(t, tsuji);
  await fill(one, tsuji);
  assert.equal((await one.client.untilClosed()).code, 1013);
  bystander.ws.send('still here');
  assert.equal((await bystander.next()).data.toString(), 'still here');
  assert.equal((await endedSoFar(tsuji)) - before, 1);
  await toldOfLimit(tsuji, 'limits.connectionBuffers');
});

exchangeTest('of several that wait with more than the worker may keep the largest is ended', ofWorker, async (t) => {
  const tsuji = ofWorker;
  const before = await endedSoFar(tsuji);
  const all: { client: Peer; server: Peer }[] = [];
  while ((await endedSoFar(tsuji)) === before) {
    assert.ok(all.length < 6, 'nothing was ended');
    const one = await stopped(t, tsuji);
    all.push(one);
    await fill(one, tsuji);
  }
  await waitFor(() => all.some(({ client }) => client.closed !== null), 'one of them to be closed');
  const left = all.filter(({ client }) => client.closed === null);
  assert.equal(left.length, all.length - 1);
  assert.ok((await bufferedBytes(tsuji)) <= 30 * MIB);
  // Nothing of what the others wait with is lost.
  for (const { server } of left) {
    server.ws.resume();
    assert.equal((await server.next()).data.length, MESSAGE.length);
  }
});

/** Sends without an end, as fast as its peer takes it. */
function flood(socket: Socket): void {
  while (!socket.destroyed && socket.write(PIECE));
  if (!socket.destroyed) socket.once('drain', () => flood(socket));
}

/** `stall` begins one exchange whose client reads nothing; some are ended for it, and a bystander is served. */
async function tooManyStall(t: Scope, on: EngineTsuji, stall: () => Promise<unknown>): Promise<void> {
  const { tsuji } = on;
  const before = await endedSoFar(tsuji);
  const bystander = await addRoute(tsuji, [
    (
      await startRawServer(
        t,
        answering(() => ok('served')),
      )
    ).url,
  ]);
  for (let i = 0; i < STALLED; i++) await stall();
  await waitFor(async () => (await endedSoFar(tsuji)) > before, 'what waits too much to be ended');
  assert.ok((await bufferedBytes(tsuji)) <= MIB);
  for (const engine of ENGINES) {
    const got = await whole(on.client(t, engine).ask({ host: bystander }));
    assert.equal(String(got.body), 'served', engine);
  }
  await toldOfLimit(tsuji, 'limits.workerBuffers');
}

for (const engine of ENGINES) {
  exchangeTest(
    `${engine}: clients that do not read their answers hold no more than the worker may`,
    narrow.tsuji,
    async (t) => {
      const server = await startRawServer(t, (connection) => {
        connection.keep = false;
        connection.socket.once('data', () => {
          connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 30}\r\n\r\n`);
          flood(connection.socket);
        });
      });
      const host = await addRoute(narrow.tsuji, [server.url]);
      await tooManyStall(t, narrow, () => {
        const asked = narrow.client(t, engine).ask({ host });
        t.after(() => asked.leave());
        asked.upload.on('error', () => {});
        // Nobody reads it.
        asked.body.then((body) => body.on('error', () => {}));
        return asked.head;
      });
    },
  );
}

for (const engine of OTHER_HTTP1_ENGINES) {
  const title = `${engine}: clients that do not read from their tunnels hold no more than the worker may`;
  exchangeTest(title, narrow.tsuji, async (t) => {
    const server = await startRawServer(t, (connection) => {
      connection.keep = false;
      connection.socket.once('data', () => {
        connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n');
        flood(connection.socket);
      });
    });
    const host = await addRoute(narrow.tsuji, [server.url]);
    await tooManyStall(t, narrow, async () => {
      const client = await http1Client(t, narrow, engine);
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n`);
      await waitFor(() => client.received.startsWith('HTTP/1.1 101 '), 'the tunnel');
      client.socket.pause();
    });
  });
}

exchangeTest('node: answers that wait for the one before them count', narrow.tsuji, async (t) => {
  const { tsuji } = narrow;
  const before = await endedSoFar(tsuji);
  const server = await startRawServer(
    t,
    answering((head) => (head.startsWith('GET /first ') ? '' : ok('a'.repeat(60_000)))),
  );
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, narrow.port('tsuji'));
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  client.send(get('/first') + get('/next').repeat(20));
  await client.untilClosed();
  assert.equal((await endedSoFar(tsuji)) - before, 1);
});

for (const engine of UWS_ENGINES) {
  exchangeTest(`${engine}: a client that asks on and reads none of its answers is ended`, narrow.tsuji, async (t) => {
    const before = await endedSoFar(narrow.tsuji);
    const client = await http1Client(t, narrow, engine);
    client.socket.pause();
    const other = await http1Client(t, narrow, engine);
    // Each is answered at once, as nobody has such a host: more than the kernel keeps for one who does not read.
    const unknown = 'GET / HTTP/1.1\r\nHost: unknown\r\n\r\n';
    await waitFor(async () => {
      if (client.socket.writableLength === 0) client.send(unknown.repeat(1_000));
      // Another one has its turn in between, since more than two thousand in one turn are too many anyway.
      other.send(unknown);
      assert.equal((await response(other)).status, 404);
      return (await endedSoFar(narrow.tsuji)) > before;
    }, 'it to be ended');
    await toldOfLimit(narrow.tsuji, 'unread_answers');
  });
}
