import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseConstraint } from '../../../src/kernel/constraints.ts';
import type { Problem } from '../../../src/kernel/problems.ts';
import { ModelBuilder, type ModelSettings } from '../../../src/model/build-model.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelUpdate } from '../../../src/model/next-model.ts';
import { FRONTEND_KEYS } from '../../../src/model/schema.ts';

const SETTINGS: ModelSettings = {
  prefix: '/traefik',
  entryPoints: ['http', 'internal'],
  defaultEntryPoints: ['http'],
  allowMinWeightZero: false,
};

type Keys = Record<string, string | null>;

function put(builder: ModelBuilder, keys: Keys): ModelUpdate {
  return builder.update(Object.entries(keys).map(([key, value]) => ({ key, value })));
}

function modelOf(keys: Keys, settings: Partial<ModelSettings> = {}): Model {
  return put(new ModelBuilder({ ...SETTINGS, ...settings }), keys).model;
}

/** The problems as `key state reason` lines without the prefix. */
function problemsOf(model: Model): string[] {
  return [...model.problems.values()].map(({ key, state, reason }) => `${key.slice(9)} ${state}: ${reason}`).sort();
}

const keyOf = ({ key }: Problem): string => key;

/** A backend `b` and a frontend `f` on it, with further keys of each. */
function small(keys: Keys): Keys {
  return { 'backends/b/servers/s/url': 'http://10.0.0.1', 'frontends/f/backend': 'b', ...keys };
}

test('the keys of the tutorial become a backend with servers and a frontend with a rule', () => {
  const model = modelOf({
    'backends/nginx/servers/two/url': 'http://10.0.0.2:8080',
    'backends/nginx/servers/two/weight': '3',
    'backends/nginx/servers/one/url': 'http://10.0.0.1',
    'frontends/nginx/backend': 'nginx',
    'frontends/nginx/routes/main/rule': 'Host:example.com',
  });
  assert.deepEqual(problemsOf(model), []);
  const server = { scheme: 'http', weight: 1 };
  assert.deepEqual(model.backends.get('nginx'), {
    name: 'nginx',
    method: 'wrr',
    pipelining: 0,
    servers: [
      { ...server, name: 'one', url: 'http://10.0.0.1', host: '10.0.0.1', port: 80, hostHeader: '10.0.0.1' },
      {
        ...server,
        name: 'two',
        url: 'http://10.0.0.2:8080',
        host: '10.0.0.2',
        port: 8080,
        hostHeader: '10.0.0.2:8080',
        weight: 3,
      },
    ],
  });
  assert.deepEqual(model.frontends.get('nginx'), {
    name: 'nginx',
    backend: 'nginx',
    entryPoints: ['http'],
    routes: [{ name: 'main', rule: 'Host:example.com' }],
    priority: 0,
    rank: 16,
    options: {},
    passHostHeader: true,
    terms: [{ kind: 'host', hosts: ['example.com'] }],
  });
});

test('a half-registered or half-expired server is no error and not there', () => {
  const model = modelOf({ 'backends/b/servers/s/weight': '-1', 'backends/b/servers/t/url': '' });
  assert.deepEqual(model.backends.get('b')?.servers, []);
  assert.deepEqual(problemsOf(model), []);
});

test('a bad server costs only itself', () => {
  const model = modelOf({
    'backends/b/servers/a/url': '1.2.3.4:80',
    'backends/b/servers/b/url': 'http://good',
    'backends/b/servers/c/url': 'http://c',
    'backends/b/servers/c/weight': '-1',
    'backends/b/servers/d/url': 'http://d',
    'backends/b/servers/d/weight': '1000001',
    'backends/b/servers/e/url': 'http://e',
    'backends/b/servers/e/weight': 'heavy',
  });
  assert.deepEqual(
    model.backends.get('b')?.servers.map(({ name, weight }) => [name, weight]),
    [
      ['b', 1],
      ['e', 1],
    ],
  );
  assert.deepEqual(problemsOf(model), [
    'backends/b/servers/a/url rejected: "1.2.3.4:80" is not a URL: write scheme://host:port, such as http://10.0.0.1:80',
    'backends/b/servers/c/weight rejected: a weight must be from 0 to 1000000, not -1; the server is left out',
    'backends/b/servers/d/weight rejected: a weight must be from 0 to 1000000, not 1000001; the server is left out',
    'backends/b/servers/e/weight defaulted: "heavy" is not a whole number; 1 is used',
  ]);
});

