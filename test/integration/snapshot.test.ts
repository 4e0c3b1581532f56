/** What a node remembers of etcd over a restart (docs/memory.md, "Restarts without etcd"). */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { startTcpValve } from '../harness/tcp-valve.ts';
import { type Etcd, freePort, startEtcd, temporaryFolder } from '../harness/tools.ts';
import { startTsuji, Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

async function startServer(t: TestContext, name: string): Promise<string> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  t.after(() => server.close());
  return `http://${OWN_HOST}:${(server.address() as { port: number }).port}`;
}

function put(etcd: Etcd, api: 2 | 3, key: string, value: string): Promise<string> {
  return etcd.ctl(api, api === 3 ? 'put' : 'set', `/traefik/${key}`, value);
}

async function route(etcd: Etcd, api: 2 | 3, name: string, url: string): Promise<void> {
  await put(etcd, api, `backends/${name}/servers/s/url`, url);
  await put(etcd, api, `frontends/${name}/backend`, name);
  await put(etcd, api, `frontends/${name}/routes/r/rule`, `Host:${name}.test`);
}

/** The body of a 200, else the status. */
function answer(tsuji: Tsuji, name: string, port = tsuji.portOf('http')): Promise<string> {
  const options = { host: OWN_HOST, port, agent: false, headers: { host: `${name}.test` } };
  return new Promise((resolve, reject) => {
    get(options, (response) => {
      text(response).then((body) => resolve(response.statusCode === 200 ? body : String(response.statusCode)), reject);
    }).on('error', reject);
  });
}

async function answers(tsuji: Tsuji, name: string, wanted: string): Promise<void> {
  await waitFor(
    async () => (await answer(tsuji, name)) === wanted,
    () => `${name} to be answered by ${wanted}; ${tsuji.output}`,
  );
}

/** Of the first request that is listened to. */
async function firstAnswer(t: TestContext, name: string, flags: string[]): Promise<string> {
  const port = await freePort();
  const tsuji = new Tsuji({ flags: [...flags, `--entryPoints=Name:http Address:${OWN_HOST}:${port}`] });
  t.after(() => tsuji.end());
  const first = await waitFor(() => answer(tsuji, name, port), 'an answer');
  await tsuji.end();
  return first;
}

async function written(tsuji: Tsuji, count: number): Promise<void> {
  type WithSnapshot = { snapshot: { ok: number } | null };
  await waitFor(async () => ((await tsuji.status()) as unknown as WithSnapshot).snapshot!.ok >= count, 'the file');
}

test('a node that starts has routes before it listens: of etcd, and of its snapshot when that is gone', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  await route(etcd, 3, 'a', await startServer(t, 'one'));
  const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, `--snapshot=${join(folder.path, 'snapshot')}`];
  assert.equal(await firstAnswer(t, 'a', flags), 'one');
  const known = await startTsuji(t, { flags });
  await written(known, 1);
  await known.end();
  await etcd.kill();
  assert.equal(await firstAnswer(t, 'a', flags), 'one');
});

test('a node that starts while etcd is down serves what it knew, says so, and catches up', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'state/snapshot');
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  const one = await startServer(t, 'one');
  const two = await startServer(t, 'two');
  await route(etcd, 3, 'a', one);
  await route(etcd, 2, 'b', one);
  await put(etcd, 3, 'entrypoints/http/address', `${OWN_HOST}:0`);
  await put(etcd, 3, 'entrypoints/http/whitelist/sourcerange/0', '127.0.0.0/8');
  const flags = ['--etcd', `--etcd.endpoint=${valve.endpoint}`];
  const env = { STATE_DIRECTORY: join(folder.path, 'state') };
  const first = await startTsuji(t, { flags, env });
  await answers(first, 'a', 'one');
  await answers(first, 'b', 'one');
  await written(first, 1);
  await route(etcd, 3, 'later', two);
  await answers(first, 'later', 'two');
  first.kill('SIGTERM');
  await first.ended();
  assert.ok(existsSync(path));

  valve.shut();
  const second = await startTsuji(t, { flags, env });
  assert.equal(await answer(second, 'a'), 'one');
  assert.equal(await answer(second, 'b'), 'one');
  assert.equal(await answer(second, 'later'), 'two', 'what came last was written at the end');
  await second.hasSaid(/level=warning .*event=snapshot_used .*path=\S*snapshot.*revision="?etcdv\d@\d+ etcdv\d@\d+/);
  const ready = await second.api('/readyz');
  assert.equal(ready.status, 200);
  assert.match(await ready.text(), /^ready\netcdv3 does not answer: .*a snapshot, revision \d+.*\netcdv2 does not/);
  const { sources } = (await second.status()) as unknown as { sources: { state: string; remembered?: boolean }[] };
  assert.deepEqual(
    sources.map(({ state, remembered }) => [state, remembered]),
    [
      ['stale', true],
      ['stale', true],
    ],
  );
  const stale = await second.metrics();
  assert.match(stale, /^tsuji_config_stale_seconds (?!0$)/m);
  assert.match(stale, /^tsuji_snapshot_writes_total\{result="ok"\} \d/m);
  assert.match(stale, /^tsuji_config_applied_revision\{source="etcdv3"\} \d/m);

  // While nobody could tell it, one server has moved, a route has gone, and the settings are as before.
  await put(etcd, 3, 'backends/a/servers/s/url', two);
  await etcd.ctl(2, 'rm', '--recursive', '/traefik/frontends/b');
  valve.open();
  await answers(second, 'a', 'two');
  await answers(second, 'b', '404');
  assert.equal(await (await second.api('/readyz')).text(), 'ready\n');
  assert.doesNotMatch(second.output, /settings_changed/);
  second.kill('SIGTERM');
  await second.ended();

  await t.test('of a store that answers by half each half is what it is: v2 lives, v3 is remembered', async () => {
    valve.shutHttp2();
    await route(etcd, 2, 'c', two);
    const half = await startTsuji(t, { flags, env });
    await answers(half, 'c', 'two');
    assert.equal(await answer(half, 'a'), 'two');
    const states = (await half.status()).sources.map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(states, ['etcdv3 stale', 'etcdv2 live']);
    await put(etcd, 3, 'backends/a/servers/s/url', one);
    valve.open();
    await answers(half, 'a', 'one');
    await answers(half, 'c', 'two');
    half.kill('SIGTERM');
    await half.ended();
  });

  await t.test(
    'a file that does not hold is refused with its reason, and another one is kept in its place',
    async () => {
      writeFileSync(path, 'no snapshot');
      await put(etcd, 3, 'entrypoints/more/address', `${OWN_HOST}:0`);
      await etcd.kill();
      const third = await startTsuji(t, { flags, env, noWait: true });
      await third.hasSaid(/level=error .*event=snapshot_refused .*reason="it is no snapshot of tsuji"/);
      assert.equal(await answer(third, 'a'), '503');
      await etcd.restart();
      await waitFor(
        () => third.portOf('more') > 0,
        () => `the entrypoints of etcd; ${third.output}`,
        60_000,
      );
      await answers(third, 'a', 'one');
      await written(third, 1);
    },
  );
});
