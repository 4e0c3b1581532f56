/** `--respondingTimeouts.uploadTimeout` and `.downloadTimeout` on uWebSockets: progress is bytes that a client brought or took. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { type Engine, http1Client, onEach, startEngines, UWS_ENGINES } from '../harness/engines.ts';
import { exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { handshake, startWsServer } from '../harness/websocket.ts';

const MS = 600;
/** More than is ever sent. */
const LARGE = 1 << 30;
const PIECE = Buffer.alloc(1 << 20);

const engines = await startEngines(
  { after },
  { flags: [`--respondingTimeouts.uploadTimeout=${MS}ms`, `--respondingTimeouts.downloadTimeout=${MS}ms`] },
);
const { tsuji } = engines;

async function setUp(t: Scope, engine: Engine): Promise<{ host: string; server: RawServer; client: RawConnection }> {
  const server = await startRawServer(t);
  return { server, host: await addRoute(tsuji, [server.url]), client: await http1Client(t, engines, engine) };
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Each engine has clients of its own. */
function eachAtOnce(title: string, body: (t: Scope, engine: Engine) => Promise<void>): void {
  exchangeTest(title, tsuji, (t) => onEach(UWS_ENGINES, (engine) => body(t, engine)));
}

eachAtOnce('an upload that brings next to nothing is a 408, and both connections end', async (t, engine) => {
  const run = async (framing: string): Promise<void> => {
    const { host, server, client } = await setUp(t, engine);
    const from = performance.now();
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}`);
    const dripping = setInterval(() => client.send(framing.includes('chunked') ? '1\r\ny\r\n' : 'y'), 200);
    t.after(() => clearInterval(dripping));
    const upstream = await server.next();
    assert.equal((await response(client)).status, 408);
    assert.ok(performance.now() - from > MS - 50);
    clearInterval(dripping);
    await client.untilClosed();
    await upstream.untilClosed();
  };
  await Promise.all(['Content-Length: 9999\r\n\r\nx', 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'].map(run));
});

eachAtOnce('an upload with progress, of gRPC, or behind a begun response may take its time', async (t, engine) => {
  const [steady, grpc, answered] = [await setUp(t, engine), await setUp(t, engine), await setUp(t, engine)];
  steady.client.send(`POST / HTTP/1.1\r\nHost: ${steady.host}\r\nContent-Length: 12000\r\n\r\n`);
  grpc.client.send(
    `POST / HTTP/1.1\r\nHost: ${grpc.host}\r\nContent-Type: application/grpc-web\r\nContent-Length: 3\r\n\r\na`,
  );
  answered.client.send(`POST / HTTP/1.1\r\nHost: ${answered.host}\r\nContent-Length: 3\r\n\r\na`);
  const upstream = await answered.server.next();
  upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
  await answered.client.until('1\r\nx');
  for (let i = 0; i < 12; i++) {
    steady.client.send('y'.repeat(1_000));
    await later(MS / 4);
  }
  for (const { client } of [grpc, answered]) client.send('bc');
  const ends = [await steady.server.next(), await grpc.server.next()];
  for (const end of ends) {
    await request(end);
    end.send(ok('all'));
  }
  assert.equal((await response(steady.client)).body, 'all');
  assert.equal((await response(grpc.client)).body, 'all');
  upstream.send('0\r\n\r\n');
  await answered.client.until('0\r\n\r\n');
});

eachAtOnce(
  'a client that takes nothing of its response is ended, one that takes a little is not',
  async (t, engine) => {
    const run = async (framing: string): Promise<void> => {
      const { host, server, client } = await setUp(t, engine);
      client.keep = false;
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const upstream = await server.next();
      await request(upstream);
      upstream.send(`HTTP/1.1 200 OK\r\n${framing}`);
      const more = (): void => {
        while (!upstream.closed && upstream.socket.write(PIECE));
      };
      upstream.socket.on('drain', more);
      more();
      await waitFor(() => client.bytes > 0, 'the response to begin');
      client.socket.pause();
      for (let i = 0; i < 6; i++) {
        await later(MS / 4);
        // What node takes at a time makes the window move, so that the kernel takes more.
        const before = client.bytes;
        client.socket.resume();
        await waitFor(() => client.bytes - before > 4 << 20 || client.closed, 'some of the response');
        client.socket.pause();
        assert.equal(upstream.closed, false, `given up after ${(i * MS) / 4} ms of a client that reads`);
      }
      const from = performance.now();
      await upstream.untilClosed();
      const ms = performance.now() - from;
      assert.ok(ms > MS / 2 && ms < 10 * MS, `after ${ms} ms`);
      client.socket.resume();
      await client.untilClosed();
      assert.ok(client.bytes < LARGE);
    };
    await Promise.all([`Content-Length: ${LARGE}\r\n\r\n`, 'Connection: close\r\n\r\n'].map(run));
  },
);

eachAtOnce('a WebSocket that takes nothing of what it is sent is ended', async (t, engine) => {
  const server = await startWsServer(t);
  const client = await http1Client(t, engines, engine);
  client.keep = false;
  client.send(handshake(await addRoute(tsuji, [server.url])));
  const peer = await server.next();
  client.socket.pause();
  for (let i = 0; i < 40; i++) peer.ws.send(Buffer.alloc(1 << 20));
  assert.equal((await peer.untilClosed()).code, 1006);
  client.destroy();
});
