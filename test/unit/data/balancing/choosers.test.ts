import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  type Chooser,
  LeastConnections,
  NO_HASH,
  PowerOfTwoChoices,
  RoundRobin,
} from '../../../../src/data/balancing/choosers.ts';
import { Rotation } from '../../../../src/data/balancing/rotation.ts';
import { serversChanged } from '../../../../src/shared/cursors.ts';
import { DOWN, EJECTED, IN, TRIAL, UP } from '../../../../src/shared/server-state.ts';
import { backendView, sharedMemory } from '../../../harness/backend-view.ts';

const SLOT = 3;

/** Slots of `count` choices in turn over the workers. */
function take(rotations: readonly Rotation[], chooser: Chooser, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const rotation = rotations[i % rotations.length];
    rotation.sync();
    return chooser.choose(rotation, [], NO_HASH).slot;
  });
}

function counts(slots: readonly number[], servers: number): number[] {
  const sums = new Array(servers).fill(0);
  for (const slot of slots) sums[slot]++;
  return sums;
}

test('a first try takes the servers in the order of the schedule', () => {
  const rotation = new Rotation(backendView([2, 1]), sharedMemory());
  assert.deepEqual(take([rotation], new RoundRobin(), 6), [0, 0, 1, 0, 0, 1]);
});

