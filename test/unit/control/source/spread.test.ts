import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadMs } from '../../../../src/control/source/spread.ts';

test('a hundred nodes read a large store at a hundred moments of ten seconds, and a small one as good as at once', () => {
  const moments = Array.from({ length: 100 }, (_, node) => spreadMs(300_000, () => node / 100));
  assert.equal(moments[0], 0);
  assert.equal(moments[99], 9_900);
  for (let i = 1; i < moments.length; i++) assert.ok(moments[i]! - moments[i - 1]! > 99);
  assert.ok(spreadMs(1_000, () => 0.999) < 50);
  assert.ok(spreadMs(100_000_000, () => 0.999) < 10_000);
  assert.equal(
    spreadMs(0, () => 0.999),
    0,
  );
});
