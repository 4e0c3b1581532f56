/** Everything that a client can do to a request and its body, on raw sockets (RFC 9112 §6, §9.3). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after } from 'node:test';
import {
  exchangeTest,
  openExchanges,
  request,
  residentBytes,
  response,
  type Scope,
  sendPieces,
} from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { SOON_MS, untilStill, waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });
const MIB = 1 << 20;
/** How far the client of a large upload may be ahead of the server. */
const AHEAD = 8 * MIB;

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

/** A request that a proxy would only see if it took a body for what follows it. */
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';

const FORMS: readonly (readonly [what: string, method: string, rest: string, body: string])[] = [
  ['a length', 'POST', 'Content-Length: 10\r\n\r\n0123456789', '0123456789'],
  ['a length of zero', 'POST', 'Content-Length: 0\r\n\r\n', ''],
  ['no body', 'POST', '\r\n', ''],
  ['chunks', 'PUT', 'Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n', 'abcde'],
  ['an empty chunked body', 'PATCH', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
  ['a body of GET', 'GET', 'Content-Length: 3\r\n\r\nabc', 'abc'],
  ['a body that looks like a request', 'POST', `Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`, HIDDEN],
  ['bytes above ASCII', 'POST', 'Content-Length: 4\r\n\r\n\x00\xff\x80\xe9', '\x00\xff\x80\xe9'],
];

exchangeTest('a request body of any form arrives as it is however its bytes are cut', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  let upstream: RawConnection | null = null;
  let client = await rawClient(t, tsuji.port);
  for (const [what, method, rest, body] of FORMS) {
    for (const size of [1 << 16, 1, 3]) {
      await sendPieces(client, `${method} /up HTTP/1.1\r\nHost: ${host}\r\n${rest}`, size);
      upstream ??= await server.next();
      const got = await request(upstream);
      assert.deepEqual([got.statusLine, got.body], [`${method} /up HTTP/1.1`, body], `${what} in pieces of ${size}`);
      assert.equal(upstream.received, '', what);
      upstream.send(ok(what));
      const answer = await response(client);
      assert.equal(answer.body, what);
      if (answer.fields.get('connection')?.[0] === 'close') {
        await client.untilClosed();
        client = await rawClient(t, tsuji.port);
      }
    }
  }
  assert.equal(server.connections.length, 1);
});

