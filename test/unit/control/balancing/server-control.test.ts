/** What the main thread decides about servers, seen in shared memory. */
import assert from 'node:assert/strict';
import test, { mock, type TestContext } from 'node:test';
import { ServerControl } from '../../../../src/control/balancing/server-control.ts';
import { startPercent } from '../../../../src/control/balancing/weights.ts';
import { hearEvents, setLogLevel } from '../../../../src/kernel/log.ts';
import type { Backend, Model, Server } from '../../../../src/model/model.ts';
import { changesOf, createCursors } from '../../../../src/shared/cursors.ts';
import {
  createServerState,
  DOWN,
  EJECTED,
  IN,
  ServerState,
  TRIAL,
  TRYING,
  UP,
} from '../../../../src/shared/server-state.ts';
import { SlotRegistry, serverKey } from '../../../../src/shared/slots.ts';
import { backend, server } from '../admin/fake-view.ts';

setLogLevel('FATAL');

function setUp(t: TestContext, ...first: Server[]) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let made: Backend = backend('b', ...first);
  const backendSlots = new SlotRegistry({ kind: 'backend' });
  const serverSlots = new SlotRegistry({ kind: 'server' });
  const state = new ServerState(createServerState(1));
  const cursors = new Int32Array(createCursors());
  let isThere = true;
  const model = (): Model => ({ backends: new Map(isThere ? [['b', made]] : []) }) as unknown as Model;
  const control = new ServerControl(
    { state, cursors, backendSlots, serverSlots, model, frontendsNaming: () => [] },
    { firstMs: 1000, longestMs: 4000 },
    () => {},
  );
  t.after(() => {
    control.stop();
    mock.timers.reset();
  });
  const change = (changes: Partial<Backend>): void => {
    made = { ...made, ...changes };
    backendSlots.slotOf('b', 1);
    for (const { url } of made.servers) serverSlots.slotOf(serverKey('b', url), 1);
    control.touch(['b']);
    control.modelChanged(model());
  };
  change({});
  const remove = (): void => {
    isThere = false;
    control.touch(['b']);
    control.modelChanged(model());
    isThere = true;
  };
  return {
    remove,
    control,
    state,
    change,
    changes: () => changesOf(cursors, 0),
    status: (s: Server) => control.status(made, s),
  };
}

const [A, B, C] = ['a', 'b', 'c'].map((name) => server(name, `http://${name}`));

test('ejections double while trials fail, begin anew long after a return, and each is told to the workers', (t) => {
  const { control, state, changes, status } = setUp(t, A, B);
  for (const ms of [1000, 2000, 4000, 4000]) {
    const before = changes();
    control.received(ms === 1000 ? 'failing' : 'trialFailed', 0, 1);
    assert.equal(state.ejection(1), EJECTED);
    assert.equal(changes(), before + 1);
    mock.timers.tick(ms - 1);
    assert.equal(state.ejection(1), EJECTED);
    mock.timers.tick(1);
    assert.equal(state.ejection(1), TRIAL);
    assert.equal(changes(), before + 2);
    assert.equal(state.claimTrial(1), true);
  }
  assert.deepEqual([status(B).state, status(B).up, status(B).ejections], ['on trial', false, 4]);
  state.settleTrial(1, IN);
  control.received('recovered', 0, 1);
  assert.equal(status(B).state, 'in rotation');
});

test('at most half of those that can serve are ejected; who is out already is not ejected again', (t) => {
  const { control, state, change } = setUp(t, A, B, C);
  control.received('failing', 0, 0);
  control.received('failing', 0, 0);
  control.received('failing', 0, 1);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [EJECTED, IN]);
  change({ servers: [A, B, C, server('d', 'http://d')] });
  control.received('failing', 0, 1);
  assert.equal(state.ejection(1), EJECTED);
  state.setEjection(1, IN);
  state.setHealth(3, DOWN);
  control.received('failing', 0, 1);
  assert.equal(state.ejection(1), IN);
});

test('a server that must not be ejected beside another has that one tried at once, when it has rested', (t) => {
  const { control, state } = setUp(t, A, B, C);
  control.received('failing', 0, 0);
  mock.timers.tick(1000);
  control.received('trialFailed', 0, 0);
  mock.timers.tick(999);
  control.received('failing', 0, 1);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [EJECTED, IN]);
  mock.timers.tick(1);
  assert.equal(state.ejection(0), EJECTED);
  control.received('failing', 0, 1);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [TRIAL, IN]);
  assert.equal(state.claimTrial(0), true);
  state.settleTrial(0, IN);
  control.received('recovered', 0, 0);
  control.received('failing', 0, 1);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [IN, EJECTED]);
  // What was left of the first one's time is over without a word.
  mock.timers.tick(999);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [IN, EJECTED]);
});