test('weight 0 means 1, or 0 where that is allowed', () => {
  const keys = { 'backends/b/servers/s/url': 'http://s', 'backends/b/servers/s/weight': '0' };
  const { backends, problems } = modelOf(keys);
  assert.equal(backends.get('b')?.servers[0].weight, 1);
  assert.match(problems.get('/traefik/backends/b/servers/s/weight')!.reason, /^0 counts as 1, unless/);
  assert.equal(modelOf(keys, { allowMinWeightZero: true }).backends.get('b')?.servers[0].weight, 0);
});

test('two servers with the same address collapse into the last one by name', () => {
  const model = modelOf({
    'backends/b/servers/x/url': 'http://web',
    'backends/b/servers/x/weight': '2',
    'backends/b/servers/y/url': 'http://other',
    'backends/b/servers/z/url': 'http://web:80',
    'backends/b/servers/z/weight': '5',
  });
  assert.deepEqual(
    model.backends.get('b')?.servers.map(({ name, weight }) => [name, weight]),
    [
      ['y', 1],
      ['z', 5],
    ],
  );
  assert.deepEqual(problemsOf(model), ['backends/b/servers/x/url ignored: the same server as "z", which is used']);
});

test('a method that is not known falls back to wrr', () => {
  const methodOf = (method: string): string[] => {
    const model = modelOf({ 'backends/b/loadbalancer/method': method });
    return [model.backends.get('b')!.method, ...problemsOf(model)];
  };
  assert.deepEqual(methodOf('WRR'), ['wrr']);
  assert.deepEqual(methodOf('Drr'), ['drr']);
  assert.deepEqual(methodOf('LeastConn'), ['leastconn']);
  assert.deepEqual(methodOf(''), ['wrr']);
  assert.deepEqual(methodOf('fast'), [
    'wrr',
    'backends/b/loadbalancer/method defaulted: "fast" is none of wrr, drr, leastconn, p2c, hash; wrr is used',
  ]);
});

test('a frontend whose backend is missing or unknown is left out until the backend is there', () => {
  const builder = new ModelBuilder(SETTINGS);
  const without = put(builder, { 'frontends/f/backend': 'b', 'frontends/g/priority': '1' }).model;
  assert.equal(without.frontends.size, 0);
  assert.deepEqual(problemsOf(without), [
    'frontends/f/backend rejected: there is no backend "b": no key backends/b/servers/NAME/url is there (never written, or its TTL ran out)',
    'frontends/g/backend rejected: no backend is named',
  ]);

  const added = put(builder, { 'backends/b/servers/s/url': 'http://s' });
  assert.deepEqual([...added.model.frontends.keys()], ['f']);
  assert.deepEqual([...added.frontends.keys()], ['f']);
  assert.deepEqual(added.mended.map(keyOf), ['/traefik/frontends/f/backend']);

  const removed = put(builder, { 'backends/b/servers/s/url': null });
  assert.equal(removed.model.frontends.size, 0);
  assert.equal(removed.model.backends.size, 0);
  assert.deepEqual(
    removed.appeared.map(({ reason }) => reason),
    ['there is no backend "b": no key backends/b/servers/NAME/url is there (never written, or its TTL ran out)'],
  );
});

