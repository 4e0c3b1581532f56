/** The opening handshake through tsuji: routed, balanced, forwarded, refused (RFC 6455 §4, shared/spec proxying §10). */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after } from 'node:test';
import { exchangeTest, openExchanges, openUpstream, request, response, type Scope } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, handshake, nextFrame, startWsServer, TEXT, wsClient, frame as wsFrame } from '../harness/websocket.ts';

const tsuji = await startTsuji({ after }, { workers: 1 });
const impatient = await startTsuji(
  { after },
  {
    workers: 1,
    flags: ['--retry', '--retry.attempts=3', '--forwardingTimeouts.responseHeaderTimeout=200ms'],
  },
);

/** Of a server that is gone. */
async function deadUrl(t: Scope): Promise<string> {
  const server = await startRawServer(t);
  const { url } = server;
  server.close();
  return url;
}

exchangeTest(
  'the server gets the target, the fields and the forwarded fields; a new key and no extension',
  tsuji,
  async (t) => {
    const server = await startRawServer(t);
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(
      handshake(
        `${host}:81`,
        'Origin: http://o.test\r\nCookie: a=1; b="2"\r\nAuthorization: Basic eDp5\r\nX-A: 1\r\nX-A: 2\r\nX-U: <\xc3\xa9>\r\n' +
          'Sec-WebSocket-Protocol: chat.v2, Bearer=!x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n' +
          'X-Forwarded-For: 1.1.1.1\r\nProxy-Authorization: no\r\nKeep-Alive: 5\r\n',
        '/a/../b%2Fc//?q=%20&z',
      ),
    );
    const upstream = await server.next();
    const got = await request(upstream);
    const field = (name: string): string => (got.fields.get(name) ?? []).join(' | ');
    assert.equal(got.statusLine, 'GET /a/../b%2Fc//?q=%20&z HTTP/1.1');
    assert.equal(field('host'), `${host}:81`);
    assert.equal(field('origin'), 'http://o.test');
    assert.equal(field('cookie'), 'a=1; b="2"');
    assert.equal(field('authorization'), 'Basic eDp5');
    assert.equal(field('x-a'), '1 | 2');
    assert.equal(field('x-u'), '<\xc3\xa9>');
    assert.equal(field('sec-websocket-protocol'), 'chat.v2, Bearer=!x');
    assert.equal(field('sec-websocket-version'), '13');
    assert.equal(field('upgrade').toLowerCase(), 'websocket');
    assert.equal(field('connection').toLowerCase(), 'upgrade');
    assert.match(field('sec-websocket-key'), /^[\w+/]{22}==$/);
    assert.notEqual(field('sec-websocket-key'), 'dGhlIHNhbXBsZSBub25jZQ==');
    for (const name of ['sec-websocket-extensions', 'proxy-authorization', 'keep-alive']) assert.equal(field(name), '');
    assert.deepEqual(
      ['for', 'host', 'port', 'proto', 'server'].map((name) => field(`x-forwarded-${name}`)),
      ['1.1.1.1, 127.0.0.1', `${host}:81`, '81', 'ws', hostname()],
    );
    upstream.destroy();
    assert.equal((await response(client)).status, 502);
  },
);

