/**
 * Clients of Engine:tsuji that leave, stop, drip or flood, over HTTP/1 and in tunnels: each is ended in time, its server is
 * told, and nobody else notices.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { type Engine, http1Client, OTHER_HTTP1_ENGINES, onEach, startEngines } from '../harness/engines.ts';
import {
  atOnce,
  exchangeTest,
  openExchanges,
  request,
  residentBytes,
  response,
  type Scope,
} from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { SOON_MS, untilStill, waitFor } from '../harness/wait.ts';

/** Times of tsuji here: eight times as long as what keeps them, which a busy machine makes longer. */
const MS = 2_000;
/** Between the steps of who is slow; a dozen take longer than `MS`. */
const STEP_MS = MS / 8;
const engines = await startEngines(
  { after },
  {
    flags: [
      `--respondingTimeouts.headerTimeout=${MS}ms`,
      `--respondingTimeouts.uploadTimeout=${MS}ms`,
      `--respondingTimeouts.downloadTimeout=${MS}ms`,
      `--forwardingTimeouts.dialTimeout=${MS}ms`,
      `--entryPoints=Name:proxied Address:${OWN_HOST}:0 Engine:tsuji ProxyProtocol.Insecure:true`,
    ],
  },
);
const { tsuji } = engines;

const connect = (t: Scope, engine: Engine): Promise<RawConnection> => http1Client(t, engines, engine);

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

/** Sends `byte` again and again, far more often than any timeout, until the connection is closed; how long that took, milliseconds. */
async function drip(t: Scope, connection: RawConnection, byte: string): Promise<number> {
  const from = performance.now();
  const timer = setInterval(() => connection.send(byte), STEP_MS);
  t.after(() => clearInterval(timer));
  await waitFor(() => connection.closed, 'it to be cut');
  return performance.now() - from;
}

