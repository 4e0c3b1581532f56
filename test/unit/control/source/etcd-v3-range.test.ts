import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyValue } from '../../../../src/control/source/etcd-v3-key-value.ts';
import { RangeAnswer } from '../../../../src/control/source/etcd-v3-range.ts';
import { serviceConstructor } from '../../../../src/control/source/etcd-v3-services.ts';

const { responseSerialize } = serviceConstructor('KV').service.Range!;

const number64 = fc.bigInt(0n, 2n ** 63n - 1n).map(String);
const revision = fc.nat(Number.MAX_SAFE_INTEGER);
const answer = fc.record({
  clusterId: fc.bigInt(0n, 2n ** 64n - 1n).map(String),
  revision,
  more: fc.boolean(),
  count: revision,
  keys: fc.array(
    fc.record({
      key: fc.uint8Array({ maxLength: 200 }),
      value: fc.string({ unit: 'binary' }),
      revision,
      lease: number64,
    }),
    { maxLength: 5 },
  ),
});

/** As the package writes it, with the fields that nobody looks at. */
function written({ clusterId, revision, more, count, keys }: typeof answer extends fc.Arbitrary<infer A> ? A : never) {
  return responseSerialize({
    header: { cluster_id: clusterId, member_id: '7', revision: String(revision), raft_term: '300' },
    kvs: keys.map(({ key, value, revision, lease }) => ({
      ...{ key: Buffer.from(key), value: Buffer.from(value), mod_revision: String(revision), lease },
      ...{ create_revision: '1', version: '2' },
    })),
    more,
    count: String(count),
  });
}

type KeyOf = Pick<KeyValue, 'value' | 'revision' | 'lease'> & { readonly key: Buffer };

function keysOf(read: RangeAnswer): KeyOf[] {
  return Array.from({ length: read.size }, (_, index) => {
    const { bytes, start, end, value, revision, lease } = read.at(index);
    return { key: bytes.subarray(start, end), value, revision, lease };
  });
}

test('an answer says what the package has written into it', () => {
  fc.assert(
    fc.property(answer, (told) => {
      const read = new RangeAnswer(written(told));
      const { clusterId, revision, more, count } = read;
      const keys = keysOf(read).map(({ key, ...rest }) => ({ ...rest, key: new Uint8Array(key) }));
      const texts = told.keys.map((each) => ({ ...each, value: Buffer.from(each.value).toString() }));
      assert.deepEqual({ clusterId, revision, more, count, keys }, { ...told, keys: texts });
    }),
  );
});

test('an answer that was cut off is refused, or has only what came before', () => {
  const keys = [
    { key: Buffer.from('/t/a'), value: 'one', revision: 300, lease: '9' },
    { key: Buffer.from('/t/b'), value: 'two', revision: 2 ** 40, lease: '0' },
  ];
  const bytes = written({ clusterId: '9000000000000000001', revision: 2 ** 41, more: true, count: 2, keys });
  for (let cut = 0; cut < bytes.length; cut++) {
    let read: KeyOf[];
    try {
      read = keysOf(new RangeAnswer(bytes.subarray(0, cut)));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'BAD_ANSWER', String(error));
      continue;
    }
    const whole = keys.map(({ key, value }) => `${key} ${value}`);
    assert.deepEqual(
      read.map(({ key, value }) => `${key} ${value}`),
      whole.slice(0, read.length),
    );
  }
});
