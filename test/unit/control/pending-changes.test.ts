import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type KeyChange, PendingChanges } from '../../../src/control/routing/pending-changes.ts';
import { atOnce } from '../../../src/kernel/steps.ts';

const change = fc.record({ key: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.constantFrom('1', '2')) });

/** Behind so many others that it is a very large batch. */
function large(changes: readonly KeyChange[]): KeyChange[] {
  const others = Array.from({ length: 1_024 }, (_, i) => ({ key: `other${i}`, value: null }));
  return [...others, ...changes];
}

test('whatever came in few or very many, before or after it was put back, the newest value of each key counts', () => {
  const batch = fc.record({ changes: fc.array(change, { maxLength: 4 }), isLarge: fc.boolean(), isBack: fc.boolean() });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 8 }), (batches) => {
      const pending = new PendingChanges();
      const wanted = new Map<string, string | null>();
      for (const { changes, isLarge, isBack } of batches) {
        const before = isBack ? pending.take() : null;
        const all = isLarge ? large(changes) : changes;
        pending.add(all);
        for (const { key, value } of all) wanted.set(key, value);
        if (before !== null) pending.putBack(before);
      }
      assert.deepEqual(new Map(atOnce(pending.newest())), wanted);
    }),
    { numRuns: 100 },
  );
});
