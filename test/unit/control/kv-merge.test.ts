import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { KvMerge } from '../../../src/control/routing/kv-merge.ts';
import type { SourceName } from '../../../src/control/source/source.ts';

const NAMES: readonly SourceName[] = ['etcdv3', 'etcdv2', 'folder'];

test('the first source wins a key, and the next one shows when it deletes it, each with what was there before', () => {
  const merge = new KvMerge(['etcdv3', 'etcdv2']);
  assert.deepEqual(merge.apply('etcdv2', [{ key: 'k', value: 'two' }]), [{ key: 'k', value: 'two', before: null }]);
  assert.deepEqual(merge.apply('etcdv3', [{ key: 'k', value: 'three' }]), [
    { key: 'k', value: 'three', before: 'two' },
  ]);
  assert.deepEqual(merge.apply('etcdv2', [{ key: 'k', value: 'hidden' }]), []);
  assert.deepEqual(merge.apply('etcdv3', [{ key: 'k', value: null }]), [
    { key: 'k', value: 'hidden', before: 'three' },
  ]);
  assert.deepEqual(merge.apply('etcdv2', [{ key: 'k', value: null }]), [{ key: 'k', value: null, before: 'hidden' }]);
});

test('a fresh snapshot gives only what differs', () => {
  const merge = new KvMerge(['etcdv3']);
  merge.replace(
    'etcdv3',
    new Map([
      ['same', '1'],
      ['gone', '1'],
      ['other', '1'],
    ]),
  );
  const changes = merge.replace(
    'etcdv3',
    new Map([
      ['same', '1'],
      ['other', '2'],
      ['new', '1'],
    ]),
  );
  assert.deepEqual(changes, [
    { key: 'gone', value: null, before: '1' },
    { key: 'other', value: '2', before: '1' },
    { key: 'new', value: '1', before: null },
  ]);
});

test('the changes that it gives add up to the merged view', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const value = fc.constantFrom('1', '2');
  const step = fc.oneof(
    fc.record({
      source: fc.constantFrom(...NAMES),
      changes: fc.array(fc.record({ key, value: fc.option(value) }), { maxLength: 4 }),
    }),
    fc.record({ source: fc.constantFrom(...NAMES), entries: fc.array(fc.tuple(key, value), { maxLength: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const merge = new KvMerge(NAMES);
      const stores = new Map(NAMES.map((name) => [name, new Map<string, string>()]));
      const view = new Map<string, string>();
      for (const taken of steps) {
        const store = stores.get(taken.source)!;
        const given =
          'entries' in taken
            ? merge.replace(taken.source, new Map(taken.entries))
            : merge.apply(taken.source, taken.changes);
        if ('entries' in taken) {
          store.clear();
          for (const [k, v] of taken.entries) store.set(k, v);
        } else {
          for (const { key: k, value: v } of taken.changes) v === null ? store.delete(k) : store.set(k, v);
        }
        for (const { key: k, value: v } of given) v === null ? view.delete(k) : view.set(k, v);
        const expected = new Map(NAMES.toReversed().flatMap((name) => [...stores.get(name)!]));
        assert.deepEqual(view, expected);
      }
    }),
  );
});