exchangeTest(
  'the client gets the fields of the 101 with the chosen subprotocol and its own accept',
  tsuji,
  async (t) => {
    const server = await startRawServer(t);
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(handshake(host, 'Sec-WebSocket-Protocol: a, b\r\n'));
    const upstream = await server.next();
    const head = await upstream.until('\r\n\r\n');
    const fields = 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSec-WebSocket-Protocol: b\r\nX-L: \xe9\r\nDate: old\r\n';
    // The first message comes in the same packet as the 101.
    upstream.send(Buffer.concat([Buffer.from(accept(head, fields), 'latin1'), wsFrame(TEXT, 'early', false)]));
    const got = await client.until('\r\n\r\n');
    assert.ok(got.startsWith('HTTP/1.1 101 Switching Protocols\r\n'), got);
    assert.match(got, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    assert.match(got, /\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nSec-WebSocket-Protocol: b\r\nX-L: \xe9\r\n/);
    for (const name of ['upgrade', 'connection', 'sec-websocket-accept', 'date']) {
      assert.equal(got.match(new RegExp(`\r\n${name}:`, 'gi'))?.length, 1, name);
    }
    assert.doesNotMatch(got, /extensions|content-length|transfer-encoding|old/i);
    assert.equal((await nextFrame(client)).payload.toString(), 'early');
  },
);

exchangeTest(
  'a subprotocol is the business of the two ends: none chosen, or one that was not offered',
  tsuji,
  async (t) => {
    const server = await startRawServer(t);
    const host = await addRoute(tsuji, [server.url]);
    for (const [offered, chosen] of [
      ['Sec-WebSocket-Protocol: a\r\n', ''],
      ['', 'Sec-WebSocket-Protocol: z\r\n'],
    ]) {
      const client = await rawClient(t, tsuji.port);
      client.send(handshake(host, offered));
      const upstream = await server.next();
      upstream.send(accept(await upstream.until('\r\n\r\n'), chosen));
      const got = await client.until('\r\n\r\n');
      assert.match(got, /^HTTP\/1\.1 101 /);
      assert.equal(got.includes('Sec-WebSocket-Protocol: z'), chosen !== '');
    }
  },
);

exchangeTest(
  'rules ask for fields and the query of a handshake, and change its path, as of every request',
  tsuji,
  async (t) => {
    const server = await startRawServer(t);
    const host = await addRoute(tsuji, [server.url], {
      'frontends/$/routes/f/rule': 'Headers:X-Room,a',
      'frontends/$/routes/q/rule': 'Query:v=1',
      'frontends/$/routes/p/rule': 'PathPrefixStrip:/chat;AddPrefix:/ws é',
    });
    const status = async (fields: string, target: string): Promise<number> => {
      const client = await rawClient(t, tsuji.port);
      client.send(handshake(host, fields, target));
      return (await response(client)).status;
    };
    assert.equal(await status('', '/chat/r?v=1'), 404);
    assert.equal(await status('X-Room: b\r\n', '/chat/r?v=1'), 404);
    assert.equal(await status('X-Room: a\r\n', '/chat/r?v=2'), 404);
    assert.equal(server.connections.length, 0);
    const client = await rawClient(t, tsuji.port);
    client.send(handshake(host, 'X-Room: a\r\n', '/chat/r%20%0d%0a?v=1&w'));
    const upstream = await server.next();
    const head = await upstream.until('\r\n\r\n');
    assert.match(head, /^GET \/ws%20%C3%A9\/r%20%0[dD]%0[aA]\?v=1&w HTTP\/1\.1\r\n/);
    assert.match(head, /\r\nx-forwarded-prefix: \/chat\r\n/);
    upstream.send(accept(head));
    assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 101 /);
  },
);

exchangeTest('passHostHeader=false sends the host of the server URL', tsuji, async (t) => {
  const server = await startWsServer(t);
  const host = await addRoute(tsuji, [server.url], { 'frontends/$/passHostHeader': 'false' });
  await wsClient(t, tsuji.port, host);
  assert.equal(`http://${server.requests[0].headers.host}`, server.url);
});

exchangeTest(
  'a refusal reaches the client as it is: status, fields and body, and the connection lives on',
  tsuji,
  async (t) => {
    const long = 'x'.repeat(300_000);
    const answers = [
      'HTTP/1.1 401 Who are you\r\nWWW-Authenticate: Basic realm="r"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nno',
      'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      'HTTP/1.1 502 Bad Gateway\r\nX-L: \xe9\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      `HTTP/1.1 403 Forbidden\r\nContent-Length: ${long.length}\r\n\r\n${long}`,
      `HTTP/1.0 200 OK\r\n\r\n${long}`,
      'HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n',
    ];
    let turn = 0;
    const server = await startRawServer(t, (c) => {
      c.socket.once('data', () => c.socket.end(Buffer.from(answers[turn++], 'latin1')));
    });
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    const got = [];
    for (const _ of answers) {
      client.send(handshake(host));
      got.push(await response(client));
    }
    assert.deepEqual(
      got.map(({ status }) => status),
      [401, 404, 502, 426, 204, 403, 200, 302],
    );
    assert.equal(got[0].statusLine, 'HTTP/1.1 401 Who are you');
    assert.deepEqual(got[0].fields.get('www-authenticate'), ['Basic realm="r"']);
    assert.deepEqual(got[0].fields.get('set-cookie'), ['a=1', 'b=2']);
    assert.deepEqual(got[2].fields.get('x-l'), ['\xe9']);
    assert.deepEqual(got[3].fields.get('sec-websocket-version'), ['13, 8']);
    assert.deepEqual(
      got.map(({ body }) => body.length),
      [2, 5, 0, 0, 0, long.length, long.length, 0],
    );
    assert.deepEqual(got[7].fields.get('location'), ['/elsewhere']);
  },
);

