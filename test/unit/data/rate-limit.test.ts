/** Limits that are divided over the live nodes (shared/spec frontend-options §3.13, §4.6). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { shareOf } from '../../../src/data/middlewares/rate-limit.ts';

test('each node has its share of a rate, at least one token at once, and never more than all of it', () => {
  const hundred = { perTokenMs: 10, burst: 50 };
  assert.deepEqual(shareOf(hundred, 3, 1), { perTokenMs: 30, burst: 16 });
  assert.deepEqual(shareOf(hundred, 4, 1), { perTokenMs: 40, burst: 12 });
  assert.deepEqual(shareOf({ perTokenMs: 100, burst: 2 }, 4, 1), { perTokenMs: 400, burst: 1 });
  assert.deepEqual(shareOf(hundred, 4, 2), { perTokenMs: 20, burst: 25 });
  assert.deepEqual(shareOf(hundred, 1, 1), hundred);
  assert.deepEqual(shareOf(hundred, 2, 3), hundred);
});

test('all nodes together allow no more than the bound', () => {
  const rate = fc.record({
    perTokenMs: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
    burst: fc.integer({ min: 1, max: 1e6 }),
  });
  fc.assert(
    fc.property(
      rate,
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 1, max: 1000, noNaN: true }),
      (whole, nodes, factor) => {
        const share = shareOf(whole, nodes, factor);
        assert.ok(share.burst * nodes <= Math.max(whole.burst * factor, nodes) * (1 + 1e-9));
        assert.ok(nodes / share.perTokenMs <= (factor / whole.perTokenMs) * (1 + 1e-9) || factor >= nodes);
        assert.ok(share.burst <= whole.burst && share.perTokenMs >= whole.perTokenMs * (1 - 1e-9));
      },
    ),
  );
});
