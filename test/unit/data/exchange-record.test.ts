import assert from 'node:assert/strict';
import test from 'node:test';
import { ExchangeRecord } from '../../../src/data/access-log/exchange-record.ts';
import type { Downstream } from '../../../src/data/downstream.ts';
import { RequestHead } from '../../../src/http/request-head.ts';

const client = { peerAddress: () => '10.0.0.9', httpVersion: '1.1', secure: false } as unknown as Downstream;

/** A request with those fields, and its id where it gets one. */
function begun(fields: readonly (readonly [string, string])[], requestId: string, gets: boolean) {
  const head = new RequestHead();
  head.begin('GET', '/', '/');
  for (const [name, value] of [['host', 'a.test'] as const, ...fields]) head.add(name, value);
  head.finish();
  const before = head.fields;
  if (gets) head.setField('x-request-id', requestId);
  const record = new ExchangeRecord({ connection: false, heads: true });
  record.begin(1, client, head, before, requestId);
  return { head, record };
}

function kept({ requestFields, isIdSent }: ExchangeRecord): [string, boolean] {
  return [requestFields, isIdSent];
}

test('the fields of a request are kept without its id, wherever that stands', () => {
  const { head, record } = begun([['x-a', '1']], 'one', true);
  assert.deepEqual(kept(record), ['x-a: 1\r\n', true], 'behind what its client has sent');
  record.forwards(head, '', 'one');
  assert.deepEqual(kept(record), ['x-a: 1\r\n', true]);
  head.setField('x-b', '2');
  record.forwards(head, '', 'one');
  assert.deepEqual(kept(record), ['x-a: 1\r\nx-b: 2\r\n', true], 'before what an option has added');
  head.setField('x-request-id', '');
  record.forwards(head, '', 'one');
  assert.deepEqual(kept(record), ['x-a: 1\r\nx-b: 2\r\n', false], 'an option has taken it off');
});

test('an id of its client is known in its place, and what only looks like one is a field', () => {
  const own = ['x-request-id', 'theirs'] as const;
  assert.deepEqual(kept(begun([own, ['x-a', '1']], 'theirs', false).record), ['x-a: 1\r\n', true]);
  assert.deepEqual(kept(begun([own, ['x-a', '1']], 'ours', true).record), ['x-a: 1\r\n', true], 'ours for theirs');
  const like = 'old-x-request-id: one\r\n';
  assert.deepEqual(kept(begun([['old-x-request-id', 'one']], 'one', false).record), [like, false]);
  assert.deepEqual(kept(begun([own], '', false).record), ['x-request-id: theirs\r\n', false], 'nobody has one');
});
