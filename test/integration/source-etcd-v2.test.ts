/** What etcd v2 alone can do to a source, with the literal commands of the tutorial. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EtcdV2Source, type EtcdV2Tuning } from '../../src/control/source/etcd-v2.ts';
import { ModelBuilder } from '../../src/model/build-model.ts';
import type { EtcdSettings } from '../../src/settings/settings.ts';
import { etcdSettings, MODEL_DEFAULTS } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { startTcpValve } from '../harness/tcp-valve.ts';
import { type Etcd, type EtcdOptions, freePort, startEtcd, waitFor } from '../harness/tools.ts';

async function etcdOf(t: TestContext, options: EtcdOptions = {}): Promise<Etcd> {
  const etcd = await startEtcd(options);
  t.after(() => etcd.stop());
  return etcd;
}

function followV2(
  t: TestContext,
  endpoints: readonly string[],
  fields: Partial<EtcdSettings> = {},
  tuning: Partial<EtcdV2Tuning> = {},
): { source: EtcdV2Source; sink: SourceRecorder } {
  const source = new EtcdV2Source(etcdSettings(endpoints, fields), tuning);
  t.after(() => source.stop());
  const sink = new SourceRecorder(source);
  source.start(sink);
  return { source, sink };
}

test('the commands of the tutorial arrive: set with a TTL, expiry, set, rm, rm --recursive', async (t) => {
  const etcd = await etcdOf(t);
  const { source, sink } = followV2(t, [etcd.endpoint]);
  await sink.inState('live');
  const server = 'backends/nginx/servers/nginx-1';
  await etcd.ctl(2, 'set', `/traefik/${server}/url`, 'http://127.0.0.1:8001', '--ttl', '1');
  await sink.has(`${server}/url`, 'http://127.0.0.1:8001');
  await etcd.ctl(2, 'set', `/traefik/${server}/weight`, '10');
  await sink.has(`${server}/weight`, '10');
  await sink.has(`${server}/url`, undefined);
  assert.deepEqual(Object.fromEntries(sink.keys), { [`${server}/weight`]: '10' });

  await etcd.ctl(2, 'set', `/traefik/${server}/url`, 'http://127.0.0.1:8002');
  await etcd.ctl(2, 'rm', `/traefik/${server}/weight`);
  await sink.has(`${server}/weight`, undefined);
  await etcd.ctl(2, 'set', '/traefik/frontends/f/backend', 'nginx');
  await etcd.ctl(2, 'rm', '--recursive', '/traefik/backends');
  await sink.has(`${server}/url`, undefined);
  assert.deepEqual(Object.fromEntries(sink.keys), { 'frontends/f/backend': 'nginx' });
  await etcd.ctl(2, 'rm', '--recursive', '/traefik');
  await sink.has('frontends/f/backend', undefined);
  await etcd.ctl(2, 'set', '/traefik/again', '1');
  await sink.has('again', '1');
  assert.equal(sink.snapshots().length, 1);
  assert.equal(source.status().restarts, 0);
});

test('a directory with a TTL takes its keys along when it expires', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(2, 'mkdir', '/traefik/backends/b', '--ttl', '1');
  await etcd.ctl(2, 'set', '/traefik/backends/b/url', 'x');
  await etcd.ctl(2, 'set', '/traefik/backends/c', 'y');
  const { sink } = followV2(t, [etcd.endpoint]);
  await sink.has('backends/b/url', 'x');
  await sink.has('backends/b/url', undefined);
  assert.deepEqual(Object.fromEntries(sink.keys), { 'backends/c': 'y' });
});

test('empty directories are no keys, neither in a snapshot nor as changes, but for those of backends', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(2, 'mkdir', '/traefik/backends/left/servers');
  const { sink } = followV2(t, [etcd.endpoint]);
  await sink.inState('live');
  await etcd.ctl(2, 'mkdir', '/traefik/frontends/new');
  await etcd.ctl(2, 'rmdir', '/traefik/frontends/new');
  await etcd.ctl(2, 'update', '/traefik/x', '1').catch(() => undefined);
  await etcd.ctl(2, 'mk', '/traefik/x', '1');
  await etcd.ctl(2, 'update', '/traefik/x', '2');
  await sink.has('x', '2');
  assert.deepEqual([[...sink.keys.keys()], [...sink.directories]], [['x'], ['backends/left/']]);
  assert.equal(sink.told.length, 3);
});

test('a backend stays when its last server expires, and goes with its directory', async (t) => {
  const etcd = await etcdOf(t);
  const { sink } = followV2(t, [etcd.endpoint]);
  await sink.inState('live');
  await etcd.ctl(2, 'set', '/traefik/backends/b/servers/s/url', 'http://s', '--ttl', '1');
  await sink.has('backends/b/servers/s/url', 'http://s');
  await sink.has('backends/b/servers/s/url', undefined);
  const builder = new ModelBuilder(MODEL_DEFAULTS);
  const running = builder.update([...sink.directories].map((key) => ({ key, value: '' }))).model;
  assert.deepEqual(running.backends.get('b')?.servers, []);
  // One that starts now sees the same.
  const fresh = followV2(t, [etcd.endpoint]);
  await fresh.sink.inState('live');
  assert.deepEqual([fresh.sink.keys, fresh.sink.directories], [sink.keys, sink.directories]);
  await etcd.ctl(2, 'rm', '--recursive', '/traefik/backends/b');
  await waitFor(() => sink.directories.size === 0, 'the backend to go');
});

test('compare-and-swap and compare-and-delete arrive', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const { sink } = followV2(t, [etcd.endpoint]);
  await sink.has('a', '1');
  await etcd.ctl(2, 'set', '/traefik/a', '2', '--swap-with-value', '1');
  await sink.has('a', '2');
  await etcd.ctl(2, 'rm', '/traefik/a', '--with-value', '2');
  await sink.has('a', undefined);
});

test('more than 1 000 changes while the source was cut off lead to a fresh reading', async (t) => {
  const etcd = await etcdOf(t, { args: ['--unsafe-no-fsync'] });
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  await etcd.ctl(2, 'set', '/traefik/gone', '1');
  const { sink } = followV2(t, [valve.endpoint], {}, { pollMs: 200, deadlineMs: 300 });
  await sink.has('gone', '1');
  valve.shut();
  await sink.inState('stale');
  await etcd.ctl(2, 'rm', '/traefik/gone');
  await manyChanges(etcd, '/traefik/new');
  valve.open();
  await sink.has('new', '1099');
  assert.deepEqual(Object.fromEntries(sink.keys), { new: '1099' });
});

/** 1 100 changes of one key: more than the events that etcd keeps. */
async function manyChanges(etcd: Etcd, key: string): Promise<void> {
  const put = async (value: number) => {
    const body = new URLSearchParams({ value: String(value) });
    const response = await fetch(`${etcd.url}/v2/keys${key}`, { method: 'PUT', body });
    await response.arrayBuffer();
    assert.ok(response.ok);
  };
  for (let from = 0; from < 1099; from += 50) {
    await Promise.all(Array.from({ length: Math.min(50, 1099 - from) }, (_, i) => put(from + i)));
  }
  await put(1099);
}

