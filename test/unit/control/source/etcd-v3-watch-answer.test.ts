import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serviceConstructor } from '../../../../src/control/source/etcd-v3-services.ts';
import { readWatchAnswer, type WatchAnswer } from '../../../../src/control/source/etcd-v3-watch-answer.ts';
import { atOnce } from '../../../../src/kernel/steps.ts';

const { responseSerialize } = serviceConstructor('Watch').service.Watch!;

const revision = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const event = fc.record({
  isDeleted: fc.boolean(),
  isNew: fc.boolean(),
  key: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  value: fc.string({ unit: 'binary' }),
  lease: fc.bigInt(0n, 2n ** 63n - 1n).map(String),
});
const answer = fc.record({
  revision,
  isOfWatch: fc.boolean(),
  isCreated: fc.boolean(),
  isCanceled: fc.boolean(),
  cancelReason: fc.string({ unit: 'binary' }),
  compactRevision: revision,
  events: fc.uniqueArray(fc.tuple(revision, fc.array(event, { minLength: 1, maxLength: 4 })), {
    maxLength: 3,
    selector: ([at]) => at,
  }),
});
type Told = typeof answer extends fc.Arbitrary<infer A> ? A : never;

/** As the package writes it, with the fields that nobody looks at. */
function written(told: Told): Buffer {
  return responseSerialize({
    header: { cluster_id: '5', member_id: '7', revision: String(told.revision), raft_term: '300' },
    watch_id: told.isOfWatch ? '3' : '-1',
    created: told.isCreated,
    canceled: told.isCanceled,
    cancel_reason: told.cancelReason,
    compact_revision: String(told.compactRevision),
    events: told.events.flatMap(([at, events]) =>
      events.map(({ isDeleted, isNew, key, value, lease }) => ({
        type: isDeleted ? 'Delete' : 'Put',
        kv: {
          ...{ key: Buffer.from(key), value: Buffer.from(value), lease, version: '2' },
          ...{ create_revision: String(isNew ? at : 0), mod_revision: String(at) },
        },
        prev_kv: { key: Buffer.from(key), mod_revision: '1' },
      })),
    ),
  });
}

/** As it was told. */
function toldBy({ events, ...rest }: WatchAnswer): unknown {
  return {
    ...rest,
    events: events.map((all) => {
      const each = Array.from(all, ({ isDeleted, kv }) => {
        assert.equal(kv.revision, all.revision);
        const { bytes, start, end, value, isNew, lease } = kv;
        return { isDeleted, isNew, key: new Uint8Array(bytes.subarray(start, end)), value, lease };
      });
      return [all.revision, each];
    }),
  };
}

test('a message says what the package has written into it, revision by revision', () => {
  const asText = (text: string): string => Buffer.from(text).toString();
  fc.assert(
    fc.property(answer, (told) => {
      const cancelReason = asText(told.cancelReason);
      const events = told.events.map(([at, all]) => [at, all.map((e) => ({ ...e, value: asText(e.value) }))]);
      assert.deepEqual(toldBy(atOnce(readWatchAnswer(written(told)))), { ...told, cancelReason, events });
    }),
  );
});

const SMALL: Told = {
  ...{
    revision: 2 ** 41,
    isOfWatch: false,
    isCreated: true,
    isCanceled: true,
    cancelReason: 'no',
    compactRevision: 200,
  },
  events: [300, 2 ** 40].map((at) => [
    at,
    ['/t/a', '/t/b'].map((name) => ({
      ...{ isDeleted: at > 300, isNew: at === 300, key: new Uint8Array(Buffer.from(name)), value: 'one', lease: '9' },
    })),
  ]),
};

test('a message that was cut off is refused, or has only what came before', () => {
  const bytes = written(SMALL);
  for (let cut = 0; cut < bytes.length; cut++) {
    let read: WatchAnswer;
    try {
      read = atOnce(readWatchAnswer(bytes.subarray(0, cut)));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'BAD_ANSWER', String(error));
      continue;
    }
    const all = read.events.flatMap((events) => Array.from(events, ({ kv }) => `${kv.revision} ${kv.copyOfKey()}`));
    const whole = ['300 /t/a', '300 /t/b', '1099511627776 /t/a', '1099511627776 /t/b'];
    assert.deepEqual(all, whole.slice(0, all.length));
  }
});

test('bytes of any kind are read or refused, and what was read can be looked at', () => {
  const bytes = written(SMALL);
  const changed = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(changed, (changes) => {
      const spoilt = Buffer.from(bytes);
      for (const [at, byte] of changes) spoilt[at] = byte;
      let read: WatchAnswer;
      try {
        read = atOnce(readWatchAnswer(spoilt));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'BAD_ANSWER', String(error));
        return;
      }
      for (const events of read.events) for (const { kv } of events) assert.equal(typeof kv.value, 'string');
    }),
  );
});

test('an event without a key is refused', () => {
  const bytes = responseSerialize({ events: [{ type: 'Put' }] });
  assert.throws(() => atOnce(readWatchAnswer(bytes)), { code: 'BAD_ANSWER' });
});

test('reading may stop at each event', () => {
  const events = Array.from({ length: 50 }, (_, i) => ({ kv: { key: Buffer.from(`/t/${i}`), mod_revision: '7' } }));
  const steps = readWatchAnswer(responseSerialize({ events }));
  let stops = 0;
  while (steps.next().done !== true) stops++;
  assert.equal(stops, 50);
});
