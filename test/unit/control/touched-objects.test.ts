import assert from 'node:assert/strict';
import test from 'node:test';
import { TouchedObjects } from '../../../src/control/routing/touched-objects.ts';

/** Each with that value before. */
function names(from: number, to: number, before: string | null = null): Map<string, string | null> {
  return new Map(Array.from({ length: to - from }, (_, i) => [`n${from + i}`, before]));
}

test('each object is given once, however it came and how often, and none twice after it was taken', () => {
  const touched = new TouchedObjects<string>();
  touched.add(names(0, 10));
  touched.add(names(5, 3_000));
  touched.add(names(2_000, 4_000));
  touched.add(names(3_999, 4_001));
  const failed = new TouchedObjects<string>();
  failed.add(names(0, 2_000));
  failed.add(names(4_001, 4_003));
  touched.putBack(failed);
  assert.ok(touched.has('n2500') && touched.has('n4002') && !touched.has('n4003'));
  const taken = touched.take();
  assert.ok(touched.isEmpty);
  assert.deepEqual([...touched], []);
  assert.deepEqual(new Map(taken), names(0, 4_003));
  assert.equal([...taken].length, 4_003);
  const parts = [...taken.parts()];
  assert.equal(
    parts.map(({ size }) => size).reduce((a, b) => a + b),
    4_003,
  );
  assert.ok(parts.every(({ size }) => size <= 64));
});

test('what there was before an object is what was there before the first of its changes', () => {
  const touched = new TouchedObjects<string>();
  touched.add(names(0, 2, 'first'));
  touched.add(names(0, 4, 'second'));
  touched.add(names(2, 3_000, 'third'));
  touched.add(names(2_999, 3_001, 'fourth'));
  const failed = new TouchedObjects<string>();
  failed.add(names(0, 1));
  touched.putBack(failed);
  const before = new Map(touched);
  const of = ['n0', 'n1', 'n3', 'n4', 'n2999', 'n3000'].map((name) => before.get(name));
  assert.deepEqual(of, [null, 'first', 'second', 'third', 'third', 'fourth']);
});