test('a backend with a mistake in what protects its servers is left out, with all that name it, until it is mended', () => {
  for (const [key, mistake, mended] of [
    ['circuitbreaker/expression', 'NetworkErrorRatio() > 1', 'NetworkErrorRatio() > 1.0'],
    ['maxconn/extractorfunc', 'client.IP', 'client.ip'],
    ['buffering/maxrequestbodybytes', '-1', '1'],
    ['buffering/memresponsebodybytes', '-1', '1'],
    ['tls/servername', '127.0.0.1', 'a.test'],
  ]) {
    const builder = new ModelBuilder(SETTINGS);
    const others = {
      'backends/spare/servers/s/url': 'http://spare',
      'backends/spare/failover/backend': 'b',
      'frontends/split/backend': 'spare',
      'frontends/split/priority': '2',
      'frontends/split/split/entries/b/backend': 'b',
      'frontends/split/split/entries/spare/backend': 'spare',
    };
    const { model } = put(
      builder,
      small({ 'backends/b/maxconn/amount': '5', [`backends/b/${key}`]: mistake, ...others }),
    );
    assert.deepEqual([...model.backends.keys(), ...model.frontends.keys()], ['spare', 'split'], key);
    const problems = problemsOf(model);
    assert.ok(problems.shift()!.startsWith(`backends/b/${key} rejected: `), key);
    const lack = 'the backend "b" is left out: its own problems say why';
    assert.deepEqual(problems, [
      `backends/spare/failover/backend ignored: ${lack}; there is no failover`,
      `frontends/f/backend rejected: ${lack}`,
      `frontends/split/split/entries/b/backend ignored: ${lack}; it gets no share`,
    ]);
    const gone = put(builder, {
      [`backends/b/${key}`]: null,
      'backends/b/servers/s/url': null,
      'backends/b/maxconn/amount': null,
    });
    assert.deepEqual(
      gone.appeared.map(({ reason }) => reason.split(';')[0]),
      Array(3).fill(
        'there is no backend "b": no key backends/b/servers/NAME/url is there (never written, or its TTL ran out)',
      ),
    );
    put(builder, small({ 'backends/b/maxconn/amount': '5', [`backends/b/${key}`]: mistake }));
    assert.equal(problemsOf(builder.model).filter((line) => line.includes(lack)).length, 3);
    put(builder, { [`backends/b/${key}`]: mended });
    assert.deepEqual(problemsOf(builder.model), []);
    assert.deepEqual([...builder.model.frontends.keys()].sort(), ['f', 'split']);
  }
});

test('a change of a server leaves the frontends of its backend alone', () => {
  const builder = new ModelBuilder(SETTINGS);
  const first = put(builder, small({}));
  const frontend = first.model.frontends.get('f');
  const backend = first.model.backends.get('b');
  assert.deepEqual([...first.backends], [['b', null]]);
  const { model, backends, frontends } = put(builder, { 'backends/b/servers/s2/url': 'http://s2' });
  assert.deepEqual([...backends], [['b', backend]]);
  assert.deepEqual([...frontends], []);
  assert.equal(model.frontends.get('f'), frontend);
});

test('what an update that was not done to its end has changed is told by the next one, with what there was before both', () => {
  const builder = new ModelBuilder(SETTINGS);
  const { model } = put(builder, { ...small({}), 'backends/old/servers/s/url': 'http://old' });
  const old = model.backends.get('old');
  const changes = [
    { key: 'backends/new/servers/s/url', value: 'http://new' },
    { key: 'backends/old/servers/s/url', value: null },
    { key: 'frontends/f/priority', value: '7' },
  ];
  const unfinished = builder.updating(changes);
  // The model has no backend `old` any more, and its frontend is not looked at yet.
  while (model.backends.has('old')) unfinished.next();
  unfinished.return(undefined as never);
  const { backends, frontends } = builder.update(changes);
  assert.deepEqual([backends.get('new'), backends.get('old'), frontends.has('f')], [null, old, true]);
});

test('an update that changes nothing gives the same model', () => {
  const builder = new ModelBuilder(SETTINGS);
  const { model } = put(builder, small({ 'frontends/f/priority': '5' }));
  const again = put(builder, { 'frontends/f/priority': '+5', 'frontends/none/priority': null });
  assert.equal(again.model, model);
  assert.deepEqual([...again.backends, ...again.frontends, ...again.appeared, ...again.mended], []);
});

