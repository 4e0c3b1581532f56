/** Servers that speak HTTP/2: h2c:// with prior knowledge, https:// by ALPN. What clients of HTTP/1.1 see of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { exchangeTest, openUpstream, response, type Scope } from '../harness/exchanges.ts';
import { bodyOf, type Http2Answer, type Http2Server, startHttp2Server } from '../harness/http2.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { makeAuthority, makeCertificate, startTlsServer } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const authority = await makeAuthority(folder.path, 'authority');
const here = await makeCertificate(folder.path, authority, 'here', `IP:${OWN_HOST}`);
const tsuji = await startTsuji({ after }, { flags: ['--logLevel=DEBUG', `--rootCAs=${authority.cert}`] });

const SCHEMES = [
  ['h2c', null],
  ['https', here],
] as const;
const LARGE = 3 * 1024 * 1024;

const get = (host: string, path = '/', fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;
const sha = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

const hello: Http2Answer = ({ stream }) => {
  stream.respond({ ':status': 200, 'content-length': 5 });
  stream.end('hello');
};

for (const [scheme, certificate] of SCHEMES) {
  exchangeTest(`a request reaches an ${scheme} server whole, and nothing that is for one hop`, tsuji, async (t) => {
    const server = await startHttp2Server(t, hello, certificate);
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(
      get(
        host,
        '//a/%2F/../b?x=%20y&',
        'Cookie: a=b; c="d"\r\nX-A: 1\r\nX-A: 2\r\nX-U: <\xc3\xa9>\r\nTE: trailers, deflate\r\nConnection: keep-alive, X-Hop\r\n' +
          'X-Request-Id: mine\r\nX-Hop: no\r\nKeep-Alive: timeout=5\r\nHTTP2-Settings: AAMAAABk\r\nProxy-Connection: x\r\nTrailer: x\r\n',
      ),
    );
    assert.equal((await response(client)).body, 'hello');
    const raw = server.requests[0].raw.join('\n').split('\nx-forwarded-for\n')[0];
    const scheme1 = certificate === null ? 'http' : 'https';
    assert.deepEqual(raw.split('\n'), [
      ...[':method', 'GET', ':scheme', scheme1, ':authority', host, ':path', '//a/%2F/../b?x=%20y&'],
      ...[
        'cookie',
        'a=b; c="d"',
        'x-a',
        '1',
        'x-a',
        '2',
        'x-u',
        '<\xc3\xa9>',
        'x-request-id',
        'mine',
        'te',
        'trailers',
      ],
    ]);
    assert.equal(server.requests[0].headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(server.requests[0].stream.readableEnded || server.requests[0].stream.endAfterHeaders, true);
  });

  exchangeTest(`many requests share one connection to an ${scheme} server`, tsuji, async (t) => {
    let waiting = 0;
    const held: (() => void)[] = [];
    const server = await startHttp2Server(
      t,
      (request) => {
        held.push(() => hello(request));
        waiting++;
      },
      certificate,
    );
    const host = await addRoute(tsuji, [server.url]);
    const first = await rawClient(t, tsuji.port);
    first.send(get(host));
    await waitFor(() => waiting === 1, 'the first request');
    held.pop()!();
    await response(first);
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(t, tsuji.port)));
    for (const client of clients) client.send(get(host));
    await waitFor(() => waiting === 21, 'all requests to be with the server');
    for (const answer of held) answer();
    for (const client of clients) assert.equal((await response(client)).body, 'hello');
    assert.equal(server.open, 1);
    assert.equal(await openUpstream(tsuji), 1);
  });

  exchangeTest(`bodies of any kind go to and from an ${scheme} server as they are`, tsuji, async (t) => {
    const large = 'x\xff\0y'.repeat(LARGE / 4);
    const server = await startHttp2Server(
      t,
      async ({ stream, headers }) => {
        const body = await bodyOf(stream);
        stream.respond({
          ':status': 200,
          'x-length': headers['content-length'] ?? 'none',
          ...(headers[':path'] === '/length' ? { 'content-length': body.length } : {}),
        });
        stream.end(body);
      },
      certificate,
    );
    const host = await addRoute(tsuji, [server.url]);
    for (const [what, path, fields, body, length] of [
      ['no body', '/', '', '', 'none'],
      ['an empty body', '/', 'Content-Length: 0\r\n', '', '0'],
      ['a small body', '/', 'Content-Length: 5\r\n', 'hello', '5'],
      ['a small body, answered with a length', '/length', 'Content-Length: 5\r\n', 'hello', '5'],
      ['a large body', '/', `Content-Length: ${LARGE}\r\n`, large, String(LARGE)],
      ['a large body, answered with a length', '/length', `Content-Length: ${LARGE}\r\n`, large, String(LARGE)],
      ['chunks', '/', 'Transfer-Encoding: chunked\r\n', `5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`, 'none'],
    ] as const) {
      const client = await rawClient(t, tsuji.port);
      client.send(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n${body}`);
      const got = await response(client);
      assert.equal(got.status, 200, what);
      assert.equal(sha(got.body), sha(what === 'chunks' ? 'hello world' : body), what);
      assert.deepEqual(got.fields.get('x-length'), [length], what);
      if (path === '/length') assert.deepEqual(got.fields.get('content-length'), [length]);
    }
  });
}

exchangeTest('a response keeps its fields but for those of one hop, and cannot split itself', tsuji, async (t) => {
  const server = await startHttp2Server(t, ({ stream, headers }) => {
    if (headers[':path'] === '/none') stream.respond({ ':status': 204 }, { endStream: true });
    else if (headers[':path'] === '/304')
      stream.respond({ ':status': 304, 'content-length': 9, etag: '"1"' }, { endStream: true });
    else if (headers[':path'] === '/odd') stream.respond({ ':status': 299 }, { endStream: true });
    else {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({
        ':status': 200,
        'set-cookie': Array.from({ length: 30 }, (_, i) => `c${i}=${i}`),
        'x-latin': 'caf\xe9',
        trailer: 'x-sum',
        date: 'Thu, 01 Jan 1970 00:00:00 GMT',
        'content-length': 5,
      });
      stream.end(headers[':method'] === 'HEAD' ? undefined : 'hello');
    }
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  const got = await response(client);
  assert.equal(got.statusLine, 'HTTP/1.1 200 OK');
  assert.equal(got.body, 'hello');
  assert.deepEqual(
    got.fields.get('set-cookie'),
    Array.from({ length: 30 }, (_, i) => `c${i}=${i}`),
  );
  assert.deepEqual(got.fields.get('x-latin'), ['caf\xe9']);
  assert.equal(got.fields.get('date')!.length, 1);
  assert.doesNotMatch(got.fields.get('date')![0], /1970/);
  for (const name of ['link', 'trailer', ':status', 'connection']) assert.equal(got.fields.has(name), false, name);
  client.send(get(host).replace('GET', 'HEAD'));
  const head = await response(client, 'HEAD');
  assert.deepEqual([head.status, head.fields.get('content-length')], [200, ['5']]);
  client.send(get(host, '/none'));
  assert.equal((await response(client)).status, 204);
  client.send(get(host, '/304'));
  assert.equal((await response(client)).status, 304);
  client.send(get(host, '/odd'));
  const odd = await response(client);
  assert.deepEqual([odd.status, odd.fields.get('content-length')], [299, ['0']]);
});

/** Streams without an end, `bytes` in all, with a pause whenever the other side takes no more. */
function stream(t: Scope, server: { sent: number }): Http2Answer {
  return ({ stream: out }) => {
    let live = true;
    t.after(() => {
      live = false;
    });
    out.respond({ ':status': 200 });
    const more = (): void => {
      while (live && !out.destroyed) {
        server.sent += 65_536;
        if (!out.write(Buffer.alloc(65_536, 'x'))) {
          out.once('drain', more);
          return;
        }
      }
    };
    more();
  };
}

