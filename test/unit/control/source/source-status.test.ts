import assert from 'node:assert/strict';
import test from 'node:test';
import { StatusKeeper } from '../../../../src/control/source/source-status.ts';

test('an API that the store does not offer is not missed while nothing answers, and counts once it is offered', () => {
  const keeper = new StatusKeeper('etcdv2');
  keeper.failed('nobody answers');
  assert.deepEqual([keeper.current.state, keeper.current.error], ['connecting', 'nobody answers']);
  keeper.absent();
  keeper.failed('nobody answers');
  assert.deepEqual([keeper.current.state, keeper.current.error], ['absent', 'nobody answers']);
  keeper.confirmed('7');
  keeper.failed('nobody answers');
  assert.deepEqual([keeper.current.state, keeper.current.error], ['stale', 'nobody answers']);
});
