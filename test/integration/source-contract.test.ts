/** What every source of keys must do, tried on each with its real store. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Etcd3 } from 'etcd3';
import { EtcdV2Source } from '../../src/control/source/etcd-v2.ts';
import { EtcdV3Source } from '../../src/control/source/etcd-v3.ts';
import { FolderSource } from '../../src/control/source/folder.ts';
import type { Source } from '../../src/control/source/source.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { startEtcd, temporaryFolder, waitFor } from '../harness/tools.ts';
import { untilStill } from '../harness/wait.ts';

type Store = {
  /** A new source for this store, not started. */
  source(): Source;
  /** `key` is relative to the prefix. */
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** Writes next to the prefix, where nobody may look. */
  putOutside(value: string): Promise<void>;
  /** Out of reach until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** Every single change arrives, not only the last state. */
  readonly keepsHistory: boolean;
};

async function etcdV3(t: TestContext): Promise<Store> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  async function using(work: (client: Etcd3) => Promise<unknown>): Promise<void> {
    const client = new Etcd3({ hosts: etcd.url });
    try {
      await work(client);
    } finally {
      client.close();
    }
  }
  return {
    source: () => new EtcdV3Source(etcdSettings([etcd.endpoint])),
    put: (key, value) => using(async (client) => await client.put(`/traefik/${key}`).value(value)),
    remove: (key) => using(async (client) => await client.delete().key(`/traefik/${key}`)),
    putOutside: (value) =>
      using(async (client) => {
        for (const key of [
          '/traefik',
          '/traefik/',
          '/traefik2/a',
          '/traefik0',
          'traefik/a',
          '/other/a',
          '/traefik/a___lock',
        ]) {
          await client.put(key).value(value);
        }
      }),
    goAway: () => etcd.kill(),
    comeBack: () => etcd.restart(),
    keepsHistory: true,
  };
}

async function etcdV2(t: TestContext): Promise<Store> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  async function send(method: string, path: string, value?: string): Promise<void> {
    const body = value === undefined ? undefined : new URLSearchParams({ value });
    const response = await fetch(`${etcd.url}/v2/keys${path}`, {
      method,
      ...(body && { body }),
      headers: { connection: 'close' },
    });
    assert.ok(response.ok, `${method} ${path}: ${await response.text()}`);
  }
  return {
    source: () => new EtcdV2Source(etcdSettings([etcd.endpoint])),
    put: (key, value) => send('PUT', `/traefik/${key}`, value),
    remove: (key) => send('DELETE', `/traefik/${key}`),
    async putOutside(value) {
      for (const path of ['/traefik2/a', '/other/a', '/traefik/a___lock']) await send('PUT', path, value);
    },
    goAway: () => etcd.kill(),
    comeBack: () => etcd.restart(),
    keepsHistory: true,
  };
}

async function folder(t: TestContext): Promise<Store> {
  const parent = temporaryFolder();
  t.after(() => parent.remove());
  const root = join(parent.path, 'keys');
  mkdirSync(root);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  return {
    source: () => new FolderSource(root),
    put: async (key, value) => write(join(root, key), `${value}\n`),
    remove: async (key) => rmSync(join(root, key)),
    async putOutside(value) {
      for (const path of ['keys2/a', 'a', 'keys/.hidden', 'keys/.git/a', 'keys/a~', 'keys/a.tmp', 'keys/a___lock']) {
        write(join(parent.path, path), value);
      }
    },
    goAway: async () => renameSync(root, `${root}.away`),
    comeBack: async () => renameSync(`${root}.away`, root),
    keepsHistory: false,
  };
}

/** What is open of what a source may open: sockets (also those that do not keep the process alive) and watchers. */
function openHandles(): number {
  const sockets = readdirSync('/proc/self/fd').filter((fd) => linkTarget(fd).startsWith('socket:'));
  const watchers = process.getActiveResourcesInfo().filter((kind) => kind.startsWith('FSEvent'));
  return sockets.length + watchers.length;
}

/** Connections of earlier requests may still be closing. */
const settledHandles = (): Promise<number> => untilStill(openHandles, 'handles to settle');

