import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type ModelChange, Reconciler, type ReconcilerOptions } from '../../../src/control/routing/reconciler.ts';
import { Slices } from '../../../src/control/routing/slices.ts';
import type { SourceName, SourceState, SourceStatus } from '../../../src/control/source/source.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelUpdate } from '../../../src/model/next-model.ts';
import { captureLog } from '../../harness/log.ts';
import { waitFor } from '../../harness/wait.ts';

const lines = captureLog();

class FakeSource {
  readonly name: SourceName;
  state: SourceState = 'connecting';
  error = '';

  constructor(name: SourceName) {
    this.name = name;
  }

  status(): SourceStatus {
    const { name, state, error } = this;
    return { name, state, revision: '', confirmedAt: 0, restarts: 0, error };
  }
}

class CountingBuilder extends ModelBuilder {
  updates = 0;

  override updating(...args: Parameters<ModelBuilder['updating']>): Generator<void, ModelUpdate> {
    this.updates += 1;
    return super.updating(...args);
  }
}

const SETTINGS = {
  prefix: '/traefik',
  entryPoints: ['http'],
  defaultEntryPoints: ['http'],
  allowMinWeightZero: false,
};

type Published = { readonly at: number; readonly model: Model; readonly changed: ModelChange; readonly since: number };

function start(t: TestContext, names: readonly SourceName[], options: Partial<ReconcilerOptions> = {}) {
  const sources = names.map((name) => new FakeSource(name));
  const published: Published[] = [];
  const builder = new CountingBuilder(SETTINGS);
  const reconciler = new Reconciler({
    sources,
    builder,
    onModel: (model, changed, since) => published.push({ at: performance.now(), model, changed, since }),
    ...options,
  });
  t.after(() => reconciler.stop());
  return { reconciler, published, sources, builder };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'the awaited state did not come within 5 s');
    await setImmediate();
  }
}

function server(name: string, url = `http://${name}`) {
  return { key: `backends/b/servers/${name}/url`, value: url };
}

function serversOf(model: Model): string[] {
  return (model.backends.get('b')?.servers ?? []).map(({ url }) => url);
}

/** Resolves when a reconciler that starts now has published: one that started earlier would have by then, too. */
async function otherPublishes(t: TestContext): Promise<void> {
  const { reconciler, published } = start(t, ['folder']);
  reconciler.snapshot('folder', '1', new Map());
  await until(() => published.length === 1);
}

test('the first snapshot becomes a model, even an empty one', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  reconciler.snapshot('etcdv3', '1', new Map());
  await until(() => published.length === 1);
  assert.equal(published[0].model.backends.size, 0);
});

test('what arrives together becomes one model, with the names of what changed', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  reconciler.snapshot('etcdv3', '1', new Map([['backends/other/servers/s/url', 'http://o']]));
  await until(() => published.length === 1);
  assert.deepEqual([...published[0].changed.backends.keys()], ['other']);
  for (let index = 0; index < 5; index += 1) reconciler.changes('etcdv3', '2', [server(`s${index}`)]);
  await until(() => published.length === 2);
  assert.equal(serversOf(published[1].model).length, 5);
  assert.deepEqual([...published[1].changed.backends.keys()], ['b']);
  assert.deepEqual([...published[1].changed.frontends.keys()], []);
});

test('a model says since when its first change has waited', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3'], { coalesceMs: 30, maxWaitMs: 200 });
  const before = performance.now();
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  const after = performance.now();
  await until(() => published.length > 0);
  const [{ since, at }] = published;
  assert.ok(since >= before && since <= after && at - since >= 25, `${before} ${since} ${after} ${at}`);
});

test('a stream of changes without quiet does not hold a model back', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3'], { coalesceMs: 1000, maxWaitMs: 20 });
  reconciler.snapshot('etcdv3', '1', new Map());
  let count = 0;
  await until(() => {
    reconciler.changes('etcdv3', '2', [server('s', `http://s${count++}`)]);
    return published.length >= 3;
  });
  assert.ok(published[2].at - published[0].at < 500);
});

