/** A field of HTTP/2: what is wrong with it and what is to be done with it is known when it is made (RFC 9113 §8.2). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FIELD, Field, STATIC_FIELDS, STATIC_NAMES } from '../../../src/http2/field.ts';

const GOOD: readonly [name: string, value: string, kind: number][] = [
  ['x', '', FIELD.plain],
  ['x-a', 'a b\tc\xe9', FIELD.plain],
  ['accept', '*/*', FIELD.plain],
  ['accept', 'text/event-stream', FIELD.special],
  ['x-forwarded-for', '1.2.3.4', FIELD.special],
  ['x_forwarded_for', '1.2.3.4', FIELD.special],
  ['x-real-ip', '1.2.3.4', FIELD.special],
  ['te', 'trailers', FIELD.te],
  ['te', 'Trailers', FIELD.te],
  ['content-length', '5', FIELD.contentLength],
  ['cookie', 'a=b', FIELD.cookie],
  ['host', 'a', FIELD.host],
  ['expect', '100-continue', FIELD.expect],
  [':path', '/', FIELD.path],
  [':protocol', 'websocket', FIELD.protocol],
  [':status', '200', FIELD.status],
];

const BAD: readonly (readonly [name: string, value: string, problem: RegExp])[] = [
  ['', 'a', /no token/],
  ['X', 'a', /no token/],
  ['a b', 'a', /no token/],
  ['a:', 'a', /no token/],
  ['a\r\nb', 'a', /no token/],
  ['\xe9', 'a', /no token/],
  [':', 'a', /pseudo field/],
  [':Path', 'a', /pseudo field/],
  [':foo', 'a', /pseudo field/],
  ['x', 'a\nb', /control character/],
  ['x', 'a\rb', /control character/],
  ['x', 'a\0', /control character/],
  ['x', '\x7f', /control character/],
  [':path', '/\r\n', /control character/],
  ['x', ' a', /blanks/],
  ['x', 'a\t', /blanks/],
  ['connection', 'close', /HTTP\/1.1 connections/],
  ['keep-alive', 'a', /HTTP\/1.1 connections/],
  ['proxy-connection', 'a', /HTTP\/1.1 connections/],
  ['transfer-encoding', 'chunked', /HTTP\/1.1 connections/],
  ['upgrade', 'a', /HTTP\/1.1 connections/],
  ['te', 'gzip', /TE/],
  ['te', 'trailers, gzip', /TE/],
];

test('a good field has no problem, and the kind of its name', () => {
  for (const [name, value, kind] of GOOD) {
    const field = new Field(name, value);
    assert.deepEqual([name, field.problem, field.kind], [name, '', kind]);
  }
});

for (const [name, value, problem] of BAD) {
  test(`${JSON.stringify(`${name}: ${value}`)} is no field of HTTP/2`, () => {
    assert.match(new Field(name, value).problem, problem);
  });
}

test('a field has its line for HTTP/1.1, but for those that HTTP/1.1 has no line for', () => {
  assert.equal(new Field('x-a', 'b').line, 'x-a: b\r\n');
  assert.equal(new Field(':path', '/').line, '');
  const kept = new Field('x-a', 'b\xff');
  kept.keep();
  assert.equal(kept.line, 'x-a: b\xff\r\n');
});

test('a field counts 32 bytes more than its text', () => {
  assert.equal(new Field('abc', 'de').size, 37);
});

test('the static table is that of RFC 7541', () => {
  assert.equal(STATIC_FIELDS.length, 62);
  const of = (index: number): string[] => [STATIC_FIELDS[index].name, STATIC_FIELDS[index].value];
  assert.deepEqual(of(1), [':authority', '']);
  assert.deepEqual(of(14), [':status', '500']);
  assert.deepEqual(of(16), ['accept-encoding', 'gzip, deflate']);
  assert.deepEqual(of(61), ['www-authenticate', '']);
  assert.equal(STATIC_NAMES.get(':method'), 2);
  assert.equal(STATIC_NAMES.get(':status'), 8);
});
