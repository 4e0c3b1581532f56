import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MAX_WINDOW } from '../../../src/http2/codes.ts';
import { overflows, ReceiveWindow, WindowGrowth } from '../../../src/http2/windows.ts';

const NONE = new WindowGrowth(0);

test('a window is opened again when half of it was used, not when it came', () => {
  const window = new ReceiveWindow(1_000);
  assert.ok(window.receive(1_000));
  assert.equal(window.update(0, 0, NONE), 0);
  window.use(499);
  assert.equal(window.update(0, 0, NONE), 0);
  window.use(1);
  assert.equal(window.update(0, 0, NONE), 500);
  assert.ok(window.receive(500));
  assert.ok(!window.receive(1));
});

test('a window grows while its peer sends half of it within a round trip, as far as there is anything left to grow by', () => {
  const growth = new WindowGrowth(5_000);
  const window = new ReceiveWindow(1_000, 4_000);
  const round = (bytes: number, now: number): number => {
    window.receive(bytes);
    window.use(bytes);
    return window.update(now, 100, growth);
  };
  assert.equal(round(500, 100), 500, 'it has taken all of a round trip');
  assert.equal(round(500, 150), 500 + 1_000);
  assert.equal(round(1_000, 160), 1_000 + 2_000);
  assert.equal(round(2_000, 170), 2_000, 'there is an end to it');
  const other = new ReceiveWindow(4_000, 8_000);
  other.receive(4_000);
  other.use(4_000);
  assert.equal(other.update(1, 100, growth), 4_000 + 2_000, 'what is left for both');
  window.end(growth);
  other.end(growth);
  assert.equal(growth.take(9_999), 5_000);
});

test('no byte of credit is lost or made', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3_000), { maxLength: 50 }), (pieces) => {
      const window = new ReceiveWindow(4_000);
      let left = 4_000;
      for (const piece of pieces) {
        const bytes = Math.min(piece, left);
        assert.ok(window.receive(bytes));
        window.use(bytes);
        left += window.update(0, 0, NONE) - bytes;
        assert.ok(left > 2_000 && left <= 4_000);
      }
      assert.ok(!window.receive(left + 1));
    }),
  );
});

test('what would be more than a window can hold is seen, also where it is negative', () => {
  assert.ok(!overflows(0, MAX_WINDOW));
  assert.ok(overflows(1, MAX_WINDOW));
  assert.ok(!overflows(-65_535, MAX_WINDOW));
});