exchangeTest('a client that does not read stops its stream, and nobody else', tsuji, async (t) => {
  const progress = { sent: 0 };
  const endless = stream(t, progress);
  const server = await startHttp2Server(t, (request) =>
    request.headers[':path'] === '/endless' ? endless(request) : hello(request),
  );
  const host = await addRoute(tsuji, [server.url]);
  const stalled = await rawClient(t, tsuji.port);
  stalled.keep = false;
  stalled.socket.pause();
  stalled.send(get(host, '/endless'));
  let before = -1;
  await waitFor(async () => {
    const still = before === progress.sent && progress.sent > 0;
    before = progress.sent;
    const other = await rawClient(t, tsuji.port);
    for (let i = 0; i < 20; i++) {
      other.send(get(host));
      assert.equal((await response(other)).body, 'hello');
    }
    other.destroy();
    return still;
  }, 'the server to be stopped');
  const held = progress.sent;
  stalled.socket.resume();
  await waitFor(() => progress.sent > held + 1_000_000, 'the stream to go on');
  stalled.destroy();
  await waitFor(() => server.resets.includes(8), 'the stream to be reset');
  assert.equal(server.open, 1);
});

exchangeTest('an upload stops while the server does not read it, and goes on with it', tsuji, async (t) => {
  let reads: (() => void) | null = null;
  const server = await startHttp2Server(t, ({ stream: incoming }) => {
    reads = async () => {
      const body = await bodyOf(incoming);
      incoming.respond({ ':status': 200 });
      incoming.end(String(body.length));
    };
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  const bytes = 16 * 1024 * 1024;
  client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes}\r\n\r\n`);
  client.socket.write(Buffer.alloc(bytes, 'x'));
  await waitFor(() => reads !== null, 'the request');
  let before = -1;
  await waitFor(() => {
    const left = client.socket.writableLength;
    const still = left === before && left > 1_000_000;
    before = left;
    return still;
  }, 'the client to be stopped');
  (reads as unknown as () => void)();
  assert.equal((await response(client)).body, String(bytes));
});

exchangeTest(
  'an answer before the end of the upload is passed on, and the rest of the upload dropped',
  tsuji,
  async (t) => {
    const server = await startHttp2Server(t, ({ stream: out }) => {
      out.respond({ ':status': 413 });
      out.end('too large');
    });
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100)}`);
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [413, 'too large']);
    client.send('x'.repeat(99_900));
    client.send(get(host));
    assert.equal((await response(client)).status, 413);
    assert.equal(server.open, 1);
  },
);

