/** Servers that come, go, drain and change their weights fifty times a second, under traffic: no request may fail. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Etcd3 } from 'etcd3';
import { ok, rawClient, startRawServer } from '../harness/raw.ts';
import { startEtcd } from '../harness/tools.ts';
import { routeKeys, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const HOST = 'nginx.example.com';
const CHANGES = 100;
const CHANGE_EVERY_MS = 20;

type Traffic = { stop: boolean; answered: number; readonly problems: string[] };

/** One request after the other, on a connection that is kept or on fresh ones. */
async function traffic(t: TestContext, tsuji: Tsuji, state: Traffic, kept: boolean): Promise<void> {
  const close = kept ? '' : 'Connection: close\r\n';
  let client = await rawClient(t, tsuji.port);
  while (!state.stop) {
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n${close}\r\n`);
    const text = kept ? await client.until('|end|') : await client.untilClosed();
    if (!text.startsWith('HTTP/1.1 200') || !text.endsWith('|end|')) state.problems.push(text.slice(0, 200));
    state.answered++;
    if (!kept) client = await rawClient({ after: () => {} }, tsuji.port);
  }
  client.destroy();
}

for (const workers of [1, 2]) {
  test(`no request fails while servers change fifty times a second, with ${workers} ${workers === 1 ? 'worker' : 'workers'}`, async (t) => {
    const servers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        startRawServer(t, (connection) => {
          // A moment of work, so that servers are taken out with requests under way.
          connection.socket.on('data', () => {
            if (!connection.received.includes('\r\n\r\n')) return;
            connection.received = '';
            setTimeout(() => connection.send(ok(`${name}|end|`)), 2);
          });
        }),
      ),
    );
    const etcd = await startEtcd({ enableV2: false });
    t.after(() => etcd.stop());
    const store = new Etcd3({ hosts: etcd.url });
    t.after(() => store.close());
    const set = async (key: string, value: string): Promise<void> =>
      void (await store.put(`/traefik/${key}`).value(value));
    for (const [key, value] of Object.entries(routeKeys([servers[0].url], HOST))) await set(key, value);
    const flags = ['--etcd', '--etcd.useAPIV3=true', `--etcd.endpoint=${etcd.endpoint}`];
    const tsuji = await startTsuji(t, { flags, workers });
    await tsuji.waitForStatus(({ settled, backends }) => settled && backends.length === 1, 'the route');
    const state: Traffic = { stop: false, answered: 0, problems: [] };
    const clients = [true, true, true, true, false, false].map((kept) => traffic(t, tsuji, state, kept));
    const before = (await tsuji.status()).generation;
    const folder = (server: number): string => `backends/backend1/servers/server${server}`;
    const takeOut = (server: number) => store.delete().prefix(`/traefik/${folder(server)}/`);
    const writes: Promise<unknown>[] = [];
    await new Promise<void>((resolve) => {
      let change = 0;
      const timer = setInterval(() => {
        // The first server stays; each of the others is there, drains, changes its weight, and is taken out in turn.
        const server = 2 + (change % 3);
        const step = Math.floor(change / 3) % 4;
        if (step === 0) writes.push(set(`${folder(server)}/url`, servers[server - 1].url));
        else if (step === 1) writes.push(set(`${folder(server)}/weight`, String(1 + (change % 20))));
        else if (step === 2) writes.push(set(`${folder(server)}/draining`, 'true'));
        else writes.push(takeOut(server).exec());
        if (++change < CHANGES) return;
        clearInterval(timer);
        resolve();
      }, CHANGE_EVERY_MS);
    });
    await Promise.all(writes);
    for (const server of [2, 3, 4]) await takeOut(server);
    await tsuji.waitForStatus(
      (status) => status.settled && status.backends[0].servers.length === 1,
      'only the first server to be left',
    );
    const whole = state.answered;
    await waitFor(() => state.answered > whole + 20, 'traffic after the last change');
    state.stop = true;
    await Promise.all(clients);
    assert.deepEqual(state.problems, []);
    const generations = (await tsuji.status()).generation - before;
    assert.ok(generations >= CHANGES / 4, `${generations} tables`);
    for (const [index, server] of servers.entries()) {
      assert.ok(server.connections.length > 0, `server ${index} had no connection`);
      if (index > 0) await waitFor(() => server.open === 0, `the connections to server ${index} to close`);
    }
    assert.match(await tsuji.metrics(), /tsuji_backend_server_in_flight\{[^}]*\} 0\n/);
  });
}
