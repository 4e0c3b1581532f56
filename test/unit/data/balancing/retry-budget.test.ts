import assert from 'node:assert/strict';
import test from 'node:test';
import { RetryBudget } from '../../../../src/data/balancing/retry-budget.ts';

const LIMITS = { ratio: 0.2, perSecond: 1 };

function taken(budget: RetryBudget, wanted: number, now: number): number {
  let count = 0;
  for (let i = 0; i < wanted; i++) if (budget.take(now)) count++;
  return count;
}

test('a fifth of the requests may be retried, and a few besides', () => {
  const budget = new RetryBudget(LIMITS, 0);
  for (let i = 0; i < 1000; i++) budget.requested();
  assert.equal(taken(budget, 1000, 100), 210);
});

test('an outage that lasts gets no more than that, second by second', () => {
  const budget = new RetryBudget(LIMITS, 0);
  let retries = 0;
  for (let second = 0; second < 100; second++) {
    for (let i = 0; i < 100; i++) {
      budget.requested();
      if (budget.take(second * 1000 + i * 10)) retries++;
    }
  }
  assert.ok(retries > 1500 && retries <= 0.2 * 10_000 + 110, `${retries} retries`);
});

test('a backend without requests has the few per second', () => {
  const budget = new RetryBudget(LIMITS, 0);
  assert.equal(taken(budget, 100, 0), 10);
  assert.equal(taken(budget, 100, 5000), 0);
  assert.equal(taken(budget, 100, 40_000), 10);
});

test('requests of long ago pay for no retry', () => {
  const budget = new RetryBudget(LIMITS, 0);
  for (let i = 0; i < 10_000; i++) budget.requested();
  assert.ok(taken(budget, 5000, 1_000_000) <= 0.2 * 100 + 10);
});
