import assert from 'node:assert/strict';
import test from 'node:test';
import {
  acceptsGzip,
  gzippedHead,
  gzippedTrailers,
  mayCompress,
  variedHead,
} from '../../../src/http/compressed-head.ts';

const ACCEPTS: readonly (readonly [string[], boolean])[] = [
  [[], false],
  [['gzip'], true],
  [['deflate, GZIP;q=0.5'], true],
  [['br', 'gzip ; q=1'], true],
  [['gzip;q=0'], false],
  [['gzip;q=0.0, deflate'], false],
  [['*'], false],
  [['x-gzip, gzipped'], false],
  [['gzip;q=x'], false],
];

for (const [values, expected] of ACCEPTS) {
  test(`Accept-Encoding ${JSON.stringify(values)} ${expected ? 'takes' : 'does not take'} gzip`, () => {
    assert.equal(acceptsGzip(values), expected);
  });
}

const HEADS: readonly (readonly [string, boolean])[] = [
  ['200 OK\r\nContent-Type: text/html', true],
  ['200 OK', true],
  ['404 Not Found\r\nContent-Type: application/json', true],
  ['206 Partial Content\r\nContent-Range: bytes 0-1/2', false],
  ['204 No Content', false],
  ['205 Reset Content', false],
  ['304 Not Modified\r\nETag: "a"', false],
  ['200 OK\r\ncontent-encoding: br', false],
  ['200 OK\r\nCache-Control: public, no-transform', false],
  ['200 OK\r\nContent-Type: image/png', false],
  ['200 OK\r\nContent-Type: image/svg+xml', true],
  ['200 OK\r\nContent-Type: video/mp4', false],
  ['200 OK\r\nX-Content-Encoding: a', true],
];

for (const [head, expected] of HEADS) {
  test(`${JSON.stringify(head)} ${expected ? 'may' : 'must not'} be compressed`, () => {
    assert.equal(mayCompress(head), expected);
  });
}

test('Vary is added once', () => {
  assert.equal(variedHead('200 OK'), '200 OK\r\nVary: Accept-Encoding');
  assert.equal(variedHead('200 OK\r\nVary: Origin'), '200 OK\r\nVary: Origin\r\nVary: Accept-Encoding');
  for (const value of ['Accept-Encoding', 'Origin, accept-encoding', 'accept-encoding,Origin', '*']) {
    const head = `200 OK\r\nVary: ${value}\r\nX-Last: 1`;
    assert.equal(variedHead(head), head);
  }
  assert.match(String(variedHead('200 OK\r\nVary: X-Accept-Encoding')), /\r\nVary: Accept-Encoding$/);
});

test('a compressed response has a weak tag, and says nothing of the bytes that it had', () => {
  assert.equal(
    gzippedHead(
      '200 OK\r\netag: "a"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nX: 1\r\nDigest: md5=x\r\nContent-Digest: x\r\nrepr-digest: x',
    ),
    '200 OK\r\nX: 1\r\nETag: W/"a"\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip',
  );
  assert.match(String(gzippedHead('200 OK\r\nETag: W/"a"')), /ETag: W\/"a"\r/);
  assert.equal(gzippedTrailers('X: 1\r\nRepr-Digest: x\r\nDigest: y\r\nX-Digest: 2\r\n'), 'X: 1\r\nX-Digest: 2\r\n');
});

test('bytes above ASCII stay what they are', () => {
  const head = Buffer.from('200 OK\r\nX: \u00e9', 'latin1');
  assert.deepEqual(variedHead(head), Buffer.from('200 OK\r\nX: \u00e9\r\nVary: Accept-Encoding', 'latin1'));
});
