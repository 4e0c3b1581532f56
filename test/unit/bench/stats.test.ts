import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { meanOf, median, ratioOf, spreadOf, verdictOf } from '../../../bench/stats.ts';

test('the median is the middle sample, or the mean of the two middle ones', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('a spread holds its median, whatever the samples and their order', () => {
  fc.assert(
    // No -0, which is another zero than 0 where two are compared.
    fc.property(
      fc.array(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0),
        { minLength: 1 },
      ),
      (samples) => {
        const spread = spreadOf(samples);
        assert.ok(spread.min <= spread.median && spread.median <= spread.max);
        assert.deepEqual(spreadOf(samples.toReversed()), spread);
      },
    ),
  );
});

test('samples are left in their order', () => {
  const samples = [3, 1, 2];
  spreadOf(samples);
  assert.deepEqual(samples, [3, 1, 2]);
});

test('ratios are taken round by round, so a slow spell of the machine falls out', () => {
  assert.deepEqual(ratioOf([10, 20, 40], [20, 40, 80]), { median: 0.5, min: 0.5, max: 0.5 });
});

test('a ratio of series of unequal length uses the rounds that both have', () => {
  assert.deepEqual(ratioOf([1, 2, 3], [1]), { median: 1, min: 1, max: 1 });
  assert.ok(Number.isNaN(ratioOf([], [1]).median));
});

test('fewer than five rounds say nothing', () => {
  assert.equal(verdictOf({ median: 0.5, min: 0.4, max: 0.6 }, 4), 'too few rounds');
});

test('a difference counts only if all rounds agree on its direction', () => {
  assert.equal(verdictOf({ median: 0.9, min: 0.8, max: 0.99 }, 7), 'less');
  assert.equal(verdictOf({ median: 1.2, min: 1.01, max: 1.3 }, 7), 'more');
  assert.equal(verdictOf({ median: 0.9, min: 0.8, max: 1.01 }, 7), 'within the noise');
  assert.equal(verdictOf(spreadOf([]), 7), 'within the noise');
});

test('a mean comes with how sure it is', () => {
  assert.deepEqual(meanOf([1, 1, 1]), { mean: 1, error: 0 });
  const { mean, error } = meanOf([1, 3]);
  assert.equal(mean, 2);
  assert.equal(error, 1);
  assert.ok(Number.isNaN(meanOf([1]).error));
});