test('a very large change is made in slices, and what comes meanwhile is in the next model with its own revision', async (t) => {
  const taken: string[] = [];
  const { reconciler, published, builder } = start(t, ['etcdv3'], {
    slices: new Slices(0),
    onTaken: (revisions) => taken.push(revisions.get('etcdv3') ?? ''),
  });
  const many = Array.from({ length: 300 }, (_, i): [string, string] => [`backends/b${i}/servers/s/url`, 'http://a']);
  reconciler.snapshot('etcdv3', '7', new Map(many));
  await until(() => builder.updates === 1);
  reconciler.changes('etcdv3', '8', [{ key: 'backends/late/servers/s/url', value: 'http://a' }]);
  let turns = 0;
  for (; published.length === 0; turns++) await setImmediate();
  assert.ok(turns > 200, `the loop went round ${turns} times`);
  assert.equal(published[0].changed.backends.size, 300);
  await until(() => published.length === 2);
  assert.deepEqual([...published[1].changed.backends.keys()], ['late']);
  assert.deepEqual(taken, ['7', '8']);
});

test('a model is half-way while its objects are partly as they will be, and until an error in between is made good', async (t) => {
  const { reconciler, published, builder } = start(t, ['etcdv3'], { slices: new Slices(0) });
  reconciler.snapshot('etcdv3', '1', new Map());
  await until(() => published.length === 1);
  lines.length = 0;
  const { updating } = builder;
  function* broken(...args: Parameters<typeof updating>): ReturnType<typeof updating> {
    const steps = updating.apply(builder, args);
    while (builder.model.backends.size === 0) steps.next();
    yield;
    return assert.fail('a mistake of ours');
  }
  t.mock.method(builder, 'updating', broken, { times: 1 });
  reconciler.changes('etcdv3', '2', [server('s'), { key: 'backends/c/servers/s/url', value: 'http://s' }]);
  await until(() => builder.model.backends.size > 0);
  assert.equal(reconciler.isHalfWay, true);
  await until(() => lines.length > 0);
  assert.equal(reconciler.isHalfWay, true);
  await waitFor(() => published.length === 2, 'the same once more');
  assert.deepEqual([published[1].model.backends.size, reconciler.isHalfWay], [2, false]);
});

test('changes that change nothing make no model', async (t) => {
  const { reconciler, published, builder } = start(t, ['etcdv3']);
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  await until(() => published.length === 1);
  reconciler.snapshot('etcdv3', '9', new Map([['backends/b/servers/s/url', 'http://s']]));
  reconciler.changes('etcdv3', '10', [server('t'), { key: 'backends/b/servers/t/url', value: null }]);
  reconciler.changes('etcdv3', '11', [{ key: 'backends/b/servers/s/weight', value: '1' }]);
  await until(() => builder.updates === 2);
  reconciler.changes('etcdv3', '12', [server('u')]);
  await until(() => published.length === 2);
  assert.deepEqual(serversOf(published[1].model), ['http://s', 'http://u']);
});

test('the first source of two wins, and the other shows when it lets go', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3', 'etcdv2']);
  reconciler.snapshot('etcdv2', '1', new Map([['backends/b/servers/s/url', 'http://two']]));
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://three']]));
  await until(() => published.length === 1);
  assert.deepEqual(serversOf(published[0].model), ['http://three']);
  reconciler.changes('etcdv3', '2', [{ key: 'backends/b/servers/s/url', value: null }]);
  await until(() => published.length === 2);
  assert.deepEqual(serversOf(published[1].model), ['http://two']);
});

test('the first model waits for every source, but not for one that is absent', async (t) => {
  const { reconciler, published, sources } = start(t, ['etcdv3', 'etcdv2'], { firstWaitMs: 60_000 });
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  reconciler.changes('etcdv3', '2', [server('t')]);
  reconciler.statusChanged('etcdv2');
  await otherPublishes(t);
  assert.equal(published.length, 0);
  sources[1].state = 'absent';
  reconciler.statusChanged('etcdv2');
  await until(() => published.length === 1);
  assert.deepEqual(serversOf(published[0].model), ['http://s', 'http://t']);
});

