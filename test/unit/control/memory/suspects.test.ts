import assert from 'node:assert/strict';
import test, { mock, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { type LetGo, SuspectKeys, TOGETHER_MS } from '../../../../src/control/memory/suspect-keys.ts';
import { type Evidence, Suspects } from '../../../../src/control/memory/suspects.ts';
import { KvMerge } from '../../../../src/control/routing/kv-merge.ts';
import type { Change, SourceName } from '../../../../src/control/source/source.ts';
import { ModelBuilder } from '../../../../src/model/build-model.ts';
import { captureLog } from '../../../harness/log.ts';

const lines = captureLog();
const URL_KEY = 'backends/b/servers/s/url';

/** One backend with two servers, and a clock that is turned by hand. */
function start(t: TestContext, limitMs = 60_000) {
  mock.timers.enable({ apis: ['setInterval', 'Date'] });
  let now = performance.now();
  const clock = t.mock.method(performance, 'now', () => now);
  t.after(() => {
    mock.timers.reset();
    clock.mock.restore();
  });
  const merge = new KvMerge(['etcdv3', 'etcdv2']);
  const evidence: Record<string, Partial<Evidence>> = {};
  const refused = new Set<string>();
  const asked: string[] = [];
  const apply = (changes: readonly Change[]): void => void builder.update(changes);
  const builder = new ModelBuilder({
    prefix: '/traefik',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
    isSuspect: (backend, server) => suspects.isSuspect(backend, server),
  });
  const suspects: Suspects = new Suspects({
    limitMs,
    sources: ['etcdv3', 'etcdv2'],
    model: () => builder.model,
    keysOf: (source) => merge.keysOf(source),
    backendOf: (frontend) => builder.keysOf('frontends', frontend).get('backend') ?? '',
    evidenceOf: (_, { name }) => ({ isDown: false, isFailing: false, good: 0, ...evidence[name] }),
    connect: async ({ host }) => {
      asked.push(host);
      return refused.has(host) ? 'refused' : '';
    },
    onMark: (backend) => builder.rebuild(`backends/${backend}`),
    onGone: (source, changes) => apply(merge.apply(source, changes)),
    onChange: () => {},
  });
  t.after(() => suspects.stop());
  const give = (source: SourceName, changes: readonly Change[]): void =>
    apply(merge.apply(source, suspects.given(source, changes)));
  give('etcdv3', [
    { key: URL_KEY, value: 'http://one' },
    { key: 'backends/b/servers/s/weight', value: '7' },
    { key: 'backends/b/servers/t/url', value: 'http://two' },
    { key: 'frontends/f/backend', value: 'b' },
  ]);
  return {
    suspects,
    evidence,
    refused,
    asked,
    give,
    servers: (): string[] =>
      (builder.model.backends.get('b')?.servers ?? []).map(
        ({ name, weight, suspect }) => `${name}${weight}${suspect ? '?' : ''}`,
      ),
    async wait(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 250) {
        now += 250;
        mock.timers.tick(250);
        await setImmediate();
        builder.update([]);
      }
    },
  };
}

const expired = (key: string): Change => ({ key, value: null, expired: true });

test('one whose lease ran out stays as it was, as a suspect, until it is written again', async (t) => {
  const { give, servers, wait, suspects } = start(t);
  give('etcdv3', [expired(URL_KEY), expired('backends/b/servers/s/weight')]);
  assert.deepEqual(servers(), ['s7?', 't1']);
  await wait(30_000);
  assert.deepEqual(servers(), ['s7?', 't1']);
  assert.equal(suspects.status().count, 1);
  give('etcdv3', [{ key: URL_KEY, value: 'http://one' }]);
  assert.deepEqual(servers(), ['s7', 't1']);
  give('etcdv3', [{ key: 'backends/b/servers/s/weight', value: '2' }]);
  await wait(5_000);
  assert.deepEqual(servers(), ['s2', 't1']);
  assert.equal(suspects.status().outcomes.returned, 1);
});

test('one that does not serve is given up after two looks, whatever says so; one that serves when its time is over', async (t) => {
  const { give, servers, wait, evidence, refused, asked } = start(t);
  give('etcdv3', [expired(URL_KEY)]);
  // Whoever answers requests is not asked.
  for (let good = 0; good < 20; good++) {
    evidence.s = { good };
    await wait(1_000);
  }
  assert.ok(asked.length <= 2, `${asked}`);
  evidence.s = { good: 20 };
  await wait(10_000);
  assert.ok(asked.length >= 2 && asked.every((host) => host === 'one'), `${asked}`);
  refused.add('one');
  await wait(5_750);
  assert.deepEqual(servers(), ['t1']);
  assert.equal(lines.at(-1)?.event, 'server_given_up');
  assert.equal(lines.at(-1)?.reason, 'refused');

  refused.clear();
  evidence.s = { isDown: true };
  give('etcdv3', [{ key: URL_KEY, value: 'http://one' }]);
  give('etcdv3', [expired(URL_KEY)]);
  assert.deepEqual(servers(), ['s7?', 't1']);
  await wait(250);
  assert.deepEqual(servers(), ['t1']);

  evidence.s = {};
  give('etcdv3', [expired('backends/b/servers/t/url')]);
  await wait(59_000);
  assert.deepEqual(servers(), ['t1?']);
  await wait(6_000);
  assert.deepEqual(servers(), []);
  assert.equal(lines.at(-1)?.outcome, 'time');
});

