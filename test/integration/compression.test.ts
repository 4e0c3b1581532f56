/** `Compress:true` of an entrypoint: what is compressed, what is not, and that nothing is held back or piles up. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { constants, gunzipSync } from 'node:zlib';
import { brokenResponse, exchangeTest, type Received, response, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji(
  { after },
  {
    flags: [
      `--entryPoints=Name:http Address:${OWN_HOST}:0 Compress:true`,
      `--entryPoints=Name:tsuji Address:${OWN_HOST}:0 Compress:true Engine:tsuji`,
      '--defaultEntryPoints=http,tsuji',
    ],
  },
);

const TEXT = 'tsuji means crossroads. '.repeat(40);
const GZIP = 'Accept-Encoding: deflate, gzip\r\n';

async function setUp(t: Scope, serve?: (c: RawConnection) => void): Promise<{ host: string; server: RawServer }> {
  const server = await startRawServer(t, serve);
  return { host: await addRoute(tsuji, [server.url]), server };
}

function message(body: string, fields = '', status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

const nodePort = tsuji.portOf('tsuji');

async function ask(t: Scope, host: string, fields: string, method = 'GET', port = tsuji.port): Promise<Received> {
  const client = await rawClient(t, port);
  client.send(`${method} / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
  return response(client, method);
}

const value = (received: Received, name: string): string | undefined => received.fields.get(name)?.join(', ');
const unpacked = (body: string): string => gunzipSync(Buffer.from(body, 'latin1')).toString('latin1');

exchangeTest(
  'a response of 512 bytes is compressed for who takes gzip, and nobody else gets it so',
  tsuji,
  async (t) => {
    const body = TEXT.slice(0, 512);
    const { host } = await setUp(
      t,
      answering(() => message(body, 'ETag: "v1"\r\nContent-Type: text/plain\r\n')),
    );
    const packed = await ask(t, host, GZIP);
    assert.equal(value(packed, 'content-encoding'), 'gzip');
    assert.equal(value(packed, 'etag'), 'W/"v1"');
    assert.equal(value(packed, 'vary'), 'Accept-Encoding');
    assert.equal(unpacked(packed.body), body);
    assert.ok(packed.body.length < 200);
    for (const fields of ['', 'Accept-Encoding: br\r\n', 'Accept-Encoding: gzip;q=0\r\n']) {
      const plain = await ask(t, host, fields);
      assert.equal(plain.body, body);
      assert.equal(value(plain, 'content-encoding'), undefined);
      assert.equal(value(plain, 'etag'), '"v1"');
      assert.equal(value(plain, 'vary'), 'Accept-Encoding');
    }
  },
);

const LEFT_ALONE: readonly (readonly [string, string])[] = [
  ['a body of 511 bytes', message(TEXT.slice(0, 511))],
  ['a body that has an encoding', message(TEXT, 'Content-Encoding: br\r\n')],
  ['a part', message(TEXT, `Content-Range: bytes 0-${TEXT.length - 1}/5000\r\n`, '206 Partial Content')],
  ['what must not be transformed', message(TEXT, 'Cache-Control: no-transform\r\n')],
  ['an image', message(TEXT, 'Content-Type: image/jpeg\r\n')],
];

for (const [what, answer] of LEFT_ALONE) {
  exchangeTest(`${what} is left as it is, but varies`, tsuji, async (t) => {
    const { host } = await setUp(
      t,
      answering(() => answer),
    );
    const got = await ask(t, host, GZIP);
    assert.equal(got.body, answer.slice(answer.indexOf('\r\n\r\n') + 4));
    assert.match(answer, new RegExp(`content-encoding: ${value(got, 'content-encoding')}|^(?!.*encoding)`, 'is'));
    assert.equal(value(got, 'vary'), 'Accept-Encoding');
  });
}

exchangeTest('HEAD says what GET would, but for the length, which only GET knows', tsuji, async (t) => {
  let size = 0;
  const { host } = await setUp(
    t,
    answering((head) => {
      const body = head.startsWith('HEAD') ? '' : 'x'.repeat(size);
      return `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nETag: "a"\r\nContent-Digest: d\r\n\r\n${body}`;
    }),
  );
  const told = ['content-encoding', 'etag', 'vary', 'content-digest'];
  for (const port of [tsuji.port, nodePort]) {
    for (size of [100, 600, 100_000]) {
      for (const fields of [GZIP, '']) {
        const get = await ask(t, host, fields, 'GET', port);
        const head = await ask(t, host, fields, 'HEAD', port);
        const packed = size > 512 && fields !== '';
        assert.deepEqual(
          told.map((name) => value(head, name)),
          told.map((name) => value(get, name)),
        );
        assert.equal(value(get, 'content-encoding'), packed ? 'gzip' : undefined);
        assert.equal(value(get, 'content-digest'), packed ? undefined : 'd');
        assert.equal(value(head, 'content-length'), packed ? undefined : String(size));
      }
    }
  }
});

exchangeTest('a response to gRPC is not touched', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering(() => message(TEXT)),
  );
  const got = await ask(t, host, `${GZIP}Content-Type: application/grpc+proto\r\n`);
  assert.equal(got.body, TEXT);
  assert.equal(value(got, 'vary'), undefined);
});

exchangeTest('a large body is compressed while it comes, with or without a length', tsuji, async (t) => {
  const body = Array.from({ length: 60_000 }, (_, line) => `line ${line} of a body that is large\n`).join('');
  const { host } = await setUp(
    t,
    answering((head) => {
      if (head.includes('x-chunked')) {
        const chunks = body.match(/[\s\S]{1,50000}/g)!.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`;
      }
      return message(body);
    }),
  );
  for (const fields of [GZIP, `${GZIP}X-Chunked: 1\r\n`]) {
    const got = await ask(t, host, fields);
    assert.equal(value(got, 'transfer-encoding'), 'chunked');
    assert.ok(got.body.length < body.length / 5);
    assert.ok(unpacked(got.body) === body);
  }
});

exchangeTest('a short body of unknown length is not compressed', tsuji, async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n';
  const { host } = await setUp(
    t,
    answering(() => answer),
  );
  const got = await ask(t, host, GZIP);
  assert.equal(got.body, 'abcdef');
  assert.equal(value(got, 'content-encoding'), undefined);
  assert.equal(value(got, 'vary'), 'Accept-Encoding');
});

for (const type of ['text/event-stream', 'text/plain']) {
  exchangeTest(`no piece of a slow ${type} is held back until the next one`, tsuji, async (t) => {
    const { host, server } = await setUp(t);
    const client = await rawClient(t, tsuji.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${GZIP}\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    let sent = '';
    for (const event of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
      upstream.send(`${event.length.toString(16)}\r\n${event}\r\n`);
      sent += event;
      await waitFor(() => {
        const at = client.received.indexOf('\r\n\r\n');
        if (at < 0) return false;
        return soFar(client.received.slice(at + 4)) === sent;
      }, `${event.trim()} to come`);
    }
    upstream.send('0\r\n\r\n');
    const got = await response(client);
    assert.equal(value(got, 'content-encoding'), 'gzip');
    assert.equal(unpacked(got.body), sent);
  });
}

/** What the chunks that have come say, without waiting for the end. */
function soFar(chunks: string): string {
  let packed = '';
  for (let at = 0; at < chunks.length; ) {
    const lineEnd = chunks.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(chunks.slice(at, lineEnd), 16);
    packed += chunks.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
  if (packed === '') return '';
  return gunzipSync(Buffer.from(packed, 'latin1'), { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1');
}

exchangeTest('a client that does not read stops its server, and then gets all of it', tsuji, async (t) => {
  const piece = randomBytes(65_536);
  const pieces = 500;
  let handedOver = 0;
  const { host } = await setUp(t, (connection) => {
    connection.socket.setMaxListeners(0).once('data', async () => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${piece.length * pieces}\r\n\r\n`);
      for (; handedOver < pieces && !connection.socket.destroyed; handedOver++) {
        if (connection.socket.write(piece)) continue;
        await new Promise((resolve) => connection.socket.once('drain', resolve).once('close', resolve));
      }
    });
  });
  const client = await rawClient(t, tsuji.port);
  client.socket.pause();
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${GZIP}\r\n`);
  let seen = -1;
  let since = performance.now();
  await waitFor(() => {
    if (handedOver !== seen) since = performance.now();
    seen = handedOver;
    return handedOver > 0 && performance.now() - since > 200;
  }, 'everything on the way to be full');
  assert.ok(handedOver < pieces, 'the body went through although nobody reads it');
  client.socket.resume();
  const got = await response(client);
  const whole = gunzipSync(Buffer.from(got.body, 'latin1'));
  assert.equal(whole.length, piece.length * pieces);
  for (let at = 0; at < whole.length; at += piece.length) {
    assert.ok(piece.equals(whole.subarray(at, at + piece.length)), `wrong bytes behind ${at}`);
  }
});

exchangeTest('a client that goes away ends the exchange, whatever is in the compressor', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${GZIP}\r\n`);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${TEXT.repeat(200)}`);
  await client.until('\r\n\r\n');
  client.destroy();
  await upstream.untilClosed();
});

exchangeTest('a server that breaks off in the middle breaks the response, too', tsuji, async (t) => {
  const { host, server } = await setUp(t);
  for (const framing of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
    const client = await rawClient(t, tsuji.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${GZIP}\r\n`);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.startsWith('T') ? 'ffff\r\n' : ''}${TEXT}`);
    upstream.socket.end();
    await brokenResponse(client);
  }
});

exchangeTest('one connection serves compressed and plain responses in turn', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => message(head.includes('/long') ? TEXT : 'short')),
  );
  const client = await rawClient(t, tsuji.port);
  for (const [target, body] of [
    ['/long', TEXT],
    ['/', 'short'],
    ['/long', TEXT],
  ]) {
    client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${GZIP}\r\n`);
    const got = await response(client);
    assert.equal(value(got, 'content-encoding') === 'gzip' ? unpacked(got.body) : got.body, body);
  }
});

exchangeTest('our engine compresses as well, at once and while it comes', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering((head) => message(head.includes('x-large') ? TEXT.repeat(2_000) : TEXT, 'X: \u00e9\r\n')),
  );
  assert.equal(unpacked((await ask(t, host, GZIP, 'GET', nodePort)).body), TEXT);
  const large = await ask(t, host, `${GZIP}X-Large: 1\r\n`, 'GET', nodePort);
  assert.equal(unpacked(large.body), TEXT.repeat(2_000));
  assert.equal(value(large, 'vary'), 'Accept-Encoding');
  assert.equal((await ask(t, host, '', 'GET', nodePort)).body, TEXT);
});

exchangeTest('answers of our own vary as well', tsuji, async (t) => {
  const got = await ask(t, 'nobody.test', GZIP);
  assert.equal(got.status, 404);
  assert.equal(value(got, 'vary'), 'Accept-Encoding');
});
