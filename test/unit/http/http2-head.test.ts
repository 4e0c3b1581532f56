import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readResponseFields, requestFields, trailerFields, trailerLines } from '../../../src/http/http2-head.ts';
import { ResponseHead } from '../../../src/http/response-head.ts';

function fieldsOf(lines: string, line = 'GET /a HTTP/1.1', host = 'x.test', latin1 = false): string[] | null {
  return requestFields(`${line}\r\nhost: ${host}\r\n${lines}\r\n`, 'http', 'server:80', latin1);
}

const START = [':method', 'GET', ':scheme', 'http', ':authority', 'x.test', ':path', '/a'];

function read(raw: string[]): ResponseHead {
  const head = new ResponseHead();
  readResponseFields(head, raw);
  return head;
}

test('a request head becomes pseudo fields and fields in their order', () => {
  assert.deepEqual(fieldsOf(''), START);
  assert.deepEqual(fieldsOf('X-A: 1\r\nx-a:2 \r\ncookie: a=1; b=2\r\ncontent-length: 5\r\n'), [
    ...START,
    ...['x-a', '1', 'x-a', '2', 'cookie', 'a=1; b=2', 'content-length', '5'],
  ]);
});

test('what holds for one connection does not cross', () => {
  const hops = ['connection: x', 'keep-alive: 1', 'proxy-connection: x', 'transfer-encoding: chunked', 'upgrade: h2c'];
  const lines = [...hops, 'http2-settings: AA', 'te: gzip', 'trailer: x', 'host: other'].join('\r\n');
  assert.deepEqual(fieldsOf(`${lines}\r\nte: trailers\r\n`), [...START, 'te', 'trailers']);
});

test('text becomes UTF-8, unless it has a character per byte already', () => {
  assert.deepEqual(fieldsOf('x-u: é\r\n')!.slice(-2), ['x-u', '\xc3\xa9']);
  assert.deepEqual(fieldsOf('x-u: \xc3\xa9\r\n', 'GET /a HTTP/1.1', 'x.test', true)!.slice(-2), ['x-u', '\xc3\xa9']);
  assert.equal(fieldsOf('', 'GET /é HTTP/1.1')![7], '/\xc3\xa9');
});

test('a target without a path gets one, and the absolute form loses its authority', () => {
  for (const [target, path] of [
    ['http://other.test/a?b', '/a?b'],
    ['HTTPS://other.test', '/'],
    ['http://other.test?b', '/?b'],
    ['*', '*'],
    ['//a', '//a'],
    ['/http://a', '/http://a'],
  ]) {
    assert.equal(fieldsOf('', `OPTIONS ${target} HTTP/1.1`)![7], path);
  }
});

test('an empty Host becomes the address of the server', () => {
  assert.equal(fieldsOf('', 'GET / HTTP/1.1', '')![5], 'server:80');
});

test('what HTTP/2 cannot carry is refused', () => {
  for (const lines of [
    'x: a\0b\r\n',
    'x: a\nb: c\r\n',
    'x: a\rb\r\n',
    'no colon\r\n',
    ': x\r\n',
    ':path: /b\r\n',
    'a b: c\r\n',
  ]) {
    assert.equal(fieldsOf(lines), null, JSON.stringify(lines));
  }
  assert.equal(fieldsOf('', 'CONNECT /a HTTP/1.1'), null);
  assert.equal(fieldsOf('', 'GET /a\nb HTTP/1.1'), null);
  assert.equal(fieldsOf('', 'GET /a HTTP/1.1', 'a\nb'), null);
});

test('no head whatever gives fields with a control character, an upper-case name or a second pseudo field', () => {
  const line = fc.string({
    unit: fc.constantFrom('a', 'Z', ':', ' ', '\r', '\n', '\0', '\t', 'é', 'te', 'host', '☃'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), line, line, (lines, target, host) => {
      const fields = requestFields(
        `GET /${target} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('\r\n')}\r\n\r\n`,
        'http',
        'a:1',
        false,
      );
      for (let i = 0; i < (fields?.length ?? 0); i += 2) {
        assert.match(fields![i], i < 8 ? /^:[a-z]+$/ : /^[^:\s\0A-Z]+$/);
        assert.doesNotMatch(fields![i + 1], /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/);
      }
    }),
  );
});

test('a response head becomes a status line with its reason and lines, without those of one hop', () => {
  const head = read([
    ':status',
    '404',
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'date',
    'x',
    'connection',
    'x',
    'trailer',
    'y',
  ]);
  assert.deepEqual(
    [head.status, head.text, head.problem],
    [404, '404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ndate: x', ''],
  );
  assert.equal(read([':status', '299']).text, '299 Unknown');
});

test('a length is read, and is a problem when it is none', () => {
  assert.equal(read([':status', '200', 'content-length', '5']).contentLength, 5);
  assert.equal(read([':status', '200']).contentLength, -1);
  assert.equal(read([':status', '200', 'content-length', '5x']).problem, 'a Content-Length that is no number');
  const two = [':status', '200', 'content-length', '5', 'content-length', '6'];
  assert.equal(read(two).problem, 'two different Content-Lengths');
});

test('bytes above ASCII are said to be there', () => {
  assert.equal(read([':status', '200', 'x', 'caf\xe9']).nonAscii, true);
  assert.equal(read([':status', '200', 'x', 'cafe']).nonAscii, false);
});

test('nothing that ends a line passes from a response or its trailers', () => {
  for (const [name, value] of [
    ['x', 'a\r\nb: c'],
    ['x', 'a\nb'],
    ['x\r\nb', 'c'],
    ['', 'x'],
    [':path', '/'],
    ['a b', 'c'],
  ]) {
    assert.notEqual(read([':status', '200', name, value]).problem, '', JSON.stringify([name, value]));
    assert.equal(trailerLines([name, value]), '');
  }
  assert.notEqual(read([':status', '2\r\n']).problem, '');
  assert.notEqual(read([]).problem, '');
});

test('trailers go both ways, but for those that may not stand there', () => {
  assert.equal(trailerLines(['grpc-status', '0', 'content-length', '5', ':status', '200']), 'grpc-status: 0\r\n');
  assert.deepEqual(trailerFields('x-a: 1\r\nX-A: 2\r\nx-u: é\r\nconnection: x\r\n', false), {
    'x-a': ['1', '2'],
    'x-u': ['\xc3\xa9'],
  });
  assert.deepEqual(trailerFields('', false), {});
});