test('a deletion is one, also when it is told late; what another source has needs no keeping; a bound of 0 keeps nothing', (t) => {
  const { give, servers, suspects } = start(t);
  give('etcdv3', [expired(URL_KEY)]);
  give('etcdv3', [{ key: URL_KEY, value: null }]);
  assert.deepEqual(servers(), ['t1']);
  give('etcdv2', [{ key: 'backends/b/servers/t/url', value: 'http://other' }]);
  give('etcdv3', [expired('backends/b/servers/t/url')]);
  assert.equal(suspects.status().count, 0);
  assert.deepEqual(servers(), ['t1']);
  suspects.obey(new Map([['guard/suspect', '0']]));
  give('etcdv2', [expired('backends/b/servers/t/url')]);
  assert.deepEqual(servers(), []);
});

test('one that registers anew under another name is no suspect', async (t) => {
  const { give, servers, wait } = start(t);
  give('etcdv3', [expired(URL_KEY)]);
  give('etcdv3', [{ key: 'backends/b/servers/a/url', value: 'http://one' }]);
  assert.deepEqual(servers(), ['a1', 't1']);
  await wait(TOGETHER_MS + 500);
  assert.deepEqual(servers(), ['a1', 't1']);
});

const KEYS = [
  URL_KEY,
  'backends/b/servers/s/weight',
  'backends/b/servers/t/url',
  'backends/b/loadbalancer/method',
  'frontends/f/backend',
  'frontends/g/backend',
  'tls/t/entrypoints',
  'alias',
];

test('whatever happens, what is registered is in force, what was deleted is not, and in the end nothing is left of the rest', () => {
  const source = fc.constantFrom<SourceName>('etcdv3', 'etcdv2');
  const key = fc.constantFrom(...KEYS);
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('set', 'delete', 'expire'), source, key, value: fc.constantFrom('b', 'c') }),
    fc.record({ kind: fc.constant('reread'), source, key, value: fc.constant('') }),
    fc.record({ kind: fc.constant('sweep'), source, key, value: fc.constant('') }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const names: SourceName[] = ['etcdv3', 'etcdv2'];
      const store = new Map(names.map((name) => [name, new Map<string, string>()]));
      const deleted = new Set<string>();
      const merge = new KvMerge(names);
      const suspects = new Set<string>();
      const keys = new SuspectKeys({
        isElsewhere: (own, at) => names.some((name) => name !== own && merge.keysOf(name).has(at)),
        backendOf: (frontend) => merge.keysOf('etcdv3').get(`frontends/${frontend}/backend`) ?? '',
        onSuspect: ({ server }) => void suspects.add(server),
        onSettled: ({ server }) => void suspects.delete(server),
      });
      const go = (gone: LetGo): void => {
        for (const [name, changes] of gone) merge.apply(name, changes);
      };
      let now = 0;
      for (const one of steps) {
        now += 400;
        const own = store.get(one.source)!;
        const mark = `${one.source} ${one.key}`;
        if (one.kind === 'sweep') go(keys.sweep(now));
        else if (one.kind === 'reread') {
          const had = new Map(merge.keysOf(one.source));
          const lost = own.delete(one.key) ? [one.key] : [];
          const stay = [...keys.reread(one.source, own, lost, now)];
          merge.replace(one.source, own);
          merge.apply(
            one.source,
            stay.map((at) => ({ key: at, value: had.get(at)! })),
          );
        } else {
          const isSet = one.kind === 'set';
          if (!isSet && !own.has(one.key) && one.kind === 'expire') continue;
          const change = { key: one.key, value: isSet ? one.value : null };
          if (isSet) own.set(one.key, one.value);
          else own.delete(one.key);
          if (one.kind === 'delete') deleted.add(mark);
          else deleted.delete(mark);
          const told = one.kind === 'expire' ? { ...change, expired: true as const } : change;
          merge.apply(one.source, keys.given(one.source, [told], now));
        }
        for (const name of names) {
          for (const [at, value] of store.get(name)!) assert.equal(merge.keysOf(name).get(at), value);
          for (const at of merge.keysOf(name).keys()) assert.ok(!deleted.has(`${name} ${at}`), `${name} ${at}`);
        }
        for (const server of suspects) assert.ok(keys.isSuspect({ backend: 'b', server }));
      }
      for (const server of ['s', 't']) go(keys.letGo({ backend: 'b', server }));
      go(keys.sweep(now + TOGETHER_MS));
      go(keys.sweep(now + TOGETHER_MS));
      assert.ok(keys.isEmpty);
      for (const name of names) assert.deepEqual(new Map(merge.keysOf(name)), store.get(name));
    }),
    { numRuns: 300 },
  );
});
