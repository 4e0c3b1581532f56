import assert from 'node:assert/strict';
import test from 'node:test';
import type { Problem } from '../../../src/kernel/problems.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import type { Frontend } from '../../../src/model/model.ts';
import { MODEL_DEFAULTS } from '../../harness/defaults.ts';

function build(keys: Record<string, string>): { frontend: Frontend | undefined; problems: Problem[] } {
  const builder = new ModelBuilder({ ...MODEL_DEFAULTS, entryPoints: ['http', 'https'] });
  const { model } = builder.update([
    { key: 'backends/b/servers/s/url', value: 'http://10.0.0.1:80' },
    { key: 'frontends/f/backend', value: 'b' },
    ...Object.entries(keys).map(([key, value]) => ({ key: `frontends/f/${key}`, value })),
  ]);
  return { frontend: model.frontends.get('f'), problems: [...model.problems.values()] };
}

test('an allow list is one value with commas or a key per item', () => {
  const expected = { sourceRange: ['10.0.0.0/8', '::1'], useXForwardedFor: true };
  const together = build({ 'whitelist/sourcerange': '10.0.0.0/8, ::1', 'whitelist/usexforwardedfor': 'true' });
  assert.deepEqual(together.frontend?.options.whiteList, expected);
  const apart = build({
    'whitelist/sourcerange/0': '10.0.0.0/8',
    'whitelist/sourcerange/1': '::1',
    'whitelist/usexforwardedfor': '1',
  });
  assert.deepEqual(apart.frontend?.options.whiteList, expected);
  assert.deepEqual([...together.problems, ...apart.problems], []);
});

test('redirect/entrypoint wins over redirect/regex', () => {
  const { frontend } = build({
    'redirect/entrypoint': 'https',
    'redirect/regex': '(',
    'redirect/replacement': 'x',
    'redirect/permanent': 'true',
  });
  assert.deepEqual(frontend?.options.redirect, { entryPoint: 'https', regex: '', replacement: '', permanent: true });
});

const REJECTED: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  [
    'whitelist/sourcerange',
    { 'whitelist/sourcerange': '10.0.0.0/8,10.0.0.0/40,x' },
    /"10.0.0.0\/40" has more bits.*"x"/,
  ],
  ['redirect/entrypoint', { 'redirect/entrypoint': 'ssh' }, /"ssh" is no entrypoint/],
  ['redirect/regex', { 'redirect/regex': '(', 'redirect/replacement': 'x' }, /missing closing \)/],
  ['redirect/replacement', { 'redirect/regex': 'a', 'redirect/replacement': '{{.Request.Host}}' }, /templates/],
];

for (const [key, keys, reason] of REJECTED) {
  test(`a bad ${key} costs its frontend, with the reason`, () => {
    const { frontend, problems } = build(keys);
    assert.equal(frontend, undefined);
    assert.equal(problems.length, 1);
    assert.equal(problems[0].key, `/traefik/frontends/f/${key}`);
    assert.equal(problems[0].state, 'rejected');
    assert.match(problems[0].reason, reason);
  });
}

test('half a redirect by pattern does nothing and says so, and so does a bad boolean', () => {
  const { frontend, problems } = build({
    'redirect/regex': 'a',
    'redirect/permanent': 'x',
  });
  assert.notEqual(frontend, undefined);
  assert.equal(frontend?.options.redirect, undefined);
  assert.deepEqual(problems.map(({ key, state }) => [key.slice('/traefik/frontends/f/'.length), state]).sort(), [
    ['redirect/permanent', 'defaulted'],
    ['redirect/regex', 'ignored'],
  ]);
});