test('whatever the weights and whichever servers are out, every cycle over all workers is exact among the others', () => {
  const out = fc.constantFrom('in', 'down', 'ejected', 'draining', 'suspect');
  const server = fc.record({ weight: fc.integer({ min: 1, max: 20 }), how: out });
  fc.assert(
    fc.property(
      fc.array(server, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      (servers, workers) => {
        const draining = servers.flatMap(({ how }, i) => (how === 'draining' ? [i] : []));
        const suspects = servers.flatMap(({ how }, i) => (how === 'suspect' ? [i] : []));
        const shared = sharedMemory();
        const rotations = Array.from(
          { length: workers },
          () =>
            new Rotation(
              backendView(
                servers.map(({ weight }) => weight),
                { draining, suspects },
              ),
              shared,
            ),
        );
        take(rotations, new RoundRobin(), draining.length === servers.length ? 0 : 5);
        servers.forEach(({ how }, slot) => {
          if (how === 'down') shared.serverState.setHealth(slot, DOWN);
          if (how === 'ejected') shared.serverState.setEjection(slot, EJECTED);
        });
        serversChanged(shared.cursors, SLOT);
        // Where nothing else is left, what is suspect serves, and then what is ejected.
        const best = ['in', 'suspect'].find((one) => servers.some(({ how }) => how === one)) ?? 'ejected';
        const weights = servers.map(({ weight, how }) => (how === best ? weight : 0));
        const length = weights.reduce((sum, weight) => sum + weight, 0);
        for (const rotation of rotations) rotation.sync();
        if (length === 0) assert.equal(rotations[0].scheduleLength, 0);
        else
          assert.deepEqual(
            counts(take(rotations, new RoundRobin(), 3 * length), servers.length),
            weights.map((w) => 3 * w),
          );
        // Back to what is configured.
        servers.forEach((_, slot) => {
          shared.serverState.setHealth(slot, UP);
          shared.serverState.setEjection(slot, IN);
        });
        serversChanged(shared.cursors, SLOT);
        const isLeft = servers.some(({ how }) => how !== 'draining' && how !== 'suspect');
        const all = servers.map(({ weight, how }) =>
          how === 'draining' || (how === 'suspect' && isLeft) ? 0 : weight,
        );
        const whole = all.reduce((sum, weight) => sum + weight, 0);
        if (whole > 0) assert.deepEqual(counts(take(rotations, new RoundRobin(), whole), servers.length), all);
      },
    ),
  );
});

test('a retry never goes to a server that has failed while there is another, whoever takes turns in between', () => {
  const view = backendView([2000, 1, 1]);
  const rotation = new Rotation(view, sharedMemory());
  const choosers: Chooser[] = [new RoundRobin(), new LeastConnections(), new PowerOfTwoChoices()];
  for (const chooser of choosers) {
    for (let others = 0; others < 20; others++) {
      take([rotation], chooser, others);
      const [a, b, c] = view.servers;
      for (const failed of [a, b, c]) assert.notEqual(chooser.choose(rotation, [failed], NO_HASH).slot, failed.slot);
      assert.equal(chooser.choose(rotation, [a, c], NO_HASH).slot, b.slot);
      assert.ok(chooser.choose(rotation, [a, b, c], NO_HASH));
    }
  }
});

test('a request that all servers in rotation have failed goes to one that is suspect, and no other does', () => {
  const view = backendView([1, 1, 1, 1], { suspects: [2, 3] });
  const shared = sharedMemory();
  const rotation = new Rotation(view, shared);
  const [a, b, c, d] = view.servers;
  assert.equal(rotation.reserved([a]), null);
  assert.equal(rotation.reserved([a, b]), c);
  assert.equal(rotation.reserved([a, b, c]), d);
  assert.equal(rotation.reserved([a, b, c, d]), null);
  shared.serverState.setHealth(c.slot, DOWN);
  serversChanged(shared.cursors, SLOT);
  rotation.sync();
  assert.equal(rotation.reserved([b, a]), d);
});

test('weights that the main thread gives replace the configured ones', () => {
  const shared = sharedMemory();
  const rotation = new Rotation(backendView([1, 1]), shared);
  shared.serverState.setWeight(0, 100);
  shared.serverState.setWeight(1, 25);
  serversChanged(shared.cursors, SLOT);
  assert.deepEqual(counts(take([rotation], new RoundRobin(), 50), 2), [40, 10]);
});

test('an ejected server whose time is over waits for a trial and takes no turns', () => {
  const shared = sharedMemory();
  const rotation = new Rotation(backendView([1, 1]), shared);
  shared.serverState.setEjection(1, TRIAL);
  serversChanged(shared.cursors, SLOT);
  assert.deepEqual(counts(take([rotation], new RoundRobin(), 10), 2), [10, 0]);
  assert.equal(rotation.trial?.slot, 1);
});

test('the least loaded server per weight is chosen, over the lanes of all workers, whatever they have in flight', () => {
  const load = fc.record({
    weight: fc.integer({ min: 1, max: 5 }),
    inFlight: fc.array(fc.nat(6), { minLength: 3, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(load, { minLength: 1, maxLength: 9 }), fc.nat(30), (servers, turns) => {
      const shared = sharedMemory(3);
      for (const [slot, { inFlight }] of servers.entries()) {
        for (const [lane, count] of inFlight.entries()) for (let i = 0; i < count; i++) shared.lanes[lane].begin(slot);
      }
      const rotation = new Rotation(backendView(servers.map(({ weight }) => weight)), shared);
      take([rotation], new RoundRobin(), turns);
      const loads = servers.map(({ weight, inFlight }) => inFlight.reduce((a, b) => a + b) / weight);
      assert.equal(loads[new LeastConnections().choose(rotation, []).slot], Math.min(...loads));
    }),
  );
});

test('with requests that stay, least connections and two choices fill servers evenly by weight', () => {
  for (const [chooser, slack] of [
    [new LeastConnections(), 1],
    [new PowerOfTwoChoices(), 8],
  ] as const) {
    const shared = sharedMemory(2);
    const weights = [1, 2, 3, 2];
    const rotations = [new Rotation(backendView(weights), shared), new Rotation(backendView(weights), shared)];
    for (let i = 0; i < 800; i++) shared.lanes[i % 2].begin(chooser.choose(rotations[i % 2], []).slot);
    weights.forEach((weight, slot) => {
      const loads = shared.serverState.inFlight(slot);
      assert.ok(Math.abs(loads - 100 * weight) <= slack * weight, `server ${slot} of weight ${weight} has ${loads}`);
    });
  }
});

test('an idle backend is served by weight by least connections too', () => {
  const rotation = new Rotation(backendView([3, 1]), sharedMemory());
  assert.deepEqual(counts(take([rotation], new LeastConnections(), 40), 2), [30, 10]);
});
