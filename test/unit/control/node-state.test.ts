import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readNodeState } from '../../../src/control/cluster/node-state.ts';

test('a node is read as it was written', () => {
  const state = {
    name: 'lb-1',
    address: '10.0.0.1',
    admin: '0.0.0.0:8080',
    adminTls: true,
    adminPath: '/lb/',
    version: '0.2.0',
    startedAt: 1,
    notReady: 'draining',
    generation: 7,
    applied: { etcdv3: '41', etcdv2: '9' },
    problems: 2,
    workers: [3, 4],
    rate: 12.5,
    e5: null,
  };
  assert.deepEqual(readNodeState('id', JSON.stringify(state)), { id: 'id', ...state });
});

test('whatever somebody has written there is a node, and no longer than one', () => {
  assert.equal(readNodeState('x', 'no JSON').notReady, 'it does not say how it is');
  fc.assert(
    fc.property(fc.string(), fc.oneof(fc.json(), fc.string({ maxLength: 5_000 })), (id, value) => {
      const state = readNodeState(id, value);
      assert.ok(JSON.stringify(state).length < 10_000);
      assert.equal(typeof state.generation, 'number');
    }),
    { numRuns: 200 },
  );
});
