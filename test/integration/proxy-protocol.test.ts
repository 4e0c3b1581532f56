/** Entrypoints behind a balancer that tells its clients' addresses by the PROXY protocol. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import test, { after, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { response, sendPieces } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';

const ENTRY_POINTS: Readonly<Record<string, string>> = {
  all: 'ProxyProtocol.Insecure:true',
  trusted: 'ProxyProtocol.TrustedIPs:127.0.0.0/8',
  untrusted: 'ProxyProtocol.TrustedIPs:10.0.0.0/8',
  listed: 'ProxyProtocol.Insecure:true WhiteList.SourceRange:203.0.113.0/24',
  secure: 'TLS ProxyProtocol.Insecure:true',
};

const tsuji = await startTsuji(
  { after },
  {
    flags: [
      ...Object.entries(ENTRY_POINTS).map(([name, rest]) => `--entryPoints=Name:${name} Address:${OWN_HOST}:0 ${rest}`),
      `--defaultEntryPoints=${Object.keys(ENTRY_POINTS)}`,
    ],
  },
);

/** Answers with the client's address as tsuji tells it. */
const server = await startRawServer(
  { after },
  answering((head) => ok(/^x-forwarded-for: (.*)\r$/m.exec(head)![1])),
);
const host = await addRoute(tsuji, [server.url]);

const REQUEST = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const TEXT = 'PROXY TCP4 203.0.113.9 10.0.0.1 4660 80\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const BINARY = `${SIGNATURE}\x21\x11\x00\x0c\xcb\x00\x71\x09\x0a\x00\x00\x01\x12\x34\x00\x50`;

async function askRaw(t: TestContext, entryPoint: string, bytes: string): Promise<string> {
  const client = await rawClient(t, tsuji.portOf(entryPoint));
  client.send(bytes);
  return (await response(client)).body;
}

test('the address of the header is that of the client, for versions 1 and 2', async (t) => {
  for (const entryPoint of ['all', 'trusted']) {
    assert.equal(await askRaw(t, entryPoint, TEXT + REQUEST), '203.0.113.9');
    assert.equal(await askRaw(t, entryPoint, BINARY + REQUEST), '203.0.113.9');
  }
  assert.equal(await askRaw(t, 'all', `PROXY TCP6 2001:db8::9 ::1 1 2\r\n${REQUEST}`), '2001:db8::9');
});

test('without a header, or with one that tells no address, the peer is the client', async (t) => {
  assert.equal(await askRaw(t, 'all', REQUEST), '127.0.0.1');
  assert.equal(await askRaw(t, 'all', `PROXY UNKNOWN\r\n${REQUEST}`), '127.0.0.1');
  assert.equal(await askRaw(t, 'all', `${SIGNATURE}\x20\x00\x00\x00${REQUEST}`), '127.0.0.1');
});

test('from a peer that is not trusted the header is taken off and not believed', async (t) => {
  assert.equal(await askRaw(t, 'untrusted', TEXT + REQUEST), '127.0.0.1');
});

test('an allow list looks at the address of the header', async (t) => {
  assert.equal(await askRaw(t, 'listed', TEXT + REQUEST), '203.0.113.9');
  assert.equal(await askRaw(t, 'listed', REQUEST), 'Forbidden');
});

test('a header and a request that come byte by byte are understood, and the connection is kept', async (t) => {
  for (const header of [TEXT, BINARY]) {
    const client = await rawClient(t, tsuji.portOf('all'));
    await sendPieces(client, header + REQUEST, 1);
    assert.equal((await response(client)).body, '203.0.113.9');
    client.send(REQUEST);
    assert.equal((await response(client)).body, '203.0.113.9');
  }
});

test('a malformed header ends its connection without an answer', async (t) => {
  for (const header of ['PROXY TCP4 203.0.113.9\r\n', 'PROXY nonsense\r\n', `${SIGNATURE}\x31\x11\x00\x0c`]) {
    const client = await rawClient(t, tsuji.portOf('all'));
    client.send(header + REQUEST);
    assert.equal(await client.untilClosed(), '');
  }
  assert.equal(await askRaw(t, 'all', REQUEST), '127.0.0.1');
});

test('it comes before TLS, and HTTP/2 has it as well', async (t) => {
  const socket = connectTcp(tsuji.portOf('secure'), OWN_HOST);
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  socket.write(TEXT);
  const secure = connectTls({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const session = connectHttp2(`https://${host}`, { createConnection: () => secure });
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/', ':authority': host });
  let body = '';
  for await (const chunk of stream) body += chunk;
  assert.equal(body, '203.0.113.9');
});

test('two connections of one balancer are two clients', async (t) => {
  const one = await rawClient(t, tsuji.portOf('all'));
  const other = await rawClient(t, tsuji.portOf('all'));
  one.send(TEXT + REQUEST);
  other.send(TEXT.replace('113.9', '113.10') + REQUEST);
  assert.equal((await response(one)).body, '203.0.113.9');
  assert.equal((await response(other)).body, '203.0.113.10');
});
