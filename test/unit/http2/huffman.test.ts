/** The Huffman code of HPACK against the table of RFC 7541, appendix B (test/data/huffman.json: code and bits of each symbol). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { decodedBound, decodeHuffman } from '../../../src/http2/huffman.ts';

const TABLE = JSON.parse(readFileSync(new URL('../../data/huffman.json', import.meta.url), 'utf8')) as [
  number,
  number,
][];

/** The bits of a text, filled with ones. */
function encode(text: Uint8Array): Buffer {
  let bits = Array.from(text, (symbol) => TABLE[symbol][0].toString(2).padStart(TABLE[symbol][1], '0')).join('');
  bits = bits.padEnd(8 * Math.ceil(bits.length / 8), '1');
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

function decode(bytes: Uint8Array): Buffer | null {
  const into = Buffer.alloc(decodedBound(bytes.length) + 1);
  const length = decodeHuffman(bytes, 0, bytes.length, into);
  return length < 0 ? null : into.subarray(0, length);
}

test('each byte, and each behind each other, is read', () => {
  for (let first = 0; first < 256; first++) {
    assert.deepEqual(decode(encode(Buffer.from([first]))), Buffer.from([first]));
    for (let second = 0; second < 256; second++) {
      const text = Buffer.from([first, second]);
      assert.deepEqual(decode(encode(text)), text);
    }
  }
});

test('any text is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (text) => assert.deepEqual(decode(encode(text)), Buffer.from(text))),
  );
});

test('any bytes are read as the text whose code they are, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const text = decode(bytes);
      if (text !== null) assert.deepEqual(encode(text), Buffer.from(bytes));
    }),
  );
});

test('seven ones fill a byte, eight do not, nor do zeros or the mark of the end', () => {
  // 5 bits of `a`, 3 and 11 ones.
  assert.deepEqual(decode(Buffer.from([0b0001_1111])), Buffer.from('a'));
  assert.deepEqual(decode(Buffer.from([0b0001_1111, 0xff])), null);
  assert.deepEqual(decode(Buffer.from([0b0001_1110])), null);
  assert.deepEqual(decode(Buffer.from([0xff, 0xff, 0xff, 0xff])), null);
  assert.deepEqual(decode(Buffer.from([0xff])), null);
});
