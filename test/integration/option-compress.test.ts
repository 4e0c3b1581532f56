/** Compression of a frontend's responses, alone and with that of its entrypoint (shared/spec frontend-options §3.10). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import test, { after } from 'node:test';
import {
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from 'node:zlib';
import { type Answer, type Ask, bytesOf, ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { bufferedBytes, openExchanges, response, type Scope } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const TEXT = 'tsuji means crossroads. '.repeat(100);
const LARGE = Array.from({ length: 8_000 }, (_, line) => `line ${line} of a large body\n`).join('');

let asked: IncomingHttpHeaders = {};
/** Responses that wait for the next thing to say: what was said, and how to go on. */
const open: { say: (text: string) => void; end: () => void; breakOff: () => void }[] = [];
const server = createServer((request, response) => {
  asked = request.headers;
  const type = new URL(request.url!, 'http://a').searchParams.get('type') ?? 'text/plain';
  const path = request.url!.split('?')[0];
  response.setHeader('content-type', type);
  response.setHeader('etag', '"v1"');
  if (request.headers['if-none-match']?.split(', ').includes('"v1"')) {
    response.writeHead(304).end();
  } else if (path === '/missing') {
    response.writeHead(404).end('nothing');
  } else if (path === '/refuses') {
    response.writeHead(403, { 'content-length': LARGE.length }).end(LARGE);
  } else if (path === '/large') {
    response.setHeader('content-length', LARGE.length);
    response.end(LARGE);
  } else if (path === '/chunked') {
    response.write(LARGE);
    response.end();
  } else if (path === '/short') {
    response.setHeader('content-length', 5);
    response.end('short');
  } else if (path === '/short-chunks') {
    response.write('sho');
    response.end('rt');
  } else if (path === '/slow') {
    response.flushHeaders();
    open.push({
      say: (text) => response.write(text),
      end: () => response.end(),
      breakOff: () => response.destroy(),
    });
  } else if (path === '/trailers') {
    response.setHeader('trailer', 'x-last, content-digest');
    response.addTrailers({ 'x-last': '1', 'content-digest': 'd' });
    response.write(TEXT);
    response.end();
  } else {
    response.setHeader('content-length', TEXT.length);
    response.setHeader('accept-ranges', 'bytes');
    response.setHeader('content-digest', 'd');
    response.end(TEXT);
  }
});
const url = await listening({ after }, server);
const engines = await startEngines(
  { after },
  {
    flags: [
      `--entryPoints=Name:packed Address:${OWN_HOST}:0 Compress:true`,
      '--defaultEntryPoints=uws,uws-tls,tsuji,tls,packed',
    ],
  },
);
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [url], under('frontends/$', keys));
const on = await route({ compress: 'true' });
const off = await route({ compress: 'false' });
const plain = await route({});
const streams = await route({ 'compress/contenttypes': 'text/*' });
const guarded = await route({ 'compress/encodings': 'zstd', 'auth/forward/address': `${url}/refuses` });
const brotli = await route({ 'compress/encodings': 'br', 'compress/defaultencoding': 'br' });

const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;
const INCREMENTAL = {
  gzip: () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
} as const;
type Coding = keyof typeof DECODERS;

const ask = (t: Scope, engine: Engine, request: Ask): Promise<Answer & { body: Buffer }> =>
  whole(engines.client(t, engine).ask(request));