exchangeTest('a client that leaves resets its stream and no other', tsuji, async (t) => {
  const server = await startHttp2Server(t, (request) => {
    if (request.headers[':path'] !== '/silent') hello(request);
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host, '/silent'));
  await waitFor(() => server.requests.length === 1, 'the request');
  client.destroy();
  await waitFor(() => server.resets.length === 1, 'the reset');
  assert.deepEqual(server.resets, [8]);
  const other = await rawClient(t, tsuji.port);
  other.send(get(host));
  assert.equal((await response(other)).body, 'hello');
  assert.equal(server.sessions.length, 1);
});

exchangeTest('when the limit of streams is reached another connection is made, and only then', tsuji, async (t) => {
  const held: (() => void)[] = [];
  const server = await startHttp2Server(t, (request) => void held.push(() => hello(request)), null, {
    settings: { maxConcurrentStreams: 4 },
  });
  const host = await addRoute(tsuji, [server.url]);
  const first = await rawClient(t, tsuji.port);
  first.send(get(host));
  await waitFor(() => held.length === 1, 'the first request');
  const clients = await Promise.all(Array.from({ length: 9 }, () => rawClient(t, tsuji.port)));
  for (const client of clients) client.send(get(host));
  await waitFor(() => held.length === 10, 'all requests to be with the server');
  assert.ok(server.open >= 3 && server.open <= 4, `${server.open} connections`);
  for (const answer of held) answer();
  for (const client of [first, ...clients]) assert.equal((await response(client)).body, 'hello');
});

exchangeTest('a server that takes no streams at all costs its own requests and no connections', tsuji, async (t) => {
  const server = await startHttp2Server(t, hello, null, { settings: { maxConcurrentStreams: 0 } });
  const host = await addRoute(tsuji, [server.url]);
  for (let i = 0; i < 5; i++) {
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    const { status } = await response(client);
    assert.ok(status === 200 || status === 502, `${status}`);
  }
  await waitFor(async () => (await openUpstream(tsuji)) === 0, 'its connections to end');
});

exchangeTest('a server that ends its sessions gets new ones, and no request is lost', tsuji, async (t) => {
  const server = await startHttp2Server(t, hello);
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  for (const end of ['close', 'destroy', 'goaway', 'nothing'] as const) {
    client.send(get(host));
    assert.equal((await response(client)).body, 'hello');
    const session = server.sessions.at(-1)!;
    if (end === 'goaway') session.goaway(0);
    else if (end !== 'nothing') session[end]();
    if (end !== 'nothing') await waitFor(async () => (await openUpstream(tsuji)) === 0, `the session to end by ${end}`);
  }
  assert.equal(server.sessions.length, 4);
});

