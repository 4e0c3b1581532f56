import assert from 'node:assert/strict';
import test from 'node:test';
import {
  compressed,
  compressedTrailers,
  fieldsOf,
  type HeadText,
  isTransformable,
  like,
  mediaType,
  vary,
} from '../../../src/http/compressed-head.ts';
import { withStrongForms } from '../../../src/http/entity-tags.ts';

const HEADS: readonly (readonly [string, boolean])[] = [
  ['200 OK', true],
  ['404 Not Found\r\nContent-Type: application/json', true],
  ['206 Partial Content\r\nContent-Range: bytes 0-1/2', false],
  ['200 OK\r\ncontent-encoding: br', false],
  ['200 OK\r\ncontent-encoding: identity', true],
  ['200 OK\r\ncontent-encoding: identity, gzip', false],
  ['200 OK\r\nCache-Control: public, no-transform', false],
  ['200 OK\r\nCache-Control: public\r\ncache-control: No-Transform', false],
  ['200 OK\r\nX-Content-Encoding: a', true],
];

for (const [head, expected] of HEADS) {
  test(`${JSON.stringify(head)} ${expected ? 'may' : 'must not'} be transformed`, () => {
    assert.equal(isTransformable(fieldsOf(head)), expected);
  });
}

test('the media type of a head is without parameters, whatever its case', () => {
  assert.equal(mediaType(fieldsOf('200 OK\r\nContent-Type:  Text/HTML ; charset=x')), 'text/html');
  assert.equal(mediaType(fieldsOf('200 OK')), '');
});

const varied = (head: string): string => {
  const fields = fieldsOf(head);
  vary(fields);
  return fields.text;
};
const gzipped = (head: HeadText): HeadText => {
  const fields = fieldsOf(head);
  compressed(fields, 'gzip');
  return like(head, fields);
};

test('Vary is added once', () => {
  assert.equal(varied('200 OK'), '200 OK\r\nVary: Accept-Encoding');
  assert.equal(varied('200 OK\r\nVary: Origin'), '200 OK\r\nVary: Origin\r\nVary: Accept-Encoding');
  for (const value of ['Accept-Encoding', 'Origin, accept-encoding', 'accept-encoding,Origin', '*']) {
    const head = `200 OK\r\nVary: ${value}\r\nX-Last: 1`;
    assert.equal(varied(head), head);
  }
  assert.match(varied('200 OK\r\nVary: X-Accept-Encoding'), /\r\nVary: Accept-Encoding$/);
});

const END = '\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip';

test('a compressed response has a weak tag, and says nothing of the bytes that it had', () => {
  assert.equal(
    gzipped(
      '200 OK\r\netag: "a"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nX: 1\r\nDigest: md5=x\r\nContent-Digest: x\r\nrepr-digest: x\r\nContent-Encoding: identity',
    ),
    `200 OK\r\nX: 1\r\nETag: W/"a"${END}`,
  );
  assert.match(String(gzipped('200 OK\r\nETag: W/"a"')), /ETag: W\/"a"\r/);
  const trailers = 'X: 1\r\nRepr-Digest: x\r\nDigest: y\r\nX-Digest: 2\r\n';
  assert.equal(compressedTrailers(trailers), 'X: 1\r\nX-Digest: 2\r\n');
  assert.equal(compressedTrailers('Digest: y\r\n'), '');
  assert.equal(compressedTrailers(''), '');
});

test('a signature goes where it covers what was taken off, and only there', () => {
  for (const signed of [
    'Signature-Input: s=("date" "content-digest");created=1\r\nSignature: s=:YQ==:',
    'Signature: keyId="k",headers="date digest",signature="YQ=="',
  ]) {
    assert.equal(gzipped(`200 OK\r\n${signed}`), `200 OK${END}`);
  }
  const date = '200 OK\r\nSignature-Input: s=("date");created=1\r\nSignature: s=:YQ==:';
  assert.equal(gzipped(date), `${date}${END}`);
});

test('bytes above ASCII stay what they are', () => {
  const head = Buffer.from('200 OK\r\nX: \u00e9', 'latin1');
  assert.deepEqual(gzipped(head), Buffer.from(`200 OK\r\nX: \u00e9${END}`, 'latin1'));
});

const TAGS: readonly (readonly [string, string])[] = [
  ['W/"x"', 'W/"x", "x"'],
  ['"x"', '"x"'],
  ['*', '*'],
  ['', ''],
  ['W/"a,b", "c" , W/"d"', 'W/"a,b", "c" , W/"d", "a,b", "d"'],
  ['W/"x", "x"', 'W/"x", "x"'],
  ['W/"x', 'W/"x'],
];

for (const [value, expected] of TAGS) {
  test(`If-None-Match ${JSON.stringify(value)} goes on as ${JSON.stringify(expected)}`, () => {
    assert.equal(withStrongForms(value), expected);
  });
}