test('a bad rule costs its frontend and names its key, with every other problem at once', () => {
  const model = modelOf(
    small({
      'frontends/f/routes/r1/rule': 'Hst:a.com',
      'frontends/f/routes/r2/rule': 'Path:/x',
      'frontends/f/priority': 'high',
      'frontends/ok/backend': 'b',
    }),
  );
  assert.deepEqual([...model.frontends.keys()], ['ok']);
  assert.deepEqual(problemsOf(model), [
    'frontends/f/priority defaulted: "high" is not a whole number; 0 is used',
    'frontends/f/routes/r1/rule rejected: "Hst:a.com": "Hst" is no known function; did you mean Host? (at character 1 of the rule)',
  ]);
});

test('the rules of all routes hold together, un-escaped and in order of name; an empty rule restricts nothing', () => {
  const model = modelOf(
    small({
      'frontends/f/routes/b/rule': 'Path:/a\\\\b',
      'frontends/f/routes/a/rule': 'Method:get',
      'frontends/f/routes/c/rule': '',
    }),
  );
  const frontend = model.frontends.get('f');
  assert.deepEqual(frontend?.routes, [
    { name: 'a', rule: 'Method:get' },
    { name: 'b', rule: 'Path:/a\\b' },
  ]);
  assert.deepEqual(frontend?.terms, [
    { kind: 'method', methods: ['GET'] },
    { kind: 'path', paths: ['/a\\b'] },
  ]);
  assert.equal(frontend?.rank, 'Method:get'.length + 'Path:/a\\b'.length);
  assert.deepEqual(problemsOf(model), ['frontends/f/routes/c/rule ignored: the rule is empty and restricts nothing']);
});

test('the rank is the priority, or the length of the rules in bytes', () => {
  const rankOf = (keys: Keys): number | undefined => modelOf(small(keys)).frontends.get('f')?.rank;
  assert.equal(rankOf({}), 0);
  assert.equal(rankOf({ 'frontends/f/routes/r/rule': 'Path:/é' }), 8);
  assert.equal(rankOf({ 'frontends/f/routes/r/rule': 'Path:/x', 'frontends/f/priority': '3' }), 3);
  assert.equal(rankOf({ 'frontends/f/routes/r/rule': 'Path:/x', 'frontends/f/priority': '-3' }), 7);
  // Rows 118 and 119 of rules §12.
  assert.equal(rankOf({ 'frontends/f/routes/r/rule': 'PathPrefix:/toto' }), 16);
  assert.equal(rankOf({ 'frontends/f/routes/r/rule': 'PathPrefix:/foo;Host:foo.com' }), 28);
});

test('entrypoints are a list or children; unknown ones are dropped and none left rejects', () => {
  const model = modelOf({
    'backends/b/servers/s/url': 'http://s',
    'frontends/a/backend': 'b',
    'frontends/a/entrypoints': 'internal, http,internal',
    'frontends/a/priority': '3',
    'frontends/b/backend': 'b',
    'frontends/b/priority': '2',
    'frontends/b/entrypoints/0': 'internal',
    'frontends/c/backend': 'b',
    'frontends/c/entrypoints': 'https,http',
    'frontends/d/backend': 'b',
    'frontends/d/entrypoints': 'https',
  });
  assert.deepEqual(
    [...model.frontends.values()].map(({ name, entryPoints }) => [name, entryPoints.join()]),
    [
      ['a', 'internal,http'],
      ['b', 'internal'],
      ['c', 'http'],
    ],
  );
  assert.deepEqual(problemsOf(model), [
    'frontends/c/entrypoints defaulted: "https" is no entrypoint; only http is used',
    'frontends/d/entrypoints rejected: none of "https" is an entrypoint; there are: http, internal',
  ]);
});

