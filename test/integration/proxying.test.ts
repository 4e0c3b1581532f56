/** One request through one tsuji, byte for byte (shared/spec proxying §2–§7). Both ends are raw sockets. */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import test, { after, type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { untilStill, waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 2 });

/** A route of its own to one scripted server. */
async function setUp(t: TestContext, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

/** The status line, the fields in lower case and the body of a response with a length. */
function parse(response: string): { status: string; fields: Map<string, string[]>; body: string } {
  const [head, ...rest] = response.split('\r\n\r\n');
  const [status, ...lines] = head.split('\r\n');
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return { status, fields, body: rest.join('\r\n\r\n') };
}

/** Sends one request and reads until the connection goes quiet with a whole response of known length. */
async function ask(t: TestContext, request: string): Promise<ReturnType<typeof parse>> {
  const client = await rawClient(t, tsuji.port);
  client.send(request);
  await waitFor(
    () => {
      const end = client.received.indexOf('\r\n\r\n');
      if (end < 0) return client.closed;
      const length = /content-length: (\d+)/i.exec(client.received.slice(0, end));
      return client.closed || (length !== null && client.received.length >= end + 4 + Number(length[1]));
    },
    () => `a response, so far ${JSON.stringify(client.received)}`,
  );
  client.destroy();
  return parse(client.received);
}

test('target, query and fields reach the server byte for byte, hop-by-hop fields do not', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(
    `GET /a%2Fb//c/../d;x=1?q=%20&&z=? HTTP/1.1\r\nHost: ${host}:8080\r\nX-One: 1\r\nX-Two:  spaced out \r\n` +
      'Cookie: a=b; c="d"\r\nConnection: keep-alive, X-Hop\r\nX-Hop: no\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
      'Proxy-Authorization: no\r\nUpgrade: h2c\r\n\r\n',
  );
  const upstream = await server.next();
  const got = parse(await upstream.until('\r\n\r\n'));
  assert.equal(got.status, 'GET /a%2Fb//c/../d;x=1?q=%20&&z=? HTTP/1.1');
  assert.deepEqual(got.fields.get('host'), [`${host}:8080`]);
  assert.deepEqual(got.fields.get('x-one'), ['1']);
  assert.deepEqual(got.fields.get('x-two'), ['spaced out']);
  assert.deepEqual(got.fields.get('cookie'), ['a=b; c="d"']);
  assert.deepEqual(got.fields.get('te'), ['trailers']);
  assert.deepEqual(got.fields.get('connection'), ['te']);
  for (const name of ['x-hop', 'keep-alive', 'proxy-authorization', 'upgrade']) {
    assert.equal(got.fields.has(name), false, name);
  }
  upstream.send(ok('done'));
  await client.until('done');
});

