import assert from 'node:assert/strict';
import test from 'node:test';
import { SlotRegistry, serverKey } from '../../../src/shared/slots.ts';

test('a name keeps its slot, also while it is away', () => {
  const slots = new SlotRegistry({ kind: 'server' });
  assert.equal(slots.slotOf('a', 1), 0);
  assert.equal(slots.slotOf('b', 1), 1);
  slots.retire(50);
  assert.equal(slots.slotOf('c', 51), 2);
  assert.equal(slots.slotOf('a', 90), 0);
  assert.equal(slots.nameOf(1), 'b');
  assert.equal(slots.nameOf(3), '');
});

test('when all slots are taken, the name that was away longest loses its own', () => {
  const slots = new SlotRegistry({ kind: 'server', capacity: 3 });
  slots.slotOf('a', 1);
  slots.slotOf('b', 1);
  slots.slotOf('c', 1);
  slots.slotOf('b', 2);
  slots.slotOf('c', 3);
  slots.retire(4);
  assert.equal(slots.slotOf('d', 5), 0);
  assert.equal(slots.nameOf(0), 'd');
  assert.equal(slots.slotOf('e', 5), 1);
  assert.equal(slots.slotOf('a', 5), 2);
});

test('a slot that a worker may still route by is never taken over', () => {
  const slots = new SlotRegistry({ kind: 'server', capacity: 2 });
  slots.slotOf('a', 1);
  slots.slotOf('b', 1);
  slots.slotOf('b', 2);
  const full = { code: 'SLOTS_FULL', message: 'there have been too many servers: all 2 slots are taken' };
  assert.throws(() => slots.slotOf('c', 2), full);
  slots.retire(1);
  assert.throws(() => slots.slotOf('c', 2), full);
  slots.retire(2);
  assert.equal(slots.slotOf('c', 3), 0);
  assert.throws(() => slots.slotOf('d', 3), full);
});

test('a name that came back after the search for free slots keeps its slot', () => {
  const slots = new SlotRegistry({ kind: 'server', capacity: 3 });
  for (const name of ['a', 'b', 'c']) slots.slotOf(name, 1);
  slots.retire(2);
  assert.equal(slots.slotOf('d', 2), 2);
  assert.equal(slots.slotOf('b', 2), 1);
  assert.equal(slots.slotOf('e', 2), 0);
  assert.throws(() => slots.slotOf('f', 2), { code: 'SLOTS_FULL' });
  assert.equal(slots.slotOf('b', 3), 1);
});

test('the same URL in two backends is two servers', () => {
  assert.notEqual(serverKey('a', 'http://x'), serverKey('b', 'http://x'));
});

test('tens of thousands of names pass through a few slots, and no two that are in use share one', () => {
  const reused: number[] = [];
  const slots = new SlotRegistry({ kind: 'backend', capacity: 20, onReuse: (slot) => reused.push(slot) });
  const live: string[] = [];
  for (let i = 1; i <= 50_000; i++) {
    const name = `b${i}`;
    slots.hold(name, i);
    live.push(name);
    if (live.length > 10) slots.release(slots.find(live.shift()!), i);
    assert.equal(new Set(live.map((each) => slots.find(each))).size, live.length);
    slots.retire(i);
  }
  assert.equal(reused.length, 50_000 - 20);
});
