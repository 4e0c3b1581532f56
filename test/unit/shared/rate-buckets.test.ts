/** Token buckets that all workers share: exact, bounded, fractions of tokens kept. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createRateBuckets, RateBuckets } from '../../../src/shared/rate-buckets.ts';

const rate = (periodMs: number, average: number, burst: number) => ({ perTokenMs: periodMs / average, burst });

test('a burst passes at once, then one more for each time that a token takes', () => {
  const buckets = new RateBuckets(createRateBuckets(), 0);
  const limit = buckets.limitOf('f');
  const rates = [rate(3000, 5, 10)];
  for (let i = 0; i < 10; i++) assert.equal(buckets.take(limit, 'a', rates, 1000), -1);
  assert.equal(buckets.take(limit, 'a', rates, 1000), 0);
  assert.equal(buckets.take(limit, 'b', rates, 1000), -1, 'another source');
  assert.equal(buckets.take(buckets.limitOf('g'), 'a', rates, 1000), -1, 'another limit');
  assert.equal(buckets.take(limit, 'a', rates, 1599), 0);
  assert.equal(buckets.take(limit, 'a', rates, 1600), -1);
  assert.equal(buckets.take(limit, 'a', rates, 1600), 0);
});

test('buckets that are not full are counted', () => {
  const buckets = new RateBuckets(createRateBuckets(), 0);
  const limit = buckets.limitOf('f');
  for (const source of ['a', 'b', 'b']) buckets.take(limit, source, [rate(1000, 1, 10)], 1000);
  assert.deepEqual(
    [999, 1999, 2999, 3000].map((now) => buckets.used(now)),
    [2, 2, 1, 0],
  );
});

test('of several rates none is charged when one refuses, and the slowest that refuses is told', () => {
  const buckets = new RateBuckets(createRateBuckets(), 0);
  const limit = buckets.limitOf('f');
  const rates = [rate(1000, 10, 10), rate(60_000, 60, 60)];
  for (let i = 0; i < 10; i++) assert.equal(buckets.take(limit, 'a', rates, 0), -1);
  assert.equal(buckets.take(limit, 'a', rates, 0), 0);
  for (let round = 1; round <= 5; round++) {
    for (let i = 0; i < 10; i++) assert.equal(buckets.take(limit, 'a', rates, round * 1000), -1);
  }
  // 60 were spent of 60, and 6 have come back.
  for (let i = 0; i < 6; i++) assert.equal(buckets.take(limit, 'a', rates, 6000), -1);
  assert.equal(buckets.take(limit, 'a', rates, 6000), 1);
});

test('over any course of time no more pass than burst and average allow, and no fewer', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 50 }), (steps, burst, average) => {
      const buckets = new RateBuckets(createRateBuckets(), 0);
      const limit = buckets.limitOf('f');
      let now = 5000;
      let tokens = burst;
      let last = now;
      for (const step of steps) {
        now += step;
        tokens = Math.min(burst, tokens + ((now - last) * average) / 1000);
        last = now;
        const passes = buckets.take(limit, 's', [rate(1000, average, burst)], now) < 0;
        // At the very edge both are right.
        if (Math.abs(tokens - 1) > 1e-6) assert.equal(passes, tokens >= 1, `${tokens} tokens at ${now}`);
        if (passes) tokens -= 1;
      }
    }),
    { numRuns: 100 },
  );
});

test('two workers at once pass exactly as many as one alone, and a dead one leaves no lock', async () => {
  const shared = createRateBuckets();
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.url).then(({ RateBuckets }) => {
      const buckets = new RateBuckets(workerData.shared, workerData.lane);
      const limit = buckets.limitOf('f');
      let passed = 0;
      for (let i = 0; i < 20000; i++) if (buckets.take(limit, 's' + (i % 3), [{ perTokenMs: 1e9, burst: 1000 }], 1) < 0) passed++;
      parentPort.postMessage(passed);
    });`;
  const url = new URL('../../../src/shared/rate-buckets.ts', import.meta.url).href;
  const passed = await Promise.all(
    [0, 1].map(
      (lane) =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData: { url, shared, lane } });
          worker.once('message', resolve).once('error', reject);
        }),
    ),
  );
  assert.equal(passed[0] + passed[1], 3000);
  const locks = new Int32Array(shared, 0, 8192).fill(2);
  const main = new RateBuckets(shared, 2);
  main.laneDied(1);
  assert.ok(locks.every((lock) => lock === 0));
});

test('with more sources than there is room for the fullest bucket goes, and that is told', () => {
  const buckets = new RateBuckets(createRateBuckets(), 0);
  const limit = buckets.limitOf('f');
  const rates = [rate(1000, 1, 1)];
  for (let i = 0; i < 40_000; i++) buckets.take(limit, `s${i}`, rates, 0);
  const refused = Array.from({ length: 40_000 }, (_, i) => buckets.take(limit, `s${i}`, rates, 0) >= 0);
  assert.ok(refused.filter(Boolean).length > 30_000);
  for (let i = 0; i < 200_000; i++) buckets.take(limit, `t${i}`, rates, 0);
  assert.equal(buckets.forgot, true);
  buckets.forgot = false;
  // All are full again: none of them is missed.
  for (let i = 0; i < 3_000; i++) buckets.take(limit, `u${i}`, rates, 1e6);
  assert.equal(buckets.forgot, false);
});
