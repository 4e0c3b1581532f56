/** What the keys of a circuit breaker and of maxconn mean (kv-schema §3.1). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ProblemList } from '../../../src/kernel/problems.ts';
import { type MaxConn, type ProtectionKeys, readProtection } from '../../../src/model/protection-keys.ts';

function read(keys: ProtectionKeys) {
  const problems = new ProblemList('');
  const protection = readProtection(keys, problems);
  return {
    ...(protection ?? { isLeftOut: true }),
    problems: problems.list.map(({ key, state, reason }) => `${key} ${state}: ${reason}`),
  };
}

const LIMITS: readonly (readonly [amount: string, extractor: string | undefined, limit: MaxConn | undefined])[] = [
  ['10', undefined, { amount: 10, extractorFunc: 'request.host', source: 'host', header: '' }],
  ['+007', 'request.host', { amount: 7, extractorFunc: 'request.host', source: 'host', header: '' }],
  ['-1', 'client.ip', { amount: -1, extractorFunc: 'client.ip', source: 'ip', header: '' }],
  [
    '0',
    'request.header.X-User',
    { amount: 0, extractorFunc: 'request.header.X-User', source: 'header', header: 'x-user' },
  ],
  ['10', '', undefined],
  ['', undefined, undefined],
];

for (const [amount, extractor, limit] of LIMITS) {
  test(`maxconn ${JSON.stringify(amount)} of ${JSON.stringify(extractor)} is accepted`, () => {
    const keys = { maxConnAmount: amount, ...(extractor === undefined ? {} : { maxConnExtractor: extractor }) };
    assert.deepEqual(read(keys), { ...(limit === undefined ? {} : { maxConn: limit }), problems: [] });
  });
}

const KNOWN = 'client.ip, request.host, request.header.<Name>';

const BAD: readonly (readonly [keys: ProtectionKeys, problem: string])[] = [
  [{ maxConnAmount: '1e3' }, 'maxconn/amount ignored: "1e3" is not a whole number; there is no limit'],
  [{ maxConnAmount: ' 5' }, 'maxconn/amount ignored: " 5" is not a whole number; there is no limit'],
  [
    { maxConnAmount: '9'.repeat(20) },
    'maxconn/amount ignored: "99999999999999999999" does not fit into 64 bits; there is no limit',
  ],
  [{ maxConnExtractor: 'client.ip' }, 'maxconn/extractorfunc ignored: it does nothing without maxconn/amount'],
  ...['client.IP', 'request.header.', 'request.header.a b', 'host'].map(
    (extractor): readonly [ProtectionKeys, string] => [
      { maxConnAmount: '1', maxConnExtractor: extractor },
      `maxconn/extractorfunc rejected: ${JSON.stringify(extractor)} is none of ${KNOWN}`,
    ],
  ),
  [
    { breakerExpression: 'NetworkErrorRatio() > 1' },
    'circuitbreaker/expression rejected: NetworkErrorRatio is compared with a number with a decimal point, not 1: ' +
      'write 1.0 (at character 23 of the expression)',
  ],
];

for (const [keys, problem] of BAD) {
  test(`${JSON.stringify(keys)} is a problem of its own, and leaves the backend out where Traefik does`, () => {
    const isLeftOut = problem.includes(' rejected: ');
    assert.deepEqual(read(keys), { ...(isLeftOut ? { isLeftOut } : {}), problems: [problem] });
  });
}

test('an expression becomes its condition; an empty one is none', () => {
  assert.deepEqual(read({ breakerExpression: 'NetworkErrorRatio() > 0.5' }), {
    circuitBreaker: {
      expression: 'NetworkErrorRatio() > 0.5',
      condition: { op: '>', metric: { kind: 'networkErrorRatio' }, value: 0.5 },
    },
    problems: [],
  });
  assert.deepEqual(read({ breakerExpression: '' }), { problems: [] });
});
