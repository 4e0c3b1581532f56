import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { quoted, shortened, withoutCredentials } from '../../../src/kernel/quote.ts';

test('a long value is cut, and not within a character', () => {
  assert.equal(quoted('x'.repeat(120)), `"${'x'.repeat(120)}"`);
  assert.equal(quoted('x'.repeat(1_000_000)), `"${'x'.repeat(120)}…"`);
  assert.equal(shortened(`${'x'.repeat(119)}😀y`), `${'x'.repeat(119)}…`);
  assert.equal(shortened('abc', 3), 'abc');
});

test('nothing that a terminal obeys is left in a quoted value', () => {
  assert.equal(quoted('a\u009b31m\u202eb\u0000\n\u007f'), '"a\\u009b31m\\u202eb\\u0000\\n\\u007f"');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(quoted(text), /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
    }),
  );
});

test('what stands before the @ of a URL is not quoted', () => {
  for (const [text, shown] of [
    ['http://user:secret@host:80/a', 'http://***@host:80/a'],
    ['http://user:se/cr@et@host', 'http://***@host'],
    ['a http://u:p@h, b https://v:q@i', 'a http://***@h, b https://***@i'],
    ['http://host/path', 'http://host/path'],
    ['ann@host', 'ann@host'],
    ['http://@', 'http://***@'],
    ['://://u:p@h', '://***@h'],
  ]) {
    assert.equal(withoutCredentials(text), shown);
  }
  assert.equal(quoted(`http://user:${'s'.repeat(500)}@host`), '"http://***@host"');
});

test('a secret before the @ is never shown, whatever stands around it', () => {
  const part = fc.string({ unit: 'grapheme-ascii' });
  fc.assert(
    fc.property(part, part, fc.constantFrom('http', 'h2c', 'HTTPS'), (before, after, scheme) => {
      assert.doesNotMatch(quoted(`${before}${scheme}://u:S3CRET@${after}`), /S3CRET/);
    }),
  );
});
