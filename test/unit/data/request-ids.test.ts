/** Names of requests, and what a frontend may take back of them (shared/spec logs §2.4). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RequestIds } from '../../../src/data/request-ids.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { REQUEST_ID_MODES } from '../../../src/kernel/request-id-mode.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function headOf(ids: readonly string[], trusted = true): RequestHead {
  const head = new RequestHead();
  head.begin('GET', '/', '/');
  head.add('host', 'a');
  head.add('x-before', '1');
  for (const id of ids) head.add('x-request-id', id);
  head.trusted = trusted;
  return head;
}

function nobody() {
  return { marks: { wall: 1 }, requestId: '', replacedIds: null as readonly string[] | null };
}

const PEERS: readonly [ids: string[], trusted: boolean, kept: boolean][] = [
  [['a/b=1'], true, true],
  [['x'.repeat(128)], true, true],
  [['a'], false, false],
  [[], true, false],
  [['a', 'b'], true, false],
  [[''], true, false],
  [['x'.repeat(129)], true, false],
  [['a b'], true, false],
  [['a"b'], true, false],
  [['é'], true, false],
];

for (const [ids, trusted, kept] of PEERS) {
  test(`${JSON.stringify(ids).slice(0, 30)} of a peer that is ${trusted ? '' : 'not '}trusted is ${kept ? 'kept' : 'replaced'}`, () => {
    const exchange = nobody();
    const head = headOf(ids, trusted);
    new RequestIds('on').name(exchange, head);
    const { requestId } = exchange;
    assert.deepEqual(head.values('x-request-id'), [requestId]);
    if (kept) assert.equal(requestId, ids[0]);
    else assert.match(requestId, UUID);
  });
}

test('what is passed is logged only when it is an id, and what is off is not', () => {
  for (const [ids, id] of [
    [['a'], 'a'],
    [['a b'], ''],
    [[], ''],
  ] as const) {
    const exchange = nobody();
    const head = headOf(ids, false);
    new RequestIds('pass').name(exchange, head);
    assert.deepEqual([exchange.requestId, head.values('x-request-id')], [id, ids]);
  }
  const exchange = nobody();
  new RequestIds('off').name(exchange, headOf(['a']));
  assert.equal(exchange.requestId, '');
});

test('a frontend with a word of its own finds the head as the client has sent it, and makes no second id', () => {
  const ids = fc.array(fc.constantFrom('a', 'b', 'a b', ''), { maxLength: 3 });
  const modes = fc.constantFrom(...REQUEST_ID_MODES);
  fc.assert(
    fc.property(ids, fc.boolean(), modes, modes, (given, trusted, ofAll, own) => {
      const exchange = nobody();
      const head = headOf(given, trusted);
      const all = new RequestIds(ofAll);
      all.name(exchange, head);
      const first = exchange.requestId;
      all.restore(exchange, head);
      assert.deepEqual(head.values('x-request-id'), given);
      new RequestIds(own, 'x-other').name(exchange, head);
      assert.deepEqual(head.values('x-request-id'), given);
      if (own !== 'on') {
        assert.equal(exchange.requestId, '');
        return;
      }
      assert.match(exchange.requestId, UUID);
      assert.deepEqual(head.values('x-other'), [exchange.requestId]);
      if (UUID.test(first)) assert.equal(exchange.requestId, first);
    }),
  );
});
