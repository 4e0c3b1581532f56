/** `--respondingTimeouts.*`: what is slow ends in time, and nothing else does. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { brokenResponse, exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const MS = 600;

const reading = await startTsuji({ after }, { flags: [`--respondingTimeouts.readTimeout=${MS}ms`] });
const writing = await startTsuji(
  { after },
  { flags: [`--respondingTimeouts.writeTimeout=${MS}ms`, '--upstream.pipelining=4'] },
);

/** Resolves in `ms`: for what must come late, where waiting is what is tested. */
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function setUp(
  t: Scope,
  tsuji: Tsuji,
  serve?: (connection: RawConnection) => void,
): Promise<{ host: string; server: RawServer; client: RawConnection }> {
  const server = await startRawServer(t, serve);
  return { server, host: await addRoute(tsuji, [server.url]), client: await rawClient(t, tsuji.port) };
}

function inTime(from: number): void {
  const ms = performance.now() - from;
  assert.ok(ms >= MS - 10 && ms < MS + 2_000, `after ${ms} ms`);
}

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

exchangeTest('readTimeout: an upload that does not come is a 408, and both connections end', reading, async (t) => {
  for (const framing of ['Content-Length: 10\r\n\r\nhal', 'Transfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n']) {
    const { host, server, client } = await setUp(t, reading);
    const from = performance.now();
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}`);
    const upstream = await server.next();
    await upstream.until('hal');
    const got = await response(client);
    inTime(from);
    assert.deepEqual([got.status, got.body], [408, 'Request Timeout']);
    await client.untilClosed();
    await upstream.untilClosed();
  }
});

exchangeTest('readTimeout: a response that has begun is broken off with its request', reading, async (t) => {
  const { host, server, client } = await setUp(t, reading);
  const from = performance.now();
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhal`);
  const upstream = await server.next();
  await upstream.until('hal');
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly');
  await brokenResponse(client);
  inTime(from);
  await upstream.untilClosed();
});

exchangeTest('readTimeout: has no say once the request is here', reading, async (t) => {
  const { host, server, client } = await setUp(t, reading);
  const bodies = ['', 'Content-Length: 4\r\n', 'Transfer-Encoding: chunked\r\n'];
  const sent = ['', 'body', '4\r\nbody\r\n0\r\n\r\n'];
  for (const [i, field] of bodies.entries()) {
    const one = i === 0 ? client : await rawClient(t, reading.port);
    one.send(`${i === 0 ? 'GET' : 'POST'} / HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n`);
    await later(MS / 3);
    one.send(sent[i]);
    if (i === 0) await server.next();
    const upstream = server.connections[0];
    await request(upstream);
    await later(MS * 1.5);
    upstream.send(ok('late'));
    const got = await response(one);
    assert.deepEqual([got.status, got.body], [200, 'late']);
  }
  assert.equal(server.connections.length, 1);
});

exchangeTest('writeTimeout: a server that does not answer in time is a 504', writing, async (t) => {
  for (const head of ['GET / HTTP/1.1\r\n', 'POST / HTTP/1.1\r\nContent-Length: 0\r\n']) {
    const { host, server, client } = await setUp(t, writing);
    const from = performance.now();
    client.send(`${head}Host: ${host}\r\n\r\n`);
    const upstream = await server.next();
    const got = await response(client);
    inTime(from);
    assert.deepEqual([got.status, got.body], [504, 'Gateway Timeout']);
    await upstream.untilClosed();
    client.send(get(host));
    const next = await server.next();
    await request(next);
    next.send(ok('in time'));
    assert.equal((await response(client)).body, 'in time');
  }
});

exchangeTest('writeTimeout: a response that is not done in time is broken off', writing, async (t) => {
  for (const framing of ['Content-Length: 10\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
    const { host, server, client } = await setUp(t, writing);
    const from = performance.now();
    client.send(get(host));
    const upstream = await server.next();
    await request(upstream);
    upstream.send(`HTTP/1.1 200 OK\r\n${framing}`);
    await brokenResponse(client);
    inTime(from);
    await upstream.untilClosed();
  }
});

exchangeTest('writeTimeout: a client that does not take its response in time loses it', writing, async (t) => {
  const total = 32 << 20;
  const { host, server, client } = await setUp(t, writing);
  client.socket.pause();
  client.keep = false;
  client.send(get(host));
  const upstream = await server.next();
  await request(upstream);
  upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
  upstream.send(Buffer.alloc(total, 'x'));
  await upstream.untilClosed();
  client.socket.resume();
  await client.untilClosed();
  assert.ok(client.bytes < total);
});

exchangeTest('writeTimeout: begins anew with each request of a connection', writing, async (t) => {
  const { host, client } = await setUp(
    t,
    writing,
    answering(() => ok('x')),
  );
  for (let i = 0; i < 6; i++) {
    client.send(get(host));
    assert.equal((await response(client)).body, 'x');
    await later(MS / 3);
  }
});

exchangeTest('writeTimeout: of several requests in flight on one connection each has its own', writing, async (t) => {
  const { host, server } = await setUp(t, writing);
  const clients = await Promise.all(Array.from({ length: 4 }, () => rawClient(t, writing.port)));
  clients[0].send(get(host));
  const upstream = await server.next();
  await request(upstream);
  upstream.send(ok('first'));
  await response(clients[0]);
  for (const client of clients) client.send(get(host));
  for (const client of clients) assert.equal((await response(client)).status, 504);
  await waitFor(() => server.open === 0, 'the connections to end');
});
