/** What an entrypoint with Engine:tsuji does beyond uWebSockets, on raw sockets. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startEngines } from '../harness/engines.ts';
import { exchangeTest, openExchanges, request, response, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { SOON_MS, untilStill, waitFor } from '../harness/wait.ts';
import { accept } from '../harness/websocket.ts';

const engines = await startEngines({ after }, { flags: ['--metrics.prometheus.names=both'] });
const { tsuji } = engines;
const port = engines.port('tsuji');

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t as never, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

const client = (t: Scope): Promise<RawConnection> => rawClient(t as never, port);
const target = (head: string): string => head.split(' ', 2)[1];

exchangeTest(
  'HTTP/1.0 is served: with its connection closed, kept when asked for, and without chunks',
  tsuji,
  async (t) => {
    const { host } = await setUp(
      t,
      answering((head) =>
        target(head) === '/chunked'
          ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
          : ok('abc'),
      ),
    );
    const closed = await client(t);
    closed.send(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    const whole = await closed.untilClosed();
    assert.match(whole, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(whole, /\r\nConnection: close\r\n/);
    assert.ok(whole.endsWith('\r\n\r\nabc'));
    const kept = await client(t);
    for (let i = 0; i < 3; i++) {
      kept.send(`GET / HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n`);
      const got = await response(kept);
      assert.deepEqual([got.body, got.fields.get('connection')], ['abc', ['keep-alive']]);
    }
    kept.send(`GET /chunked HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n`);
    const unchunked = await kept.untilClosed();
    assert.ok(unchunked.endsWith('\r\n\r\nabc') && !/transfer-encoding/i.test(unchunked), unchunked);
  },
);

exchangeTest(
  'a client of HTTP/1.0 that names no host is routed by its path, and the server sees its own name',
  tsuji,
  async (t) => {
    const server = await startRawServer(t as never);
    await addRoute(tsuji, [server.url], {
      'backends/nohost/servers/s/url': server.url,
      'frontends/nohost/backend': 'nohost',
      'frontends/nohost/routes/r/rule': 'Path:/health',
    });
    const old = await client(t);
    old.send('GET /health HTTP/1.0\r\n\r\n');
    const upstream = await server.next();
    const got = await request(upstream);
    assert.deepEqual(got.fields.get('host'), [`${OWN_HOST}:${server.port}`]);
    upstream.send(ok('fine'));
    assert.ok((await old.untilClosed()).endsWith('fine'));
  },
);

exchangeTest(
  'a client that does not wait gets its answers in their order; harmless requests run together',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const pipelining = await client(t);
    pipelining.send(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''));
    const all = [await server.next(), await server.next(), await server.next()];
    for (const upstream of all.reverse()) {
      const got = await request(upstream);
      upstream.send(ok(got.statusLine));
    }
    for (const path of ['/1', '/2', '/3']) assert.equal((await response(pipelining)).body, `GET ${path} HTTP/1.1`);
  },
);

exchangeTest(
  'a request that changes something waits for those before it, and holds up those behind it',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const pipelining = await client(t);
    const head = (method: string, path: string, rest = '\r\n'): string =>
      `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${rest}`;
    pipelining.send(head('GET', '/1') + head('POST', '/2', 'Content-Length: 3\r\n\r\nabc') + head('GET', '/3'));
    const upstream = await server.next();
    for (const [path, body] of [
      ['GET /1', ''],
      ['POST /2', 'abc'],
      ['GET /3', ''],
    ]) {
      const got = await request(upstream);
      assert.deepEqual([got.statusLine, got.body], [`${path} HTTP/1.1`, body]);
      await openExchanges(tsuji);
      assert.deepEqual([upstream.received, server.connections.length], ['', 1], 'the next one did not wait');
      upstream.send(ok(path));
      assert.equal((await response(pipelining)).body, path);
    }
  },
);

exchangeTest('two thousand requests in one packet are all answered, in order', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(target(head))),
  );
  const pipelining = await client(t);
  const paths = Array.from({ length: 2_000 }, (_, i) => `/${i}`);
  pipelining.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''));
  await waitFor(() => pipelining.received.endsWith('/1999'), 'the last answer');
  const bodies = [...pipelining.received.matchAll(/\r\n\r\n(\/\d+)/g)].map(([, body]) => body);
  assert.deepEqual(bodies, paths);
});

exchangeTest('a client that has said all and closed its half gets its answer', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  for (const body of ['', 'abc']) {
    const closing = await client(t);
    closing.socket.allowHalfOpen = true;
    closing.socket.end(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const upstream = await waitFor(
      () => server.connections.find(({ received }) => received.endsWith(`\r\n\r\n${body}`)),
      'it',
    );
    await openExchanges(tsuji);
    upstream.received = '';
    upstream.send(ok('the answer'));
    assert.ok((await closing.untilClosed()).endsWith('the answer'));
  }
});

exchangeTest('any upgrade becomes a tunnel: bytes in both directions, each until its own end', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const tunnel = await client(t);
  tunnel.socket.allowHalfOpen = true;
  tunnel.send(
    `GET /t HTTP/1.1\r\nHost: ${host}\r\nConnection: X-Hop, Upgrade\r\nUpgrade: foo/2\r\nX-Hop: 1\r\n\r\nearly`,
  );
  const upstream = await server.next();
  upstream.socket.allowHalfOpen = true;
  const head = await upstream.until('\r\n\r\n');
  assert.match(head, /\r\nconnection: upgrade\r\nupgrade: foo\/2\r\n/);
  assert.doesNotMatch(head, /x-hop/i);
  await openExchanges(tsuji);
  assert.equal(upstream.received, '', 'bytes before the server has agreed');
  upstream.send('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\nX-Own: caf\xe9\r\n\r\n\0first\xff');
  const answer = await tunnel.until('first\xff');
  assert.match(
    answer,
    /^HTTP\/1\.1 101 Yes\r\nX-Own: caf\xe9\r\nConnection: upgrade\r\nUpgrade: foo\/2\r\n\r\n\0first/,
  );
  await upstream.until('early');
  tunnel.send('GET / HTTP/1.1\r\n\r\n\xfe');
  await upstream.until('GET / HTTP/1.1\r\n\r\n\xfe');
  tunnel.socket.end('last words');
  await upstream.until('last words');
  await waitFor(() => upstream.ended, 'the end of the client');
  upstream.send('still here');
  await tunnel.until('still here');
  upstream.socket.end();
  await tunnel.untilClosed();
  const counted = /^traefik_entrypoint_requests_total\{(?=.*code="101")(?=.*entrypoint="tsuji").*\} 1$/m;
  await waitFor(async () => counted.test(await tsuji.metrics()), 'it to be counted');
});

exchangeTest(
  'interim responses come before the answer that they belong to, and never to HTTP/1.0 or among other answers',
  tsuji,
  async (t) => {
    const hints = 'HTTP/1.1 103 Hints\r\nLink: </caf\xe9>\r\n\r\n';
    const hinting = await setUp(
      t,
      answering(() => hints + ok('answer')),
    );
    const old = await client(t);
    old.send(`GET / HTTP/1.0\r\nHost: ${hinting.host}\r\n\r\n`);
    assert.match(await old.untilClosed(), /^HTTP\/1\.1 200 OK/);
    const { host, server } = await setUp(t);
    const pipelining = await client(t);
    pipelining.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(2));
    const [first, second] = [await server.next(), await server.next()];
    await second.until('\r\n\r\n');
    second.send(hints);
    await openExchanges(tsuji);
    first.send(hints);
    assert.equal(await pipelining.until('\r\n\r\n'), hints);
    first.send(ok('first'));
    second.send(ok('second'));
    for (const body of ['first', 'second']) assert.equal((await response(pipelining)).body, body);
    const upgrading = await client(t);
    upgrading.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
    await second.until('\r\n\r\n');
    second.send(`${hints}HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
    assert.equal(await upgrading.until('\r\n\r\n'), hints);
    assert.match(await upgrading.until('\r\n\r\n'), /^HTTP\/1\.1 101 Yes\r\n/);
  },
);

exchangeTest('a tunnel slows down whoever sends faster than the other side reads', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const tunnel = await client(t);
  tunnel.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
  await tunnel.until('\r\n\r\n');
  const size = 64 << 20;
  for (const [from, to] of [
    [tunnel, upstream],
    [upstream, tunnel],
  ]) {
    to.keep = false;
    const before = to.bytes;
    to.socket.pause();
    from.send(Buffer.alloc(size, 'x'));
    const waiting = await untilStill(() => from.socket.writableLength, 'the flow to stop');
    assert.ok(waiting > 0, 'nothing was slowed down');
    to.socket.resume();
    await waitFor(() => to.bytes - before === size, 'all of it');
  }
  tunnel.socket.resetAndDestroy();
  await waitFor(() => upstream.closed, 'the server to be told');
});

exchangeTest('a server that refuses an upgrade is heard as it is', tsuji, async (t) => {
  const answers = [
    'HTTP/1.1 426 Not This\r\nContent-Length: 3\r\nUpgrade: bar\r\nX: y\r\n\r\nno!',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n',
    'HTTP/1.1 403 Forbidden\r\n\r\nno!',
  ];
  for (const answer of answers) {
    const { host, server } = await setUp(t);
    const asking = await client(t);
    asking.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send(answer);
    if (!/Length|Encoding/.test(answer)) upstream.socket.end();
    const got = await asking.untilClosed();
    assert.ok(got.startsWith(answer.slice(0, answer.indexOf('\r\n') + 2)), got);
    assert.ok(got.endsWith('\r\n\r\nno!'), got);
    assert.match(got, /\r\nConnection: close\r\n/);
  }
  const nobody = await client(t);
  nobody.send('GET / HTTP/1.1\r\nHost: nobody.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  assert.match(await nobody.untilClosed(), /^HTTP\/1\.1 404 .*404 page not found\n$/s);
});

exchangeTest(
  'a WebSocket is a tunnel here: extensions are between client and server, by ws and wss',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const secure = connectTls({
      port: engines.port('tsuji-tls'),
      host: OWN_HOST,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    const clients: [RawConnection, string][] = [
      [await client(t), 'ws'],
      [new RawConnection(secure), 'wss'],
    ];
    for (const [webSocket, proto] of clients) {
      t.after(() => webSocket.destroy());
      webSocket.send(
        `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
      );
      const upstream = await server.next();
      const head = await upstream.until('\r\n\r\n');
      assert.match(head, /\r\nsec-websocket-extensions: permessage-deflate\r\n/);
      assert.match(head, new RegExp(`\r\nx-forwarded-proto: ${proto}\r\n`));
      upstream.send(accept(head));
      assert.match(await webSocket.until('\r\n\r\n'), /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
      webSocket.send('\xc1\x80');
      await upstream.until('\xc1\x80');
      const open = /traefik_entrypoint_open_connections\{[^}]*protocol="websocket"[^}]*\} 1/;
      await waitFor(async () => open.test(await tsuji.metrics()), 'it to be counted as a WebSocket');
      upstream.socket.end(Buffer.from('\x88\0', 'latin1'));
      assert.equal(await webSocket.untilClosed(), '\x88\0');
    }
  },
);

exchangeTest('an upgrade with a body of its own, as docker sends it, becomes a tunnel behind it', tsuji, async (t) => {
  const body = '{"Tty":true}';
  const framings: [string, string, string][] = [
    ['Content-Length: 0\r\n\r\n', 'content-length: 0\r\n\r\n', ''],
    [`Content-Length: ${body.length}\r\n\r\n${body}`, `content-length: ${body.length}\r\n\r\n${body}`, body],
    [
      `Transfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\n7\r\n${body.slice(5)}\r\n0\r\n\r\n`,
      `transfer-encoding: chunked\r\n\r\n`,
      body,
    ],
  ];
  for (const [sent, seen, text] of framings) {
    const headEnd = sent.indexOf('\r\n\r\n') + 4;
    for (const cut of [headEnd, Math.max(headEnd, sent.length - 1), sent.length]) {
      const { host, server } = await setUp(t);
      const docker = await client(t);
      docker.socket.allowHalfOpen = true;
      const fields = 'Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n';
      docker.send(`POST /exec/1/start HTTP/1.1\r\nHost: ${host}\r\n${fields}${sent.slice(0, cut)}`);
      const upstream = await server.next();
      upstream.socket.allowHalfOpen = true;
      await waitFor(() => upstream.received.includes('\r\n\r\n'), 'the head');
      docker.send(`${sent.slice(cut)}early`);
      const chunked = seen.includes('chunked');
      await waitFor(() => upstream.received.endsWith(chunked ? '0\r\n\r\n' : seen), 'the body');
      assert.match(upstream.received, /\r\nconnection: upgrade\r\nupgrade: tcp\r\n/);
      if (chunked) assert.equal((await request(upstream)).body, text);
      upstream.received = '';
      upstream.send('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello');
      await docker.until('hello');
      docker.socket.end(' input');
      await waitFor(() => upstream.ended, 'the end of the input');
      assert.equal(upstream.received, 'early input');
      upstream.socket.end('output');
      assert.ok((await docker.untilClosed()).endsWith('output'));
    }
  }
  const { host, server } = await setUp(t);
  const refused = await client(t);
  refused.send(
    `POST / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naxx`,
  );
  assert.match(await refused.untilClosed(), /^HTTP\/1\.1 400 /);
  await waitFor(() => server.open === 0, 'the server to be told');
});

exchangeTest('an upgrade that may not be taken is an ordinary request', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(/upgrade/i.test(head) ? 'upgrade' : 'ordinary')),
  );
  const upgrade = 'Connection: Upgrade\r\nUpgrade: foo\r\n';
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
  for (const [version, fields] of [
    ['1.1', h2c],
    ['1.0', upgrade],
    ['1.1', 'Upgrade: foo\r\n'],
  ]) {
    const asking = await client(t);
    asking.send(`GET / HTTP/${version}\r\nHost: ${host}\r\n${fields}\r\n`);
    assert.equal((await response(asking)).body, 'ordinary', fields);
  }
  const pipelining = await client(t);
  pipelining.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\nGET / HTTP/1.1\r\nHost: ${host}\r\n${upgrade}\r\n`);
  for (let i = 0; i < 2; i++) assert.equal((await response(pipelining)).body, 'ordinary');
});

exchangeTest('CONNECT is refused, OPTIONS * and the absolute form are served', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(head.split('\r\n', 1)[0])),
  );
  const connecting = await client(t);
  connecting.send(`CONNECT ${host}:80 HTTP/1.1\r\nHost: ${host}:80\r\n\r\n`);
  assert.match(await connecting.untilClosed(), /^HTTP\/1\.1 501 Not Implemented\r\n.*\r\n\r\nNot Implemented$/s);
  const asking = await client(t);
  for (const [line, seen] of [
    ['OPTIONS *', 'OPTIONS *'],
    [`GET http://${host}/a?b`, 'GET /a?b'],
    [`GET HTTP://${host}?b`, 'GET /?b'],
  ]) {
    asking.send(`${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await response(asking)).body, `${seen} HTTP/1.1`);
  }
});

exchangeTest('heads of up to 64 KiB and 100 fields are taken, longer ones get 431', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering(() => ok('taken')),
  );
  for (const [fields, status] of [
    [100, 200],
    [101, 431],
    [3_000, 431],
  ]) {
    const asking = await client(t);
    const others = Array.from({ length: fields - 2 }, (_, i) => `x-${i}: y\r\n`).join('');
    asking.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n${others}\r\nabc`);
    assert.equal((await response(asking)).status, status, `${fields} fields`);
  }
  const asking = await client(t);
  asking.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'y'.repeat(64_000)}\r\n\r\n`);
  assert.equal((await response(asking)).status, 200);
  asking.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'y'.repeat(66_000)}\r\n\r\n`);
  assert.equal((await response(asking)).status, 431);
  await asking.untilClosed();
});

exchangeTest('garbage behind a good request gets 400 after the answer, and nobody else suffers', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const other = await client(t);
  other.send(`GET /other HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const ofOther = await server.next();
  await ofOther.until('\r\n\r\n');
  const bad = await client(t);
  bad.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\nno request\r\n\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  await openExchanges(tsuji);
  upstream.send(ok('the good one'));
  assert.equal((await response(bad)).body, 'the good one');
  assert.match(await bad.untilClosed(), /^HTTP\/1\.1 400 .*400 Bad Request$/s);
  ofOther.send(ok('other'));
  assert.equal((await response(other)).body, 'other');
});

exchangeTest('a reset in the middle of an upload that the server does not read is noticed', tsuji, async (t) => {
  const { host, server } = await setUp(t, (connection) => {
    connection.keep = false;
  });
  const sending = await client(t);
  sending.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${64 << 20}\r\n\r\n`);
  const upstream = await server.next();
  await waitFor(() => upstream.bytes > 0, 'the head');
  upstream.socket.pause();
  sending.send(Buffer.alloc(64 << 20));
  let last = -1;
  await waitFor(async () => {
    const still = last === sending.socket.writableLength;
    last = sending.socket.writableLength;
    await openExchanges(tsuji);
    return still;
  }, 'the flow to stop');
  sending.socket.resetAndDestroy();
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end', SOON_MS);
  upstream.socket.resume();
  await upstream.untilClosed();
});

test('an idle connection lives as long as --respondingTimeouts.idleTimeout says', async (t) => {
  const short = await startEngines(t, { flags: ['--respondingTimeouts.idleTimeout=1500ms'] });
  const idle = await rawClient(t, short.port('tsuji'));
  idle.send('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n');
  assert.equal((await response(idle)).status, 404);
  const began = performance.now();
  await waitFor(() => idle.closed, 'the connection to be closed');
  assert.ok(performance.now() - began > 1_000);
});

test('--respondingTimeouts.readTimeout ends an upload that does not come, with an answer that arrives', async (t) => {
  const timed = await startEngines(t, { flags: ['--respondingTimeouts.readTimeout=200ms'] });
  const server = await startRawServer(t);
  const host = await addRoute(timed.tsuji, [server.url]);
  const sending = await rawClient(t, timed.port('tsuji'));
  sending.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\nhalf`);
  const got = await response(sending);
  assert.deepEqual([got.status, got.fields.get('connection')], [408, ['close']]);
  sending.send('too late');
  await sending.untilClosed();
  assert.equal(sending.error, '', 'a reset, which may take the answer from the client');
  const asked = timed.client(t, 'tsuji-h2').ask({ method: 'POST', host, body: 'open' });
  asked.upload.on('error', () => {});
  asked.upload.write('half');
  assert.equal((await asked.head).status, 408);
  await waitFor(() => server.connections.length === 2 && server.open === 0, 'the server to be told');
});

test('a TLS entrypoint tells clients of cleartext HTTP what they did, and drops everything else', async (t) => {
  const tls = engines.port('tsuji-tls');
  const plain = await rawClient(t, tls);
  plain.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const got = await plain.untilClosed();
  assert.match(got, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.ok(got.endsWith('\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'));
  for (const bytes of ['\x16\x03\x01\x00\x05hello', `\x16\x03\x01\x02\0${'\0'.repeat(512)}`]) {
    const broken = await rawClient(t, tls);
    broken.send(Buffer.from(bytes, 'latin1'));
    await broken.untilClosed();
  }
  // One that stops in the middle of its handshake holds up nobody.
  const stuck = await rawClient(t, tls);
  stuck.send(Buffer.from('\x16\x03\x01\x02\0\x01', 'latin1'));
  const client = engines.client(t, 'tsuji-tls');
  assert.equal((await client.ask({ host: 'nobody' }).head).status, 404);
});

exchangeTest('a 101 for another protocol, another key or none is a 502, and no tunnel', tsuji, async (t) => {
  const head = (fields: string): string => `HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\n${fields}\r\n`;
  const answers = [
    head(''),
    head('Upgrade: other\r\n'),
    head('Upgrade: websocket\r\n'),
    head('Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n'),
  ];
  for (const answer of answers) {
    const { host, server } = await setUp(t);
    const one = await client(t);
    one.send(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send(answer);
    assert.equal((await response(one)).status, 502, answer);
    await upstream.untilClosed();
  }
});
