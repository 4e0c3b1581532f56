/** `tsuji register` over a real etcd, with both of its APIs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import test, { after, type TestContext } from 'node:test';
import { noNotifySocket, openNotifySocket } from '../harness/notify-socket.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { freePort, type Process, startEtcd, startProcess, waitFor } from '../harness/tools.ts';
import { MAIN } from '../harness/tsuji.ts';

const etcd = await startEtcd();
after(() => etcd.stop());

type Started = { readonly process: Process; readonly server: string };
let number = 0;

/** Of backend b, with a name of its own. */
function register(
  t: TestContext,
  words: readonly string[],
  env: Record<string, string> = {},
  endpoint = etcd.endpoint,
): Started {
  const server = `s${++number}`;
  const flags = [`--etcd.endpoint=${endpoint}`, '--ttl=5s', ...words];
  const process = startProcess(globalThis.process.execPath, [MAIN, 'register', 'b', server, ...flags], { env });
  t.after(() => process.end('SIGKILL'));
  return { process, server };
}

async function keys(server: string, v2 = false): Promise<Record<string, string>> {
  const path = `/traefik/backends/b/servers/${server}/`;
  if (v2) {
    const answer = (await (await fetch(`${etcd.url}/v2/keys${path}`)).json()) as {
      node?: { nodes?: { key: string; value: string }[] };
    };
    return Object.fromEntries((answer.node?.nodes ?? []).map(({ key, value }) => [key.slice(path.length), value]));
  }
  const lines = (await etcd.ctl(3, 'get', '--prefix', path)).trim().split('\n');
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < lines.length; i += 2) found[lines[i].slice(path.length)] = lines[i + 1];
  return found;
}

/** As text: an id of a lease is no number that JavaScript has. */
async function fieldOf(path: string, field: string): Promise<string> {
  const text = await etcd.ctl(3, 'get', path, '-w', 'json');
  return new RegExp(`"${field}":(\\d+)`).exec(text)?.[1] ?? '0';
}

async function hasKeys({ server, process }: Started, wanted: Record<string, string>, v2 = false): Promise<void> {
  const stand = async (): Promise<true> => {
    assert.deepEqual(await keys(server, v2), wanted);
    return true;
  };
  await waitFor(stand, () => `the keys of ${server}: ${process.output()}`);
}

const URL_OF = 'http://10.0.0.1:8081';
const KEYS = { url: URL_OF, weight: '3' };

