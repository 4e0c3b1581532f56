import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, type TestContext } from 'node:test';
import { type RememberedSource, readSnapshot } from '../../../../src/control/memory/snapshot-format.ts';
import { SnapshotKeeper } from '../../../../src/control/memory/snapshot-keeper.ts';
import { type FollowedKeys, SnapshotWriter } from '../../../../src/control/memory/snapshot-writer.ts';
import type { Change, SourceStatus } from '../../../../src/control/source/source.ts';
import { captureLog } from '../../../harness/log.ts';
import { waitFor } from '../../../harness/wait.ts';

const lines = captureLog();
function followed(keys: ReadonlyMap<string, string>): FollowedKeys {
  return { of: () => keys, isLeased: (_, key) => key.startsWith('leased/') };
}

const QUICK = { delayMs: 0, retryMs: 1, confirmMs: 0 };

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-snapshot-'));
  folders.push(folder);
  return folder;
}

class Store {
  readonly keys = new Map<string, string>();
  readonly path: string;
  readonly writer: SnapshotWriter;
  revision = 0;

  constructor(t: TestContext, path: string) {
    this.path = path;
    this.writer = new SnapshotWriter(path, { prefix: '/traefik', tsuji: '0' }, followed(this.keys), QUICK);
    t.after(() => this.writer.stop());
  }

  get mark() {
    return { name: 'etcdv3', revision: String(this.revision), confirmedAt: this.revision } as const;
  }

  replace(entries: Record<string, string>): void {
    this.revision++;
    this.keys.clear();
    for (const [key, value] of Object.entries(entries)) this.keys.set(key, value);
    this.writer.replaced(this.mark);
  }

  change(changes: readonly Change[]): void {
    this.revision++;
    for (const { key, value } of changes) value === null ? this.keys.delete(key) : this.keys.set(key, value);
    this.writer.changed(this.mark, changes);
  }

  onDisk(): RememberedSource {
    return readSnapshot(readFileSync(this.path)).sources[0];
  }

  async written(): Promise<void> {
    await waitFor(
      () => {
        try {
          return this.onDisk().revision === String(this.revision);
        } catch {
          return false;
        }
      },
      () => `revision ${this.revision} on disk; ${JSON.stringify(lines.slice(-3))}`,
    );
    assert.deepEqual([...this.onDisk().entries].sort(), [...this.keys].sort());
  }
}

test('keys and changes are on disk a moment later, for their owner alone, and nothing else is', async (t) => {
  const folder = newFolder();
  const store = new Store(t, join(folder, 'deep/below/snapshot'));
  store.replace({ a: '1', b: '2' });
  await store.written();
  const { ino, mode } = statSync(store.path);
  assert.equal(mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'deep')).mode & 0o777, 0o700);
  for (let i = 0; i < 20; i++) {
    store.change([{ key: `k${i}`, value: String(i) }]);
    store.change([{ key: i % 2 === 0 ? 'a' : 'b', value: i % 3 === 0 ? null : `${i}` }]);
    if (i % 5 === 0) await store.written();
  }
  await store.written();
  assert.equal(statSync(store.path).ino, ino, 'changes are appended');
  store.replace({ c: '3' });
  await store.written();
  assert.notEqual(statSync(store.path).ino, ino, 'a fresh reading is a file of its own');
  assert.deepEqual(readdirSync(join(folder, 'deep/below')), ['snapshot']);
});

test('a file does not grow beyond what its keys need', async (t) => {
  const store = new Store(t, join(newFolder(), 'snapshot'));
  store.replace({ a: '' });
  await store.written();
  const value = 'x'.repeat(200_000);
  for (let i = 0; i < 20; i++) {
    store.change([{ key: 'a', value: `${value}${i}` }]);
    await store.written();
    assert.ok(statSync(store.path).size < 2_500_000, `${statSync(store.path).size} bytes`);
  }
});

