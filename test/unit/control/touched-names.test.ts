import assert from 'node:assert/strict';
import test from 'node:test';
import { TouchedNames } from '../../../src/control/routing/touched-names.ts';

function names(from: number, to: number): Set<string> {
  return new Set(Array.from({ length: to - from }, (_, i) => `n${from + i}`));
}

test('each name is given once, however it came and how often, and none twice after it was taken', () => {
  const touched = new TouchedNames();
  touched.add(names(0, 10));
  touched.add(names(5, 3_000));
  touched.add(names(2_000, 4_000));
  touched.add(names(3_999, 4_001));
  const failed = new TouchedNames();
  failed.add(names(0, 2_000));
  failed.add(names(4_001, 4_003));
  touched.addAll(failed);
  assert.ok(touched.has('n2500') && touched.has('n4002') && !touched.has('n4003'));
  const taken = touched.take();
  assert.ok(touched.isEmpty);
  assert.deepEqual([...touched], []);
  assert.deepEqual(new Set(taken), names(0, 4_003));
  assert.equal([...taken].length, 4_003);
  const parts = [...taken.parts()];
  assert.equal(parts.flat().length, 4_003);
  assert.ok(parts.every((part) => part.length <= 64));
});
