import assert from 'node:assert/strict';
import test from 'node:test';
import type { IEvent } from 'etcd3';
import { byRevision } from '../../../../src/control/source/etcd-v3-watch.ts';

function event(key: string, revision: string): IEvent {
  return { type: 'Put', kv: { key: Buffer.from(key), mod_revision: revision } } as IEvent;
}

test('events are cut where the revision changes, and keep their order', () => {
  const groups = byRevision([event('a', '7'), event('b', '7'), event('a', '8'), event('c', '11')]);
  assert.deepEqual(
    groups.map(({ revision, events }) => [revision, events.map(({ kv }) => String(kv.key))]),
    [
      [7, ['a', 'b']],
      [8, ['a']],
      [11, ['c']],
    ],
  );
  assert.deepEqual(byRevision([]), []);
});
