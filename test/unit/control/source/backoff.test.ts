import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Backoff } from '../../../../src/control/source/backoff.ts';

test('waits double from 0.2 s to 10 s and stay there', () => {
  const backoff = new Backoff(200, 10_000, () => 1);
  const waits = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test('after a reset the first wait is the shortest again', () => {
  const backoff = new Backoff(200, 10_000, () => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 200);
});

test('chance shortens a wait by at most a half, and never lengthens it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (chances) => {
        let taken = 0;
        const backoff = new Backoff(200, 10_000, () => chances[taken++]);
        for (let failures = 0; failures < chances.length; failures++) {
          const wait = backoff.next();
          const whole = Math.min(10_000, 200 * 2 ** failures);
          assert.ok(wait >= whole / 2 && wait <= whole, `${wait} after ${failures} failures`);
        }
      },
    ),
  );
});