for (const engine of ENGINES) {
  test(`${engine}: a client gets the coding that it likes best, at once and in pieces`, async (t) => {
    for (const coding of ['gzip', 'br', 'zstd'] as const) {
      for (const [path, body] of [
        ['/', TEXT],
        ['/large', LARGE],
        ['/chunked', LARGE],
      ]) {
        const accept = {
          'accept-encoding': `gzip;q=0.2, br;q=0.2, zstd;q=0.2, ${coding};q=0.1`.replace(
            `${coding};q=0.2`,
            `${coding};q=0.9`,
          ),
        };
        const got = await ask(t, engine, { host: on, path, fields: accept });
        assert.equal(got.fields['content-encoding'], coding, path);
        assert.equal(DECODERS[coding](got.body).toString(), body);
        assert.equal(got.fields.vary, 'Accept-Encoding');
        assert.equal(got.fields.etag, 'W/"v1"');
        for (const name of ['accept-ranges', 'content-digest']) assert.equal(got.fields[name], undefined);
      }
    }
  });

  test(`${engine}: whoever takes none, or only a part, gets the body as it is`, async (t) => {
    for (const fields of [
      {},
      { 'accept-encoding': '' },
      { 'accept-encoding': 'identity' },
      { 'accept-encoding': 'gzip', range: 'bytes=0-1000' },
      { 'accept-encoding': 'gzip', 'cache-control': 'no-transform' },
    ] as Record<string, string>[]) {
      const got = await ask(t, engine, { host: on, fields });
      assert.equal(got.body.toString(), TEXT);
      assert.equal(got.fields['content-encoding'], undefined);
      assert.deepEqual(
        ['vary', 'etag', 'content-length', 'accept-ranges', 'content-digest'].map((name) => got.fields[name]),
        ['Accept-Encoding', '"v1"', String(TEXT.length), 'bytes', 'd'],
      );
    }
  });

  test(`${engine}: short bodies, packed types, event streams and gRPC are left alone`, async (t) => {
    const fields = { 'accept-encoding': 'gzip' };
    for (const path of ['/short', '/?type=image/png', '/?type=application/grpc%2Bproto', '/?type=text/event-stream']) {
      const got = await ask(t, engine, { host: on, path, fields });
      assert.deepEqual([got.fields['content-encoding'], got.fields.vary], [undefined, undefined], path);
    }
    const chunks = await ask(t, engine, { host: on, path: '/short-chunks', fields });
    assert.deepEqual([chunks.body.toString(), chunks.fields['content-encoding']], ['short', undefined]);
    const grpc = await ask(t, engine, { host: on, fields: { ...fields, 'content-type': 'application/grpc' } });
    assert.equal(grpc.body.toString(), TEXT);
  });

  test(`${engine}: HEAD and 304 say what GET would, and a server hears both forms of a weak tag`, async (t) => {
    const fields = { 'accept-encoding': 'br' };
    const head = await ask(t, engine, { host: on, method: 'HEAD', fields });
    assert.deepEqual(
      ['content-encoding', 'etag', 'vary', 'content-length', 'content-digest'].map((name) => head.fields[name]),
      ['br', 'W/"v1"', 'Accept-Encoding', undefined, undefined],
    );
    const short = await ask(t, engine, { host: on, method: 'HEAD', path: '/short', fields });
    assert.equal(short.fields['content-encoding'], undefined);
    const fresh = await ask(t, engine, { host: on, fields: { ...fields, 'if-none-match': 'W/"v0", W/"v1"' } });
    assert.equal(asked['if-none-match'], 'W/"v0", W/"v1", "v0", "v1"');
    assert.deepEqual([fresh.status, fresh.fields.etag, fresh.fields.vary], [304, 'W/"v1"', 'Accept-Encoding']);
    await ask(t, engine, { host: on, fields: { ...fields, 'if-match': 'W/"v1"' } });
    assert.equal(asked['if-match'], 'W/"v1"');
  });

  test(`${engine}: nothing that a slow server says is held back`, async (t) => {
    for (const [host, coding, type] of [
      [on, 'gzip', 'text/plain'],
      [on, 'br', 'text/plain'],
      [on, 'zstd', 'text/plain'],
      [streams, 'gzip', 'text/event-stream'],
    ] as [string, Coding, string][]) {
      open.length = 0;
      const { head, body } = engines
        .client(t, engine)
        .ask({ host, path: `/slow?type=${type}`, fields: { 'accept-encoding': coding } });
      await waitFor(() => open.length === 1, 'the server to be asked');
      const decoder = INCREMENTAL[coding]();
      let text = '';
      decoder.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      open[0].say('data: one\n\n');
      assert.equal((await head).fields['content-encoding'], coding);
      (await body).pipe(decoder);
      await waitFor(() => text === 'data: one\n\n', 'the first piece');
      open[0].say('data: two\n\n');
      await waitFor(() => text === 'data: one\n\ndata: two\n\n', 'the second piece');
      open[0].end();
      await new Promise((resolve) => decoder.once('end', resolve));
    }
  });

  test(`${engine}: a long answer of our own is compressed and whole`, async (t) => {
    for (const [fields, coding] of [
      [{ 'accept-encoding': 'zstd' }, 'zstd'],
      [{}, undefined],
    ] as [Record<string, string>, string | undefined][]) {
      const got = await ask(t, engine, { host: guarded, fields });
      assert.deepEqual([got.status, got.fields['content-encoding']], [403, coding]);
      assert.equal((coding === undefined ? got.body : zstdDecompressSync(got.body)).toString(), LARGE);
    }
  });

  test(`${engine}: a server that breaks off breaks the response, too`, async (t) => {
    open.length = 0;
    const { head, body } = engines
      .client(t, engine)
      .ask({ host: on, path: '/slow', fields: { 'accept-encoding': 'gzip' } });
    await waitFor(() => open.length === 1, 'the server to be asked');
    open[0].say(TEXT);
    assert.equal((await head).fields['content-encoding'], 'gzip');
    open[0].breakOff();
    await assert.rejects(bytesOf(await body));
    await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end');
    assert.equal(await bufferedBytes(tsuji), 0);
  });
}

test('trailers follow a compressed body, but no digest of it as it was', async (t) => {
  const client = await rawClient(t, engines.port('tsuji'));
  client.send(`GET /trailers HTTP/1.1\r\nHost: ${on}\r\nTE: trailers\r\nAccept-Encoding: gzip\r\n\r\n`);
  const received = await client.until('x-last: 1\r\n\r\n');
  assert.match(received, /content-encoding: gzip/i);
  assert.doesNotMatch(received, /content-digest/i);
});

test('a default encoding is for who says nothing, and one that is not offered is not used', async (t) => {
  const silent = await ask(t, 'uws', { host: brotli });
  assert.equal(brotliDecompressSync(silent.body).toString(), TEXT);
  const other = await ask(t, 'uws', { host: brotli, fields: { 'accept-encoding': 'gzip, zstd' } });
  assert.equal(other.fields['content-encoding'], undefined);
});

