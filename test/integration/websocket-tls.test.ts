/** WebSockets to servers behind https://: whom we believe, what we tell them, and that messages pass as without TLS. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { exchangeTest, openUpstream, residentBytes, response, type Scope } from '../harness/exchanges.ts';
import { rawClient, startRawServer } from '../harness/raw.ts';
import { type Certificate, makeServerCertificates, startTlsServer } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { untilStill, waitFor } from '../harness/wait.ts';
import { echoing, handshake, type Peer, startWsServer, type WsServer, wsClient } from '../harness/websocket.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const { authority, stranger, here, elsewhere, expired, unknown } = await makeServerCertificates(folder.path);

// One after the other: a start takes all of a processor.
const flags = [`--rootCAs=${authority.cert}`];
const tsuji = await startTsuji({ after }, { workers: 1, flags: [...flags, '--logLevel=DEBUG'] });
const careless = await startTsuji({ after }, { workers: 1, flags: ['--insecureSkipVerify'] });
const retrying = await startTsuji({ after }, { workers: 1, flags: [...flags, '--retry'] });

const MIB = 1 << 20;

async function startWss(
  t: Scope,
  { cert, key }: Certificate,
  onPeer: (peer: Peer) => void = () => {},
): Promise<{ server: WsServer; url: (host: string) => string }> {
  const ALPNProtocols = ['h2', 'http/1.1'];
  const server = await startWsServer(t, onPeer, { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols });
  return { server, url: (host) => `https://${host}:${server.port}` };
}

async function statusOf(t: Scope, through: Tsuji, urls: readonly string[]): Promise<number> {
  const client = await rawClient(t, through.port);
  client.send(handshake(await addRoute(through, urls)));
  return (await response(client)).status;
}

exchangeTest('a server is asked for by the name in its URL, over HTTP/1.1, and messages pass', tsuji, async (t) => {
  const { server, url } = await startWss(t, here, echoing);
  for (const [host, name] of [
    ['localhost', 'localhost'],
    ['127.0.0.1', false],
  ] as const) {
    const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [url(host)]), { protocols: ['chat'] });
    assert.equal(client.ws.protocol, 'chat');
    const seen = server.requests.at(-1)!;
    const socket = seen.socket as unknown as { servername: string | false; alpnProtocol: string };
    assert.deepEqual([socket.servername, socket.alpnProtocol], [name, 'http/1.1']);
    assert.equal(seen.headers['x-forwarded-proto'], 'ws');
    for (const size of [0, 1, 70_000, 5 * MIB]) {
      const data = randomBytes(size);
      client.ws.send(data);
      assert.ok((await client.next()).data.equals(data), `${size} bytes`);
    }
    client.ws.close(4001, 'done');
    assert.deepEqual(await server.peers.at(-1)!.untilClosed(), { code: 4001, reason: 'done' });
  }
});

exchangeTest('a certificate that is not to be believed is a 500, and no handshake is sent', tsuji, async (t) => {
  for (const certificate of [unknown, elsewhere, expired, stranger]) {
    const server = await startTlsServer(t, certificate);
    for (const host of ['localhost', '127.0.0.1']) {
      assert.equal(await statusOf(t, tsuji, [server.url(host)]), 500, `${certificate.cert} ${host}`);
    }
    assert.deepEqual(
      server.connections.map(({ bytes }) => bytes).filter((bytes) => bytes > 0),
      [],
      'a server that is not believed was told of the handshake',
    );
  }
  await tsuji.hasSaid(/the TLS handshake with the server failed.*self-signed certificate/);
  await tsuji.hasSaid(/the TLS handshake with the server failed.*certificate has expired/);
});

exchangeTest('--insecureSkipVerify believes them all', careless, async (t) => {
  for (const certificate of [unknown, elsewhere, expired, stranger]) {
    const { url } = await startWss(t, certificate);
    await wsClient(t, careless.port, await addRoute(careless, [url('localhost')]));
  }
});

exchangeTest('what does not speak TLS is a 500; what is gone or hangs up a 502; a refusal passes', tsuji, async (t) => {
  const secure = (url: string): string => url.replace('http:', 'https:');
  const plain = await startRawServer(t, (c) => {
    c.socket.once('data', () => c.socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  assert.equal(await statusOf(t, tsuji, [secure(plain.url)]), 500);
  const closing = await startRawServer(t, (c) => c.socket.once('data', () => c.socket.end()));
  assert.equal(await statusOf(t, tsuji, [secure(closing.url)]), 502);
  const http2 = await startTlsServer(t, here, undefined, { ALPNProtocols: ['h2'] });
  assert.equal(await statusOf(t, tsuji, [http2.url('localhost')]), 500);
  const gone = await startRawServer(t);
  const goneUrl = secure(gone.url);
  gone.close();
  assert.equal(await statusOf(t, tsuji, [goneUrl]), 502);
  assert.equal(await statusOf(t, tsuji, ['https://nowhere.invalid:1']), 502);
  const refusing = await startTlsServer(t, here, (connection) => {
    const answer = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno';
    connection.socket.once('data', () => connection.send(answer));
  });
  assert.equal(await statusOf(t, tsuji, [refusing.url('localhost')]), 401);
});

exchangeTest('a client that leaves during the TLS handshake leaves nothing behind', tsuji, async (t) => {
  const silent = await startRawServer(t);
  const client = await rawClient(t, tsuji.port);
  client.send(handshake(await addRoute(tsuji, [silent.url.replace('http:', 'https:')])));
  const upstream = await silent.next();
  await waitFor(() => upstream.bytes > 0, 'the beginning of the TLS handshake');
  assert.equal(await openUpstream(tsuji), 1);
  client.destroy();
  await upstream.untilClosed();
});

exchangeTest('--retry goes on to the next server when a TLS handshake fails', retrying, async (t) => {
  const bad = await startWss(t, unknown);
  const good = await startWss(t, here);
  const host = await addRoute(retrying, [bad.url('localhost'), good.url('localhost')]);
  for (let i = 0; i < 4; i++) await wsClient(t, retrying.port, host);
  assert.equal(good.server.peers.length, 4);
});

exchangeTest('a server that does not read stops the client, and gets everything in the end', tsuji, async (t) => {
  const count = 120;
  const { server, url } = await startWss(t, here);
  const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [url('localhost')]));
  const peer = await server.next();
  peer.ws.pause();
  const before = await residentBytes(tsuji);
  let taken = 0;
  const send = (): void => client.ws.send(Buffer.alloc(MIB, 'm'), () => taken++ < count - 1 && send());
  send();
  await untilStill(() => taken, 'the client to be stopped');
  assert.ok(taken < count, 'nothing was stopped');
  assert.ok((await residentBytes(tsuji)) - before < 96 * MIB);
  peer.ws.resume();
  await waitFor(
    () => peer.messages.length === count,
    () => `all messages, ${peer.messages.length} so far`,
  );
});

exchangeTest('a TLS connection that is cut ends the client without a close frame', tsuji, async (t) => {
  const { server, url } = await startWss(t, here);
  const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [url('localhost')]));
  await server.next();
  server.requests[0].socket.destroy();
  assert.equal((await client.untilClosed()).code, 1006);
});
