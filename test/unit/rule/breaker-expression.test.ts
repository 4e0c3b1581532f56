/** Every form and every mistake of an expression of a circuit breaker (kv-schema §4.4). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { BreakerCondition } from '../../../src/kernel/breaker-condition.ts';
import { TsujiError } from '../../../src/kernel/errors.ts';
import { parseBreakerExpression } from '../../../src/rule/breaker-expression.ts';

const NETWORK: BreakerCondition = { op: '>', metric: { kind: 'networkErrorRatio' }, value: 0.5 };
const CODES: BreakerCondition = {
  op: '>=',
  metric: { kind: 'responseCodeRatio', counted: { from: 500, to: 600 }, base: { from: 0, to: 600 } },
  value: 0.25,
};
const LATENCY: BreakerCondition = { op: '<', metric: { kind: 'latencyAtQuantile', quantile: 99.9 }, value: 50 };

const N = 'NetworkErrorRatio() > 0.5';
const C = 'ResponseCodeRatio(500, 600, 0, 600) >= .25';
const L = 'LatencyAtQuantileMS(99.9) < 50';

const GOOD: readonly (readonly [string, BreakerCondition])[] = [
  [N, NETWORK],
  [C, CODES],
  [L, LATENCY],
  ['NetworkErrorRatio()>0.5', NETWORK],
  [' \tNetworkErrorRatio ( ) > 5e-1\n', NETWORK],
  ['((NetworkErrorRatio()) > (0.5))', NETWORK],
  [`${N} && ${C}`, { op: '&&', left: NETWORK, right: CODES }],
  [`${N}||${C}&&${L}`, { op: '||', left: NETWORK, right: { op: '&&', left: CODES, right: LATENCY } }],
  [`(${N}||${C})&&${L}`, { op: '&&', left: { op: '||', left: NETWORK, right: CODES }, right: LATENCY }],
  [`${N} || ${C} || ${L}`, { op: '||', left: { op: '||', left: NETWORK, right: CODES }, right: LATENCY }],
];

for (const [text, condition] of GOOD) {
  test(`${JSON.stringify(text)} is a condition`, () => assert.deepEqual(parseBreakerExpression(text), condition));
}

const KNOWN = 'NetworkErrorRatio, ResponseCodeRatio, LatencyAtQuantileMS';
const FOUR = 'ResponseCodeRatio takes four whole numbers, as in ResponseCodeRatio(500, 600, 0, 600)';

const BAD: readonly (readonly [string, string, number])[] = [
  ['', `one of ${KNOWN} is expected, not the end`, 1],
  ['   ', `one of ${KNOWN} is expected, not the end`, 4],
  ['NetworkErrorRatio() > 1', 'NetworkErrorRatio is compared with a number with a decimal point, not 1: write 1.0', 23],
  ['LatencyAtQuantileMS(50.0) > 1.5', 'LatencyAtQuantileMS is compared with a whole number, not 1.5', 29],
  [
    'LatencyAtQuantileMS(50) > 50',
    'LatencyAtQuantileMS takes one number with a decimal point, as in LatencyAtQuantileMS(50.0)',
    21,
  ],
  ['ResponseCodeRatio(1, 2, 3) > 0.5', FOUR, 1],
  ['ResponseCodeRatio(1, 2, 3, 4, 5) > 0.5', FOUR, 31],
  ['ResponseCodeRatio(1, 2.0, 3, 4) > 0.5', FOUR, 22],
  ['ResponseCodeRatio(1 2) > 0.5', '"," is expected or ")" after argument 1 of ResponseCodeRatio, not "2"', 21],
  ['0.5 < NetworkErrorRatio()', 'a function is expected on the left of "<"', 1],
  ['NetworkErrorRatio() > NetworkErrorRatio()', 'a number is expected on the right of ">"', 23],
  [`${N} > 0.1`, 'a function is expected on the left of ">"', 1],
  ['!NetworkErrorRatio() > 0.5', '"!" has no meaning here', 1],
  ['NetworkErrorRatio() > -0.5', '"-" has no meaning here', 23],
  ['NetworkErrorRatio() = 0.5', '"=" has no meaning here', 21],
  [`${N} & ${C}`, '"&" has no meaning here', 27],
  [`${N} ${C}`, '&&, || or the end is expected, not "ResponseCodeRatio"', 27],
  [`${N} &&`, `one of ${KNOWN} is expected, not the end`, 29],
  [`(${N}`, '")" is expected to close the one at character 1, not the end', 27],
  [`${N})`, '&&, || or the end is expected, not ")"', 26],
  ['NetworkErrorRatio > 0.5', '"(" is expected after NetworkErrorRatio, not ">"', 19],
  ['NetworkErorRatio() > 0.5', 'NetworkErorRatio is no function; did you mean NetworkErrorRatio?', 1],
  ['Latency() > 5', `Latency is no function; one of ${KNOWN} is expected`, 1],
  [
    `NetworkErrorRatio() && ${N}`,
    'NetworkErrorRatio(…) alone is no condition: a comparison is expected, such as NetworkErrorRatio() > 0.5',
    1,
  ],
  ['1', '1 alone is no condition: a comparison is expected, such as NetworkErrorRatio() > 0.5', 1],
  ['LatencyAtQuantileMS(50.0) > 50ms', '"50m" begins no number', 29],
  ['LatencyAtQuantileMS(50.0) > 0x10', '"0x" begins no number', 29],
  ['NetworkErrorRatio() > 0.5.5', '"0.5." begins no number', 23],
  ['LatencyAtQuantileMS(50.0) > 99999999999999999999', '99999999999999999999 is too large', 29],
  ['NetworkErrorRatio() > "0.5"', '"\\"" has no meaning here', 23],
  ['('.repeat(51), 'more than 50 nested parentheses', 51],
  [' '.repeat(2049), '2049 characters are more than 2048', 2049],
];

function reasonFor(text: string): string {
  try {
    parseBreakerExpression(text);
  } catch (error) {
    assert.ok(error instanceof TsujiError);
    assert.equal(error.code, 'BAD_EXPRESSION');
    return error.message;
  }
  assert.fail(`${JSON.stringify(text)} was accepted`);
}

for (const [text, reason, position] of BAD) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused at character ${position}`, () => {
    assert.equal(reasonFor(text), `${reason} (at character ${position} of the expression)`);
  });
}

function textOf(condition: BreakerCondition): string {
  if (!('metric' in condition)) return `(${textOf(condition.left)}) ${condition.op} (${textOf(condition.right)})`;
  const { metric, op, value } = condition;
  const float = (number: number): string => (Number.isInteger(number) ? `${number}.0` : String(number));
  switch (metric.kind) {
    case 'networkErrorRatio':
      return `NetworkErrorRatio() ${op} ${float(value)}`;
    case 'responseCodeRatio': {
      const { counted, base } = metric;
      return `ResponseCodeRatio(${counted.from}, ${counted.to}, ${base.from}, ${base.to}) ${op} ${float(value)}`;
    }
    default:
      return `LatencyAtQuantileMS(${float(metric.quantile)}) ${op} ${value}`;
  }
}

const fraction = fc.double({ min: 0, max: 1000, noNaN: true }).map(Math.abs);
const range = fc.record({ from: fc.nat(999), to: fc.nat(999) });
const comparison = fc.constantFrom('<', '<=', '>', '>=', '==', '!=');
const conditions = fc.letrec<{ condition: BreakerCondition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4 },
    fc.record({ op: comparison, metric: fc.constant({ kind: 'networkErrorRatio' }), value: fraction }),
    fc.record({
      op: comparison,
      metric: fc.record({ kind: fc.constant('responseCodeRatio'), counted: range, base: range }),
      value: fraction,
    }),
    fc.record({
      op: comparison,
      metric: fc.record({ kind: fc.constant('latencyAtQuantile'), quantile: fraction }),
      value: fc.nat(),
    }),
    fc.record({ op: fc.constantFrom('&&', '||'), left: tie('condition'), right: tie('condition') }),
  ) as fc.Arbitrary<BreakerCondition>,
})).condition;

test('what a condition is written as is read back as that condition, which travels as JSON', () => {
  fc.assert(
    fc.property(conditions, (condition) => {
      assert.deepEqual(parseBreakerExpression(textOf(condition)), JSON.parse(JSON.stringify(condition)));
    }),
  );
});

test('any text, also one that is cut off or damaged, is a condition or a BAD_EXPRESSION inside the text', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(N, C, L, '(', ')', '&&', '||', '>', '1', '1.0', ' ', 'x', ',', '\\', 'é', '😀'),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join('');
      for (let end = 0; end <= text.length; end++) {
        const cut = text.slice(0, end);
        try {
          parseBreakerExpression(cut);
        } catch (error) {
          assert.ok(error instanceof TsujiError, String(error));
          const position = Number(/\(at character (\d+) of the expression\)$/.exec(error.message)![1]);
          assert.ok(position >= 1 && position <= cut.length + 1, error.message);
        }
      }
    }),
  );
});