function linkTarget(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

for (const [name, open] of Object.entries({ 'etcd v3': etcdV3, 'etcd v2': etcdV2, folder })) {
  async function follow(t: TestContext, store: Store): Promise<{ source: Source; sink: SourceRecorder }> {
    const source = store.source();
    t.after(() => source.stop());
    const sink = new SourceRecorder(source);
    source.start(sink);
    await sink.inState('live');
    return { source, sink };
  }

  test(`${name}: a snapshot comes first, then each put, update and removal as a change`, async (t) => {
    const store = await open(t);
    await store.put('backends/b/servers/s/url', 'http://127.0.0.1:1');
    const { source, sink } = await follow(t, store);
    assert.equal(sink.told[0].kind, 'snapshot');
    assert.deepEqual(Object.fromEntries(sink.keys), { 'backends/b/servers/s/url': 'http://127.0.0.1:1' });

    await store.put('frontends/f/backend', 'b');
    await sink.has('frontends/f/backend', 'b');
    await store.put('frontends/f/backend', 'ö "c" \\');
    await sink.has('frontends/f/backend', 'ö "c" \\');
    await store.put('frontends/empty', '');
    await sink.has('frontends/empty', '');
    await store.remove('frontends/f/backend');
    await sink.has('frontends/f/backend', undefined);
    assert.equal(sink.snapshots().length, 1);
    const status = source.status();
    assert.equal(status.state, 'live');
    assert.equal(status.error, '');
    assert.ok(Date.now() - status.confirmedAt < 5000);
    assert.equal(status.revision, sink.told.at(-1)?.revision);
  });

  test(`${name}: a store without any key is live with an empty snapshot, and the first key arrives`, async (t) => {
    const store = await open(t);
    const { sink } = await follow(t, store);
    assert.equal(sink.keys.size, 0);
    await store.put('a/b', '1');
    await sink.has('a/b', '1');
  });

  test(`${name}: many quick changes all arrive and in order`, async (t) => {
    const store = await open(t);
    const { sink } = await follow(t, store);
    const values = Array.from({ length: 200 }, (_, number) => String(number));
    for (const value of values) await store.put('a/b', value);
    await Promise.all(values.map((value) => store.put(`many/${value}`, value)));
    await sink.has('a/b', '199');
    for (const value of values) await sink.has(`many/${value}`, value);
    const seen = sink.valuesOf('a/b').map(Number);
    if (store.keepsHistory) assert.deepEqual(seen, values.map(Number));
    else
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
  });

  test(`${name}: nothing from outside the prefix arrives, and no locks`, async (t) => {
    const store = await open(t);
    await store.putOutside('before');
    await store.put('first', '1');
    const { sink } = await follow(t, store);
    await store.putOutside('after');
    await store.put('last', '1');
    await sink.has('last', '1');
    assert.deepEqual([...sink.keys.keys()].sort(), ['first', 'last']);
  });

  test(`${name}: when the store goes away and comes back nothing is lost and nothing is emptied`, async (t) => {
    const store = await open(t);
    await store.put('a', '1');
    await store.put('b', '1');
    const { source, sink } = await follow(t, store);
    await store.goAway();
    await sink.inState('stale');
    assert.notEqual(source.status().error, '');
    assert.equal(sink.keys.size, 2);
    await store.comeBack();
    await store.put('a', '2');
    await store.remove('b');
    await store.put('c', '3');
    await sink.has('a', '2');
    await sink.has('b', undefined);
    await sink.has('c', '3');
    await sink.inState('live');
    for (const told of sink.told) assert.ok(told.kind === 'changes' || told.entries.size > 0, 'an empty snapshot');
    assert.equal(source.status().restarts, 1);
    assert.deepEqual(sink.states.slice(-3), ['live', 'stale', 'live']);
  });

  test(`${name}: a store that is there only later is found`, async (t) => {
    const store = await open(t);
    await store.put('a', '1');
    await store.goAway();
    const source = store.source();
    t.after(() => source.stop());
    const sink = new SourceRecorder(source);
    source.start(sink);
    await waitFor(() => source.status().error !== '', 'an error');
    assert.equal(source.status().state, 'connecting');
    await store.comeBack();
    await sink.has('a', '1');
    assert.equal(source.status().restarts, 0);
  });

  test(`${name}: stop ends all calls and leaves nothing open`, async (t) => {
    const store = await open(t);
    await store.put('a/b/c', '1');
    const before = await settledHandles();
    const { source, sink } = await follow(t, store);
    assert.ok(openHandles() > before);
    await source.stop();
    await waitFor(() => openHandles() <= before, `no more than ${before} handles`);
    const calls = sink.told.length;
    await store.put('a/b/c', '2');
    assert.equal(sink.told.length, calls);
  });

  test(`${name}: stop ends attempts on a store that is away`, async (t) => {
    const store = await open(t);
    await store.goAway();
    const source = store.source();
    source.start(new SourceRecorder(source));
    await waitFor(() => source.status().error !== '', 'an error');
    const startedAt = performance.now();
    await source.stop();
    assert.ok(performance.now() - startedAt < 1000);
    await store.comeBack();
  });
}