test('an index that etcd no longer keeps leads to a fresh reading, and is no failure', async (t) => {
  const etcd = await etcdOf(t, { args: ['--unsafe-no-fsync'] });
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const { source, sink } = followV2(t, [etcd.endpoint], {}, { pollMs: 8_000 });
  await sink.has('a', '1');
  // During one poll more happens elsewhere than etcd keeps, so the next poll asks for what is gone.
  await manyChanges(etcd, '/foreign');
  assert.equal(sink.snapshots().length, 1);
  await waitFor(() => sink.snapshots().length === 2, 'a second snapshot');
  assert.equal(source.status().restarts, 0);
  await etcd.ctl(2, 'set', '/traefik/a', '2');
  await sink.has('a', '2');
});

test('a poll that has gone silent is noticed and begun anew', async (t) => {
  const etcd = await etcdOf(t);
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const { sink } = followV2(t, [valve.endpoint], {}, { pollMs: 200, deadlineMs: 300 });
  await sink.has('a', '1');
  valve.shut();
  await etcd.ctl(2, 'set', '/traefik/a', '2');
  valve.open();
  await sink.has('a', '2');
});

test('polls without an event confirm the source, and foreign changes carry the index on', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const { source, sink } = followV2(t, [etcd.endpoint], {}, { pollMs: 20 });
  await sink.has('a', '1');
  const { revision } = source.status();
  await etcd.ctl(2, 'set', '/foreign', '1');
  await waitFor(() => Number(source.status().revision) > Number(revision), 'the index to move');
  await etcd.ctl(2, 'set', '/traefik/a', '2');
  await sink.has('a', '2');
  assert.equal(source.status().restarts, 0);
});

