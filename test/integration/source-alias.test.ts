/** The key `alias`: whole trees are switched at once, wherever they lie (shared/spec kv-schema §9). */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Etcd3 } from 'etcd3';
import { EtcdV2Source } from '../../src/control/source/etcd-v2.ts';
import { EtcdV3Source } from '../../src/control/source/etcd-v3.ts';
import { FolderSource } from '../../src/control/source/folder.ts';
import type { Source } from '../../src/control/source/source.ts';
import { etcdSettings } from '../harness/etcd-settings.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { type Etcd, startEtcd, temporaryFolder, waitFor } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';

type Store = {
  /** Of the configured tree. */
  readonly prefix: string;
  source(): Source;
  /** Whole keys. */
  put(key: string, value: string): Promise<unknown>;
  remove(key: string): Promise<unknown>;
};

async function etcdOf(t: TestContext): Promise<Etcd> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  return etcd;
}

async function etcdV3(t: TestContext): Promise<Store> {
  const etcd = await etcdOf(t);
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  return {
    prefix: '/traefik',
    source: () => new EtcdV3Source(etcdSettings([etcd.endpoint])),
    put: async (key, value) => await client.put(key).value(value),
    remove: async (key) => await client.delete().key(key),
  };
}

async function etcdV2(t: TestContext): Promise<Store> {
  const etcd = await etcdOf(t);
  return {
    prefix: '/traefik',
    source: () => new EtcdV2Source(etcdSettings([etcd.endpoint])),
    put: (key, value) => etcd.ctl(2, 'set', key, value),
    remove: (key) => etcd.ctl(2, 'rm', '--recursive', key),
  };
}

async function folder(t: TestContext): Promise<Store> {
  const { path, remove } = temporaryFolder();
  t.after(remove);
  return {
    prefix: '',
    source: () => new FolderSource(path),
    async put(key, value) {
      mkdirSync(dirname(join(path, key)), { recursive: true });
      writeFileSync(join(path, key), value);
    },
    remove: async (key) => rmSync(join(path, key), { recursive: true }),
  };
}

/** Remembers every state that somebody has been in who does all that is told. */
class StateRecorder extends SourceRecorder {
  readonly seen: string[] = [];

  override snapshot(...args: Parameters<SourceRecorder['snapshot']>): void {
    super.snapshot(...args);
    this.#note();
  }

  override changes(...args: Parameters<SourceRecorder['changes']>): void {
    super.changes(...args);
    this.#note();
  }

  #note(): void {
    const state = this.state();
    if (this.seen.at(-1) !== state) this.seen.push(state);
  }

  /** The keys without the alias and, in a folder, without the trees that wait until there is one. */
  state(): string {
    const keys = [...this.keys].filter(([key]) => key !== 'alias' && !key.startsWith('conf/')).sort();
    return keys.map(([key, value]) => `${key}=${value}`).join(' ');
  }
}

function follow(t: TestContext, store: Store): { source: Source; sink: StateRecorder } {
  const source = store.source();
  t.after(() => source.stop());
  const sink = new StateRecorder(source);
  source.start(sink);
  return { source, sink };
}

async function putTree(store: Store, prefix: string, url: string): Promise<void> {
  await store.put(`${prefix}/backends/b/servers/s/url`, url);
  await store.put(`${prefix}/frontends/f/backend`, 'b');
}

function tree(url: string): string {
  return `backends/b/servers/s/url=${url} frontends/f/backend=b`;
}

