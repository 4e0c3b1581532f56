import assert from 'node:assert/strict';
import test from 'node:test';
import { Utilization } from '../../../src/control/workers/utilization.ts';

const loop = (active: number, idle: number) => ({ active, idle, utilization: 0 });

test('each asker has the share since it asked last, a second at least, and a new thread begins anew', () => {
  const one = new Utilization();
  const other = new Utilization();
  assert.equal(one.now(null), 0);
  assert.equal(one.now(loop(500, 1_500)), 0.25);
  assert.equal(other.now(loop(1_000, 1_500)), 0.4);
  assert.equal(one.now(loop(900, 1_600)), 0.25, 'half a second is too short');
  assert.equal(one.now(loop(1_400, 1_600)), 0.9, 'it has lost nothing to the other one');
  assert.equal(other.now(loop(1_500, 2_500)), 1 / 3);
  assert.equal(one.now(loop(30, 70)), 0.3, 'another thread');
  assert.equal(one.now(loop(30, 70)), 0.3);
});