test('the lower-case spelling of passhostheader wins unless it is empty', () => {
  const passOf = (keys: Keys): boolean | undefined => modelOf(small(keys)).frontends.get('f')?.passHostHeader;
  assert.equal(passOf({ 'frontends/f/passHostHeader': 'false' }), false);
  assert.equal(passOf({ 'frontends/f/passHostHeader': 'false', 'frontends/f/passhostheader': 'true' }), true);
  assert.equal(passOf({ 'frontends/f/passHostHeader': 'false', 'frontends/f/passhostheader': '' }), false);
  const model = modelOf(small({ 'frontends/f/passhostheader': 'no' }));
  assert.deepEqual(problemsOf(model), [
    'frontends/f/passhostheader defaulted: "no" is neither true nor false; true is used',
  ]);
});

test('keys that do nothing are reported and cost nothing', () => {
  const model = modelOf(
    small({
      'backends/b/servers/s/wieght': '5',
      'backends/b/responseforwarding/flushinterval': '10',
      'frontends/f/passtlscerd': 'false',
      'frontends/f/rule': 'Host:a',
      'backends/b': 'x',
      'frontends//backend': 'x',
      'frontend/f/backend': 'b',
      alias: '/other',
      leader: 'id',
      'frontends/f/auth/': '',
    }),
  );
  assert.equal(model.frontends.size, 1);
  assert.deepEqual(problemsOf(model), [
    'backends/b ignored: no key of a backend: it must be backends/NAME/…',
    'backends/b/responseforwarding/flushinterval ignored: nothing to do: every piece of a response goes out as soon as it comes',
    'backends/b/servers/s/wieght ignored: unknown key; did you mean "weight"?',
    'frontend/f/backend ignored: unknown key; did you mean "frontends"?',
    'frontends//backend ignored: two slashes in a row: there is one too many, or nothing was filled in between them',
    'frontends/f/passtlscerd ignored: unknown key; did you mean "passtlscert"?',
    'frontends/f/rule ignored: unknown key: a rule has a name: write routes/R/rule',
  ]);
});

test('a problem that goes away is reported as mended, one that changes as new', () => {
  const builder = new ModelBuilder(SETTINGS);
  put(builder, small({ 'frontends/f/priority': 'x', nonsense: '1' }));
  const changed = put(builder, { 'frontends/f/priority': 'y', nonsense: '2' });
  assert.deepEqual(
    changed.appeared.map(({ reason }) => reason),
    ['"y" is not a whole number; 0 is used'],
  );
  assert.deepEqual(changed.mended, []);
  const mended = put(builder, { 'frontends/f/priority': '1', nonsense: null });
  assert.deepEqual(mended.mended.map(keyOf), ['/traefik/frontends/f/priority', '/traefik/nonsense']);
  assert.equal(mended.model.problems.size, 0);
});

test('names that are properties of every object are plain names', () => {
  const model = modelOf({
    'backends/__proto__/servers/constructor/url': 'http://s',
    'frontends/toString/backend': '__proto__',
  });
  assert.deepEqual([...model.backends.keys(), ...model.frontends.keys()], ['__proto__', 'toString']);
});

const name = fc.constantFrom('a', 'b', 'c');
const key = fc.oneof(
  fc.tuple(name, name).map(([b, s]) => `backends/${b}/servers/${s}/url`),
  fc.tuple(name, name).map(([b, s]) => `backends/${b}/servers/${s}/weight`),
  name.map((b) => `backends/${b}/loadbalancer/method`),
  name.map((f) => `frontends/${f}/backend`),
  name.map((f) => `frontends/${f}/priority`),
  name.map((f) => `frontends/${f}/entrypoints`),
  fc.tuple(name, name).map(([f, r]) => `frontends/${f}/routes/${r}/rule`),
  fc.constantFrom('alias', 'nonsense', 'backends/a', 'frontends/a/auth/basic/users'),
);
const value = fc.oneof(
  fc.constant(null),
  fc.constantFrom('a', 'b', 'c', 'http://s', 'http://s:80', 'http://t', 'bad', '', '0', '2', 'http', 'Host:a', 'drr'),
);

