/** A frontend that another one hides is told of, as long as it is hidden. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import { MODEL_DEFAULTS } from '../../harness/defaults.ts';
import { stepsOf } from '../../harness/steps.ts';

type Keys = Record<string, string | null>;

function start() {
  const builder = new ModelBuilder({ ...MODEL_DEFAULTS, entryPoints: ['http', 'https'] });
  const put = (keys: Keys): void => {
    builder.update(Object.entries(keys).map(([key, value]) => ({ key, value })));
  };
  put({ 'backends/b/servers/s/url': 'http://10.0.0.1' });
  const told = (): string[] => {
    const problems = [...builder.model.problems.values()].filter(({ state }) => state === 'warned');
    return problems.map(({ key, reason }) => `${key}: ${reason}`).sort();
  };
  return { put, told, model: builder };
}

function frontend(name: string, rule: string | null, more: Keys = {}): Keys {
  const keys: Keys = { [`frontends/${name}/backend`]: 'b' };
  if (rule !== null) keys[`frontends/${name}/routes/r/rule`] = rule;
  for (const [key, value] of Object.entries(more)) keys[`frontends/${name}/${key}`] = value;
  return keys;
}

const hidden = (name: string, by: string, where = ''): string =>
  `/traefik/frontends/${name}/routes/r/rule: never reached${where}: frontend "${by}" has the same rules and priority, and comes first by name`;

test('of two frontends with the same rules the later by name is told of, until the other goes or changes', () => {
  const { put, told } = start();
  put(frontend('f2', 'Host:a.x,b.x;PathPrefix:/p'));
  assert.deepEqual(told(), []);
  put(frontend('f1', 'PathPrefix:/p;Host:B.x,a.x'));
  assert.deepEqual(told(), [hidden('f2', 'f1')]);
  put(frontend('f3', 'Host:a.x,b.x;PathPrefix:/p'));
  assert.deepEqual(told(), [hidden('f2', 'f1'), hidden('f3', 'f2')]);
  put({ 'frontends/f2/priority': '1000' });
  assert.deepEqual(told(), [hidden('f3', 'f1')]);
  put({ 'frontends/f1/backend': null });
  assert.deepEqual(told(), []);
});

test('only what shares an entrypoint hides, and where is said', () => {
  const { put, told } = start();
  put(frontend('f1', 'Host:a.x'));
  put(frontend('f2', 'Host:a.x', { entrypoints: 'https' }));
  assert.deepEqual(told(), []);
  put(frontend('f3', 'Host:a.x', { entrypoints: 'http,https' }));
  const others = '/traefik/frontends/f3/routes/r/rule: never reached: frontend "f1", "f2" has';
  assert.ok(told()[0].startsWith(others), told()[0]);
  put({ 'frontends/f1/routes/r/rule': 'Host:c.x' });
  assert.deepEqual(told(), [hidden('f3', 'f2', ' on https')]);
});

test('two frontends without a rule hide each other, too', () => {
  const { put, told } = start();
  put({ ...frontend('f1', null), ...frontend('f2', null) });
  assert.match(told()[0], /^\/traefik\/frontends\/f2\/routes: never reached/);
});

test('whatever comes and goes, those are told of before which another one of the kind comes', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    rule: fc.constantFrom('Host:a.x', 'Host:b.x', 'Host:a.x;Method:GET', 'Method:get;Host:A.x'),
    entrypoints: fc.constantFrom('http', 'https', 'http,https'),
    priority: fc.constantFrom('0', '7'),
    backend: fc.constantFrom('b', null),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { put, told, model } = start();
      for (const { name, rule, backend, ...more } of steps) {
        put({ ...frontend(name, rule, more), [`frontends/${name}/backend`]: backend });
        const all = [...model.model.frontends.values()].map((each) => ({
          ...each,
          rules: each.routes[0].rule.toLowerCase().split(';').sort().join(),
        }));
        const expected = all.filter((one) =>
          all.some(
            (other) =>
              other.name < one.name &&
              other.rank === one.rank &&
              other.rules === one.rules &&
              other.entryPoints.some((each) => one.entryPoints.includes(each)),
          ),
        );
        const names = told().map((text) => text.split('/')[3]);
        assert.deepEqual(names, expected.map((each) => each.name).sort());
      }
    }),
  );
});

test('one more of very many equal frontends costs less than twice what one of very many different ones does', () => {
  const once = (ruleOf: (i: number) => string): number => {
    const { put } = start();
    for (let i = 0; i < 800; i++) put(frontend(`f${1000 + i}`, ruleOf(i)));
    return stepsOf(() => put(frontend('f1000a', ruleOf(0)))).count;
  };
  // The least of some: V8 counts more where it has not yet seen, or has thrown away, what it knows of a function.
  const cost = (ruleOf: (i: number) => string): number => Math.min(...[1, 2, 3].map(() => once(ruleOf)));
  const different = cost((i) => `Host:a${i}.x`);
  const equal = cost(() => 'Host:a.x');
  assert.ok(equal < 2 * different, `${equal} steps among equal ones, ${different} among different ones`);
});
