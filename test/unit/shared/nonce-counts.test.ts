/** Counts of nonces: each once, in any order within the window, over all workers. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { createNonceCounts, NonceCounts } from '../../../src/shared/nonce-counts.ts';

test('whatever the order, a count is good once, and never when it is 64 and more behind', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 300 }), (counts) => {
      const nonces = new NonceCounts(createNonceCounts(), 0);
      const used = new Set<number>();
      let highest = 0;
      for (const count of counts) {
        const expected = !used.has(count) && (highest === 0 || count > highest || highest - count <= 64);
        const first = highest === 0;
        assert.equal(nonces.use(7, 9, count, 1), expected, `${count} after ${[...used]}`);
        if (!expected) continue;
        used.add(count);
        highest = Math.max(highest, count);
        if (first) assert.equal(nonces.use(7, 9, count, 1), false);
      }
    }),
  );
});

test('another nonce is counted by itself, also by another worker', () => {
  const buffer = createNonceCounts();
  const [one, two] = [new NonceCounts(buffer, 0), new NonceCounts(buffer, 1)];
  assert.equal(one.use(1, 2, 5, 1), true);
  assert.equal(two.use(1, 2, 5, 1), false);
  assert.equal(two.use(1, 3, 5, 1), true);
  assert.equal(one.use(1, 2, 4, 1), true);
  new Int32Array(buffer, 0, 2048).fill(2);
  new NonceCounts(buffer, 2).laneDied(1);
  assert.equal(one.use(1, 2, 6, 1), true);
});
