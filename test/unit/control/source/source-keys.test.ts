import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SourceKeys } from '../../../../src/control/source/source-keys.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd');
const revision = fc.option(fc.integer({ min: 1, max: 2 ** 40 }));
const step = fc.oneof(
  fc.record({ key, value: fc.string({ maxLength: 2 }), revision }),
  fc.record({ key, value: fc.constant(null), revision }),
);

test('keys have the value and the revision with which they were written last', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const keys = new SourceKeys();
      const values = new Map<string, string>();
      const revisions = new Map<string, number | null>();
      for (const { key, value, revision } of steps) {
        if (value === null) {
          keys.delete(key);
          values.delete(key);
          revisions.delete(key);
          continue;
        }
        keys.set(key, value, revision);
        values.set(key, value);
        revisions.set(key, revision);
      }
      assert.deepEqual([...keys], [...values]);
      assert.deepEqual([...keys.keys()], [...values.keys()]);
      assert.equal(keys.size, values.size);
      for (const name of ['a', 'b', 'c', 'd']) {
        assert.equal(keys.has(name), values.has(name));
        assert.equal(keys.get(name), values.get(name));
        assert.equal(keys.revisionOf(name), revisions.get(name) ?? null);
      }
    }),
  );
});
