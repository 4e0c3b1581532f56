/** Servers by name: several addresses, names that stop resolving or never answer; and IPv6 on both sides. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after } from 'node:test';
import { exchangeTest, request, response, type Scope } from '../harness/exchanges.ts';
import { startFullPort } from '../harness/full-port.ts';
import type { NameTable } from '../harness/names-hook.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const DIAL_TIMEOUT_MS = 1_500;

const folder = temporaryFolder();
after(() => folder.remove());
const file = join(folder.path, 'names.json');
const table: NameTable = {};

function setName(name: string, found: NameTable[string]): void {
  table[name] = found;
  writeFileSync(`${file}.new`, JSON.stringify(table));
  renameSync(`${file}.new`, file);
}

function lookups(name: string): number {
  const lines = readFileSync(`${file}.log`, 'utf8').split('\n');
  return lines.filter((line) => line === name).length;
}

setName('none.test', 'ENOTFOUND');
writeFileSync(`${file}.log`, '');

const tsuji = await startTsuji(
  { after },
  {
    flags: [`--forwardingTimeouts.dialTimeout=${DIAL_TIMEOUT_MS}ms`, '--logLevel=DEBUG'],
    imports: [new URL('../harness/names-hook.ts', import.meta.url).href],
    env: { TEST_NAMES: file },
  },
);

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Closes each connection behind its answer, so that every request dials. */
const once = (body: string) =>
  answering((_, connection) => {
    setImmediate(() => connection.socket.end());
    return ok(body, 'Connection: close\r\n');
  });

async function ask(t: Scope, host: string): Promise<number> {
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  const { status } = await response(client);
  client.destroy();
  return status;
}

async function routeTo(name: string, server: RawServer): Promise<string> {
  return addRoute(tsuji, [`http://${name}:${server.port}`]);
}

exchangeTest('a dead address of a name does not fail a request, wherever it stands', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  const dead = '127.0.0.9';
  const orders = [
    [dead, OWN_HOST],
    [OWN_HOST, dead],
    ['::1', '127.0.0.9', '127.0.0.8', OWN_HOST],
  ];
  for (const [i, addresses] of orders.entries()) {
    setName(`multi${i}.test`, addresses);
    const host = await routeTo(`multi${i}.test`, server);
    for (let n = 0; n < 3; n++) assert.equal(await ask(t, host), 200, addresses.join());
  }
});

exchangeTest('an address that does not answer at all is given up for the next one', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  const port = await startFullPort(t, '127.0.0.2', server.port);
  assert.equal(port, server.port);
  setName('silent.test', ['127.0.0.2', OWN_HOST]);
  const host = await routeTo('silent.test', server);
  const from = performance.now();
  assert.equal(await ask(t, host), 200);
  assert.ok(performance.now() - from < DIAL_TIMEOUT_MS);
  setName('mute.test', ['127.0.0.2', '127.0.0.9']);
  assert.equal(await ask(t, await routeTo('mute.test', server)), 504);
});

exchangeTest('a name whose addresses are all dead is a 502, and the log has them all', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  setName('dead.test', ['127.0.0.8', '127.0.0.9']);
  assert.equal(await ask(t, await routeTo('dead.test', server)), 502);
  const { port } = server;
  const both = new RegExp(`ECONNREFUSED 127\\.0\\.0\\.8:${port}; connect ECONNREFUSED 127\\.0\\.0\\.9:${port}`);
  await waitFor(() => both.test(tsuji.output), 'the log to name both addresses');
});

exchangeTest('many requests at once ask once for a name', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  setName('busy.test', [OWN_HOST]);
  const host = await routeTo('busy.test', server);
  const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(t, host)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(server.connections.length, 20);
  assert.equal(lookups('busy.test'), 1);
});

