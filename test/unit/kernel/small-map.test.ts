import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SharedTexts } from '../../../src/kernel/shared-texts.ts';
import { SmallMap } from '../../../src/kernel/small-map.ts';

test('a small map is like a map, with few keys and with many', () => {
  const step = fc.record({ key: fc.constantFrom(...'abcdefghijklmnopqrst'), value: fc.option(fc.string()) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const small = new SmallMap();
      const map = new Map<string, string>();
      for (const { key, value } of steps) {
        if (value === null) small.delete(key);
        else small.set(key, value);
        if (value === null) map.delete(key);
        else map.set(key, value);
        assert.equal(small.get(key), map.get(key));
        assert.deepEqual([...small], [...map]);
        assert.deepEqual([...small.keys()], [...map.keys()]);
        assert.equal(small.size, map.size);
      }
    }),
    { numRuns: 50 },
  );
});

test('what is shared is still the same text, however many others there are', () => {
  const texts = new SharedTexts(2);
  for (const text of ['a', 'b', 'c', 'a', 'x'.repeat(100), 'b', '']) assert.equal(texts.of(text), text);
});