test('changes and readings while the file is written are in it', async (t) => {
  const store = new Store(t, join(newFolder(), 'snapshot'));
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key${i}`, `${i}`.padEnd(50)]));
  store.replace(many);
  for (let i = 0; i < 30; i++) {
    await new Promise(setImmediate);
    store.change([
      { key: `key${i * 600}`, value: null },
      { key: `new${i}`, value: '1' },
    ]);
    if (i === 10) store.replace({ ...many, again: '1' });
  }
  await store.written();
});

test('a file that somebody else has put there is replaced, and one that cannot be written is tried again', async (t) => {
  const folder = newFolder();
  const store = new Store(t, join(folder, 'snapshot'));
  store.replace({ a: '1' });
  await store.written();
  rmSync(store.path);
  writeFileSync(store.path, 'something else');
  store.change([{ key: 'b', value: '1' }]);
  await store.written();

  rmSync(store.path);
  mkdirSync(join(store.path, 'in the way'), { recursive: true });
  store.change([{ key: 'c', value: '1' }]);
  await waitFor(
    () => store.writer.counts.failed > 1,
    () => 'two failures',
  );
  assert.ok(lines.some((line) => line.event === 'snapshot_failed' && /EISDIR|ENOTEMPTY/.test(String(line.reason))));
  rmSync(store.path, { recursive: true });
  await store.written();
  await waitFor(
    () => lines.some((line) => line.event === 'snapshot_kept' && line.path === store.path),
    () => 'the good news',
  );
  assert.deepEqual(readdirSync(folder), ['snapshot'], 'nothing is left over');
});

test('the end writes what waits', async () => {
  const path = join(newFolder(), 'snapshot');
  const keys = new Map([['a', '1']]);
  const writer = new SnapshotWriter(path, { prefix: '/traefik', tsuji: '0' }, followed(keys));
  writer.replaced({ name: 'etcdv3', revision: '4', confirmedAt: 1 });
  await writer.stop();
  assert.equal(readSnapshot(readFileSync(path)).sources[0].revision, '4');
});

const STATUS: SourceStatus = {
  name: 'etcdv3',
  state: 'live',
  revision: '3',
  confirmedAt: 1,
  restarts: 0,
  error: '',
};

test('a keeper recalls what an earlier one has kept, and nothing that is not its own', async () => {
  const path = join(newFolder(), 'snapshot');
  const before = new SnapshotKeeper(path, '/traefik', '1');
  assert.equal(before.open(), false);
  before.follow(followed(new Map([['a', '1']])), []);
  before.replaced(STATUS, '3');
  await before.stop();

  const recall = async (prefix = '/traefik'): Promise<string> => {
    const keeper = new SnapshotKeeper(path, prefix, '2');
    assert.equal(keeper.open(), true);
    const sources = await keeper.recall();
    if (sources === null) return String(lines.findLast((line) => line.event === 'snapshot_refused')?.reason);
    return sources.map(({ name, revision, entries }) => `${name}@${revision}:${[...entries]}`).join();
  };
  assert.equal(await recall(), 'etcdv3@3:a,1');
  assert.equal(lines.findLast((line) => line.event === 'snapshot_used')?.revision, 'etcdv3@3');
  assert.equal(await recall('/other'), 'it is of the prefix "/traefik", and not of "/other"');
  chmodSync(path, 0o666);
  assert.equal(await recall(), 'others than its owner may write it');
  chmodSync(path, 0o600);
  writeFileSync(path, readFileSync(path).subarray(0, 40));
  assert.match(await recall(), /it is damaged at byte|it is cut off/);
});

test('the keys of a source that is still remembered stay in the file of a node whose other source lives', async () => {
  const path = join(newFolder(), 'snapshot');
  const keeper = new SnapshotKeeper(path, '/traefik', '1');
  const keys = { etcdv3: new Map([['a', '3']]), etcdv2: new Map([['a', '2']]), folder: new Map<string, string>() };
  keeper.follow({ of: (name) => keys[name], isLeased: () => false }, [
    { name: 'etcdv3', revision: '3', confirmedAt: 77 },
  ]);
  keeper.replaced({ ...STATUS, name: 'etcdv2' }, '2');
  await keeper.stop();
  const { sources } = readSnapshot(readFileSync(path));
  assert.deepEqual(
    sources.map(({ name, revision }) => `${name}@${revision}`),
    ['etcdv3@3', 'etcdv2@2'],
  );
  assert.equal(sources[0].confirmedAt, 77);
});
