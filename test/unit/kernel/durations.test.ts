import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseDuration } from '../../../src/kernel/durations.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ns', 1e-6],
];

/** As Go prints it: hours, minutes, seconds and the rest, without zeros. */
function goDuration(ms: number): string {
  const parts = [
    [Math.floor(ms / 3_600_000), 'h'],
    [Math.floor(ms / 60_000) % 60, 'm'],
    [Math.floor(ms / 1000) % 60, 's'],
    [ms % 1000, 'ms'],
  ] as const;
  const text = parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('');
  return text === '' ? '0s' : text;
}

const EXAMPLES: readonly (readonly [string, number | null])[] = [
  ['0', 0],
  ['10', 10_000],
  ['007', 7000],
  ['10s', 10_000],
  ['100ms', 100],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1000],
  ['+2s', 2000],
  ['30s1m', 90_000],
  ['250us', 0.25],
  ['2540400h', 2_540_400 * 3_600_000],
  ['2562048h', null],
  ['9223372037', null],
  ['', null],
  ['+', null],
  ['s', null],
  ['.s', null],
  ['1.5', null],
  ['-1s', null],
  ['-1', null],
  ['+10', null],
  ['1 s', null],
  [' 1s', null],
  ['1s ', null],
  ['1S', null],
  ['1d', null],
  ['1m30', null],
  ['1e3s', null],
  ['1..5s', null],
  ['1s\n', null],
];

for (const [text, ms] of EXAMPLES) {
  test(`${JSON.stringify(text)} is ${ms === null ? 'no duration' : `${ms} ms`}`, () => {
    assert.equal(parseDuration(text), ms);
  });
}

test('digits alone are seconds', () => {
  fc.assert(fc.property(fc.nat(), (seconds) => assert.equal(parseDuration(String(seconds)), seconds * 1000)));
});

test('what Go prints is read back', () => {
  fc.assert(fc.property(fc.nat(), (ms) => assert.equal(parseDuration(goDuration(ms)), ms)));
});

test('a duration is the sum of its parts, in any order and with fractions', () => {
  const part = fc.tuple(fc.nat(9999), fc.nat(999), fc.constantFrom(...UNITS));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([whole, fraction, [unit]]) => `${whole}.${fraction}${unit}`).join('');
      const sum = parts.reduce((ms, [whole, fraction, [, unit]]) => ms + Number(`${whole}.${fraction}`) * unit, 0);
      assert.ok(Math.abs(parseDuration(text)! - sum) <= sum * 1e-12);
    }),
  );
});

test('any other text, also one that is cut off, gives null or milliseconds from 0 on', () => {
  const near = fc.string({ unit: fc.constantFrom(...'0123456789.+-hmsuµnx '), maxLength: 12 });
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      for (let end = 0; end <= text.length; end++) {
        const ms = parseDuration(text.slice(0, end));
        assert.ok(ms === null || (Number.isFinite(ms) && ms >= 0));
      }
    }),
  );
});