test('error pages and buffered responses are compressed like others', async (t) => {
  const host = await addRoute(tsuji, [url], {
    'frontends/$/compress': 'true',
    'frontends/$/errors/p/status': '404',
    'frontends/$/errors/p/backend': plain.split('.')[0],
    'frontends/$/errors/p/query': '/large',
    'backends/$/buffering/maxresponsebodybytes': '1000000',
  });
  for (const [path, status, body] of [
    ['/missing', 404, LARGE],
    ['/', 200, TEXT],
    ['/chunked', 200, LARGE],
  ] as const) {
    const got = await ask(t, 'uws', { host, path, fields: { 'accept-encoding': 'br' } });
    assert.deepEqual([got.status, got.fields['content-encoding']], [status, 'br']);
    assert.equal(brotliDecompressSync(got.body).toString(), body);
  }
});

test('with that of the entrypoint a response is compressed once, as the frontend wants it', async (t) => {
  const port = tsuji.portOf('packed');
  const get = async (host: string, path: string, fields = ''): Promise<string> => {
    const client = await rawClient(t, port);
    client.send(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: br, gzip;q=0.5\r\nConnection: close\r\n${fields}\r\n`,
    );
    return client.untilClosed();
  };
  const coding = (received: string): string[] => received.toLowerCase().match(/content-encoding: \S+/g) ?? [];
  const vary = (received: string): number => (received.match(/vary: accept-encoding/gi) ?? []).length;
  assert.deepEqual(coding(await get(plain, '/')), ['content-encoding: gzip']);
  const both = await get(on, '/');
  assert.deepEqual([coding(both), vary(both)], [['content-encoding: br'], 1]);
  // Excluded by the frontend, and nothing that the entrypoint would do then.
  assert.deepEqual(coding(await get(on, '/?type=text/event-stream')), []);
  const none = await get(off, '/', 'If-None-Match: W/"v0"\r\n');
  assert.deepEqual([coding(none), vary(none)], [[], 0]);
  assert.equal(asked['if-none-match'], 'W/"v0"');
  assert.ok(none.endsWith(TEXT));
});

test('a change is live, and a wrong key costs itself only', async (t) => {
  const name = plain.split('.')[0];
  tsuji.set(`frontends/${name}/compress`, 'true');
  const fields = { 'accept-encoding': 'gzip' };
  await waitFor(
    async () => (await ask(t, 'uws', { host: plain, fields })).fields['content-encoding'] === 'gzip',
    'the change to be live',
  );
  tsuji.set(`frontends/${name}/compress`, 'false');
  await waitFor(
    async () => (await ask(t, 'uws', { host: plain, fields })).fields['content-encoding'] === undefined,
    'the change to be live',
  );
  const wrong = await route({ 'compress/levels/gzip': '11' });
  assert.equal((await ask(t, 'uws', { host: wrong, fields })).fields['content-encoding'], 'gzip');
  const { problems } = await tsuji.status();
  assert.ok(problems.some(({ key, state }) => key.endsWith('compress/levels/gzip') && state === 'defaulted'));
});

test('a refused handshake of a WebSocket is an answer like others', async (t) => {
  const refusing = await startRawServer(
    t,
    answering(() => ok(TEXT, 'Content-Type: text/plain\r\n')),
  );
  const host = await addRoute(tsuji, [refusing.url], { 'frontends/$/compress': 'true' });
  for (const engine of ['uws', 'tsuji'] as const) {
    for (const [name, size] of [
      [host, TEXT.length],
      [guarded, LARGE.length],
    ] as const) {
      for (const coding of ['gzip, zstd;q=0.5', 'identity']) {
        const client = await rawClient(t, engines.port(engine));
        client.send(
          `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
            `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nAccept-Encoding: ${coding}\r\n\r\n`,
        );
        const { fields, body } = await response(client);
        assert.equal(
          fields.get('content-encoding')?.[0],
          coding === 'identity' ? undefined : size > 5_000 ? 'zstd' : 'gzip',
        );
        if (coding === 'identity') assert.equal(body.length, size);
      }
    }
  }
});

test('bytes before and after are counted, of what was compressed at once and piece by piece', async (t) => {
  const total = async (side: string): Promise<number> =>
    Number(
      new RegExp(`^tsuji_compression_bytes_total\\{encoding="gzip",side="${side}"\\} (\\d+)$`, 'm').exec(
        await tsuji.metrics(),
      )?.[1] ?? 0,
    );
  const one = await addRoute(tsuji, [url], { 'frontends/$/compress': 'true' });
  for (const [path, size] of [
    ['/', TEXT.length],
    ['/large', LARGE.length],
  ] as const) {
    const [before, after] = [await total('in'), await total('out')];
    const { body } = await ask(t, 'tsuji', { host: one, path, fields: { 'accept-encoding': 'gzip' } });
    assert.deepEqual([(await total('in')) - before, (await total('out')) - after], [size, body.length], path);
  }
});
