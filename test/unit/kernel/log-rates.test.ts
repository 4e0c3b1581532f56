import assert from 'node:assert/strict';
import test from 'node:test';
import { LineBudget, LineRates } from '../../../src/kernel/log-rates.ts';

/** The times of 0, 1, … ms at which a line was let through, with how many were suppressed before it. */
function passed(rates: LineRates, name: string, ms: number, perMs: number, burst: number): [number, number][] {
  const lines: [number, number][] = [];
  for (let now = 0; now < ms; now++) {
    const suppressed = rates.take(name, perMs, burst, 0, now);
    if (suppressed >= 0) lines.push([now, suppressed]);
  }
  return lines;
}

test('a burst passes at once, then one line per period, which says how many did not', () => {
  assert.deepEqual(passed(new LineRates(), 'a', 2_500, 1_000, 1), [
    [0, 0],
    [1_000, 999],
    [2_000, 999],
  ]);
  assert.equal(passed(new LineRates(), 'a', 1_000, 1_000, 5).length, 5);
});

test('each name has its own rate, and what was left out elsewhere is counted', () => {
  const rates = new LineRates();
  assert.equal(rates.take('a', 1_000, 1, 0, 0), 0);
  assert.equal(rates.take('b', 1_000, 1, 0, 0), 0);
  assert.equal(rates.take('a', 1_000, 1, 3, 1), -1);
  assert.equal(rates.take('a', 1_000, 1, 2, 2_000), 6);
  assert.equal(rates.take('free', 0, 1, 0, 0), 0);
});

test('what was let through and did not come is counted with the next', () => {
  const rates = new LineRates();
  assert.equal(rates.take('a', 1_000, 1, 2, 0), 2);
  rates.putBack('a', 3);
  rates.putBack('nobody', 3);
  assert.equal(rates.take('a', 1_000, 1, 0, 2_000), 3);
});

test('any number of names takes bounded memory', () => {
  const rates = new LineRates();
  for (let i = 0; i < 100_000; i++) rates.take(`name ${i}`, 1_000, 1, 0, i);
  assert.ok((rates as unknown as { buckets: Map<string, unknown> }).buckets.size <= 10_000);
});

test('a second has so many lines, and at its end one says how many there would have been', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: number[] = [];
  let hasRoom = true;
  const budget = new LineBudget(200, (held) => {
    if (hasRoom) told.push(held);
    return hasRoom;
  });
  const taken = Array.from({ length: 500 }, () => budget.take(0)).filter(Boolean).length;
  assert.equal(taken, 200);
  assert.equal(budget.take(999), false);
  assert.equal(budget.take(1_000), true);
  budget.hold();
  t.mock.timers.tick(1_000);
  assert.deepEqual(told, [302]);
  t.mock.timers.tick(5_000);
  assert.deepEqual(told, [302]);
  hasRoom = false;
  budget.hold(3);
  t.mock.timers.tick(2_000);
  budget.hold(4);
  hasRoom = true;
  t.mock.timers.tick(1_000);
  assert.deepEqual(told, [302, 7], 'what could not be told is told later');
});
