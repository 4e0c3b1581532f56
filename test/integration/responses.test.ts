/** Everything that a server can do to a response (RFC 9112), on raw sockets: whole and right for the client, or broken. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  brokenResponse,
  exchangeTest,
  type Received,
  request,
  response,
  type Scope,
  scripted,
  sendPieces,
} from '../harness/exchanges.ts';
import { ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

const get = (host: string, path = '/', method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

async function ask(client: RawConnection, host: string, path = '/', method = 'GET'): Promise<Received> {
  client.send(get(host, path, method));
  return response(client, method);
}

type Good = { what: string; method?: string; sent: string; status: number; body: string; closes?: boolean };

const GOOD: readonly Good[] = [
  { what: 'a length', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', status: 200, body: 'hello' },
  { what: 'a length of zero', sent: 'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n', status: 500, body: '' },
  {
    what: 'equal lengths',
    sent: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi',
    status: 200,
    body: 'hi',
  },
  {
    what: 'chunks with extensions and trailers',
    sent:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n' +
      '5;a="\\"b"\r\nhello\r\n000A;\r\n and more \r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n',
    status: 200,
    body: 'hello and more ',
  },
  {
    what: 'an empty chunked body',
    sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n',
    status: 200,
    body: '',
  },
  {
    what: 'a body until close',
    sent: 'HTTP/1.1 200 OK\r\n\r\nuntil close',
    status: 200,
    body: 'until close',
    closes: true,
  },
  { what: 'an empty body until close', sent: 'HTTP/1.1 200 OK\r\n\r\n', status: 200, body: '', closes: true },
  { what: 'HTTP/1.0', sent: 'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nold', status: 200, body: 'old', closes: true },
  {
    what: 'HTTP/1.0 that keeps the connection',
    sent: 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nold',
    status: 200,
    body: 'old',
  },
  {
    what: 'interim responses',
    sent:
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal',
    status: 200,
    body: 'final',
  },
  { what: 'HEAD', method: 'HEAD', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n', status: 200, body: '' },
  {
    what: 'HEAD of chunks',
    method: 'HEAD',
    sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    status: 200,
    body: '',
  },
  { what: '204', sent: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204, body: '' },
  { what: '304 with a length', sent: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n', status: 304, body: '' },
  { what: 'a status without a reason', sent: 'HTTP/1.1 299\r\nContent-Length: 1\r\n\r\nx', status: 299, body: 'x' },
];

for (const { what, method, sent, status, body, closes } of GOOD) {
  exchangeTest(`a response with ${what} is right however its bytes are cut`, tsuji, async (t) => {
    let size = 0;
    const { host, server } = await setUp(
      t,
      scripted(async (connection) => {
        await sendPieces(connection, sent, size);
        if (closes) connection.socket.end();
      }),
    );
    const client = await rawClient(t, tsuji.port);
    const pieces = [sent.length, 1, 2, 3, 7];
    for (size of pieces) {
      const got = await ask(client, host, '/', method);
      assert.deepEqual([got.status, got.body], [status, body], `in pieces of ${size}`);
    }
    assert.equal(server.connections.length, closes ? pieces.length : 1);
    assert.equal(client.received, '');
  });
}

exchangeTest('a request in single bytes reaches the server as one sent at once', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  await sendPieces(client, `GET /slow?x HTTP/1.1\r\nHost: ${host}\r\nCookie: a\r\n\r\n`, 1);
  const upstream = await server.next();
  const got = await request(upstream);
  assert.equal(got.statusLine, 'GET /slow?x HTTP/1.1');
  assert.deepEqual(got.fields.get('cookie'), ['a']);
  upstream.send(ok('x'));
  assert.equal((await response(client)).body, 'x');
});

const MALFORMED: readonly (readonly [string, string])[] = [
  ['a length and another one', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  ['two lengths in one field', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a signed length', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx'],
  ['a hexadecimal length', 'HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx'],
  ['an empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
  ['a length of 20 digits', 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\nx'],
  ['an unknown transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx'],
  ['chunked that is not last', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n'],
  ['chunked twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a bare CR in a field', 'HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\nContent-Length: 1\r\n\r\nx'],
  ['a NUL in a field', 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 1\r\n\r\nx'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx'],
  ['a line without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
  ['a field without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['ICY', 'ICY 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['HTTP/2 in clear', 'HTTP/2 200\r\nContent-Length: 1\r\n\r\nx'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['lower-case http', 'http/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['a status that is no number', 'HTTP/1.1 2x0 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\nContent-Length: 1\r\n\r\nx'],
  ['a switch of protocols that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
  ['endless interim responses', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(5000)],
  ['a head of 70 KB', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}\r\n\r\n`],
  ['a head of many fields and 70 KB', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(12_000)}\r\n`],
  ['a first chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello'],
];

exchangeTest('a malformed response is a 502 of our own, and nothing of it goes through', tsuji, async (t) => {
  let sent = '';
  let size = 0;
  const { host, server } = await setUp(
    t,
    scripted((connection) => sendPieces(connection, sent, size)),
  );
  const client = await rawClient(t, tsuji.port);
  let asked = 0;
  for (const [what, bytes] of MALFORMED) {
    sent = bytes;
    for (size of bytes.length > 1000 ? [1 << 16] : [1 << 16, 1]) {
      const got = await ask(client, host);
      assert.deepEqual([got.status, got.body], [502, 'Bad Gateway'], what);
      assert.equal(got.fields.has('set-cookie'), false);
      asked++;
    }
  }
  // Such a connection is never used again.
  assert.equal(server.connections.length, asked);
  await waitFor(() => server.open === 0, 'the connections of malformed responses to be closed');
});

exchangeTest('a malformed chunk behind a good one breaks the response', tsuji, async (t) => {
  let tail = '';
  const { host, server } = await setUp(
    t,
    scripted((connection) =>
      connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n${tail}`),
    ),
  );
  const tails = [
    '0x1\r\na\r\n',
    '-1\r\n',
    '\r\n',
    '5\rhello\r\n',
    '2\r\nabc\r\n',
    'ffffffffffffffff\r\n',
    'g\r\n',
    '1;\r\r\na\r\n',
  ];
  tails.push('0\r\r\n', '0\r\nX: y\r\r\n', '0\r\n\rx', ' 1\r\na\r\n', `1;${'e'.repeat(20_000)}\r\na\r\n`);
  for (tail of tails) {
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    await brokenResponse(client);
  }
  await waitFor(() => server.open === 0, 'the connections to be closed');
});

exchangeTest('a connection that ends at any byte never leaves a response that looks whole', tsuji, async (t) => {
  const whole: readonly string[] = [
    'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhalf-ok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n3;x\r\n-ok\r\n0\r\nT: 1\r\n\r\n',
  ];
  let bytes = '';
  let reset = false;
  const { host } = await setUp(
    t,
    scripted((connection) => {
      if (!reset) return connection.socket.end(Buffer.from(bytes, 'latin1'));
      connection.socket.write(Buffer.from(bytes, 'latin1'), () => connection.socket.resetAndDestroy());
    }),
  );
  for (const text of whole) {
    const headBytes = text.indexOf('\r\n\r\n') + 4;
    for (let cut = 0; cut < text.length; cut++) {
      bytes = text.slice(0, cut);
      reset = cut % 2 === 1;
      const client = await rawClient(t, tsuji.port);
      client.send(get(host));
      // Before the head is whole there is a reply of ours; behind it, one too while none of the body has come.
      const got = await response(client).catch(() => null);
      if (cut < headBytes) assert.equal(got?.status, 502, `cut at ${cut}`);
      else if (got !== null) assert.equal(got.status, 502, `cut at ${cut}: ${got.body}`);
      client.destroy();
    }
  }
});

exchangeTest('a reset in the middle of a body until close breaks the response', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  const upstream = await server.next();
  await request(upstream);
  upstream.send('HTTP/1.1 200 OK\r\n\r\nhalf');
  await client.until('half');
  upstream.socket.resetAndDestroy();
  await client.untilClosed();
  assert.equal(client.received.includes('0\r\n\r\n'), false);
});

exchangeTest('bytes behind a response never become the answer to somebody else', tsuji, async (t) => {
  const evil = ok('evil');
  const { host, server } = await setUp(
    t,
    scripted((connection, head) => {
      if (head.includes('/behind')) connection.send(ok('good') + evil);
      else if (head.includes('/junk')) connection.send(`${ok('good')}junk`);
      else if (head.includes('/head')) connection.send(ok('a body that HEAD must not have'));
      else if (head.includes('/204')) connection.send('HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil');
      else if (head.includes('/304')) connection.send('HTTP/1.1 304 Not Modified\r\n\r\nevil');
      else if (head.includes('/chunked')) {
        connection.send(
          `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\ngood\r\n0\r\n\r\n${evil}`,
        );
      } else connection.send(ok('next'));
    }),
  );
  const client = await rawClient(t, tsuji.port);
  for (const path of ['/behind', '/junk', '/head', '/204', '/304', '/chunked']) {
    const method = path === '/head' ? 'HEAD' : 'GET';
    const got = await ask(client, host, path, method);
    if (path !== '/head' && !path.startsWith('/2') && !path.startsWith('/3')) assert.equal(got.body, 'good', path);
    assert.equal((await ask(client, host)).body, 'next', `behind ${path}`);
  }
  // Each of these connections was given up, each request for `next` came over the one after it.
  assert.equal(server.connections.length, 7);
});

exchangeTest('bytes that come over an idle connection end it unread', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host, '/1'));
  const first = await server.next();
  await request(first);
  first.send(ok('one'));
  assert.equal((await response(client)).body, 'one');
  first.send(ok('evil'));
  await first.untilClosed();
  client.send(get(host, '/2'));
  const second = await server.next();
  assert.match((await request(second)).statusLine, /\/2/);
  second.send(ok('two'));
  assert.equal((await response(client)).body, 'two');
});

exchangeTest('a hundred Set-Cookie fields and every byte above ASCII come through as they are', tsuji, async (t) => {
  let high = '';
  for (let code = 0x80; code <= 0xff; code++) high += String.fromCharCode(code);
  let all = '';
  for (let code = 0; code <= 0xff; code++) all += String.fromCharCode(code);
  let cookies = '';
  for (let i = 0; i < 100; i++) cookies += `Set-Cookie: c${i}=${i}; Path=/\r\n`;
  const { host } = await setUp(
    t,
    scripted((connection) =>
      connection.send(
        `HTTP/1.1 200 Tr\xe8s bien\r\nX-High: ${high}\r\n${cookies}X-Empty:\r\nContent-Length: 256\r\n\r\n${all}`,
      ),
    ),
  );
  const got = await ask(await rawClient(t, tsuji.port), host);
  assert.equal(got.statusLine, 'HTTP/1.1 200 Tr\xe8s bien');
  assert.deepEqual(got.fields.get('x-high'), [high.trim()]);
  assert.deepEqual(got.fields.get('x-empty'), ['']);
  const received = got.fields.get('set-cookie') ?? [];
  assert.deepEqual(
    received,
    Array.from({ length: 100 }, (_, i) => `c${i}=${i}; Path=/`),
  );
  assert.equal(got.body, all);
});

exchangeTest('a head just below 64 KiB comes through whole, in one piece and in many', tsuji, async (t) => {
  const value = 'v'.repeat(65_536 - 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \r\n\r\n'.length - 1);
  let size = 1 << 17;
  const { host } = await setUp(
    t,
    scripted((connection) =>
      sendPieces(connection, `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ${value}\r\n\r\nok`, size),
    ),
  );
  const client = await rawClient(t, tsuji.port);
  for (size of [1 << 17, 1000]) {
    const got = await ask(client, host);
    assert.equal(got.fields.get('x')?.[0].length, value.length);
    assert.equal(got.body, 'ok');
  }
});