test('an empty query keeps its question mark and no query gets none', async (t) => {
  const seen: string[] = [];
  const { host } = await setUp(
    t,
    answering((head) => {
      seen.push(head.split(' ', 2)[1]);
      return ok('');
    }),
  );
  for (const target of ['/x?', '/x', '/?a', '//', '/%zz'])
    await ask(t, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.deepEqual(seen, ['/x?', '/x', '/?a', '//', '/%zz']);
});

test('the forwarded fields are made, and kept where the client sent them', async (t) => {
  const heads: ReturnType<typeof parse>[] = [];
  const { host } = await setUp(
    t,
    answering((head) => {
      heads.push(parse(head));
      return ok('');
    }),
  );
  await ask(t, `GET / HTTP/1.1\r\nHost: ${host}:81\r\n\r\n`);
  await ask(
    t,
    `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Host: h\r\n` +
      'X-Forwarded-Port: 7\r\nX-Forwarded-Proto: https\r\nX-Real-Ip: 9.9.9.9\r\nX-Forwarded-Server: spoofed\r\n\r\n',
  );
  const shown = heads.map(({ fields }) =>
    ['for', 'host', 'port', 'proto', 'server'].map((name) => fields.get(`x-forwarded-${name}`)?.join('|')),
  );
  assert.deepEqual(shown[0], ['127.0.0.1', `${host}:81`, '81', 'http', hostname()]);
  assert.deepEqual(shown[1], ['1.1.1.1, 2.2.2.2, 127.0.0.1', 'h', '7', 'https', hostname()]);
  assert.deepEqual(heads[0].fields.get('x-real-ip'), ['127.0.0.1']);
  assert.deepEqual(heads[1].fields.get('x-real-ip'), ['9.9.9.9']);
});

test('passHostHeader=false sends the host of the server URL', async (t) => {
  const server = await startRawServer(
    t,
    answering((head) => ok(parse(head).fields.get('host')![0])),
  );
  const host = await addRoute(tsuji, [server.url], { 'frontends/$/passHostHeader': 'false' });
  assert.equal((await ask(t, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).body, `${OWN_HOST}:${server.port}`);
});

test('every method is proxied, with and without a body', async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(head.split(' ', 1)[0])),
  );
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'M-SEARCH', 'get']) {
    assert.equal((await ask(t, `${method} / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).body, method);
  }
});

test('the response reaches the client with every field, several Set-Cookie and bytes above ASCII kept', async (t) => {
  const { host } = await setUp(
    t,
    answering(() =>
      ok(
        'caf\xe9 \x00\xff',
        'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\nServer: s\r\nConnection: close\r\n',
      ),
    ),
  );
  const got = await ask(t, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.equal(got.status, 'HTTP/1.1 200 OK');
  assert.deepEqual(got.fields.get('set-cookie'), ['a=1', 'b=2']);
  assert.deepEqual(got.fields.get('x-latin'), ['caf\xe9']);
  assert.deepEqual(got.fields.get('server'), ['s']);
  assert.equal(got.fields.has('connection'), false);
  assert.equal(got.fields.get('date')?.length, 1);
  assert.equal(got.body, 'caf\xe9 \x00\xff');
});

test('a status with a reason of its own, HEAD, 204 and 304 come through without a body', async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => {
      const path = head.split(' ', 2)[1];
      if (path === '/204') return 'HTTP/1.1 204 Nothing Here\r\nX: 1\r\n\r\n';
      if (path === '/304') return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n';
      return 'HTTP/1.1 218 This Is Fine\r\nContent-Length: 42\r\n\r\n';
    }),
  );
  const client = await rawClient(t, tsuji.port);
  client.send(`HEAD / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const head = parse(await client.until('\r\n\r\n'));
  assert.equal(head.status, 'HTTP/1.1 218 This Is Fine');
  assert.deepEqual(head.fields.get('content-length'), ['42']);
  client.send(`GET /204 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const none = parse(await client.until('\r\n\r\n'));
  assert.equal(none.status, 'HTTP/1.1 204 Nothing Here');
  assert.equal(none.fields.has('content-length'), false);
  client.send(`GET /304 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const unmodified = parse(await client.until('\r\n\r\n'));
  assert.deepEqual(unmodified.fields.get('etag'), ['"x"']);
  assert.equal(client.received, '');
});

test('a chunked response is passed on piece by piece as it comes', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
  await client.until('first');
  upstream.send('6\r\nsecond\r\n');
  await client.until('second');
  upstream.send('0\r\n\r\n');
  await client.until('0\r\n\r\n');
});

test('a response until close is whole for the client, which keeps its connection', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.0 200 OK\r\n\r\nold but whole');
  upstream.socket.end();
  const got = await client.until('0\r\n\r\n');
  assert.match(got, /old but whole/);
  assert.equal(client.closed, false);
});

test('a server that dies in the middle of a body leaves the client with a broken response', async (t) => {
  const { host, server } = await setUp(t);
  for (const framing of ['Content-Length: 100\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
    const client = await rawClient(t, tsuji.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send(`HTTP/1.1 200 OK\r\n${framing}`);
    await client.until('half');
    upstream.destroy();
    assert.equal((await client.untilClosed()).includes('0\r\n\r\n'), false);
  }
});

test('uploads with a length and chunked ones arrive whole and framed anew', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`POST /len HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\n01234`);
  const upstream = await server.next();
  const head = parse(await upstream.until('\r\n\r\n'));
  assert.deepEqual(head.fields.get('content-length'), ['10']);
  await upstream.until('01234');
  client.send('56789');
  await upstream.until('56789');
  upstream.send(ok('a'));
  await client.until('\r\n\r\na');
  client.send(`PUT /chunked HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  const second = parse(await upstream.until('\r\n\r\n'));
  assert.deepEqual(second.fields.get('transfer-encoding'), ['chunked']);
  assert.equal(second.fields.has('content-length'), false);
  await upstream.until('3\r\nabc\r\n');
  client.send('2\r\nde\r\n0\r\n\r\n');
  await upstream.until('2\r\nde\r\n0\r\n\r\n');
  upstream.send(ok('b'));
  await client.until('\r\n\r\nb');
});

test('a client that asks for 100-continue gets it and its upload goes through', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`);
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('body');
  const upstream = await server.next();
  const head = parse(await upstream.until('\r\n\r\n'));
  assert.equal(head.fields.has('expect'), false);
  await upstream.until('body');
  upstream.send(ok('thanks'));
  await client.until('thanks');
});

test('connections to a server are kept and used again', async (t) => {
  const { host, server } = await setUp(
    t,
    answering(() => ok('x')),
  );
  const client = await rawClient(t, tsuji.port);
  for (let i = 0; i < 20; i++) {
    client.send(`GET /${i} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await client.until('\r\n\r\nx');
  }
  assert.equal(server.connections.length, 1);
});

test('an idle connection that the server closes costs no request', async (t) => {
  const { host, server } = await setUp(
    t,
    answering(() => ok('x')),
  );
  for (let i = 0; i < 5; i++) {
    assert.equal((await ask(t, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).body, 'x');
    for (const connection of server.connections) connection.socket.end();
  }
});

test('a request on a kept connection that dies unanswered is sent once more if it may be, and a 502 if it may not', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  const begin = async (): Promise<RawConnection> => {
    client.send(`GET /first HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const connection = await server.next();
    await connection.until('/first HTTP/1.1');
    await connection.until('\r\n\r\n');
    connection.send(ok('1st'));
    await client.until('1st');
    return connection;
  };
  const kept = await begin();
  client.send(`GET /again HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await kept.until('/again HTTP/1.1');
  kept.destroy();
  const fresh = await server.next();
  await fresh.until('/again HTTP/1.1');
  await fresh.until('\r\n\r\n');
  fresh.send(ok('2nd'));
  await client.until('2nd');
  client.send(`POST /once HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\n\r\nx`);
  await fresh.until('/once HTTP/1.1');
  fresh.destroy();
  assert.match(await client.until('Bad Gateway'), /^HTTP\/1\.1 502 /);
  assert.equal(server.open, 0);
});

test('local replies have the statuses and bodies of the original', async (t) => {
  const plain = 'text/plain; charset=utf-8';
  const unknown = await ask(t, 'GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n');
  assert.equal(unknown.status, 'HTTP/1.1 404 Not Found');
  assert.equal(unknown.body, '404 page not found\n');
  assert.deepEqual(unknown.fields.get('x-content-type-options'), ['nosniff']);
  assert.deepEqual(unknown.fields.get('content-type'), [plain]);

  const closed = await startRawServer(t);
  const { url } = closed;
  closed.close();
  const refused = await ask(t, `GET / HTTP/1.1\r\nHost: ${await addRoute(tsuji, [url])}\r\n\r\n`);
  assert.equal(refused.status, 'HTTP/1.1 502 Bad Gateway');
  assert.equal(refused.body, 'Bad Gateway');

  const empty = await ask(t, `GET / HTTP/1.1\r\nHost: ${await addRoute(tsuji, [])}\r\n\r\n`);
  assert.equal(empty.status, 'HTTP/1.1 503 Service Unavailable');
  assert.equal(empty.body, 'Service Unavailable');

  const { host } = await setUp(
    t,
    answering(() => 'HTTP/1.1 200 OK\r\nBad Line\r\n\r\n'),
  );
  const malformed = await ask(t, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.equal(malformed.status, 'HTTP/1.1 502 Bad Gateway');
  assert.equal(malformed.body, 'Bad Gateway');
});

test('a client that leaves is noticed by the server at once', async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  client.destroy();
  await upstream.untilClosed();
});

test('requests that could be read in two ways are refused and never forwarded', async (t) => {
  const { host, server } = await setUp(t);
  const bad = [
    'Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
    'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'Content-Length: +2\r\n\r\nab',
    'Content-Length : 2\r\n\r\nab',
    'X: a\r\n b\r\n\r\n',
    'X: a\x01b\r\n\r\n',
    'Host: second\r\n\r\n',
  ];
  for (const rest of bad) {
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${rest}`);
    // What is no coding that we know has a status of its own (RFC 9112 §6.1).
    const status = /xchunked/.test(rest) ? 501 : 400;
    assert.match(await client.untilClosed(), new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(rest));
  }
  const unknown = await rawClient(t, tsuji.port);
  unknown.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`);
  assert.match(await unknown.untilClosed(), /^HTTP\/1\.1 501 /);
  assert.equal(server.connections.length, 0);
});

test('a body of 64 MiB passes a slow client and a slow server with little memory', async (t) => {
  const size = 64 * 1024 * 1024;
  const { host, server } = await setUp(t);
  const memory = async (): Promise<number> =>
    Number(/^process_resident_memory_bytes (\S+)$/m.exec(await tsuji.metrics())![1]);
  const client = await rawClient(t, tsuji.port);
  client.keep = false;
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  for (const framing of [`Content-Length: ${size}`, 'Transfer-Encoding: chunked']) {
    const chunked = framing.startsWith('T');
    const piece = Buffer.alloc(1024 * 1024, 120);
    client.socket.pause();
    const before = await memory();
    upstream.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
    const startBytes = client.bytes;
    let written = 0;
    for (let i = 0; i < size / piece.length; i++) {
      if (chunked) upstream.send(`${piece.length.toString(16)}\r\n`);
      upstream.socket.write(piece, () => {
        written += piece.length;
      });
      if (chunked) upstream.send('\r\n');
    }
    if (chunked) upstream.send('0\r\n\r\n');
    // Stalled: what the kernel's buffers hold has left, the rest waits at the server.
    await untilStill(() => upstream.socket.writableLength, 'the flow to stop');
    assert.ok(written < size, 'the server was not slowed down');
    const grown = (await memory()) - before;
    assert.ok(grown < 24 * 1024 * 1024, `memory grew by ${grown} bytes`);
    client.socket.resume();
    await waitFor(() => client.bytes - startBytes >= size, 'the rest of the body');
    if (chunked) break;
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await upstream.until('\r\n\r\n');
  }
});
