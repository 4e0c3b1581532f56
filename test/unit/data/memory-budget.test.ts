import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type BufferHolder, MemoryBudget } from '../../../src/data/memory-budget.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';
import { MetricsReader } from '../../../src/shared/metrics-reader.ts';

class Holder implements BufferHolder {
  heldBytes = 0;
  ended = 0;
  atEnd: () => void = () => {};

  endOverBudget(): void {
    this.ended++;
    this.atEnd();
  }
}

function setUp(worker: number, connection: number): { budget: MemoryBudget; reader: MetricsReader } {
  const lane = createMetricsLane([1]);
  const budget = new MemoryBudget({ worker, connection }, new MetricsLane(lane));
  return { budget, reader: new MetricsReader(() => [lane]) };
}

test('what is held is counted until it is let go', () => {
  const { budget, reader } = setUp(100, 50);
  const [one, other] = [new Holder(), new Holder()];
  assert.ok(budget.hold(one, 30));
  assert.ok(budget.hold(other, 20));
  assert.ok(budget.hold(one, 40));
  assert.deepEqual([budget.heldBytes, reader.bufferedBytes()], [60, 60]);
  assert.ok(budget.hold(one, 0));
  budget.release(other);
  assert.deepEqual([budget.heldBytes, reader.bufferedBytes(), reader.overBudget()], [0, 0, 0]);
});

test('whether there is room is known before anybody is ended for it', () => {
  const { budget } = setUp(100, 50);
  const [one, other] = [new Holder(), new Holder()];
  budget.hold(one, 40);
  budget.hold(other, 30);
  assert.deepEqual(
    [51, 50].map((bytes) => budget.hasRoom(one, bytes)),
    [false, true],
  );
  assert.deepEqual(
    [31, 30].map((bytes) => budget.hasRoom(new Holder(), bytes)),
    [false, true],
  );
  assert.ok(setUp(0, 0).budget.hasRoom(one, 1_000));
});

test('a holder that outgrows its connection is ended, and nobody else', () => {
  const { budget, reader } = setUp(1000, 50);
  const [small, large] = [new Holder(), new Holder()];
  budget.hold(small, 50);
  assert.equal(budget.hold(large, 51), false);
  assert.deepEqual([small.ended, large.ended, budget.heldBytes, reader.overBudget()], [0, 1, 50, 1]);
});

test('beyond the budget of the worker whoever holds most is ended, whoever asks', () => {
  const { budget } = setUp(100, 0);
  const [small, large, asking] = [new Holder(), new Holder(), new Holder()];
  budget.hold(small, 10);
  budget.hold(large, 60);
  assert.ok(budget.hold(asking, 40));
  assert.deepEqual([small.ended, large.ended, asking.ended, budget.heldBytes], [0, 1, 0, 50]);
  assert.equal(budget.hold(asking, 95), false);
  assert.deepEqual([small.ended, asking.ended, budget.heldBytes], [0, 1, 10]);
});

test('an end that lets others go, or holds more, is taken as it comes', () => {
  const { budget } = setUp(100, 0);
  const [large, neighbour, asking] = [new Holder(), new Holder(), new Holder()];
  large.atEnd = () => {
    budget.release(neighbour);
    budget.hold(asking, 5);
  };
  budget.hold(large, 60);
  budget.hold(neighbour, 40);
  budget.hold(asking, 10);
  assert.deepEqual([large.ended, neighbour.ended, asking.ended, budget.heldBytes], [1, 0, 0, 5]);
});

test('limits of 0 are none', () => {
  const { budget } = setUp(0, 0);
  assert.ok(budget.hold(new Holder(), 1e15));
});

test('whatever holders do, the sum is theirs and never beyond the budget', () => {
  const step = fc.record({ who: fc.nat(9), bytes: fc.nat(80) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { budget } = setUp(200, 70);
      const holders = Array.from({ length: 10 }, () => new Holder());
      for (const { who, bytes } of steps) {
        const isKept = budget.hold(holders[who], bytes);
        assert.equal(holders[who].heldBytes, isKept ? bytes : 0);
        const sum = holders.reduce((total, { heldBytes }) => total + heldBytes, 0);
        assert.equal(budget.heldBytes, sum);
        assert.ok(sum <= 200);
      }
    }),
  );
});