exchangeTest(
  'a head, a TLS handshake and a PROXY header have their time, and no byte restarts it',
  tsuji,
  async (t) => {
    const port = tsuji.portOf('proxied');
    const handshake = await rawClient(t, engines.port('tsuji-tls'));
    handshake.send(Buffer.from('\x16\x03\x01\x02\0\x01', 'latin1'));
    const head = await connect(t, 'tsuji');
    head.send('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const secure = await connect(t, 'tsuji-tls');
    secure.send('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const method = await connect(t, 'tsuji');
    method.send('GET /');
    const proxied = await rawClient(t, port);
    proxied.send('PROXY TCP4 1.2.3.4 ');
    const silent = await connect(t, 'tsuji');
    const took = await Promise.all([
      ...[head, secure, method, handshake].map((connection) => drip(t, connection, 'a')),
      drip(t, proxied, '1'),
      waitFor(() => silent.closed, 'a silent connection to be cut', SOON_MS).then(() => MS),
    ]);
    assert.ok(
      took.every((ms) => ms >= MS / 2),
      `cut after ${took} ms`,
    );
    for (const { received } of [head, secure, method]) assert.match(received, /^HTTP\/1\.1 408 /);
    for (const { received } of [handshake, proxied, silent]) assert.equal(received, '');
  },
);

/** Each engine has clients of its own. */
function eachAtOnce(title: string, body: (t: Scope, engine: Engine) => Promise<void>): void {
  exchangeTest(title, tsuji, (t) => onEach(OTHER_HTTP1_ENGINES, (engine) => body(t, engine)));
}

eachAtOnce('an upload that drips gets 408, and its server is told', async (t, engine) => {
  const run = async (framing: string): Promise<void> => {
    const { host, server } = await setUp(t);
    const sending = await connect(t, engine);
    sending.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}x`);
    const upstream = await server.next();
    await upstream.until('x');
    assert.ok((await drip(t, sending, 'x')) >= MS - 50);
    assert.match(sending.received, /^HTTP\/1\.1 408 /);
    await waitFor(() => upstream.closed, 'the server to be told');
  };
  await Promise.all(['Content-Length: 10000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n2000\r\n'].map(run));
});

eachAtOnce('an upload of 1 KiB now and then goes on, and so does one whose answer has begun', async (t, engine) => {
  const { host, server } = await setUp(t);
  const [slow, answered] = [await connect(t, engine), await connect(t, engine)];
  const bytes = 12 * 1_100;
  for (const one of [slow, answered]) one.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes}\r\n\r\n`);
  const both = [await server.next(), await server.next()];
  both[1].send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
  const first = await Promise.race([slow, answered].map((one) => one.until('half').then(() => one)));
  const other = first === slow ? answered : slow;
  for (let i = 0; i < 12; i++) {
    other.send('x'.repeat(1_100));
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    assert.ok(!other.closed && !first.closed, `cut after ${i} pieces`);
  }
  both[0].send(ok('all'));
  assert.equal((await response(other)).body, 'all');
  both[1].send('answer');
  await first.until('answer');
});

eachAtOnce('a client that never reads is cut in time, and its server is told', async (t, engine) => {
  const run = async (framing: string): Promise<void> => {
    const { host, server } = await setUp(t);
    const reading = await connect(t, engine);
    reading.keep = false;
    reading.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    reading.socket.pause();
    const from = performance.now();
    upstream.send(`HTTP/1.1 200 OK\r\n${framing}`);
    upstream.send(Buffer.alloc(64 << 20));
    await waitFor(() => upstream.closed, 'the server to be told');
    assert.ok(performance.now() - from >= MS - 50, `cut after ${performance.now() - from} ms`);
    reading.socket.resume();
    await waitFor(() => reading.closed, 'the client to be cut');
    assert.ok(reading.bytes < 64 << 20);
  };
  await Promise.all(['Content-Length: 67108864\r\n\r\n', '\r\n'].map(run));
});

eachAtOnce('a client that reads slowly gets all of it', async (t, engine) => {
  const size = 24 << 20;
  const { host } = await setUp(
    t,
    answering(() => ok('x'.repeat(size))),
  );
  const reading = await connect(t, engine);
  reading.keep = false;
  reading.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await waitFor(() => reading.bytes > 0, 'the first bytes');
  // In steps, each of which opens the window again.
  for (let i = 0; i < 12 && reading.bytes < size; i++) {
    const target = Math.min(reading.bytes + (2 << 20), size);
    reading.socket.resume();
    await waitFor(() => reading.bytes >= target || reading.closed, 'more');
    reading.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  reading.socket.resume();
  await waitFor(() => reading.bytes > size || reading.closed, 'the rest');
  assert.ok(reading.bytes > size, `${reading.bytes} of ${size} bytes`);
});

eachAtOnce('a tunnel ends when either side takes nothing', async (t, engine) => {
  const run = async (reader: string): Promise<void> => {
    const { host, server } = await setUp(t);
    const tunnel = await connect(t, engine);
    tunnel.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
    await tunnel.until('\r\n\r\n');
    const [from, to] = reader === 'client' ? [tunnel, upstream] : [upstream, tunnel];
    to.socket.pause();
    from.send(Buffer.alloc(64 << 20));
    await waitFor(() => from.closed, `the ${reader} to be told`);
    to.socket.resume();
    await waitFor(() => to.closed, 'the other side as well');
  };
  await Promise.all(['client', 'server'].map(run));
});

eachAtOnce('an upgrade that is never answered is a 504', async (t, engine) => {
  const { host, server } = await setUp(t);
  const asking = await connect(t, engine);
  asking.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
  const upstream = await server.next();
  assert.match(await asking.untilClosed(), /^HTTP\/1\.1 504 /);
  await waitFor(() => upstream.closed, 'the server to be told');
});

for (const engine of OTHER_HTTP1_ENGINES) {
  exchangeTest(
    `${engine}: a flood of requests is not read ahead, and is forgotten with its client`,
    tsuji,
    async (t) => {
      const { host, server } = await setUp(t);
      const before = await residentBytes(tsuji);
      const flooding = await connect(t, engine);
      // In pieces: to encrypt all of it may take longer than a head may.
      const requests = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(1_000);
      for (let i = 0; i < 400; i++) flooding.send(requests);
      await waitFor(async () => (await openExchanges(tsuji)) === 32, 'as many requests as may run');
      const left = await untilStill(() => flooding.socket.writableLength, 'the flood to be stopped');
      assert.ok(left > 0, 'all of it was read');
      assert.ok((await residentBytes(tsuji)) - before < 100 << 20, 'it was read ahead');
      const bystander = await connect(t, engine);
      bystander.send('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n');
      assert.equal((await response(bystander)).status, 404);
      flooding.destroy();
      await waitFor(async () => (await openExchanges(tsuji)) === 0, 'all of them to end');
      await waitFor(() => server.open === 0, 'the servers to be told');
      assert.ok(server.connections.length <= 64, `${server.connections.length} requests came to the server`);
    },
  );

  exchangeTest(`${engine}: a body in tiny pieces reaches its server in large ones`, tsuji, async (t) => {
    const { host, server } = await setUp(t);
    const sending = await connect(t, engine);
    const pieces = 200_000;
    sending.send(
      `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(pieces)}0\r\n\r\n`,
    );
    const upstream = await server.next();
    await waitFor(() => upstream.received.endsWith('0\r\n\r\n'), 'all of it');
    const framed = upstream.received.length;
    assert.equal((await request(upstream)).body, 'x'.repeat(pieces));
    assert.ok(framed < pieces * 1.1, `${framed} bytes`);
    upstream.send(ok('fine'));
    assert.equal((await response(sending)).body, 'fine');
  });
}

exchangeTest('uws: a WebSocket handshake that is never answered is a 504', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const asking = await rawClient(t, engines.port('uws'));
  asking.send(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const upstream = await server.next();
  assert.equal((await response(asking)).status, 504);
  await waitFor(() => upstream.closed, 'the server to be told');
});

/** Fifty of them, half of which have an answer that has begun. */
async function leaveByFin(t: Scope): Promise<void> {
  const { host, server } = await setUp(t);
  const leaving = await Promise.all(Array.from({ length: 50 }, () => connect(t, 'tsuji')));
  for (const client of leaving) {
    client.socket.allowHalfOpen = true;
    client.socket.end(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  }
  await waitFor(() => server.connections.length === leaving.length, 'the requests');
  for (const upstream of server.connections.slice(25)) upstream.send('HTTP/1.1 200 OK\r\n\r\nhalf');
  await waitFor(() => server.open === 0, 'the servers to be told');
  await waitFor(() => leaving.every(({ closed }) => closed), 'the clients to be closed');
  assert.equal(leaving.filter(({ received }) => received.includes('half')).length, 25);
}

async function leaveDuringUpgrade(t: Scope): Promise<void> {
  const { host, server } = await setUp(t);
  const leaving = await connect(t, 'tsuji');
  leaving.socket.allowHalfOpen = true;
  leaving.socket.end(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n`);
  const upstream = await server.next();
  await waitFor(() => upstream.closed && leaving.closed, 'both sides to be closed', SOON_MS);
}

/** Something every two seconds, for longer than a client that takes nothing is kept. */
async function answerInPieces(t: Scope): Promise<void> {
  const { host, server } = await setUp(t);
  const closing = await connect(t, 'tsuji');
  closing.socket.allowHalfOpen = true;
  closing.socket.end(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  upstream.send('HTTP/1.1 200 OK\r\n\r\n');
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    upstream.send(`piece ${i}`);
    await closing.until(`piece ${i}`);
  }
  upstream.socket.end();
  await closing.untilClosed();
}

exchangeTest('who leaves by a FIN is gone in a few seconds, who only ends a request gets its answer', tsuji, (t) =>
  atOnce({
    'clients that leave': () => leaveByFin(t),
    'a client that leaves while its upgrade is not answered': () => leaveDuringUpgrade(t),
    'a half-closed client whose answer comes in pieces': () => answerInPieces(t),
  }),
);
