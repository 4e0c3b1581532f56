/**
 * A node that starts now routes like one that has run since the beginning, whatever has happened: random histories of an
 * etcd with both of its APIs, told in every order and with gaps, by what the real sources make of answers and events. So does
 * one that begins with what another one has kept on disk, before its sources answer and after.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import {
  changesBlock,
  headerBlock,
  keysBlocks,
  MAGIC,
  readSnapshot,
  type SourceMark,
  sourceBlock,
  wholeBlock,
} from '../../../src/control/memory/snapshot-format.ts';
import { markOf } from '../../../src/control/memory/snapshot-keeper.ts';
import { Reconciler } from '../../../src/control/routing/reconciler.ts';
import { Slices } from '../../../src/control/routing/slices.ts';
import type { EtcdV2Event, EtcdV2Node } from '../../../src/control/source/etcd-v2-client.ts';
import { changesOf, entriesBelow, KeysByPath } from '../../../src/control/source/etcd-v2-tree.ts';
import { KeyTrees } from '../../../src/control/source/key-trees.ts';
import type { Change, SourceName, SourceSink, SourceStatus } from '../../../src/control/source/source.ts';
import { StatusKeeper } from '../../../src/control/source/source-status.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import { captureLog } from '../../harness/log.ts';

captureLog();

const never = (): boolean => false;

const PREFIX = '/traefik';
/** Longer than anything that the reconciler waits for. */
const LONG_MS = 10_000;

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** A store with a log; a source reads what is below a directory and then its events. */
interface Store {
  readonly name: SourceName;
  readonly length: number;
  /** Whole keys below a directory, and what turns its event number `i` into changes of whole keys. */
  open(directory: string): { readonly keys: Map<string, string>; changesAt(i: number): Change[] };
}

class StoreV3 implements Store {
  readonly name = 'etcdv3';
  readonly #keys = new Map<string, string>();
  readonly #log: Change[][] = [];

  get length(): number {
    return this.#log.length;
  }

