import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNT, COUNTS, Rates, sharesOf } from '../../../../src/control/board/rates.ts';

/** An owner that is looked at every 2 s. */
class Owner {
  readonly rates = new Rates();
  readonly counts = new Float64Array(COUNTS.length);
  step = 0;

  look(c2 = 0, c5 = 0): void {
    this.counts[COUNT.c2] += c2;
    this.counts[COUNT.c5] += c5;
    this.rates.take(++this.step, this.counts);
  }

  shares() {
    return sharesOf(this.rates, this.step, 10);
  }
}

test('rates and shares are those of the last 10 s', () => {
  const owner = new Owner();
  owner.look();
  for (let i = 0; i < 20; i++) owner.look(0, 100);
  for (let i = 0; i < 5; i++) owner.look(15, 5);
  assert.deepEqual(owner.shares(), { rate: 10, e4: 0, e5: 0.25 });
});

test('below 1 request/s shares are those of 5 min, and too few requests have none', () => {
  const owner = new Owner();
  owner.look();
  owner.look(4, 5);
  for (let i = 0; i < 10; i++) owner.look();
  assert.deepEqual(owner.shares(), { rate: 0, e4: null, e5: null }, '9 requests');
  owner.look(1);
  assert.deepEqual(owner.shares(), { rate: 0.1, e4: 0, e5: 0.5 });
  for (let i = 0; i < 160; i++) owner.look();
  assert.deepEqual(owner.shares(), { rate: 0, e4: null, e5: null }, 'all of it is too old');
});

test('what was counted before it was known is not new, and counts that begin anew are', () => {
  const owner = new Owner();
  owner.look(1_000_000);
  assert.equal(owner.shares().rate, 0);
  owner.counts.fill(0);
  owner.look(20);
  assert.equal(owner.shares().rate, 2);
});
