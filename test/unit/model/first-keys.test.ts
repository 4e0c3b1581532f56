import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FirstKeys } from '../../../src/model/first-keys.ts';
import { stepsOf } from '../../harness/steps.ts';

test('the first by name are listed, whatever came and went in whatever order', () => {
  const step = fc.tuple(fc.boolean(), fc.nat(20).map(String), fc.boolean());
  fc.assert(
    fc.property(fc.nat(5), fc.array(step, { maxLength: 80, size: 'max' }), (most, steps) => {
      const keys = new FirstKeys(most);
      const all = new Set<string>();
      const listed = new Set<string>();
      const move = (moved: readonly string[]): void => {
        for (const each of moved) {
          if (keys.isListed(each)) listed.add(each);
          else listed.delete(each);
        }
      };
      for (const [isAdded, text, isLast] of steps) {
        move(isAdded ? keys.add(text) : keys.delete(text));
        if (isAdded) all.add(text);
        else all.delete(text);
        if (!isLast) continue;
        move(keys.refill());
        assert.deepEqual([...listed].sort(), [...all].sort().slice(0, most));
        assert.equal(keys.restSize, Math.max(all.size - most, 0));
        assert.equal(keys.has(text), isAdded);
      }
    }),
  );
});

test('very many that come and go in order, or against it, cost each about the same', () => {
  const cost = (count: number, isBackwards: boolean): number => {
    const texts = Array.from({ length: count }, (_, i) => String(1_000_000 + i));
    if (isBackwards) texts.reverse();
    const keys = new FirstKeys(10);
    return stepsOf(() => {
      for (const text of texts) keys.add(text);
      for (const text of texts) {
        keys.delete(text);
        keys.refill();
      }
    }).count;
  };
  for (const isBackwards of [false, true]) {
    const once = cost(2_000, isBackwards);
    const twice = cost(4_000, isBackwards);
    assert.ok(twice < 2.5 * once, `${once} steps, and ${twice} for twice as many`);
  }
});

test('of very many that go at once only those that were listed, and those that take their places, are told', () => {
  const keys = new FirstKeys(10);
  const texts = Array.from({ length: 5_000 }, (_, i) => String(1_000_000 + i));
  for (const text of texts) keys.add(text);
  const gone = texts.slice(0, 4_000).flatMap((text) => keys.delete(text));
  assert.deepEqual([gone, keys.restSize], [texts.slice(0, 10), 1_000]);
  assert.deepEqual(keys.refill(), texts.slice(4_000, 4_010));
});
