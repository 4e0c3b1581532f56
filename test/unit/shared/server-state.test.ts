import assert from 'node:assert/strict';
import test from 'node:test';
import {
  createServerState,
  DOWN,
  EJECTED,
  IN,
  ServerLane,
  ServerState,
  TRIAL,
  TRYING,
  UNCHECKED,
} from '../../../src/shared/server-state.ts';
import { SLOT_CAPACITY, SlotRegistry } from '../../../src/shared/slots.ts';

test('what is in flight is the sum of what all workers have', () => {
  const buffer = createServerState(3);
  const state = new ServerState(buffer);
  const lanes = [0, 1, 2].map((worker) => new ServerLane(buffer, worker));
  for (const slot of [0, 7, SLOT_CAPACITY - 1]) {
    for (const lane of lanes) lane.begin(slot);
    lanes[1].begin(slot);
    assert.equal(state.inFlight(slot), 4);
    lanes[1].end(slot, false);
    lanes[2].end(slot, true);
    assert.deepEqual([state.inFlight(slot), state.ended(slot), state.bad(slot)], [2, 2, 1]);
  }
  assert.equal(state.inFlight(1), 0);
});

test('a worker that dies leaves nothing in flight, and the counts of the others as they are', () => {
  const buffer = createServerState(2);
  const state = new ServerState(buffer);
  const [first, second] = [new ServerLane(buffer, 0), new ServerLane(buffer, 1)];
  for (let i = 0; i < 5; i++) first.begin(3);
  second.begin(3);
  first.end(3, true);
  state.laneDied(0, 4);
  assert.deepEqual([state.inFlight(3), state.ended(3), state.bad(3)], [1, 1, 1]);
  const next = new ServerLane(buffer, 0);
  next.begin(3);
  assert.equal(state.inFlight(3), 2);
});

test('a slot that changes its name begins anew, but for the exchanges that still run', () => {
  const buffer = createServerState(1);
  const state = new ServerState(buffer);
  const lane = new ServerLane(buffer, 0);
  const slots = new SlotRegistry({ kind: 'server', capacity: 1, onReuse: (slot) => state.reset(slot) });
  const slot = slots.slotOf('a', 1);
  lane.begin(slot);
  assert.equal(state.setHealth(slot, DOWN), true);
  assert.equal(state.setHealth(slot, DOWN), false);
  state.setEjection(slot, EJECTED);
  state.setWeight(slot, 9);
  state.addFailure(slot);
  slots.retire(2);
  assert.equal(slots.slotOf('b', 3), slot);
  assert.deepEqual(
    [state.health(slot), state.ejection(slot), state.weight(slot), state.failures(slot), state.inFlight(slot)],
    [UNCHECKED, IN, 0, 0, 1],
  );
  lane.end(slot, false);
  assert.equal(state.inFlight(slot), 0);
});

test('one of all workers gets the trial of an ejected server', () => {
  const buffer = createServerState(1);
  const [one, other] = [new ServerState(buffer), new ServerState(buffer)];
  assert.equal(one.claimTrial(2), false);
  one.setEjection(2, TRIAL);
  assert.deepEqual([one.claimTrial(2), other.claimTrial(2), one.ejection(2)], [true, false, TRYING]);
  assert.equal(other.settleTrial(2, IN), true);
  assert.equal(one.settleTrial(2, TRIAL), false);
  assert.equal(one.ejection(2), IN);
});

test('failures count in a row: one success forgets them', () => {
  const state = new ServerState(createServerState(1));
  assert.deepEqual([state.addFailure(5), state.addFailure(5), state.addFailure(6)], [1, 2, 1]);
  state.forgetFailures(5);
  assert.deepEqual([state.failures(5), state.failures(6), state.addFailure(5)], [0, 1, 1]);
});
