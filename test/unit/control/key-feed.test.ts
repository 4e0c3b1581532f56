import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { SnapshotKeeper } from '../../../src/control/memory/snapshot-keeper.ts';
import { Suspects } from '../../../src/control/memory/suspects.ts';
import { KeyFeed } from '../../../src/control/routing/key-feed.ts';
import { Reconciler } from '../../../src/control/routing/reconciler.ts';
import type { Recalled, Source, SourceName, SourceSink, SourceState } from '../../../src/control/source/source.ts';
import { SourceLog } from '../../../src/control/source/source-log.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import { captureLog } from '../../harness/log.ts';
import { temporaryFolder } from '../../harness/tools.ts';

captureLog();

class FakeSource implements Source {
  readonly name: SourceName;
  state: SourceState = 'connecting';
  recalled: Recalled | null = null;
  private sink: SourceSink | null = null;

  constructor(name: SourceName) {
    this.name = name;
  }

  recall(recalled: Recalled): void {
    this.recalled = recalled;
  }

  start(sink: SourceSink): void {
    this.sink = sink;
  }

  async stop(): Promise<void> {}

  status() {
    return { name: this.name, state: this.state, revision: '7', confirmedAt: 5, restarts: 0, error: '' };
  }

  give(entries: Readonly<Record<string, string>>): void {
    this.state = 'live';
    this.sink!.snapshot(this.name, '7', new Map(Object.entries(entries)));
  }
}

/** A node with that snapshot. */
function start(t: TestContext, path: string) {
  const sources = [new FakeSource('etcdv3'), new FakeSource('etcdv2')] as const;
  const builder = new ModelBuilder({
    prefix: '/traefik',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const reconciler = new Reconciler({ sources, builder, onModel: () => {} });
  t.after(() => reconciler.stop());
  const suspects = new Suspects({
    limitMs: 0,
    model: () => builder.model,
    keysOf: (source) => reconciler.keysOf(source),
    sources: ['etcdv3', 'etcdv2'],
    backendOf: () => '',
    evidenceOf: () => ({ isDown: false, isFailing: false, good: 0 }),
    connect: async () => '',
    onMark: () => {},
    onGone: () => {},
    onChange: () => {},
  });
  const snapshot = new SnapshotKeeper(path, '/traefik', '1.0.0');
  const log = new SourceLog();
  const feed = new KeyFeed({ sources, reconciler, snapshot, suspects, log, onChange: () => {} });
  feed.start([]);
  const keysOf = (source: SourceName) => Object.fromEntries(reconciler.keysOf(source));
  return { feed, sources, keysOf };
}

async function rememberedIn(path: string): Promise<Record<string, unknown>> {
  const sources = (await new SnapshotKeeper(path, '/traefik', '1.0.0').recall())!;
  return Object.fromEntries(sources.map(({ name, entries }) => [name, Object.fromEntries(entries)]));
}

test('what the snapshot has of a source that has not answered comes into force, and is not lost with the file of the others', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = `${folder.path}/snapshot`;
  const first = start(t, path);
  first.sources[0].give({ three: '1' });
  first.sources[1].give({ two: '1' });
  await first.feed.stop();

  const unasked = start(t, path);
  unasked.sources[0].give({ three: '2' });
  await unasked.feed.stop();
  assert.deepEqual(await rememberedIn(path), { etcdv3: { three: '1' }, etcdv2: { two: '1' } });

  const second = start(t, path);
  second.sources[0].give({ three: '3' });
  await second.feed.recallMissing();
  assert.deepEqual([second.keysOf('etcdv3'), second.keysOf('etcdv2')], [{ three: '3' }, { two: '1' }]);
  assert.equal(second.sources[0].recalled, null);
  assert.equal(second.sources[1].recalled?.keys, 1);
  await second.feed.stop();
  assert.deepEqual(await rememberedIn(path), { etcdv3: { three: '3' }, etcdv2: { two: '1' } });

  const whole = start(t, path);
  whole.sources[0].give({ three: '4' });
  whole.sources[1].give({});
  await whole.feed.recallMissing();
  assert.deepEqual(whole.keysOf('etcdv2'), {}, 'it has said that it has none');
  await whole.feed.stop();
  assert.deepEqual(await rememberedIn(path), { etcdv3: { three: '4' }, etcdv2: {} });
});
