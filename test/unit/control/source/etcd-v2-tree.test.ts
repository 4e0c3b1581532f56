import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { EtcdV2Event, EtcdV2Node } from '../../../../src/control/source/etcd-v2-client.ts';
import { changesOf, entriesBelow, KeysByPath } from '../../../../src/control/source/etcd-v2-tree.ts';
import { stepsOf } from '../../../harness/steps.ts';

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
    assert.deepEqual(changesOf(PREFIX, event, new KeysByPath()), [{ key: 'a', value: 'v' }], action);
  }
  for (const action of ['delete', 'expire', 'compareAndDelete']) {
    const event: EtcdV2Event = { action, node: { key: '/traefik/a' } };
    const gone = action === 'expire' ? { key: 'a', value: null, expired: true } : { key: 'a', value: null };
    assert.deepEqual(changesOf(PREFIX, event, new KeysByPath(['a', 'ab'])), [gone], action);
  }
});

test('making a directory changes nothing, unless it takes the place of a key', () => {
  const event: EtcdV2Event = { action: 'set', node: { key: '/traefik/a', dir: true } };
  assert.deepEqual(changesOf(PREFIX, event, new KeysByPath()), []);
  assert.deepEqual(changesOf(PREFIX, event, new KeysByPath(['a'])), [{ key: 'a', value: null }]);
});

test('a removed directory takes the keys below it along, and no others', () => {
  const known = new KeysByPath(['a/b', 'a/c/d', 'ab/c', 'e']);
  const event: EtcdV2Event = { action: 'delete', node: { key: '/traefik/a', dir: true } };
  assert.deepEqual(
    changesOf(PREFIX, event, known)
      .map(({ key }) => key)
      .sort(),
    ['a/b', 'a/c/d'],
  );
  assert.deepEqual([...known.under('')].sort(), ['ab/c', 'e']);
});

test('the removal of the prefix or of a directory above it takes everything along', () => {
  for (const key of ['/traefik/deep', '/traefik', '/']) {
    const known = new KeysByPath(['a', 'b/c']);
    changesOf('/traefik/deep', { action: 'delete', node: { key, dir: true } }, known);
    assert.equal([...known.under('')].length, 0, key);
  }
});

test('the known keys stay those that a reader of the changes has', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const action = fc.constantFrom('set', 'delete', 'expire', 'update');
  fc.assert(
    fc.property(fc.array(fc.tuple(action, path, fc.boolean()), { maxLength: 40 }), (events) => {
      const known = new KeysByPath();
      const reader = new Map<string, string>();
      for (const [name, key, dir] of events) {
        const event = { action: name, node: { key: `/traefik/${key}`, dir, value: 'v' } };
        for (const change of changesOf(PREFIX, event, known)) {
          if (change.value === null) assert.ok(reader.delete(change.key));
          else reader.set(change.key, change.value);
        }
        assert.deepEqual([...reader.keys()].sort(), [...known.under('')].sort());
      }
    }),
  );
});

test('a backend is there as soon as any part of it is, however deep, and so are those within others', () => {
  const known = new KeysByPath();
  const made = (key: string, dir: boolean) => changesOf('', { action: 'set', node: { key, dir, value: '' } }, known);
  assert.deepEqual(made('/t/backends/b/servers', true), [{ key: 't/backends/b/', value: '' }]);
  assert.deepEqual(made('/t/backends/b/servers/s/backends/c/url', false), [
    { key: 't/backends/b/servers/s/backends/c/', value: '' },
    { key: 't/backends/b/servers/s/backends/c/url', value: '' },
  ]);
});

test('when all keys expire one by one, or directory by directory, each costs what it takes along', () => {
  const storm = (servers: number, path: (key: string) => string, dir: boolean): number => {
    const keys = Array.from({ length: servers }, (_, i) => `traefik/backends/b${i % 50}/servers/s${i}/url`);
    const known = new KeysByPath(keys);
    const events = keys.map((key) => ({ action: 'expire', node: { key: `/${path(key)}`, dir } }));
    const { count } = stepsOf(() => {
      for (const event of events) changesOf('', event, known);
    });
    assert.deepEqual([...known.under('')], []);
    return count;
  };
  for (const [path, dir] of [
    [(key: string) => key, false],
    [(key: string) => key.slice(0, -'/url'.length), true],
  ] as const) {
    const once = storm(500, path, dir);
    const twice = storm(1_000, path, dir);
    assert.ok(twice < 2.3 * once, `${once} steps, and ${twice} for twice as many`);
  }
});