exchangeTest('a refusal that breaks off in mid-body is never a whole response', tsuji, async (t) => {
  const server = await startRawServer(t, (c) => {
    c.socket.once('data', () => c.socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nabc'));
  });
  const client = await rawClient(t, tsuji.port);
  client.send(handshake(await addRoute(tsuji, [server.url])));
  assert.match(await client.untilClosed(), /\r\n\r\nabc$/);
});

exchangeTest('a refusal waits for a client that is slow', tsuji, async (t) => {
  const size = 24 << 20;
  let sent = 0;
  const server = await startRawServer(t, (c) => {
    c.socket.once('data', () => {
      c.send(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${size}\r\n\r\n`);
      const chunk = Buffer.alloc(1 << 16, 'x');
      const more = (): void => {
        while (sent < size && c.socket.writable) {
          sent += chunk.length;
          if (!c.socket.write(chunk)) return;
        }
      };
      c.socket.on('drain', more);
      more();
    });
  });
  const client = await rawClient(t, tsuji.port);
  client.keep = false;
  client.socket.pause();
  client.send(handshake(await addRoute(tsuji, [server.url])));
  let before = -1;
  await waitFor(async () => {
    const now = sent;
    const still = now > 0 && now === before;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return still;
  }, 'the server to be stopped');
  assert.ok(sent < size, 'everything was taken from the server');
  client.socket.resume();
  await waitFor(() => client.bytes > size, 'all of the refusal');
});

exchangeTest(
  'what a handshake cannot reach is answered as for every request: 404, 503, 502, 504',
  impatient,
  async (t) => {
    const answers: (readonly [number, string])[] = [[404, 'nowhere.test']];
    answers.push([503, await addRoute(impatient, [])]);
    answers.push([502, await addRoute(impatient, [await deadUrl(t)])]);
    const closes = await startRawServer(t, (c) => c.socket.once('data', () => c.destroy()));
    answers.push([502, await addRoute(impatient, [closes.url])]);
    const mute = await startRawServer(t);
    answers.push([504, await addRoute(impatient, [mute.url])]);
    const bad = [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n',
      'SSH-2.0-OpenSSH\r\n\r\n',
    ];
    for (const text of bad) {
      const server = await startRawServer(t, (c) => c.socket.once('data', () => c.send(text)));
      answers.push([502, await addRoute(impatient, [server.url])]);
    }
    const compressing = await startRawServer(t, (c) => {
      c.socket.once('data', () => c.send(accept(c.received, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')));
    });
    answers.push([502, await addRoute(impatient, [compressing.url])]);
    for (const [status, host] of answers) {
      const client = await rawClient(t, impatient.port);
      client.send(handshake(host));
      assert.equal((await response(client)).status, status, host);
    }
  },
);

exchangeTest(
  'WebSockets take turns over the servers, and with --retry a dead one costs nothing',
  impatient,
  async (t) => {
    const servers = [await startWsServer(t), await startWsServer(t)];
    const host = await addRoute(impatient, [servers[0].url, await deadUrl(t), servers[1].url]);
    for (let i = 0; i < 6; i++) await wsClient(t, impatient.port, host);
    assert.equal(servers[0].peers.length + servers[1].peers.length, 6);
    assert.ok(servers[0].peers.length >= 2 && servers[1].peers.length >= 2);
    assert.match(await impatient.metrics(), /retries_total\{[^}]*\} [1-9]/);
  },
);

exchangeTest('what is no valid handshake goes the ordinary way', tsuji, async (t) => {
  const server = await startRawServer(
    t,
    answering((head) => ok(/^(upgrade|connection):/im.test(head) ? 'upgraded' : head.split(' ', 1)[0])),
  );
  const host = await addRoute(tsuji, [server.url]);
  const good = handshake(host);
  const client = await rawClient(t, tsuji.port);
  for (const [text, body] of [
    [good.replace(/Sec-WebSocket-Key.*\r\n/, ''), 'GET'],
    [good.replace('NlIG5vbmNlZQ', 'short'), 'GET'],
    [good.replace('bXBsZSBub25jZQ==', 'bXBsZSBub25jZ!=='), 'GET'],
    [good.replace('Version: 13', 'Version: 8'), 'GET'],
    [good.replace('Upgrade: websocket', 'Upgrade: h2c'), 'GET'],
    [good.replace('Connection: Upgrade', 'Connection: keep-alive'), 'GET'],
    [good.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'), 'POST'],
    [good.replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\nab'), 'GET'],
  ]) {
    if (text === good) continue;
    client.received = '';
    client.send(text);
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [200, body], text);
  }
});

exchangeTest('a client that goes during the handshake ends it at the server', tsuji, async (t) => {
  const server = await startRawServer(t);
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(handshake(host));
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  assert.equal(await openUpstream(tsuji), 1);
  client.destroy();
  await upstream.untilClosed();
});

exchangeTest('a handshake cut at every byte is one handshake', tsuji, async (t) => {
  const server = await startWsServer(t);
  const host = await addRoute(tsuji, [server.url]);
  const text = handshake(host, 'Sec-WebSocket-Protocol: p\r\n');
  const open: RawConnection[] = [];
  for (let cut = 1; cut < text.length; cut++) {
    const client = await rawClient(t, tsuji.port);
    client.send(text.slice(0, cut));
    open.push(client);
  }
  await new Promise(setImmediate);
  for (const [i, client] of open.entries()) client.send(text.slice(i + 1));
  for (const client of open) assert.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 101 /);
  assert.equal(server.peers.length, open.length);
  assert.equal(await openExchanges(tsuji), open.length);
});