exchangeTest('nothing behind a chunked request in doubt is taken for a request', tsuji, async (t) => {
  // uWebSockets reads these otherwise than RFC 9112 §7.1 has it: what it takes for the next request may be a body.
  const doubtful = ['4;a=b\r\nbody\r\n0\r\n\r\n', '4\r\nbodyXX0\r\n\r\n', '4\r\nbody\r\n0;x\r\n\r\n', '4\nbody\n0\n\n'];
  for (const chunks of doubtful) {
    const { host, server } = await setUp(t);
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    const upstream = await server.next();
    await waitFor(() => client.closed || upstream.received.includes('\r\n\r\n'), 'the request or its refusal');
    if (client.closed) continue;
    upstream.send(ok('answer'));
    assert.equal((await response(client)).body, 'answer');
    client.send(`GET /hidden HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await waitFor(() => client.closed, `the connection to end behind ${JSON.stringify(chunks)}`, SOON_MS);
    for (const connection of server.connections) assert.equal(connection.received.includes('hidden'), false);
  }
});

exchangeTest('trailers of a request are dropped and what follows them is the next request', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`POST /a HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n`);
  // uWebSockets may refuse trailers; what it must not do is to take them for something else.
  await waitFor(() => client.closed || server.connections.length === 1, 'the request or its refusal');
  if (client.closed) return;
  const upstream = await server.next();
  await waitFor(() => upstream.closed || upstream.received.endsWith('0\r\n\r\n'), 'the request or its end');
  if (upstream.closed) {
    assert.equal(upstream.received.endsWith('0\r\n\r\n'), false, 'a broken request that looks whole');
    return;
  }
  assert.equal((await request(upstream)).body, 'a');
  upstream.send(ok('a'));
  await response(client);
  client.send(`GET /b HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.match((await request(upstream)).statusLine, /\/b/);
});

/** A request to nobody, on a connection of its own: when it is answered the worker has looked at everything before it. */
async function ask(t: Scope): ReturnType<typeof response> {
  const client = await rawClient(t, tsuji.port);
  client.send('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n');
  return response(client);
}

exchangeTest(
  'an answer before the body is through reaches the client whole, and nothing is confused',
  tsuji,
  async (t) => {
    const answers = [
      'HTTP/1.1 413 Too Much\r\nContent-Length: 8\r\n\r\ntoo much',
      'HTTP/1.1 413 Too Much\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n',
      'HTTP/1.1 413 Too Much\r\nConnection: close\r\n\r\ntoo much',
    ];
    for (const answer of answers) {
      for (const framing of ['length', 'chunked']) {
        const { host, server } = await setUp(t);
        const client = await rawClient(t, tsuji.port);
        const body = HIDDEN.repeat(100);
        const half = body.slice(0, body.length / 2);
        const rest = body.slice(half.length);
        const chunk = (text: string): string =>
          framing === 'length' ? text : `${text.length.toString(16)}\r\n${text}\r\n`;
        const field = framing === 'length' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked';
        client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n\r\n${chunk(half)}`);
        const upstream = await server.next();
        await upstream.until(half.slice(-20));
        upstream.send(answer);
        if (answer.includes('close')) upstream.socket.end();
        const got = await response(client);
        assert.deepEqual([got.status, got.body], [413, 'too much']);
        client.send(chunk(rest) + (framing === 'length' ? '' : '0\r\n\r\n'));
        client.send(`GET /next HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        if (framing === 'chunked') {
          // uWS cannot close behind a response in pieces: the connection is left unread then, until its own timeout.
          assert.equal((await ask(t)).status, 404);
          assert.equal(server.connections.length, 1, 'a request behind a chunked one');
          continue;
        }
        await waitFor(() => client.closed || server.connections.length > 1, 'the next request or a closed connection');
        assert.equal(upstream.received.includes('/next'), false, 'a request behind half a body');
        if (server.connections.length > 1) {
          const next = await server.next();
          assert.match((await request(next)).statusLine, /^GET \/next /);
          next.send(ok('next'));
          assert.equal((await response(client)).body, 'next');
        }
      }
    }
  },
);

exchangeTest('an answer from a server that reads no more of the upload reaches the client', tsuji, async (t) => {
  for (const how of ['closes', 'resets']) {
    const { host } = await setUp(t, (connection) => {
      connection.keep = false;
      connection.socket.once('data', () => {
        connection.socket.pause();
        const answer = 'HTTP/1.1 413 Too Much\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much';
        if (how === 'closes') connection.socket.end(answer);
        else connection.socket.write(answer, () => connection.socket.resetAndDestroy());
      });
    });
    for (let i = 0; i < 5; i++) {
      const client = await rawClient(t, tsuji.port);
      client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${8 * MIB}\r\n\r\n`);
      client.send(Buffer.alloc(8 * MIB));
      const got = await response(client);
      // A reset may overtake the answer on its way to us; then we say so, and never half an answer.
      if (how === 'resets' && got.status === 502) assert.equal(got.body, 'Bad Gateway');
      else assert.deepEqual([got.status, got.body], [413, 'too much']);
      client.destroy();
    }
  }
});

exchangeTest(
  'an upload that is refused early gets its refusal whole, however much it still sends',
  tsuji,
  async (t) => {
    const dead = await startRawServer(t);
    const hosts: readonly (readonly [string, number])[] = [
      ['nobody.test', 404],
      [await addRoute(tsuji, [dead.url]), 502],
      [await addRoute(tsuji, []), 503],
    ];
    dead.close();
    for (const [host, status] of hosts) {
      for (const size of [10, 100_000, 16 * MIB]) {
        const client = await rawClient(t, tsuji.port);
        client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`);
        client.send(Buffer.alloc(size));
        assert.equal((await response(client)).status, status, `${host}, ${size} bytes`);
        client.destroy();
      }
    }
  },
);

exchangeTest('an upload with Expect that is refused gets its answer', tsuji, async (t) => {
  const client = await rawClient(t, tsuji.port);
  client.send('POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  const first = await response(client);
  if (first.status === 100) assert.equal((await response(client)).status, 404);
  else assert.equal(first.status, 404);
});

exchangeTest(
  'a client that leaves in the middle of its upload leaves the server with a broken request',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    for (const framing of ['Content-Length: 1000\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
      for (const how of ['end', 'destroy', 'reset'] as const) {
        const client = await rawClient(t, tsuji.port);
        client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}`);
        const upstream = await server.next();
        await upstream.until('half');
        if (how === 'end') client.socket.end();
        else if (how === 'destroy') client.destroy();
        else client.socket.resetAndDestroy();
        await waitFor(() => upstream.closed, `the server to notice (${how})`, SOON_MS);
        assert.equal(upstream.received.includes('0\r\n\r\n'), false);
      }
    }
  },
);

exchangeTest(
  'a reset in the middle of an upload that the server does not read is noticed at once',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t, (connection) => {
      connection.keep = false;
    });
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    const upstream = await server.next();
    await waitFor(() => upstream.bytes > 0, 'the head');
    upstream.socket.pause();
    client.send(Buffer.alloc(64 * MIB));
    await untilStill(() => client.socket.writableLength, 'the flow to stop');
    client.socket.resetAndDestroy();
    await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end', SOON_MS);
    upstream.socket.resume();
    await upstream.untilClosed();
  },
);

exchangeTest('a malformed chunk in the middle of an upload never looks like its end', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  for (const tail of ['zz\r\n', '-1\r\n', 'fffffffffffffffff\r\n', '0x4\r\ngood\r\n']) {
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n`);
    const upstream = await server.next();
    await upstream.until('good');
    client.send(tail);
    client.send(HIDDEN);
    await waitFor(() => upstream.closed, `the server to be told of ${JSON.stringify(tail)}`, SOON_MS);
    assert.equal(upstream.received.includes('\r\n0\r\n'), false, JSON.stringify(tail));
    assert.equal(upstream.received.includes('hidden'), false);
  }
});

exchangeTest('64 MiB pass a server that reads slowly, byte for byte and with little memory', tsuji, async (t) => {
  const size = 64 * MIB;
  const pattern = Buffer.from(Array.from({ length: MIB + 7 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
  const sent = createHash('sha1');
  const { host, server } = await setUp(t, (connection) => {
    connection.keep = false;
  });
  const client = await rawClient(t, tsuji.port);
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`);
  const upstream = await server.next();
  await waitFor(() => upstream.bytes > 0, 'the head');
  const headBytes = upstream.bytes;
  const got = createHash('sha1');
  upstream.socket.on('data', (chunk: Buffer) => got.update(chunk));
  upstream.socket.pause();
  const before = await residentBytes(tsuji);
  for (let at = 0; at < size; ) {
    const piece = pattern.subarray(0, Math.min(pattern.length, size - at));
    sent.update(piece);
    client.send(piece);
    at += piece.length;
  }
  const waiting = await untilStill(() => client.socket.writableLength, 'the flow to stop');
  assert.ok(waiting > 0, 'the client was not slowed down');
  assert.ok((await residentBytes(tsuji)) - before < 40 * MIB, 'memory grew with the body');
  upstream.socket.resume();
  await waitFor(
    () => upstream.bytes - headBytes >= size,
    () => `the rest, so far ${upstream.bytes}`,
  );
  assert.equal(got.digest('hex'), sent.digest('hex'));
  upstream.send(ok('all'));
  assert.equal((await response(client)).body, 'all');
});

exchangeTest('1 GiB goes up with flat memory, and 256 MiB in chunks', tsuji, async (t) => {
  const piece = Buffer.alloc(MIB, 'u');
  const { host, server } = await setUp(t, (connection) => {
    connection.keep = false;
  });
  for (const chunked of [false, true]) {
    const size = chunked ? 256 * MIB : 1024 * MIB;
    const client = await rawClient(t, tsuji.port);
    const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n\r\n`);
    const upstream = await server.next();
    const before = await residentBytes(tsuji);
    let most = 0;
    const frame = chunked ? Buffer.concat([Buffer.from(`${MIB.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece;
    for (let sent = 0; sent < size; sent += MIB) {
      if (!client.socket.write(frame)) await new Promise((resolve) => client.socket.once('drain', resolve));
      // uWebSockets does not stop reading from a client that fills its reads without a gap, as only one on this host can.
      while (sent - upstream.bytes > AHEAD && !upstream.closed) await new Promise(setImmediate);
      if (sent % (64 * MIB) === 0) most = Math.max(most, await residentBytes(tsuji));
    }
    if (chunked) client.send('0\r\n\r\n');
    await waitFor(
      () => upstream.bytes > size,
      () => `all of it, so far ${upstream.bytes}`,
    );
    // Copies that the garbage collector has not got to are among it.
    assert.ok(most - before < 128 * MIB, `memory grew by ${(most - before) / MIB} MiB, ${framing}`);
    upstream.send(ok('all'));
    assert.equal((await response(client)).body, 'all');
    upstream.destroy();
  }
});