test('a trial whose worker has died is open again', (t) => {
  const { control, state } = setUp(t, A, B);
  control.received('failing', 0, 1);
  mock.timers.tick(1000);
  assert.equal(state.claimTrial(1), true);
  mock.timers.tick(1000);
  assert.equal(state.ejection(1), TRYING);
  control.workerEnded(0, 2);
  assert.equal(state.ejection(1), TRIAL);
});

test('a trial that nobody takes ends with its return', (t) => {
  const { control, state } = setUp(t, A, B);
  control.received('failing', 0, 1);
  mock.timers.tick(1000);
  mock.timers.tick(999);
  assert.equal(state.ejection(1), TRIAL);
  mock.timers.tick(1);
  assert.equal(state.ejection(1), IN);
});

test('one that a check has found down before its trial ends is not told to serve again', (t) => {
  const told: string[] = [];
  hearEvents(({ name }) => told.push(name));
  t.after(() => hearEvents(null));
  const { control, state } = setUp(t, A, B);
  for (const health of [DOWN, UP]) {
    state.setHealth(1, UP);
    control.received('failing', 0, 1);
    state.setHealth(1, health);
    // The second time each takes twice as long.
    for (let i = 0; i < 2; i++) mock.timers.tick(2000);
    assert.equal(state.ejection(1), IN);
  }
  assert.deepEqual(told, ['server_ejected', 'server_ejected', 'server_returned']);
});

test('a report about a server or backend that has left changes nothing', (t) => {
  const { control, state, change } = setUp(t, A, B);
  change({ servers: [A] });
  control.received('failing', 0, 1);
  control.received('failing', 7, 0);
  assert.deepEqual([state.ejection(0), state.ejection(1)], [IN, IN]);
});

test('a server that joins others begins slowly; the first ones, and those of an empty backend, do not', (t) => {
  const { state, change, status } = setUp(t);
  change({ servers: [A], slowStartMs: 60_000 });
  assert.equal(status(A).state, 'in rotation');
  change({ servers: [A, B] });
  assert.deepEqual([state.weight(0), state.weight(1)], [100, 5]);
  assert.equal(status(B).state, 'slow start');
  change({ servers: [{ ...A, weight: 3 }, B] });
  assert.deepEqual([state.weight(0), state.weight(1)], [300, 5]);
  change({ slowStartMs: undefined as never });
  assert.deepEqual([state.weight(0), state.weight(1)], [0, 0]);
});

test('a server that returns from an ejection, or from draining, begins slowly', (t) => {
  const { control, state, change } = setUp(t, A, B);
  change({ slowStartMs: 60_000 });
  control.received('recovered', 0, 1);
  assert.deepEqual([state.weight(0), state.weight(1)], [100, 5]);
  change({ servers: [{ ...A, draining: true }, B] });
  change({ servers: [A, B] });
  assert.equal(state.weight(0), 5);
});

test('a slow start grows with time, from a twentieth to the whole', () => {
  assert.deepEqual(
    [0, 10, 50, 99, 100, 500].map((ms) => startPercent(ms, 100)),
    [5, 10, 50, 99, 100, 100],
  );
});

test('drr begins with what is configured, and a change of method leaves nothing of it', (t) => {
  const { state, change } = setUp(t, A, B);
  change({ method: 'drr' });
  assert.deepEqual([state.weight(0), state.weight(1)], [1, 1]);
  change({ method: 'wrr' });
  assert.deepEqual([state.weight(0), state.weight(1)], [0, 0]);
});

test('a backend that is deleted and written anew begins with the weights of its keys', (t) => {
  const { state, change, remove } = setUp(t, server('a', 'http://a', 5), B, C);
  change({ method: 'drr' });
  assert.deepEqual(
    [0, 1, 2].map((slot) => state.weight(slot)),
    [5, 1, 1],
  );
  for (const slot of [0, 1, 2]) state.setWeight(slot, 1);
  remove();
  change({ method: 'wrr' });
  assert.deepEqual(
    [0, 1, 2].map((slot) => state.weight(slot)),
    [0, 0, 0],
  );
});