for (const v2 of [false, true]) {
  const api = v2 ? 'v2' : 'v3';
  test(`etcd ${api}: the keys come together, come back when they are deleted, and go when it is stopped`, async (t) => {
    const started = register(t, [URL_OF, '--weight=3', ...(v2 ? ['--v2'] : [])]);
    await hasKeys(started, KEYS, v2);
    const path = `/traefik/backends/b/servers/${started.server}/url`;
    if (v2) {
      const { node } = (await (await fetch(`${etcd.url}/v2/keys${path}`)).json()) as { node: { ttl: number } };
      assert.ok(node.ttl > 0 && node.ttl <= 5, `ttl ${node.ttl}`);
      await etcd.ctl(2, 'rm', path);
    } else {
      assert.equal(
        await fieldOf(path, 'create_revision'),
        await fieldOf(path.replace(/url$/, 'weight'), 'create_revision'),
      );
      await etcd.ctl(3, 'lease', 'revoke', BigInt(await fieldOf(path, 'lease')).toString(16));
    }
    await hasKeys(started, KEYS, v2);
    assert.equal(await started.process.end(), 0, started.process.output());
    assert.deepEqual(await keys(started.server, v2), {});
    assert.match(started.process.output(), /event=registered .*url="?http:\/\/10\.0\.0\.1:8081/);
  });
}

test('what somebody else has written is left alone, also at the end', async (t) => {
  const started = register(t, [URL_OF, '--weight=3']);
  await hasKeys(started, KEYS);
  await etcd.ctl(3, 'put', `/traefik/backends/b/servers/${started.server}/weight`, '0');
  await waitFor(() => /event=registration_foreign/.test(started.process.output()), 'a word about it');
  assert.equal(await started.process.end('SIGINT'), 0);
  assert.deepEqual(await keys(started.server), { weight: '0' });
});

test('etcd that goes away and comes back with other data gets the keys anew', async (t) => {
  const own = await startEtcd({ enableV2: false });
  t.after(() => own.stop());
  const dead = await freePort();
  const started = register(t, [URL_OF], {}, `${OWN_HOST}:${dead},${own.endpoint}`);
  const url = `/traefik/backends/b/servers/${started.server}/url`;
  const stands = async (): Promise<boolean> => (await own.ctl(3, 'get', '--print-value-only', url)).trim() === URL_OF;
  await waitFor(stands, () => `the key: ${started.process.output()}`);
  await own.ctl(3, 'del', '--prefix', '/traefik');
  await own.restart();
  await waitFor(stands, () => `the key again: ${started.process.output()}`);
  assert.equal(await started.process.end(), 0);
  assert.equal(await stands(), false);
});

test('a server that is checked is there while it is well, and systemd hears so', {
  skip: noNotifySocket,
}, async (t) => {
  const manager = await openNotifySocket(t);
  let isWell = false;
  const http = createServer((_request, response) => response.writeHead(isWell ? 200 : 500).end()).listen(0, OWN_HOST);
  await once(http, 'listening');
  t.after(() => http.close());
  const { port } = http.address() as { port: number };
  const url = `http://${OWN_HOST}:${port}`;
  const check = ['--check=/health', '--interval=100ms', '--fall=1'];
  const env = { NOTIFY_SOCKET: manager.path };
  const removed = register(t, [url, ...check], env);
  const drained = register(t, [url, ...check, '--failing=drain', '--v2']);
  const both = [
    { started: removed, v2: false, well: { url, weight: '1' }, ill: {} },
    { started: drained, v2: true, well: { url, weight: '1' }, ill: { url, weight: '1', draining: 'true' } },
  ];
  for (const { started } of both) {
    await waitFor(() => /event=server_down/.test(started.process.output()), 'the first check');
    assert.doesNotMatch(started.process.output(), /event=registered/);
  }
  assert.equal(manager.messages().flat().includes('READY=1'), false);
  isWell = true;
  for (const { started, v2, well } of both) await hasKeys(started, well, v2);
  await waitFor(() => manager.messages().flat().includes('READY=1'), 'READY=1');
  isWell = false;
  for (const { started, v2, ill } of both) await hasKeys(started, ill, v2);
  isWell = true;
  for (const { started, v2, well } of both) await hasKeys(started, well, v2);
  for (const { started, v2 } of both) {
    assert.equal(await started.process.end(), 0);
    assert.deepEqual(await keys(started.server, v2), {});
  }
});

test('a check by TCP takes a server away that listens no more, and --linger waits for what still runs', async (t) => {
  const tcp = createTcp().listen(0, OWN_HOST);
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const check = [`--check=tcp://${OWN_HOST}:${port}`, '--interval=100ms', '--failing=weight', '--linger=10m'];
  const started = register(t, [URL_OF, '--weight=3', ...check]);
  await hasKeys(started, KEYS);
  tcp.close();
  await hasKeys(started, { url: URL_OF, weight: '0' });
  started.process.signal('SIGTERM');
  await waitFor(async () => Object.keys(await keys(started.server)).length === 0, 'the keys to go');
  assert.equal(started.process.hasEnded(), false);
  assert.equal(await started.process.end('SIGTERM'), 0, 'a second signal ends the wait');
});

test('what cannot be is refused before anything is written', async () => {
  const wrong = [
    [['b', 's'], /it needs BACKEND SERVER URL/],
    [['b', 's', '10.0.0.1:80'], /is not a URL/],
    [['b', 's', 'http://:8081'], /names no host/],
    [['b/c', 's', URL_OF], /"b\/c" is no name of a backend/],
    [['b', 's', URL_OF, '--weight=-1'], /--weight: "-1" is no whole number/],
    [['b', 's', URL_OF, '--ttl=1s'], /--ttl: it is not from 5 s/],
    [['b', 's', URL_OF, '--rise=2'], /--rise says nothing without --check/],
    [['b', 's', URL_OF, '--check=health'], /--check: "health" is neither a path/],
    [['b', 's', URL_OF, '--check=/x', '--failing=die'], /"die" is none of remove, drain, weight/],
  ] as const;
  const ends = wrong.map(async ([words, reason]) => {
    const process = startProcess(globalThis.process.execPath, [MAIN, 'register', ...words]);
    await waitFor(() => process.hasEnded(), 'its end');
    assert.match(process.output(), reason);
    assert.equal(process.exitCode(), 2);
  });
  await Promise.all(ends);
});