  open(directory: string) {
    const below = ({ key }: Change) => key.startsWith(`${directory}/`);
    return {
      keys: new Map([...this.#keys].filter(([key, value]) => below({ key, value }))),
      changesAt: (i: number) => this.#log[i].filter(below),
    };
  }

  /** One transaction. */
  write(changes: readonly Change[]): void {
    for (const { key, value } of changes) {
      if (value === null) this.#keys.delete(key);
      else this.#keys.set(key, value);
    }
    this.#log.push([...changes]);
  }

  removeBelow(path: string): void {
    this.write([...this.#keys.keys()].filter((key) => isWithin(key, path)).map((key) => ({ key, value: null })));
  }
}

class StoreV2 implements Store {
  readonly name = 'etcdv2';
  readonly #values = new Map<string, string>();
  readonly #directories = new Set<string>();
  readonly #log: EtcdV2Event[] = [];

  get length(): number {
    return this.#log.length;
  }

  open(directory: string) {
    const whole = ({ key, value }: Change): Change => ({ key: `/${key}`, value });
    const found = entriesBelow('', this.#node(directory));
    const known = new KeysByPath(found.keys());
    return {
      keys: new Map([...found].map(([key, value]) => [`/${key}`, value])),
      changesAt: (i: number) => {
        const event = this.#log[i];
        const isHeard =
          isWithin(event.node.key, directory) || (event.action === 'delete' && isWithin(directory, event.node.key));
        return isHeard ? changesOf('', event, known).map(whole) : [];
      },
    };
  }

  /** `value` null: a directory. What etcd refuses does nothing. */
  set(path: string, value: string | null): void {
    if (this.#directories.has(path)) return;
    const parents = this.#above(path);
    if (parents.some((parent) => this.#values.has(parent))) return;
    for (const parent of parents) this.#directories.add(parent);
    this.#values.delete(path);
    if (value === null) this.#directories.add(path);
    else this.#values.set(path, value);
    this.#log.push({ action: 'set', node: value === null ? { key: path, dir: true } : { key: path, value } });
  }

  remove(path: string): void {
    const dir = this.#directories.has(path);
    if (!dir && !this.#values.has(path)) return;
    for (const key of [...this.#values.keys()]) if (isWithin(key, path)) this.#values.delete(key);
    for (const key of [...this.#directories]) if (isWithin(key, path)) this.#directories.delete(key);
    this.#log.push({ action: 'delete', node: dir ? { key: path, dir } : { key: path } });
  }

  #above(path: string): string[] {
    const parts = path.split('/');
    return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join('/'));
  }

  #node(key: string): EtcdV2Node | null {
    const value = this.#values.get(key);
    if (value !== undefined) return { key, value };
    if (key !== '' && !this.#directories.has(key)) return null;
    const below = [...this.#values.keys(), ...this.#directories];
    const children = below.filter((path) => path.slice(0, path.lastIndexOf('/')) === key);
    return { key, dir: true, nodes: children.map((path) => this.#node(path)!) };
  }
}

/** What the real sources do, without a connection: one cursor for each directory that is followed. */
class Follower {
  readonly name: SourceName;
  readonly #store: Store;
  readonly #status: StatusKeeper;
  readonly #trees = new KeyTrees(PREFIX);
  #ranges: { changesAt(i: number): Change[]; next: number }[] = [];
  #sink: SourceSink | null = null;

  constructor(store: Store) {
    this.name = store.name;
    this.#store = store;
    this.#status = new StatusKeeper(store.name);
  }

  status(): SourceStatus {
    return this.#status.current;
  }

  recall(mark: SourceMark): void {
    this.#status.recalled({ ...mark, keys: 0, leased: new Set() });
  }

  /** Begins, or begins anew after a gap. */
  read(sink: SourceSink): void {
    this.#sink = sink;
    this.#status.attach(sink);
    const keys = new Map<string, string>();
    const open = (directory: string) => {
      const opened = this.#store.open(directory);
      for (const [key, value] of opened.keys) keys.set(key, value);
      return { changesAt: opened.changesAt, next: this.#store.length };
    };
    const own = open(PREFIX);
    this.#trees.aim(keys.get(this.#trees.aliasKey));
    this.#ranges = this.#trees.ranges().map((directory) => (directory === PREFIX ? own : open(directory)));
    const entries = this.#trees.settle(keys);
    this.#status.aliased(this.#trees.elsewhere, this.#trees.problem);
    sink.snapshot(this.name, '1', entries);
    this.#status.confirmed('1');
  }

  /** Hears up to `most` events of one of its directories. */
  hear(range: number, most: number): void {
    const at = this.#ranges[range % Math.max(this.#ranges.length, 1)];
    if (at === undefined || this.#sink === null) return;
    for (let i = 0; i < most && at.next < this.#store.length; i++) {
      const changes = this.#trees.changes(at.changesAt(at.next++));
      if (changes === null) {
        this.read(this.#sink);
        return;
      }
      if (changes.length > 0) this.#sink.changes(this.name, '1', changes);
    }
  }

  hearAll(): void {
    while (this.#ranges.some(({ next }) => next < this.#store.length)) {
      for (let i = 0; i < this.#ranges.length; i++) this.hear(i, Number.POSITIVE_INFINITY);
    }
  }
}

/** What stands in the snapshot of a node, block by block as its changes come. */
class Recorder implements SourceSink {
  readonly #sink: SourceSink;
  readonly #status: (name: SourceName) => SourceStatus;
  readonly #bases = new Map<SourceName, Buffer[]>();
  #changes: Buffer[] = [];

  constructor(sink: SourceSink, status: (name: SourceName) => SourceStatus) {
    this.#sink = sink;
    this.#status = status;
  }

  snapshot(name: SourceName, revision: string, entries: ReadonlyMap<string, string>): void {
    this.#sink.snapshot(name, revision, entries);
    // Written anew, with what has changed of the other one until now as changes of it.
    this.#bases.set(name, [sourceBlock(this.#mark(name)), ...keysBlocks(entries, 100, never)]);
    this.#changes = this.#changes.filter((block) => !block.includes(`"name":"${name}"`));
  }

  changes(name: SourceName, revision: string, changes: readonly Change[]): void {
    this.#sink.changes(name, revision, changes);
    this.#changes.push(changesBlock(this.#mark(name), changes, never));
  }

  statusChanged(name: SourceName): void {
    this.#sink.statusChanged(name);
  }

  file(): Buffer {
    const header = headerBlock({ prefix: PREFIX, tsuji: '0' });
    return Buffer.concat([MAGIC, header, ...[...this.#bases.values()].flat(), wholeBlock(), ...this.#changes]);
  }

  #mark(name: SourceName): SourceMark {
    return markOf(this.#status(name), '1', 1);
  }
}

class TestNode {
  readonly followers: readonly Follower[];
  readonly reconciler: Reconciler;
  readonly #builder = new ModelBuilder({
    prefix: PREFIX,
    entryPoints: ['http', 'https'],
    tlsEntryPoints: ['https'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });

  constructor(stores: readonly Store[]) {
    this.followers = stores.map((store) => new Follower(store));
    const slices = new Slices(Number.POSITIVE_INFINITY);
    this.reconciler = new Reconciler({
      sources: this.followers,
      builder: this.#builder,
      slices,
      onModel: () => {},
      // By the mocked clock, and not in a turn of the loop.
      maxWaitMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Begins with what another one has kept. */
  recall(file: Buffer): void {
    for (const { entries, ...mark } of readSnapshot(file).sources) {
      this.followers.find(({ name }) => name === mark.name)!.recall(mark);
      this.reconciler.recall(mark.name, mark.revision, entries);
    }
  }

  model(): unknown {
    const { backends, frontends, certificates, problems } = this.#builder.model;
    return structuredClone({ backends, frontends, certificates, problems });
  }
}

const TREES = [PREFIX, PREFIX, '/conf/1', '/conf/1', `${PREFIX}/conf/2`, '/conf', ''];
const ALIASES = [
  '/conf/1',
  '/conf/1',
  '/conf/1/',
  `${PREFIX}/conf/2`,
  '/conf',
  '/none',
  'conf/1',
  '',
  PREFIX,
  '/conf//1',
];
const VALUES: readonly (readonly [string, readonly string[]])[] = [
  ['backends/b/servers/s/url', ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'nonsense']],
  ['backends/b/servers/s/weight', ['1', '5', 'x']],
  ['backends/c/servers/s/url', ['http://10.0.0.3:80']],
  ['backends/c/servers/backends/d', ['junk']],
  ['frontends/f/backend', ['b', 'c', 'none']],
  ['frontends/f/routes/r/rule', ['Host:a.x', 'Host:b.x', 'Nonsense:']],
  ['frontends/g/backend', ['b', 'c']],
  ['frontends/g/priority', ['7', 'high']],
  ['tls/t/entrypoints', ['https', 'none']],
  ['tls/t/certificate/certfile', ['cert']],
  ['tls/t/certificate/keyfile', ['key']],
  ['junk/k', ['v']],
];
const DIRECTORIES = [
  '',
  'backends',
  'backends/b',
  'backends/b/servers',
  'backends/e',
  'backends/c',
  'frontends',
  'tls',
];

const tree = fc.constantFrom(...TREES);
const store = fc.constantFrom('v2', 'v3');
const put = fc
  .constantFrom(...VALUES)
  .chain(([key, values]) => fc.record({ key: fc.constant(key), value: fc.constantFrom(...values) }));
const step = fc.oneof(
  // A whole tree, which may be split.
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tree' as const), store, other: store, tree }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), store, tree, put }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), store, tree, put }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('alias' as const), store, value: fc.constantFrom(...ALIASES, null) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), store, tree, below: fc.constantFrom(...DIRECTORIES) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('mkdir' as const), tree, below: fc.constantFrom(...DIRECTORIES) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('hear' as const), source: fc.nat(1), range: fc.nat(1), most: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gap' as const), source: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('publish' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('compare' as const), swapped: fc.boolean(), between: fc.boolean() }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function run(t: TestContext, steps: readonly Step[]): void {
  const v3 = new StoreV3();
  const v2 = new StoreV2();
  const write = (to: string, key: string, value: string | null): void => {
    if (to === 'v3') v3.write([{ key, value }]);
    else if (value === null) v2.remove(key);
    else v2.set(key, value);
  };
  const compare = (running: TestNode, swapped: boolean, between: boolean): void => {
    for (const follower of running.followers) follower.hearAll();
    t.mock.timers.tick(LONG_MS);
    const fresh = new TestNode([v3, v2]);
    for (const follower of swapped ? fresh.followers.toReversed() : fresh.followers) {
      follower.read(fresh.reconciler);
      if (between) t.mock.timers.tick(LONG_MS);
    }
    t.mock.timers.tick(LONG_MS);
    assert.deepStrictEqual(running.model(), fresh.model());
    assert.deepStrictEqual(
      running.followers.map((follower) => follower.status().aliasProblem),
      fresh.followers.map((follower) => follower.status().aliasProblem),
    );
    fresh.reconciler.stop();
    const remembering = new TestNode([v3, v2]);
    remembering.recall(recorder.file());
    t.mock.timers.tick(LONG_MS);
    assert.deepStrictEqual(remembering.model(), running.model());
    for (const follower of swapped ? remembering.followers.toReversed() : remembering.followers) {
      follower.read(remembering.reconciler);
      if (between) t.mock.timers.tick(LONG_MS);
    }
    t.mock.timers.tick(LONG_MS);
    assert.deepStrictEqual(remembering.model(), running.model());
    remembering.reconciler.stop();
  };
  const running = new TestNode([v3, v2]);
  const recorder = new Recorder(running.reconciler, (name) =>
    running.followers.find((follower) => follower.name === name)!.status(),
  );
  for (const follower of running.followers) follower.read(recorder);
  for (const one of steps) {
    if (one.kind === 'put') write(one.store, `${one.tree}/${one.put.key}`, one.put.value);
    else if (one.kind === 'tree') {
      write(one.store, `${one.tree}/backends/b/servers/s/url`, 'http://10.0.0.1:80');
      write(one.other, `${one.tree}/frontends/f/backend`, 'b');
      write(one.other, `${one.tree}/frontends/f/routes/r/rule`, 'Host:a.x');
    } else if (one.kind === 'delete') write(one.store, `${one.tree}/${one.put.key}`, null);
    else if (one.kind === 'alias') write(one.store, `${PREFIX}/alias`, one.value);
    else if (one.kind === 'mkdir') v2.set(`${one.tree}/${one.below}`.replace(/\/$/, '') || '/x', null);
    else if (one.kind === 'remove') {
      const path = `${one.tree}/${one.below}`.replace(/\/$/, '');
      if (one.store === 'v3') v3.removeBelow(path);
      else v2.remove(path);
    } else if (one.kind === 'hear') running.followers[one.source].hear(one.range, one.most);
    else if (one.kind === 'gap') running.followers[one.source].read(recorder);
    else if (one.kind === 'publish') t.mock.timers.tick(20);
    else compare(running, one.swapped, one.between);
  }
  compare(running, false, false);
  running.reconciler.stop();
}

test('a fresh node, and one that begins with a snapshot, have the model of one that has run since the beginning', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => run(t, steps)),
    { numRuns: 700 },
  );
});
