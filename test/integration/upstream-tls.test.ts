/** Servers behind https://: whom we believe, what we tell them, and that bodies pass as they do without TLS. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { brokenResponse, exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { makeServerCertificates, startTlsServer } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, FAST_TIMERS, startTsuji, TIMER_SPEED, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const { authority, stranger, here, elsewhere, expired, unknown } = await makeServerCertificates(folder.path);

// One after the other: a start takes all of a processor.
const tsuji = await startTsuji(
  { after },
  { flags: ['--logLevel=DEBUG', `--rootCAs=${at('missing.pem')},${authority.cert}`] },
);
const careless = await startTsuji({ after }, { flags: ['--insecureSkipVerify', '--upstream.pipelining=8'] });
const pem = readFileSync(authority.cert, 'utf8');
const retrying = await startTsuji({ after }, { flags: ['--retry', `--rootCAs=${pem}`] });
const fast = await startTsuji({ after }, { imports: [FAST_TIMERS] });

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

async function statusOf(t: Scope, through: Tsuji, urls: readonly string[]): Promise<number> {
  const host = await addRoute(through, urls);
  const client = await rawClient(t, through.port);
  client.send(get(host));
  return (await response(client)).status;
}

const hello = answering(() => ok('hello'));

exchangeTest(
  'a server is asked for by the name in its URL, over HTTP/1.1 when it chooses that, and kept',
  tsuji,
  async (t) => {
    const server = await startTlsServer(t, here, hello, { ALPNProtocols: ['http/1.1', 'h2'] });
    for (const [host, name] of [
      ['localhost', 'localhost'],
      ['127.0.0.1', false],
    ] as const) {
      const before = server.connections.length;
      const route = await addRoute(tsuji, [server.url(host)]);
      const client = await rawClient(t, tsuji.port);
      for (let i = 0; i < 3; i++) {
        client.send(get(route));
        assert.equal((await response(client)).body, 'hello');
      }
      assert.equal(server.connections.length, before + 1);
      const socket = server.socket(before) as unknown as { servername: string | false; alpnProtocol: string };
      assert.deepEqual([socket.servername, socket.alpnProtocol], [name, 'http/1.1']);
    }
  },
);

exchangeTest('a certificate that is not to be believed is a 500, and no request is sent', tsuji, async (t) => {
  for (const certificate of [unknown, elsewhere, expired, stranger]) {
    const seen: RawConnection[] = [];
    const server = await startTlsServer(t, certificate, (connection) => {
      seen.push(connection);
      hello(connection);
    });
    for (const host of ['localhost', '127.0.0.1']) {
      assert.equal(await statusOf(t, tsuji, [server.url(host)]), 500, `${certificate.cert} ${host}`);
    }
    for (const connection of seen) assert.equal(connection.bytes, 0);
  }
  await tsuji.hasSaid(/the TLS handshake with the server failed.*self-signed certificate/);
  await tsuji.hasSaid(/the TLS handshake with the server failed.*certificate has expired/);
});

exchangeTest('--insecureSkipVerify believes them all', careless, async (t) => {
  for (const certificate of [unknown, elsewhere, expired, stranger]) {
    const server = await startTlsServer(t, certificate, hello);
    assert.equal(await statusOf(t, careless, [server.url('localhost')]), 200, certificate.cert);
  }
});

test('without --rootCAs the authorities of the system count', async (t) => {
  const env = { SSL_CERT_FILE: authority.cert, SSL_CERT_DIR: at('none') };
  const system = await startTsuji(t, { env });
  const [good, bad] = [await startTlsServer(t, here, hello), await startTlsServer(t, unknown, hello)];
  assert.equal(await statusOf(t, system, [good.url('localhost')]), 200);
  assert.equal(await statusOf(t, system, [bad.url('localhost')]), 500);
});

test('--rootCAs that cannot be read are logged; when none is left nobody is believed', async (t) => {
  const lost = await startTsuji(t, { flags: [`--rootCAs=${at('missing.pem')},${here.key}`] });
  const server = await startTlsServer(t, here, hello);
  assert.equal(await statusOf(t, lost, [server.url('localhost')]), 500);
  for (const each of [tsuji, lost]) await each.hasSaid(/missing\.pem.*neither a readable file nor PEM text/);
  await lost.hasSaid(/here\.key.*holds no certificate/);
});

exchangeTest(
  'what does not speak TLS is a 500; what hangs up, or does not speak the HTTP/2 that it chose, is a 502',
  tsuji,
  async (t) => {
    const plain = await startRawServer(t, (connection) => {
      connection.socket.once('data', () => connection.socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    const closing = await startRawServer(t, (connection) =>
      connection.socket.once('data', () => connection.socket.end()),
    );
    const resetting = await startRawServer(t, (connection) => {
      connection.socket.once('data', () => connection.socket.resetAndDestroy());
    });
    const secure = (url: string): string => url.replace('http:', 'https:');
    assert.equal(await statusOf(t, tsuji, [secure(plain.url)]), 500);
    assert.equal(await statusOf(t, tsuji, [secure(closing.url)]), 502);
    assert.equal(await statusOf(t, tsuji, [secure(resetting.url)]), 502);
    const http2 = await startTlsServer(t, here, hello, { ALPNProtocols: ['h2'] });
    assert.equal(await statusOf(t, tsuji, [http2.url('localhost')]), 502);
    const old = await startTlsServer(t, here, hello, { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' });
    assert.equal(await statusOf(t, tsuji, [old.url('localhost')]), 200);
  },
);

exchangeTest('a second connection resumes the session of the first', tsuji, async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const once = answering((_, connection) => {
      setImmediate(() => connection.socket.end());
      return ok('x', 'Connection: close\r\n');
    });
    const server = await startTlsServer(t, here, once, { minVersion: version, maxVersion: version });
    const host = await addRoute(tsuji, [server.url('localhost')]);
    const client = await rawClient(t, tsuji.port);
    for (let i = 0; i < 3; i++) {
      client.send(get(host));
      assert.equal((await response(client)).body, 'x');
    }
    assert.deepEqual(server.resumed, [false, true, true], version);
  }
});

exchangeTest('large bodies pass both ways, many at once, on connections that are kept', tsuji, async (t) => {
  const body = Buffer.alloc(3 << 20, 'abcdefg');
  const digest = createHash('sha256').update(body).digest('hex');
  const server = await startTlsServer(t, here, (connection) => {
    connection.keep = false;
    let head = '';
    let left = -1;
    let hash = createHash('sha256');
    connection.socket.on('data', (chunk: Buffer) => {
      let rest = chunk;
      if (left < 0) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        rest = Buffer.from(head.slice(end + 4), 'latin1');
        left = body.length;
      }
      hash.update(rest);
      left -= rest.length;
      if (left > 0) return;
      const field = `X-Digest: ${hash.digest('hex')}\r\n`;
      connection.socket.write(`HTTP/1.1 200 OK\r\n${field}Content-Length: ${body.length}\r\n\r\n`);
      connection.socket.write(body);
      head = '';
      left = -1;
      hash = createHash('sha256');
    });
  });
  const host = await addRoute(tsuji, [server.url('localhost')]);
  const clients = await Promise.all(Array.from({ length: 4 }, () => rawClient(t, tsuji.port)));
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 2; i++) {
        client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n`);
        client.send(body);
        const head = await client.until('\r\n\r\n');
        assert.match(head, new RegExp(`^HTTP/1.1 200 OK\r\n(?:.*\r\n)*x-digest: ${digest}\r\n`, 'i'));
        await waitFor(() => client.received.length >= body.length, 'the whole body');
        assert.equal(createHash('sha256').update(client.received, 'latin1').digest('hex'), digest);
        client.received = '';
      }
    }),
  );
  assert.ok(server.connections.length <= 4, `${server.connections.length} connections`);
});

exchangeTest('a client that does not read stops the server', tsuji, async (t) => {
  const total = 64 << 20;
  const piece = Buffer.alloc(1 << 16, 'x');
  let sent = 0;
  const server = await startTlsServer(t, here, (connection) => {
    connection.socket.once('data', () => {
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const more = (): void => {
        while (sent < total) {
          sent += piece.length;
          if (!connection.socket.write(piece)) return;
        }
      };
      connection.socket.on('drain', more);
      more();
    });
  });
  const host = await addRoute(tsuji, [server.url('localhost')]);
  const client = await rawClient(t, tsuji.port);
  client.keep = false;
  client.socket.pause();
  client.send(get(host));
  let before = -1;
  await waitFor(async () => {
    const still = sent > 0 && sent === before;
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return still;
  }, 'the server to be stopped');
  assert.ok(sent < total / 2, `${sent} bytes went out`);
  client.socket.resume();
  await waitFor(() => client.bytes > total, 'the whole response');
});

exchangeTest('a connection that is cut in mid-body is a broken response', tsuji, async (t) => {
  const server = await startTlsServer(t, here, (connection) => {
    connection.socket.once('data', () => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'));
  });
  // Between the two, so that it can be cut below TLS.
  const cut: Socket[] = [];
  const between = createServer((socket) => {
    const onward = connect(server.port, '127.0.0.1');
    for (const one of [socket, onward]) one.on('error', () => {});
    socket.pipe(onward).pipe(socket);
    cut.push(socket, onward);
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.after(() => between.close());
  const { port } = between.address() as { port: number };
  const host = await addRoute(tsuji, [`https://localhost:${port}`]);
  for (const how of ['end', 'reset'] as const) {
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    await waitFor(() => client.received.includes('half'), 'the first half');
    for (const socket of cut.splice(0)) {
      if (how === 'end') socket.end();
      else socket.resetAndDestroy();
    }
    await brokenResponse(client);
  }
});

exchangeTest('requests of one turn go out together over TLS too', careless, async (t) => {
  const server = await startTlsServer(
    t,
    here,
    answering((head) => ok(head.split(' ', 2)[1])),
  );
  const host = await addRoute(careless, [server.url('localhost')]);
  const clients = await Promise.all(Array.from({ length: 16 }, () => rawClient(t, careless.port)));
  for (let round = 0; round < 20; round++) {
    for (const [i, client] of clients.entries()) client.send(get(host, `/${round}/${i}`));
    for (const [i, client] of clients.entries()) assert.equal((await response(client)).body, `/${round}/${i}`);
  }
});

exchangeTest('--retry goes on to the next server when a handshake fails, bodies included', retrying, async (t) => {
  const bad = await startTlsServer(t, unknown, hello);
  const good = await startTlsServer(t, here, (connection) => {
    void request(connection).then(
      ({ body }) => connection.send(ok(`got ${body}`, 'Connection: close\r\n')),
      () => {},
    );
  });
  const host = await addRoute(retrying, [bad.url('localhost'), good.url('localhost')]);
  const client = await rawClient(t, retrying.port);
  for (let i = 0; i < 4; i++) {
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\nbody`);
    assert.equal((await response(client)).body, 'got body');
  }
});

exchangeTest('a server that accepts but shakes no hand is a 504 after ten seconds', fast, async (t) => {
  const server = await startRawServer(t);
  const host = await addRoute(fast, [server.url.replace('http:', 'https:')]);
  const client = await rawClient(t, fast.port);
  const from = performance.now();
  client.send(get(host));
  assert.equal((await response(client)).status, 504);
  const ms = (performance.now() - from) * TIMER_SPEED;
  assert.ok(ms >= 9_900, `after ${ms} ms`);
});