exchangeTest('a name that stops resolving is a 502 for its server only, and comes back by itself', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  for (const name of ['gone.test', 'stays.test']) setName(name, [OWN_HOST]);
  const gone = await routeTo('gone.test', server);
  const stays = await routeTo('stays.test', server);
  assert.equal(await ask(t, gone), 200);
  setName('gone.test', 'ENOTFOUND');
  await waitFor(async () => (await ask(t, gone)) === 502, 'the name to be gone');
  assert.equal(await ask(t, stays), 200);
  const asked = lookups('gone.test');
  for (let i = 0; i < 10; i++) assert.equal(await ask(t, gone), 502);
  assert.ok(lookups('gone.test') <= asked + 1, 'a lookup per request');
  setName('gone.test', [OWN_HOST]);
  await waitFor(async () => (await ask(t, gone)) === 200, 'the name to be back');
});

exchangeTest('when no name server answers, the last known addresses serve on', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  for (const name of ['hanging.test', 'again.test']) setName(name, [OWN_HOST]);
  const hosts = [await routeTo('hanging.test', server), await routeTo('again.test', server)];
  for (const host of hosts) assert.equal(await ask(t, host), 200);
  setName('hanging.test', 'hang');
  setName('again.test', 'EAI_AGAIN');
  for (const name of ['hanging.test', 'again.test']) {
    const host = hosts[name === 'hanging.test' ? 0 : 1];
    await waitFor(async () => {
      assert.equal(await ask(t, host), 200);
      return lookups(name) === 2;
    }, `${name} to be looked up again`);
    const from = performance.now();
    for (let i = 0; i < 5; i++) assert.equal(await ask(t, host), 200);
    assert.ok(performance.now() - from < 1_000, 'each request waits for the name server');
  }
  setName('hanging.test', [OWN_HOST]);
});

exchangeTest('a new name that no name server answers for is a 504, and holds nobody else up', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'));
  setName('never.test', 'hang');
  setName('other.test', [OWN_HOST]);
  const never = await routeTo('never.test', server);
  const other = await routeTo('other.test', server);
  const from = performance.now();
  const pending = Promise.all([ask(t, never), ask(t, never)]);
  assert.equal(await ask(t, other), 200);
  assert.ok(performance.now() - from < 1_000);
  assert.deepEqual(await pending, [504, 504]);
  assert.equal(lookups('never.test'), 1);
  setName('never.test', [OWN_HOST]);
  await waitFor(async () => (await ask(t, never)) === 200, 'the name to be found at last');
});

exchangeTest('localhost is found as the system finds it', tsuji, async (t) => {
  const server = await startRawServer(t, once('x'), 0, '127.0.0.1');
  assert.equal(await ask(t, await routeTo('localhost', server)), 200);
});

exchangeTest('servers and clients on IPv6', tsuji, async (t) => {
  const connections: RawConnection[] = [];
  const server: Server = createServer((socket) => connections.push(new RawConnection(socket)));
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
  t.after(() => {
    server.close();
    for (const connection of connections) connection.destroy();
  });
  const { port } = server.address() as { port: number };
  const six = await startTsuji(t, {
    flags: ['--entryPoints=Name:http Address:[::1]:0'],
    keys: {
      'backends/b/servers/s/url': `http://[::1]:${port}`,
      'frontends/whole/backend': 'b',
      'frontends/whole/routes/r/rule': 'PathPrefix:/',
      'frontends/own/backend': 'b',
      'frontends/own/passHostHeader': 'false',
      'frontends/own/routes/r/rule': 'PathPrefix:/own',
    },
  });
  for (const [path, hostField] of [
    ['/', `[::1]:${six.port}`],
    ['/own', `[::1]:${port}`],
  ]) {
    const client = await rawClient(t, six.port, '::1');
    client.send(get(`[::1]:${six.port}`, path));
    await waitFor(() => connections.length > 0, 'a connection');
    const { fields } = await request(connections[0]);
    assert.deepEqual(fields.get('x-forwarded-for'), ['::1']);
    assert.deepEqual(fields.get('x-forwarded-host'), [`[::1]:${six.port}`]);
    assert.deepEqual(fields.get('x-forwarded-port'), [String(six.port)]);
    assert.deepEqual(fields.get('host'), [hostField]);
    connections[0].send(ok('six'));
    assert.equal((await response(client)).body, 'six');
  }
});
