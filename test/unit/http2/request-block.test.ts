/** Fields of a client's header block → the head of its request. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { RequestHead } from '../../../src/http/request-head.ts';
import { Field } from '../../../src/http2/field.ts';
import { RequestBlock } from '../../../src/http2/request-block.ts';

test('names that a client has marked as never to be indexed are told with the head, pseudo fields as well', () => {
  const block = new RequestBlock(100);
  const head = new RequestHead();
  for (const [marks, expected] of [
    [[':path', 'x-key', 'cookie'], ' :path  x-key  cookie '],
    [[], ''],
  ] as const) {
    block.begin(head);
    for (const [name, value] of [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a'],
      ['x-key', '1'],
      ['cookie', 'a=b'],
      ['x-other', '1'],
    ]) {
      assert.equal(block.field(new Field(name, value, (marks as readonly string[]).includes(name))), true);
    }
    block.end(true);
    assert.deepEqual([head.problem, head.neverIndexed], ['', expected]);
  }
});