for (const [name, open] of Object.entries({ 'etcd v3': etcdV3, 'etcd v2': etcdV2, folder })) {
  test(`${name}: an alias switches between whole trees at once, and the one in force is followed`, async (t) => {
    const store = await open(t);
    const { prefix } = store;
    await putTree(store, prefix, 'own');
    const { source, sink } = follow(t, store);
    const reaches = (state: string) =>
      waitFor(
        () => sink.state() === state,
        () => `${state}, not ${sink.state()}`,
      );
    await reaches(tree('own'));
    await putTree(store, '/conf/2', 'two');
    await putTree(store, '/conf/3', 'three');
    await store.put(`${prefix}/alias`, '/conf/2/');
    await reaches(tree('two'));
    assert.equal(source.status().tree, '/conf/2');
    await store.put('/conf/2/backends/b/servers/s/url', 'two b');
    await reaches(tree('two b'));
    // Nobody looks there now.
    await store.put(`${prefix}/backends/b/servers/s/url`, 'own b');
    await store.put('/conf/3/backends/b/servers/s/url', 'three b');
    await store.put(`${prefix}/alias`, '/conf/3');
    await reaches(tree('three b'));
    await store.remove(`${prefix}/alias`);
    await reaches(tree('own b'));
    assert.equal(source.status().tree, undefined);
    const trees = ['own', 'two', 'two b', 'three b', 'own b'].map(tree);
    assert.deepEqual(sink.seen, trees);
    assert.equal(source.status().restarts, 0);
    assert.equal(source.status().error, '');
  });

  test(`${name}: an alias that leads nowhere leaves the tree in force until there is one`, async (t) => {
    const store = await open(t);
    const { prefix } = store;
    await putTree(store, '/conf/1', 'one');
    await store.put(`${prefix}/alias`, '/conf/1');
    const { source, sink } = follow(t, store);
    const reaches = (state: string) =>
      waitFor(
        () => sink.state() === state,
        () => `${state}, not ${sink.state()}`,
      );
    const complains = (pattern: RegExp) =>
      waitFor(
        () => pattern.test(source.status().aliasProblem ?? ''),
        () => `${pattern}: ${source.status().aliasProblem}`,
      );
    await reaches(tree('one'));
    await store.put(`${prefix}/alias`, '/conf/none');
    await complains(/no backends and frontends below "\/conf\/none"; the tree at "\/conf\/1" stays in force/);
    await store.put('/conf/1/backends/b/servers/s/url', 'one b');
    await reaches(tree('one b'));
    await store.put(`${prefix}/alias`, 'conf/1');
    await complains(/"conf\/1" is no prefix: it must begin with "\/"; the tree at/);
    await store.put(`${prefix}/alias`, '/conf/../etc');
    await complains(/a part of it is empty/);
    await store.put(`${prefix}/alias`, '/conf/4');
    await complains(/no backends and frontends below "\/conf\/4"/);
    await putTree(store, '/conf/4', 'four');
    await reaches(tree('four'));
    assert.equal(source.status().aliasProblem, undefined);
    // What is in force may be emptied: that is no matter of the alias.
    await store.remove('/conf/4/frontends/f/backend');
    await reaches('backends/b/servers/s/url=four');
    assert.deepEqual(sink.seen, [tree('one'), tree('one b'), tree('four'), 'backends/b/servers/s/url=four']);
  });

  test(`${name}: a source that starts with an alias to nowhere routes nothing, and says why`, async (t) => {
    const store = await open(t);
    await putTree(store, store.prefix, 'own');
    await store.put(`${store.prefix}/alias`, '/conf/9');
    const { source, sink } = follow(t, store);
    await sink.inState('live');
    assert.equal(sink.state(), '');
    assert.match(source.status().aliasProblem ?? '', /below "\/conf\/9"; nothing is routed/);
    await store.remove(`${store.prefix}/alias`);
    await waitFor(() => sink.state() === tree('own'), 'the own tree');
  });
}

test('etcd v3: an empty alias is the root of the store', async (t) => {
  const store = await etcdV3(t);
  await putTree(store, '', 'root');
  await putTree(store, '/traefik', 'own');
  await store.put('/traefik/alias', '');
  const { source, sink } = follow(t, store);
  await waitFor(
    () => sink.state() === tree('root'),
    () => sink.state(),
  );
  await store.put('/backends/b/servers/s/url', 'root b');
  await waitFor(
    () => sink.state() === tree('root b'),
    () => sink.state(),
  );
  assert.equal(source.status().tree, '');
});

test('requests are answered by one tree or the other while the alias goes to and fro', async (t) => {
  const etcd = await etcdOf(t);
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  for (const name of ['a', 'b']) {
    const server = await startRawServer(
      t,
      answering(() => ok(name)),
    );
    await client.put(`/trees/${name}/backends/${name}/servers/s/url`).value(server.url);
    await client.put(`/trees/${name}/frontends/${name}/backend`).value(name);
    await client.put(`/trees/${name}/frontends/${name}/routes/r/rule`).value('PathPrefix:/');
    await client.put(`/trees/${name}/frontends/${name}/priority`).value('high');
  }
  await client.put('/traefik/alias').value('/trees/a');
  const tsuji = await startTsuji(t, { flags: [`--etcd.endpoint=${etcd.endpoint}`, '--etcd.useAPIV3'], workers: 2 });
  const ask = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${tsuji.port}/`);
    return response.ok ? response.text() : String(response.status);
  };
  const answers = new Set<string>();
  for (let i = 0; i < 10; i++) {
    const name = i % 2 === 0 ? 'b' : 'a';
    await client.put('/traefik/alias').value(`/trees/${name}`);
    await waitFor(async () => {
      const answer = await ask();
      answers.add(answer);
      return answer === name;
    }, `tree ${name}`);
  }
  assert.deepEqual([...answers].sort(), ['a', 'b']);
  const problems = async (): Promise<string> =>
    JSON.stringify(((await tsuji.status()) as unknown as { problems: unknown }).problems);
  // Keys are called as they stand in the store.
  assert.match(await problems(), /"\/trees\/a\/frontends\/a\/priority"/);
  await client.put('/traefik/alias').value('/trees/c');
  await waitFor(async () => /"\/traefik\/alias","state":"rejected"/.test(await problems()), 'the problem of the alias');
  assert.equal(await ask(), 'a');
});
