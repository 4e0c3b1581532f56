/** Heads of requests: long ones, odd ones, several at once (RFC 9112 §3, §5). */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, response, type Scope, sendPieces } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

exchangeTest(
  'a request head of up to 64 KiB goes through, a longer one or one of too many fields is refused',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(
      t,
      answering((head) => ok(String(head.length))),
    );
    const fields = (count: number, length: number): string => {
      let text = '';
      for (let i = 0; i < count; i++) text += `X-${i}: ${'v'.repeat(length)}\r\n`;
      return text;
    };
    // How many are taken is the listener's; what counts is that each is answered, and nothing dies.
    const cases: readonly (readonly [string, number, number])[] = [
      ['one of 60 KB', 1, 60_000],
      ['90 of 600 bytes', 90, 600],
      ['one of 70 KB', 1, 70_000],
      ['120 short ones', 120, 2],
      ['5000 short ones', 5_000, 2],
      ['one of 1 MB', 1, 1_000_000],
    ];
    for (const [what, count, length] of cases) {
      for (const whole of [true, false]) {
        const client = await rawClient(t, tsuji.port);
        const head = `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields(count, length)}\r\n`;
        if (whole) client.send(head);
        else await sendPieces(client, head, 1_371);
        const got = await response(client).catch(() => null);
        if (count <= 90 && length <= 60_000) assert.equal(got?.status, 200, what);
        else if (got !== null) assert.ok([400, 431].includes(got.status), `${what}: ${got.statusLine}`);
        else assert.ok(client.closed && client.error !== '', `${what} closed without an answer: ${client.received}`);
        client.destroy();
      }
    }
    // Of those that went through none grew fields that the client did not send.
    assert.ok(server.connections.length <= 2);
  },
);

exchangeTest(
  'UTF-8 in a field passes as it is, other bytes above ASCII are refused and not changed',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(
      t,
      answering((head) => ok(/^x-text: (.*)\r$/m.exec(head)?.[1] ?? '')),
    );
    for (const [bytes, status] of [
      ['caf\xc3\xa9s \xf0\x9f\x9a\xa6.', 200],
      ['caf\xe9s', 400],
      ['a\xc3(b', 400],
      ['a\xed\xa0\x80b', 400],
      ['a\xef\xbf\xbdb', 400],
    ] as const) {
      for (const name of ['X-Text', 'X-Forwarded-For', 'Cookie']) {
        const client = await rawClient(t, tsuji.port);
        client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${name}: ${bytes}\r\n\r\n`);
        const got = await response(client);
        assert.equal(got.status, status, `${name}: ${JSON.stringify(bytes)}`);
        if (name === 'X-Text' && status === 200) assert.equal(got.body, bytes);
        client.destroy();
      }
    }
    assert.ok(server.connections.length <= 3);
  },
);

exchangeTest(
  'an upgrade that cannot be made and that its client waits for is refused, and told once',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(
      t,
      answering((head) => ok(/^upgrade:/im.test(head) ? 'upgrade' : 'ordinary')),
    );
    const docker = `POST /exec/1/start HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n`;
    for (const head of [
      `${docker}Content-Length: 12\r\n\r\n{"Tty":true}`,
      `${docker}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
    ]) {
      const client = await rawClient(t, tsuji.port);
      client.send(head);
      assert.equal((await response(client)).status, 501);
    }
    assert.equal(server.connections.length, 0);
    await waitFor(() => tsuji.output.includes('event=upgrade_refused'), 'the line of it');
    const lines = tsuji.output.split('\n').filter((line) => line.includes('event=upgrade_refused'));
    assert.equal(lines.length, 1);
    assert.match(lines[0], /Engine:tsuji.* entrypoint=http upgrade=tcp/);
    for (const fields of [
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
      'Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n',
      'Upgrade: tcp\r\n',
    ]) {
      const client = await rawClient(t, tsuji.port);
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
      assert.equal((await response(client)).body, 'ordinary', fields);
    }
  },
);

exchangeTest('a target in absolute form is answered for its host or refused', tsuji, async (t) => {
  const { host, server } = await setUp(
    t,
    answering((head) => ok(head.split('\r\n', 1)[0])),
  );
  const client = await rawClient(t, tsuji.port);
  client.send(`GET http://${host}/path?q HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const got = await response(client).catch(() => null);
  if (got?.status === 200) assert.match(got.body, /^GET (http:\/\/[^/]+)?\/path\?q HTTP\/1\.1$/);
  else assert.ok(got === null ? client.closed : [400, 404, 505].includes(got.status), got?.statusLine);
  assert.ok(server.connections.length <= 1);
});

exchangeTest('odd request lines are refused or answered, never forwarded as something else', tsuji, async (t) => {
  const { host, server } = await setUp(
    t,
    answering((head) => ok(head.split('\r\n', 1)[0])),
  );
  const lines = [
    'GET / HTTP/1.0',
    'GET  / HTTP/1.1',
    'GET / HTTP/1.1 x',
    'GET /a b HTTP/1.1',
    'GET / HTTP/2.0',
    'GET / http/1.1',
    'GET\t/ HTTP/1.1',
    'G@T / HTTP/1.1',
    'GET * HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'CONNECT a:443 HTTP/1.1',
    'GET /\x01 HTTP/1.1',
    'GET /\x7f HTTP/1.1',
    ' GET / HTTP/1.1',
  ];
  for (const line of lines) {
    const client = await rawClient(t, tsuji.port);
    client.send(`${line}\r\nHost: ${host}\r\n\r\n`);
    const got = await response(client).catch(() => null);
    if (got?.status === 200) assert.equal(got.body, line.trim());
    client.destroy();
  }
  for (const connection of server.connections) assert.equal(connection.received, '');
});

exchangeTest('CONNECT reaches no server, with a path neither', tsuji, async (t) => {
  const { host, server } = await setUp(
    t,
    answering(() => ok('tunnel')),
  );
  const client = await rawClient(t, tsuji.port);
  client.send(`CONNECT / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.equal((await response(client)).status, 501);
  assert.equal(server.connections.length, 0);
});

exchangeTest('requests that a client pipelines are answered in order or not at all', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => ok(head.split(' ', 2)[1])),
  );
  for (let i = 0; i < 5; i++) {
    const client = await rawClient(t, tsuji.port);
    client.send([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''));
    const bodies: string[] = [];
    for (let n = 0; n < 3; n++) {
      const got = await response(client).catch(() => null);
      if (got === null) break;
      bodies.push(got.body);
    }
    assert.deepEqual(bodies, ['/1', '/2', '/3'].slice(0, bodies.length));
    client.destroy();
  }
});

exchangeTest(
  'a client that closes its half after a request is answered or cut off, and nothing is left open',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(
      t,
      answering(() => ok('x')),
    );
    for (let i = 0; i < 5; i++) {
      const client = await rawClient(t, tsuji.port);
      client.socket.end(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await client.untilClosed();
      assert.ok(client.received === '' || client.received.endsWith('\r\n\r\nx'), client.received);
    }
    assert.ok(server.connections.length <= 5);
  },
);