exchangeTest('a server that restarts while it is idle costs no request', tsuji, async (t) => {
  for (const [scheme, certificate] of SCHEMES) {
    const cleanups: (() => unknown)[] = [];
    const first = await startHttp2Server({ after: (fn) => cleanups.push(fn) }, hello, certificate);
    const host = await addRoute(tsuji, [first.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    assert.equal((await response(client)).body, 'hello', scheme);
    for (const cleanup of cleanups) await cleanup();
    await startHttp2Server(t, hello, certificate, { port: Number(new URL(first.url).port) });
    client.send(get(host));
    assert.equal((await response(client)).body, 'hello', scheme);
  }
});

exchangeTest('an https server that changes its mind about the protocol is followed, both ways', tsuji, async (t) => {
  const seen: string[] = [];
  let port = 0;
  const host = { name: '' };
  const client = await rawClient(t, tsuji.port);
  const ask = async (protocol: string): Promise<void> => {
    client.send(get(host.name));
    assert.equal((await response(client)).body, 'hello', `${seen.join()} then ${protocol}`);
    seen.push(protocol);
  };
  const speak = async (protocol: 'h2' | 'http/1.1', requests: number): Promise<void> => {
    const cleanups: (() => unknown)[] = [];
    const scope = { after: (fn: () => unknown) => cleanups.push(fn) };
    if (protocol === 'h2') {
      const server: Http2Server = await startHttp2Server(scope, hello, here, { port });
      port = Number(new URL(server.url).port);
    } else {
      const server = await startTlsServer(
        scope,
        here,
        answering(() => ok('hello')),
        { port, host: OWN_HOST },
      );
      port = server.port;
    }
    if (host.name === '') host.name = await addRoute(tsuji, [`https://${OWN_HOST}:${port}`]);
    try {
      for (let i = 0; i < requests; i++) await ask(protocol);
    } finally {
      for (const cleanup of cleanups) await cleanup();
    }
    await waitFor(async () => (await openUpstream(tsuji)) === 0, 'the connections to be gone');
  };
  for (const protocol of ['h2', 'http/1.1', 'h2', 'http/1.1'] as const) await speak(protocol, 3);
});

exchangeTest('a server that asks for HTTP/1.1 is given it, body and all, and from then on', tsuji, async (t) => {
  let refused = 0;
  const certificate = { cert: readFileSync(here.cert), key: readFileSync(here.key) };
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, async (request, answer) => {
    if (request.httpVersionMajor === 2) {
      refused++;
      request.stream.on('error', () => {}).close(constants.NGHTTP2_HTTP_1_1_REQUIRED);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    answer.end(Buffer.concat(chunks));
  });
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  t.after(() => server.close());
  const host = await addRoute(tsuji, [`https://${OWN_HOST}:${(server.address() as AddressInfo).port}`]);
  const client = await rawClient(t, tsuji.port);
  for (const body of ['hello', 'again']) {
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\n${body}`);
    assert.equal((await response(client)).body, body);
  }
  assert.equal(refused, 1);
});

exchangeTest('requests that come while nothing is known of an https server all get their answer', tsuji, async (t) => {
  const server = await startHttp2Server(t, hello, here);
  const host = await addRoute(tsuji, [server.url]);
  const clients = await Promise.all(Array.from({ length: 30 }, () => rawClient(t, tsuji.port)));
  for (const client of clients) client.send(get(host));
  for (const client of clients) assert.equal((await response(client)).body, 'hello');
  await waitFor(async () => (await openUpstream(tsuji)) === 1, 'one connection to be left');
});

exchangeTest('a server that leaves the table keeps its running requests and loses its sessions', tsuji, async (t) => {
  const held: (() => void)[] = [];
  const server = await startHttp2Server(t, (request) => {
    if (request.headers[':path'] === '/held') held.push(() => hello(request));
    else hello(request);
  });
  const other = await startHttp2Server(t, hello);
  const host = await addRoute(tsuji, [server.url]);
  const idle = await addRoute(tsuji, [other.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(get(idle));
  assert.equal((await response(client)).body, 'hello');
  client.send(get(host, '/held'));
  await waitFor(() => held.length === 1, 'the request');
  for (const name of [host, idle]) tsuji.delete(`backends/${name.replace('.test', '')}`);
  await waitFor(() => other.open === 0, 'the idle session to end');
  assert.equal(server.open, 1);
  held[0]();
  assert.equal((await response(client)).body, 'hello');
  await waitFor(() => server.open === 0, 'the other session to end');
});

exchangeTest('an h2c server that speaks HTTP/1.1 is a 502, and so is one that nobody is at', tsuji, async (t) => {
  const old = await startRawServer(
    t,
    answering(() => ok('hello')),
  );
  const gone = await startRawServer(t);
  const nobody = gone.url.replace('http:', 'h2c:');
  gone.close();
  for (const url of [old.url.replace('http:', 'h2c:'), nobody]) {
    const host = await addRoute(tsuji, [url]);
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    assert.equal((await response(client)).status, 502);
  }
});
