import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MAX_TURNS, scheduleOf } from '../../../src/table/schedule.ts';

function letters(weights: number[]): string {
  return [...scheduleOf(weights)].map((server) => 'ABCDEF'[server]).join('');
}

/** The algorithm as the specification words it (kv-schema §4.1), one turn at a time. */
function classicTurns(weights: number[], count: number): number[] {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const step = weights.reduce(gcd);
  const turns: number[] = [];
  let index = -1;
  let threshold = 0;
  while (turns.length < count) {
    index = (index + 1) % weights.length;
    if (index === 0) {
      threshold -= step;
      if (threshold <= 0) threshold = Math.max(...weights);
    }
    if (weights[index] >= threshold) turns.push(index);
  }
  return turns;
}

test('weights are interleaved as the specification says', () => {
  assert.equal(letters([3, 1]), 'AAAB');
  assert.equal(letters([1, 3]), 'BBAB');
  assert.equal(letters([1, 1, 1]), 'ABC');
  assert.equal(letters([4, 3, 2]), 'AABABCABC');
  assert.equal(letters([10, 10]), 'AB');
  assert.equal(letters([30, 10]), 'AAAB');
  assert.equal(letters([7]), 'A');
});

test('a server of weight 0 gets no turn, and without any other there is no turn at all', () => {
  assert.equal(letters([0, 2, 1]), 'BBC');
  assert.equal(letters([0, 0]), '');
  assert.equal(letters([]), '');
});

test('the schedule repeats what the classic algorithm does, for any weights', () => {
  const weights = fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 12 }).filter((list) => list.some(Boolean));
  fc.assert(
    fc.property(weights, (list) => {
      const schedule = [...scheduleOf(list)];
      assert.deepEqual([...schedule, ...schedule], classicTurns(list, schedule.length * 2));
    }),
  );
});

test('a cycle that would be too long is scaled down within the documented error', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(weights, (list) => {
      const schedule = scheduleOf(list);
      const positive = list.filter((weight) => weight > 0).length;
      assert.ok(schedule.length <= MAX_TURNS);
      const sum = list.reduce((a, b) => a + b, 0);
      const counts = list.map(() => 0);
      for (const server of schedule) counts[server] += 1;
      list.forEach((weight, server) => {
        if (sum === 0) return;
        const error = Math.abs(counts[server] / schedule.length - weight / sum);
        assert.ok(
          error <= (positive + 1) / (MAX_TURNS - 2 * positive),
          `server ${server} of ${list} is off by ${error}`,
        );
        assert.equal(counts[server] > 0, weight > 0);
      });
    }),
    { numRuns: 60 },
  );
});

test('nearly equal large weights and a great number of servers keep every server in the cycle', () => {
  const near = scheduleOf([1_000_001, 1_000_000]);
  const first = near.filter((server) => server === 0).length;
  assert.ok(Math.abs(2 * first - near.length) <= 1);
  const many = scheduleOf(new Array(70_000).fill(1).map((_, i) => (i === 0 ? 1_000_000 : 1)));
  assert.equal(new Set(many).size, 70_000);
});