test('a source that cannot be reached holds the first model back for a bounded time only', async (t) => {
  const { reconciler, published, sources } = start(t, ['etcdv3', 'etcdv2'], { firstWaitMs: 100, readingMs: 60_000 });
  const begin = performance.now();
  reconciler.snapshot('etcdv3', '1', new Map());
  await otherPublishes(t);
  assert.equal(published.length, 0, 'it may be reading');
  sources[1].error = 'refused';
  reconciler.statusChanged('etcdv2');
  await until(() => published.length === 1);
  assert.ok(published[0].at - begin >= 95);
});

test('what such a source had, as far as it is remembered, is in the first model', async (t) => {
  let recalls = 0;
  const { reconciler, published } = start(t, ['etcdv3', 'etcdv2'], {
    firstWaitMs: 1,
    readingMs: 1,
    onMissing: async () => {
      recalls++;
      await setImmediate();
      reconciler.changes('etcdv3', '2', [server('u')]);
      await otherPublishes(t);
      reconciler.recall('etcdv2', '5', new Map([['backends/b/servers/t/url', 'http://t']]));
    },
  });
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  await until(() => published.length === 1);
  assert.deepEqual(serversOf(published[0].model), ['http://s', 'http://t', 'http://u']);
  assert.equal(recalls, 1);
});

test('the model of a successor is never that of half of its sources', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { reconciler, published } = start(t, ['etcdv3', 'etcdv2'], {
    firstWaitMs: 100,
    slices: new Slices(Number.POSITIVE_INFINITY),
  });
  reconciler.waitForAll();
  reconciler.snapshot('etcdv2', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  t.mock.timers.tick(60_000);
  assert.equal(published.length, 0);
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/t/url', 'http://t']]));
  t.mock.timers.tick(100);
  // What has waited too long already, on a busy machine, comes without a timer.
  await setImmediate();
  assert.deepEqual(serversOf(published[0].model), ['http://s', 'http://t']);
});

test('a throttle lets the first model through at once and then the newest of each period', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3'], {
    throttleMs: 200,
    slices: new Slices(Number.POSITIVE_INFINITY),
  });
  const begin = performance.now();
  reconciler.snapshot('etcdv3', '1', new Map());
  await until(() => published.length === 1);
  assert.ok(published[0].at - begin < 150);
  let count = 0;
  await until(() => {
    reconciler.changes('etcdv3', '2', [server('s', `http://s${count++}`)]);
    return published.length === 2;
  });
  assert.ok(published[1].at - published[0].at >= 195);
  const [url] = serversOf(published[1].model);
  assert.ok(Number(url.slice('http://s'.length)) >= count - 2, `${url} is not the newest of ${count}`);
});

test('a problem is told once, again when it comes back, and its end at the level at which it was told', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  const bad = { key: 'backends/b/servers/s/url', value: 'nonsense' };
  const key = '/traefik/backends/b/servers/s/url';
  lines.length = 0;
  reconciler.snapshot(
    'etcdv3',
    '1',
    new Map([
      ['nonsense', '1'],
      [bad.key, bad.value],
    ]),
  );
  await until(() => published.length === 1);
  reconciler.changes('etcdv3', '2', [server('t')]);
  await until(() => published.length === 2);
  const [first, second, ...none] = lines.splice(0);
  assert.deepEqual(none, []);
  const { reason, ...rest } = first;
  assert.deepEqual(rest, { event: 'problem', level: 'error', key, object: 'backends/b', state: 'rejected' });
  assert.match(String(reason), /^"nonsense" is not a URL/);
  const unknown = { key: '/traefik/nonsense', object: '', state: 'ignored', reason: 'unknown key' };
  assert.deepEqual(second, { event: 'problem', level: 'warning', ...unknown });

  reconciler.changes('etcdv3', '3', [server('s'), { key: 'nonsense', value: null }]);
  await until(() => published.length === 3);
  assert.deepEqual(lines.splice(0), [
    { event: 'problem_gone', level: 'error', key, object: 'backends/b' },
    { event: 'problem_gone', level: 'warning', key: '/traefik/nonsense', object: '' },
  ]);
  reconciler.changes('etcdv3', '4', [bad]);
  await until(() => published.length === 4);
  assert.deepEqual(
    lines.map(({ event, level }) => [event, level]),
    [['problem', 'error']],
  );
});

