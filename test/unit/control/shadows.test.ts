/** Frontends that are never reached because others take all of their requests first. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { findShadows } from '../../../src/control/keys/shadows.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';

/** Name → rule, and a priority behind a blank where there is one. */
function told(frontends: Readonly<Record<string, readonly [rule: string, priority?: number, entryPoints?: string]>>) {
  const builder = new ModelBuilder({
    prefix: '/t',
    entryPoints: ['http', 'https'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const keys: Record<string, string> = { 'backends/b/servers/s/url': 'http://10.0.0.1' };
  for (const [name, [rule, priority, entryPoints]] of Object.entries(frontends)) {
    keys[`frontends/${name}/backend`] = 'b';
    if (rule !== '') keys[`frontends/${name}/routes/r/rule`] = rule;
    if (priority !== undefined) keys[`frontends/${name}/priority`] = String(priority);
    if (entryPoints !== undefined) keys[`frontends/${name}/entrypoints`] = entryPoints;
  }
  const { model } = builder.update(Object.entries(keys).map(([key, value]) => ({ key, value })));
  const looking = findShadows(model.frontends, '/t', (key) => model.problems.has(key));
  let step = looking.next();
  while (step.done !== true) step = looking.next();
  return Object.fromEntries([...step.value].map(([key, { reason }]) => [key.split('/')[3], reason]));
}

test('one that is narrower and comes later is never reached', () => {
  const found = told({ wide: ['Host:a.x,b.x', 100], narrow: ['Host:a.x;PathPrefix:/api'], other: ['Host:c.x'] });
  assert.deepEqual(found, {
    narrow: 'never reached: frontend "wide" (priority 100) takes all of its requests before it (priority 24)',
  });
});

test('one that comes first, asks for more, or serves another entrypoint hides nobody', () => {
  assert.deepEqual(told({ wide: ['Host:a.x'], narrow: ['Host:a.x;PathPrefix:/api'] }), {});
  assert.deepEqual(told({ wide: ['Host:a.x;Method:GET', 100], narrow: ['Host:a.x;PathPrefix:/api'] }), {});
  assert.deepEqual(told({ wide: ['Host:a.x', 100, 'https'], narrow: ['Host:a.x;PathPrefix:/api'] }), {});
  assert.deepEqual(told({ wide: ['Host:a.x;PathPrefix:/api/', 100], narrow: ['Host:a.x;Path:/api/'] }), {});
  assert.deepEqual(told({ dead: ['Path:api;Host:a.x', 100], narrow: ['Host:a.x'] }), {});
});

test('one without a rule is told, and hides all that come behind it', () => {
  const found = told({ all: ['', 50], narrow: ['Host:a.x;PathPrefix:/api'], before: ['Host:b.x', 60] });
  assert.match(found.all, /^without a matcher it takes every request/);
  assert.match(found.narrow, /^never reached: frontend "all"/);
  assert.equal(found.before, undefined);
});

test('paths, methods and headers are compared by what they mean', () => {
  const found = told({
    prefix: ['Host:a.x;PathPrefix:/api', 100],
    exact: ['Host:a.x;Path:/api/v1'],
    methods: ['Host:b.x;Method:GET,PUT', 100],
    get: ['Host:b.x;Method:GET;Path:/x'],
    field: ['Host:c.x;Headers:X-A, ', 100],
    value: ['Host:c.x;Headers:X-A,1;Path:/y'],
    template: ['HostRegexp:{n:[a-z]+}.d.x', 100],
    same: ['HostRegexp:{n:[a-z]+}.d.x;Path:/z'],
  });
  assert.deepEqual(Object.keys(found).sort(), ['exact', 'get', 'same', 'value']);
});