test('an endpoint without v2 is absent, which is no error, and is looked at again', async (t) => {
  const etcd = await etcdOf(t, { enableV2: false });
  const { source, sink } = followV2(t, [etcd.endpoint, etcd.endpoint], {}, { absentMs: 50 });
  await sink.inState('absent');
  assert.equal(source.status().error, '');
  await etcd.stop();
  await waitFor(() => source.status().error !== '', 'the next look');
  assert.equal(sink.told.length, 0);
});

test('of several endpoints the next one is taken when one is dead or has no v2', async (t) => {
  const [etcd, without] = await Promise.all([etcdOf(t), etcdOf(t, { enableV2: false })]);
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const dead = `${OWN_HOST}:${await freePort()}`;
  const { sink } = followV2(t, [dead, without.endpoint, etcd.endpoint]);
  await sink.has('a', '1');
  assert.ok(!sink.states.includes('absent'));
});

test('a v2 API that is switched off later keeps the keys that it gave', async (t) => {
  const etcd = await etcdOf(t);
  const without = await etcdOf(t, { enableV2: false });
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  const { source, sink } = followV2(t, [etcd.endpoint, without.endpoint]);
  await sink.has('a', '1');
  await etcd.kill();
  await waitFor(() => source.status().error.includes('has no v2 API'), 'the second endpoint');
  assert.equal(source.status().state, 'stale');
  assert.deepEqual(Object.fromEntries(sink.keys), { a: '1' });
});

test('a user with a password follows; without one the refusal is told', async (t) => {
  const etcd = await etcdOf(t);
  const api = async (method: string, path: string, body: object, password?: string) => {
    const authorization = password === undefined ? undefined : `Basic ${btoa(`root:${password}`)}`;
    const response = await fetch(`${etcd.url}/v2/auth/${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    });
    assert.ok(response.ok, `${path}: ${response.status} ${await response.text()}`);
  };
  await etcd.ctl(2, 'set', '/traefik/a', '1');
  await api('PUT', 'users/root', { user: 'root', password: 'top' });
  await api('PUT', 'users/reader', { user: 'reader', password: 'secret' });
  await api('PUT', 'enable', {});
  const guest = { role: 'guest', revoke: { kv: { read: ['/*'], write: ['/*'] } } };
  await api('PUT', 'roles/guest', guest, 'top');
  await api(
    'PUT',
    'roles/reading',
    { role: 'reading', permissions: { kv: { read: ['/traefik*'], write: [] } } },
    'top',
  );
  await api('PUT', 'users/reader', { user: 'reader', grant: ['reading'] }, 'top');

  const { sink } = followV2(t, [etcd.endpoint], { username: 'reader', password: 'secret' });
  await sink.has('a', '1');
  const anonymous = followV2(t, [etcd.endpoint]);
  await waitFor(() => anonymous.source.status().error !== '', 'an error');
  assert.match(anonymous.source.status().error, /401.*Insufficient credentials/);
  assert.equal(anonymous.sink.told.length, 0);
});