test('of very many problems some are told, and the sum of all', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  lines.length = 0;
  const junk = Array.from({ length: 5_000 }, (_, i) => [`backends/b/servers/s${i}/url`, 'no URL'] as const);
  reconciler.snapshot('etcdv3', '1', new Map(junk));
  await until(() => published.length === 1);
  // What is told of lines that were too many for the log may come in between, on a slow machine.
  const told = lines.filter(({ event }) => event === 'problem' || event === 'problems');
  assert.ok(told.length <= 21, JSON.stringify(lines.slice(18)));
  assert.deepEqual(told.at(-1), { event: 'problems', level: 'warning', appeared: 5_000, gone: 0, total: 5_000 });
});

test('an error while a model is made is told, and the same changes are tried again', async (t) => {
  const { reconciler, published, builder } = start(t, ['etcdv3']);
  lines.length = 0;
  t.mock.method(builder, 'updating', () => assert.fail('a mistake of ours'), { times: 1 });
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  await waitFor(() => published.length === 1, 'the same once more');
  assert.deepEqual(serversOf(published[0].model), ['http://s']);
  assert.deepEqual([lines[0].event, lines[0].level, lines[0].error], ['own_error', 'error', 'a mistake of ours']);
});

test('an error of those who take a model does not keep the next one from them', async (t) => {
  let calls = 0;
  const onModel = (): void => {
    calls++;
    if (calls === 1) throw new Error('a mistake of ours');
  };
  const { reconciler } = start(t, ['etcdv3'], { onModel });
  reconciler.snapshot('etcdv3', '1', new Map());
  await until(() => calls === 1);
  reconciler.changes('etcdv3', '2', [server('s')]);
  await until(() => calls === 2);
});

test('a frontend without a rule is handed on when its wait is over, though nothing changes', async (t) => {
  const builder = new ModelBuilder({ ...SETTINGS, ruleWaitMs: 30 });
  const { reconciler, published } = start(t, ['etcdv3'], { builder });
  const keys = { 'backends/b/servers/s/url': 'http://s', 'frontends/f/backend': 'b' };
  const from = performance.now();
  reconciler.snapshot('etcdv3', '1', new Map(Object.entries(keys)));
  await until(() => published.length === 2);
  assert.deepEqual([[...published[1].changed.frontends.keys()], published[1].at - from >= 30], [['f'], true]);
});

test('what no table can be made with is left out of the next model', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  reconciler.snapshot('etcdv3', '1', new Map([['backends/b/servers/s/url', 'http://s']]));
  await until(() => published.length === 1);
  reconciler.refuse([{ kind: 'backends', name: 'b', reason: 'it is poison' }]);
  await until(() => published.length === 2);
  assert.equal(published[1].model.backends.size, 0);
  assert.equal(published[1].model.problems.get('/traefik/backends/b')?.reason, 'it cannot be served: it is poison');
  reconciler.changes('etcdv3', '2', [server('s', 'http://t')]);
  await until(() => published.length === 3);
  assert.deepEqual(serversOf(published[2].model), ['http://t']);
});

test('a store without a key is told, with its prefix, and so is the first key', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3', 'etcdv2'], { place: '/traefik' });
  lines.length = 0;
  reconciler.snapshot('etcdv3', '1', new Map());
  reconciler.snapshot('etcdv2', '1', new Map());
  await until(() => published.length === 1);
  assert.deepEqual(lines.splice(0), [{ event: 'no_keys', level: 'warning', prefix: '/traefik' }]);
  reconciler.changes('etcdv2', '2', [server('s')]);
  await until(() => published.length === 2);
  assert.deepEqual(lines.splice(0), [{ event: 'keys_found', level: 'warning', prefix: '/traefik' }]);
});

test('after stop nothing is handed on', async (t) => {
  const { reconciler, published } = start(t, ['etcdv3']);
  reconciler.snapshot('etcdv3', '1', new Map());
  reconciler.stop();
  reconciler.changes('etcdv3', '2', [server('s')]);
  reconciler.statusChanged('etcdv3');
  await otherPublishes(t);
  assert.equal(published.length, 0);
});
