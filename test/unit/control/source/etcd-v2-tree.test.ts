import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { EtcdV2Event, EtcdV2Node } from '../../../../src/control/source/etcd-v2-client.ts';
import { changesOf, entriesBelow } from '../../../../src/control/source/etcd-v2-tree.ts';

const PREFIX = '/traefik';

test('directories dissolve into keys, and empty ones leave no trace', () => {
  const tree: EtcdV2Node = {
    key: '/traefik',
    dir: true,
    nodes: [
      { key: '/traefik/empty', dir: true },
      { key: '/traefik/emptied', dir: true, nodes: [] },
      { key: '/traefik/a', dir: true, nodes: [{ key: '/traefik/a/b', value: '1' }] },
      { key: '/traefik/c', value: '' },
      { key: '/traefik/x___lock', value: 'held' },
    ],
  };
  assert.deepEqual(Object.fromEntries(entriesBelow(PREFIX, tree)), { 'a/b': '1', c: '' });
  assert.equal(entriesBelow(PREFIX, null).size, 0);
});

test('a value at the prefix itself is no key', () => {
  assert.equal(entriesBelow(PREFIX, { key: '/traefik', value: 'x' }).size, 0);
});

test('every action that writes gives the value, and every action that removes gives a removal', () => {
  for (const action of ['set', 'create', 'update', 'compareAndSwap']) {
    const event: EtcdV2Event = { action, node: { key: '/traefik/a', value: 'v' } };
    assert.deepEqual(changesOf(PREFIX, event, new Set()), [{ key: 'a', value: 'v' }], action);
  }
  for (const action of ['delete', 'expire', 'compareAndDelete']) {
    const event: EtcdV2Event = { action, node: { key: '/traefik/a' } };
    assert.deepEqual(changesOf(PREFIX, event, new Set(['a', 'ab'])), [{ key: 'a', value: null }], action);
  }
});

test('making a directory changes nothing, unless it takes the place of a key', () => {
  const event: EtcdV2Event = { action: 'set', node: { key: '/traefik/a', dir: true } };
  assert.deepEqual(changesOf(PREFIX, event, new Set()), []);
  assert.deepEqual(changesOf(PREFIX, event, new Set(['a'])), [{ key: 'a', value: null }]);
});

test('a removed directory takes the keys below it along, and no others', () => {
  const known = new Set(['a/b', 'a/c/d', 'ab/c', 'e']);
  const event: EtcdV2Event = { action: 'delete', node: { key: '/traefik/a', dir: true } };
  assert.deepEqual(
    changesOf(PREFIX, event, known).map(({ key }) => key),
    ['a/b', 'a/c/d'],
  );
  assert.deepEqual([...known], ['ab/c', 'e']);
});

test('the removal of the prefix or of a directory above it takes everything along', () => {
  for (const key of ['/traefik/deep', '/traefik', '/']) {
    const known = new Set(['a', 'b/c']);
    changesOf('/traefik/deep', { action: 'delete', node: { key, dir: true } }, known);
    assert.equal(known.size, 0, key);
  }
});

test('the known keys stay those that a reader of the changes has', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const action = fc.constantFrom('set', 'delete', 'expire', 'update');
  fc.assert(
    fc.property(fc.array(fc.tuple(action, path, fc.boolean()), { maxLength: 40 }), (events) => {
      const known = new Set<string>();
      const reader = new Map<string, string>();
      for (const [name, key, dir] of events) {
        const event = { action: name, node: { key: `/traefik/${key}`, dir, value: 'v' } };
        for (const change of changesOf(PREFIX, event, known)) {
          if (change.value === null) assert.ok(reader.delete(change.key));
          else reader.set(change.key, change.value);
        }
        assert.deepEqual([...reader.keys()].sort(), [...known].sort());
      }
    }),
  );
});