test('after any sequence of batches the model equals one that is built from scratch', () => {
  const batch = fc.array(fc.record({ key, value }), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 12 }), (batches) => {
      const builder = new ModelBuilder(SETTINGS);
      const all = new Map<string, string>();
      for (const changes of batches) {
        const { model: old } = builder;
        const before = { backends: new Map(old.backends), frontends: new Map(old.frontends) };
        const { model, backends, frontends } = builder.update(changes);
        for (const change of changes) {
          if (change.value === null) all.delete(change.key);
          else all.set(change.key, change.value);
        }
        const fresh = new ModelBuilder(SETTINGS).update(Array.from(all, ([k, v]) => ({ key: k, value: v })));
        assert.deepEqual(model, fresh.model);
        for (const kind of ['backends', 'frontends'] as const) {
          const changed = kind === 'backends' ? backends : frontends;
          for (const n of ['a', 'b', 'c']) {
            assert.equal(before[kind].get(n) !== model[kind].get(n), changed.has(n), `${kind} ${n}`);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('no key and no value, however odd, makes an update throw', () => {
  const part = fc.constantFrom('backends', 'frontends', 'servers', 'routes', 'url', 'rule', 'x', '', '*', '__proto__');
  const odd = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('http://[', 'Path:/{', '\\u', '9'.repeat(50)));
  const oddKey = fc.array(part, { maxLength: 7 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.array(fc.record({ key: fc.oneof(oddKey, key), value: fc.option(odd) })), (changes) => {
      const { model } = new ModelBuilder(SETTINGS).update(changes);
      for (const problem of model.problems.values()) assert.ok(problem.reason !== '');
    }),
  );
});

test('one change among thousands of frontends leaves all others as they are', () => {
  const builder = new ModelBuilder(SETTINGS);
  const keys: Keys = {};
  for (let index = 0; index < 2_000; index += 1) {
    keys[`backends/b${index}/servers/s/url`] = `http://10.0.0.1:${1 + index}`;
    keys[`frontends/f${index}/backend`] = `b${index}`;
    keys[`frontends/f${index}/routes/r/rule`] = `Host:h${index}.example.com`;
  }
  const before = new Map(put(builder, keys).model.frontends);
  const { model, frontends, backends } = put(builder, { 'frontends/f77/priority': '5' });
  assert.deepEqual([[...frontends.keys()], [...backends]], [['f77'], []]);
  const rebuilt = [...model.frontends].filter(([name, frontend]) => before.get(name) !== frontend);
  assert.deepEqual(
    rebuilt.map(([name]) => name),
    ['f77'],
  );
});

test('a server whose tags do not meet the constraints is left out, which is no problem', () => {
  const keys = (tags: Keys): Keys => small({ 'backends/b/servers/none/url': 'http://10.0.0.9', ...tags });
  const left = (constraints: readonly string[], tags: Keys): unknown => {
    const model = modelOf(keys(tags), { constraints: constraints.map(parseConstraint) });
    assert.deepEqual(problemsOf(model), []);
    const { servers, leftOut } = model.backends.get('b')!;
    return [servers.map(({ name }) => name), (leftOut ?? []).map(({ name, constraint }) => `${name} ${constraint}`)];
  };
  const tags = { 'backends/b/servers/s/tags': ' api, web ,' };
  assert.deepEqual(left([], tags), [['none', 's'], []]);
  assert.deepEqual(left(['tag==we*'], tags), [['s'], ['none tag==we*']]);
  assert.deepEqual(left(['tag!=we*'], tags), [['none'], ['s tag!=we*']]);
  assert.deepEqual(left(['tag==api', 'tag==x'], tags), [[], ['none tag==api', 's tag==x']]);
  assert.deepEqual(left(['tag==x'], {}), [[], ['none tag==x', 's tag==x']]);
  assert.deepEqual(left(['tag!=x'], {}), [['none', 's'], []]);
});

test('a change of tags alone moves a server in and out', () => {
  const builder = new ModelBuilder({ ...SETTINGS, constraints: [parseConstraint('tag==live')] });
  put(builder, small({}));
  for (const [tags, count] of [
    ['live', 1],
    ['dark', 0],
    [null, 0],
  ] as const) {
    const update = put(builder, { 'backends/b/servers/s/tags': tags });
    assert.equal(update.model.backends.get('b')?.servers.length, count);
  }
});

test('a frontend without a rule is held back for a moment, and then matches everything', () => {
  let now = 0;
  const builder = new ModelBuilder({ ...SETTINGS, ruleWaitMs: 2_000, now: () => now });
  const first = put(builder, { 'backends/b/servers/s/url': 'http://s', 'frontends/f/backend': 'b' });
  assert.equal(first.model.frontends.size, 0);
  assert.equal(first.dueInMs, 2_000);
  const { state, reason, isBrief } = first.model.problems.get('/traefik/frontends/f/routes')!;
  assert.deepEqual([state, /held back for a moment/.test(reason)], ['warned', true]);
  // Whoever writes key by key is not warned of that by the log.
  assert.equal(isBrief, true);
  now = 1_500;
  const other = put(builder, { 'frontends/f/priority': '5' });
  assert.deepEqual([other.model.frontends.size, other.dueInMs], [0, 500]);
  now = 2_000;
  const { model, dueInMs, frontends } = builder.update([]);
  assert.deepEqual([model.frontends.get('f')?.terms, dueInMs, [...frontends.keys()]], [[], null, ['f']]);
  assert.equal(model.problems.size, 0);
  // It stays so, whatever else changes.
  assert.equal(put(builder, { 'frontends/f/priority': '6' }).model.frontends.get('f')?.priority, 6);
});

test('a frontend whose rule comes in time is served with it at once', () => {
  const builder = new ModelBuilder({ ...SETTINGS, ruleWaitMs: 2_000, now: () => 0 });
  put(builder, { 'backends/b/servers/s/url': 'http://s', 'frontends/f/backend': 'b' });
  const { model, dueInMs } = put(builder, { 'frontends/f/routes/r/rule': 'Host:a' });
  assert.deepEqual([model.frontends.get('f')?.routes, dueInMs], [[{ name: 'r', rule: 'Host:a' }], null]);
});

test('a frontend that loses its rules is served by the last ones for a moment, and nobody else gets its answers', () => {
  let now = 0;
  const builder = new ModelBuilder({ ...SETTINGS, ruleWaitMs: 2_000, now: () => now });
  const keys = {
    'backends/b/servers/s/url': 'http://s',
    'frontends/f/backend': 'b',
    'frontends/f/routes/r/rule': 'Host:a',
  };
  const before = put(builder, keys).model.frontends.get('f');
  const held = builder.update([{ key: 'frontends/f/routes/r/rule', value: null }]);
  assert.deepEqual(held.model.frontends.get('f'), before);
  assert.match(held.model.problems.get('/traefik/frontends/f/routes')!.reason, /its last rules stay in force/);
  now = 2_500;
  assert.deepEqual(builder.update([]).model.frontends.get('f')?.terms, []);
  // With a rule again and without it again: it is a new moment.
  put(builder, { 'frontends/f/routes/r/rule': 'Host:c' });
  const again = builder.update([{ key: 'frontends/f/routes/r/rule', value: null }]);
  assert.deepEqual([again.model.frontends.get('f')?.routes[0].rule, again.dueInMs], ['Host:c', 2_000]);
  // The rest of the keys expires: nothing is waited for.
  const gone = builder.update([{ key: 'frontends/f/backend', value: null }]);
  assert.deepEqual([gone.model.frontends.size, gone.dueInMs], [0, null]);
});

test('of very many keys that mean nothing some are listed and the others counted, and they cost nobody anything', (t) => {
  const builder = new ModelBuilder(SETTINGS);
  const junk = (prefix: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, 'x']));
  const good = {
    'backends/b/servers/s/url': 'http://s',
    'frontends/f/backend': 'b',
    'frontends/f/routes/r/rule': 'Host:a',
  };
  put(builder, good);
  const { model } = put(builder, { ...junk('junk', 50_000), ...junk('frontends/f/junk', 50_000) });
  assert.equal(model.problems.size, 1_102);
  assert.match(model.problems.get('/traefik/')!.reason, /^49000 more keys/);
  assert.match(model.problems.get('/traefik/frontends/f/')!.reason, /^49900 more keys are unknown$/);
  // A change of the frontend does not look at them again.
  const find = t.mock.method(FRONTEND_KEYS, 'find');
  put(builder, { 'frontends/f/priority': '7' });
  assert.ok(find.mock.callCount() < 110, `${find.mock.callCount()} keys`);
  const gone = [...Object.keys(junk('junk', 50_000)), ...Object.keys(junk('frontends/f/junk', 50_000))];
  builder.update(gone.map((key) => ({ key, value: null })));
  assert.deepEqual([builder.model.problems.size, builder.model.frontends.size], [0, 1]);
});

test('a key of a megabyte is told of in a line', () => {
  const builder = new ModelBuilder(SETTINGS);
  const long = 'x'.repeat(1_000_000);
  const keys = { [`${long}`]: long, [`frontends/f/${long}`]: long, [`backends/${long}/servers/s/url`]: long };
  const { appeared } = put(builder, {
    ...keys,
    'frontends/f/backend': `${long}y`,
    'frontends/f/routes/r/rule': `Host:${long}`,
  });
  assert.ok(appeared.length >= 4);
  for (const { key, reason } of appeared)
    assert.ok(key.length < 600 && reason.length < 600, `${key.length} ${reason.length}`);
});

test('a backend is built again when one that it names comes, goes, or names another', () => {
  const builder = new ModelBuilder(SETTINGS);
  const failoverOf = (name: string): unknown =>
    (builder.model.backends.get(name)?.options?.failover as { backend: string } | undefined)?.backend;
  put(builder, small({ 'backends/b/failover/backend': 'c' }));
  assert.deepEqual(problemsOf(builder.model), [
    'backends/b/failover/backend ignored: there is no backend "c": no key backends/c/servers/NAME/url is there (never written, or its TTL ran out); there is no failover',
  ]);
  const came = put(builder, {
    'backends/c/servers/s/url': 'http://c',
    'backends/c/failover/backend': 'd',
    'backends/d/servers/s/weight': '1',
  });
  assert.deepEqual([failoverOf('b'), failoverOf('c'), came.appeared], ['c', 'd', []]);
  put(builder, { 'backends/d/failover/backend': 'b' });
  assert.deepEqual(
    problemsOf(builder.model).map((line) => line.slice(0, line.indexOf(';'))),
    [
      'backends/b/failover/backend ignored: "b" → "c" → "d" → "b" is a circle',
      'backends/c/failover/backend ignored: "c" → "d" → "b" → "c" is a circle',
      'backends/d/failover/backend ignored: "d" → "b" → "c" → "d" is a circle',
    ],
  );
  put(builder, { 'backends/d/failover/backend': null });
  assert.deepEqual(
    [failoverOf('b'), failoverOf('c'), failoverOf('d'), problemsOf(builder.model).length],
    ['c', 'd', undefined, 0],
  );
  const gone = put(builder, { 'backends/c/servers/s/url': null, 'backends/c/failover/backend': null });
  assert.deepEqual([failoverOf('b'), [...gone.backends.keys()].sort()], [undefined, ['b', 'c']]);
});

test('a key with two slashes in a row is told of as that, wherever they are', () => {
  const slashed = [
    '/backends/b/servers/s/url',
    'backends//servers/s/url',
    'frontends/f//backend',
    'frontends/f/routes//rule',
    'frontends/f/backend//',
    'tls//t/entrypoints',
    'alias//x',
    'junk//x',
  ];
  const model = modelOf(small(Object.fromEntries(slashed.map((key) => [key, 'x']))));
  const reason = 'ignored: two slashes in a row: there is one too many, or nothing was filled in between them';
  assert.deepEqual(problemsOf(model), slashed.map((key) => `${key} ${reason}`).sort());
  assert.deepEqual([...model.frontends.keys()], ['f']);
});
