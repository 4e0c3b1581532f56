/** The key `alias`: whole trees are switched at once, wherever they lie (shared/spec kv-schema §9). */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Etcd3 } from 'etcd3';
import { EtcdV2Source } from '../../src/control/source/etcd-v2.ts';
import { EtcdV3Source } from '../../src/control/source/etcd-v3.ts';
import { FolderSource } from '../../src/control/source/folder.ts';
import type { Source } from '../../src/control/source/source.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { type Etcd, startEtcd, temporaryFolder, waitFor } from '../harness/tools.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';

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

  test(`${name}: an alias that cannot be obeyed is as good as none until there is a tree`, async (t) => {
    const store = await open(t);
    const { prefix } = store;
    await putTree(store, prefix, 'own');
    await store.put(`${prefix}/alias`, '/conf/none');
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
    await reaches(tree('own'));
    await complains(/there is no tree below "\/conf\/none"; the tree at "\/(traefik)?" is in force/);
    await store.put(`${prefix}/backends/b/servers/s/url`, 'own b');
    await reaches(tree('own b'));
    await store.put(`${prefix}/alias`, 'conf/1');
    await complains(/"conf\/1" is no prefix: it must begin with "\/"; the tree at/);
    await store.put(`${prefix}/alias`, '/conf/../etc');
    await complains(/a part of it is empty/);
    await store.put(`${prefix}/alias`, '/conf/4');
    await complains(/no tree below "\/conf\/4"/);
    // One key makes a tree, so that what is split between two stores is one in both.
    await store.put('/conf/4/frontends/f/backend', 'b');
    await reaches('frontends/f/backend=b');
    assert.equal(source.status().aliasProblem, undefined);
    await store.remove('/conf/4/frontends/f/backend');
    await complains(/no tree below "\/conf\/4"/);
    await reaches(tree('own b'));
    assert.deepEqual(sink.seen, [tree('own'), tree('own b'), 'frontends/f/backend=b', tree('own b')]);
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

test('etcd v3: a tree that may not be read is none until it may', async (t) => {
  const etcd = await etcdOf(t);
  const ctl = (...words: string[]) => etcd.ctl(3, ...words);
  await ctl('put', '/traefik/backends/b/servers/s/url', 'own');
  await ctl('put', '/traefik/frontends/f/backend', 'b');
  await ctl('put', '/conf/1/frontends/f/backend', 'other');
  await ctl('put', '/traefik/alias', '/conf/1');
  for (const user of ['root', 'reader']) {
    await ctl('user', 'add', user, `--new-user-password=${user}`);
    if (user !== 'root') await ctl('role', 'add', user);
    await ctl('user', 'grant-role', user, user);
  }
  await ctl('role', 'grant-permission', '--prefix=true', 'reader', 'read', '/traefik/');
  await ctl('auth', 'enable');
  const settings = etcdSettings([etcd.endpoint], { username: 'reader', password: 'reader' });
  const source = new EtcdV3Source(settings, { probeMs: 50 });
  t.after(() => source.stop());
  const sink = new StateRecorder(source);
  source.start(sink);
  await waitFor(() => sink.state() === tree('own'), 'the own tree');
  assert.match(
    source.status().aliasProblem ?? '',
    /"\/conf\/1" cannot be read: .*; the tree at "\/traefik" is in force/,
  );
  await ctl('--user=root:root', 'role', 'grant-permission', '--prefix=true', 'reader', 'read', '/conf/1/');
  await waitFor(() => sink.state() === 'frontends/f/backend=other', 'the other tree');
  assert.equal(source.status().restarts, 0);
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
    const response = await fetch(`http://${OWN_HOST}:${tsuji.port}/`);
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
  await waitFor(async () => (await ask()) === '404', 'the own tree, which is empty');
});

test('with trees that are split between etcd v2 and v3 a fresh tsuji routes like one that runs', async (t) => {
  const etcd = await etcdOf(t);
  const [own, other] = await Promise.all(
    ['own', 'other'].map((name) =>
      startRawServer(
        t,
        answering(() => ok(name)),
      ),
    ),
  );
  const flags = [`--etcd.endpoint=${etcd.endpoint}`];
  const v2 = (...words: string[]) => etcd.ctl(2, ...words);
  const v3 = (...words: string[]) => etcd.ctl(3, ...words);
  await v3('put', '/traefik/backends/b/servers/s/url', own.url);
  const rule = 'frontends/f/routes/r/rule';
  await v2('set', '/traefik/frontends/f/backend', 'b');
  await v2('set', `/traefik/${rule}`, 'PathPrefix:/');
  const running = await startTsuji(t, { flags });
  const seenBy = async (tsuji: Tsuji) => {
    const { problems } = (await tsuji.status()) as unknown as { problems: unknown };
    const providers: unknown = await (await tsuji.api('/api/providers')).json();
    const answer = await fetch(`http://${OWN_HOST}:${tsuji.port}/`);
    return { problems, providers, status: answer.status, body: await answer.text() };
  };
  const bothAnswer = async (status: number, body = '') => {
    const fresh = await startTsuji(t, { flags });
    const expected = await seenBy(fresh);
    assert.equal(expected.status, status);
    if (body !== '') assert.equal(expected.body, body);
    let seen: unknown;
    await waitFor(
      async () => {
        seen = await seenBy(running);
        return isDeepStrictEqual(seen, expected);
      },
      () => `${JSON.stringify(expected)}, not ${JSON.stringify(seen)}`,
    );
    fresh.kill('SIGKILL');
  };
  await bothAnswer(200, 'own');
  // The backends of v3 come from the other tree, the frontend of v2 from its own.
  await v3('put', '/conf/1/backends/b/servers/s/url', other.url);
  await v3('put', '/traefik/alias', '/conf/1');
  await bothAnswer(200, 'other');
  // v2 goes along, and has nothing there but a frontend of a backend that is not there.
  await v2('set', '/conf/1/frontends/f/backend', 'c');
  await v2('set', `/conf/1/${rule}`, 'PathPrefix:/');
  await v2('set', '/traefik/alias', '/conf/1');
  await bothAnswer(404);
  // The tree of v2 is gone, and so is that of v3.
  await v2('rm', '--recursive', '/conf');
  await v3('del', '--prefix', '/conf/');
  await bothAnswer(200, 'own');
  await v2('mkdir', '/conf/1/backends/c/servers');
  await bothAnswer(404);
});
