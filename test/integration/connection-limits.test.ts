/** `--limits.connections` and `--limits.connectionsPerAddress`: what comes beyond is closed at once, and only that. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { after, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { response } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, RawConnection, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const TOTAL = 6;
const PER_ADDRESS = 3;
const NAMES = ['http', 'own', 'tls', 'proxied'] as const;
type Name = (typeof NAMES)[number];

const tsuji = await startTsuji(
  { after },
  {
    flags: [
      `--entryPoints=Name:http Address:${OWN_HOST}:0`,
      `--entryPoints=Name:own Address:${OWN_HOST}:0 Engine:tsuji`,
      `--entryPoints=Name:tls Address:${OWN_HOST}:0 TLS`,
      `--entryPoints=Name:proxied Address:${OWN_HOST}:0 ProxyProtocol.Insecure:true`,
      `--defaultEntryPoints=${NAMES}`,
      `--limits.connections=${TOTAL}`,
      `--limits.connectionsPerAddress=${PER_ADDRESS}`,
    ],
  },
);
const server = await startRawServer(
  { after },
  answering(() => ok('fine')),
);
const host = await addRoute(tsuji, [server.url]);
const REQUEST = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** `from`: an address of this host; `header`: what goes before all else. */
async function open(t: TestContext, name: Name, from: string, header = ''): Promise<RawConnection> {
  const at = { port: tsuji.portOf(name), host: OWN_HOST, localAddress: from };
  const socket = connect(at);
  const client = new RawConnection(name === 'tls' ? connectTls({ socket, rejectUnauthorized: false }) : socket);
  t.after(() => client.destroy());
  await once(socket, 'connect').catch(() => {});
  if (header !== '') client.send(header);
  return client;
}

/** True: it is answered. False: it was closed. */
async function serves(client: RawConnection): Promise<boolean> {
  if (!client.closed) client.send(REQUEST);
  await waitFor(() => client.closed || client.received.includes('fine'), 'an answer or an end');
  if (client.closed) return false;
  await response(client);
  return true;
}

const refused = async (): Promise<number> =>
  Number(/^tsuji_connections_refused_total (\d+)$/m.exec(await tsuji.metrics())?.[1]);

for (const name of ['own', 'tls'] as const) {
  test(`${name}: an address has so many connections, and others are served beside it`, async (t) => {
    const before = await refused();
    const first: RawConnection[] = [];
    for (let i = 0; i < PER_ADDRESS; i++) {
      first.push(await open(t, name, '127.0.0.1'));
      assert.equal(await serves(first[i]), true);
    }
    for (let i = 0; i < 2; i++) assert.equal(await serves(await open(t, name, '127.0.0.1')), false);
    assert.equal(await refused(), before + 2);
    await tsuji.hasSaid(
      new RegExp(`event=limit_reached limit=connections object=${name} .*setting=limits.connectionsPerAddress client=`),
    );
    assert.equal(await serves(await open(t, name, '127.0.0.2')), true);
    first[0].destroy();
    await waitFor(async () => await serves(await open(t, name, '127.0.0.1')), 'the place of one that has left');
    for (const client of first.slice(1)) assert.equal(await serves(client), true);
  });
}

test('behind the PROXY protocol the address of the client counts', async (t) => {
  const header = (last: number): string => `PROXY TCP4 203.0.113.${last} 10.0.0.1 1 2\r\n`;
  for (let i = 0; i < PER_ADDRESS; i++)
    assert.equal(await serves(await open(t, 'proxied', '127.0.0.1', header(1))), true);
  assert.equal(await serves(await open(t, 'proxied', '127.0.0.1', header(1))), false);
  assert.equal(await serves(await open(t, 'proxied', '127.0.0.1', header(2))), true);
});

for (const name of ['http', 'own', 'tls'] as const) {
  test(`${name}: an entrypoint has so many in all`, async (t) => {
    const clients: RawConnection[] = [];
    await waitFor(async () => {
      for (const client of clients.splice(0)) client.destroy();
      for (let i = 0; i < TOTAL; i++) clients.push(await open(t, name, `127.0.1.${i + 1}`));
      const served = await Promise.all(clients.map(serves));
      return served.every(Boolean);
    }, 'those of the tests before to be gone');
    assert.equal(await serves(await open(t, name, '127.0.1.100')), false);
    await tsuji.hasSaid(
      new RegExp(`event=limit_reached limit=connections object=${name} .*setting=limits.connections refused=\\d+\n`),
    );
    for (const client of clients) assert.equal(await serves(client), true);
    clients[0].destroy();
    await waitFor(async () => await serves(await open(t, name, '127.0.1.101')), 'a place');
  });
}
