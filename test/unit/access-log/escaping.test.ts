import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bareField, jsonField, quotedField, VALUE_BYTES } from '../../../src/access-log/escaping.ts';
import { TextFormat } from '../../../src/access-log/text-format.ts';
import { entry, jsonFormat, lineOf, OPTIONS, type Values } from './entries.ts';

test('text is escaped as the table says', () => {
  assert.equal(quotedField('a"b\\c d', false), 'a\\"b\\\\c d');
  assert.equal(bareField('a"b\\c d', false), 'a\\"b\\\\c\\x20d');
  assert.equal(quotedField('\0\x1b[31m\n\x7f', false), '\\x00\\x1b[31m\\x0a\\x7f');
  assert.equal(quotedField('\u0085', false), '\\xc2\\x85');
  assert.equal(quotedField('\u2028\u202e\u2069é', false), '\\u2028\\u202e\\u2069é');
  assert.equal(quotedField('a\xff\xc3\xa9', true), 'a\\xffé');
});

test('JSON is escaped as Go does it, and what turns text as well', () => {
  assert.equal(jsonField('<&>"\\\n\r\t\b\f', false), '\\u003c\\u0026\\u003e\\"\\\\\\n\\r\\t\\u0008\\u000c');
  assert.equal(jsonField('\x7f\u0085\u2028\u202e\u2066é', false), '\\u007f\\u0085\\u2028\\u202e\\u2066é');
  assert.equal(jsonField('a\xff', true), 'a\\ufffd');
});

test('a long value is cut, and says so', () => {
  for (const escaped of [quotedField, bareField, jsonField]) {
    const cut = escaped('é'.repeat(VALUE_BYTES), false);
    assert.ok(Buffer.byteLength(cut) <= VALUE_BYTES);
    assert.ok(cut.endsWith('…'));
    assert.equal(escaped('x'.repeat(VALUE_BYTES), false).length, VALUE_BYTES);
    assert.ok(Buffer.byteLength(escaped('"'.repeat(VALUE_BYTES), false)) <= VALUE_BYTES);
  }
});

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
  fc.stringMatching(/^[ "\\[\]\r\n\t\x80-\xff-]*$/),
);

function hostile(text: string, latin1: boolean): Values {
  // What a parser of heads lets through has no line ends.
  const value = text.replace(/[\r\n]/g, ' ');
  const bytes = latin1 ? value.replace(/[^\0-\xff]/g, '') : value;
  return {
    latin1,
    method: bytes,
    path: bytes,
    user: bytes,
    host: bytes,
    frontendName: text,
    backendName: text,
    url: bytes,
    requestId: text,
    clientFields: `referer: ${bytes}\r\nuser-agent: ${bytes}\r\n`,
    requestFields: `x-a: ${bytes}\r\n`,
    sentHead: `200 OK\r\nX-B: ${value.replace(/[^\0-\xff]/g, '')}`,
  };
}

/** What may stand in a line of text: nothing that moves a cursor, ends a line or turns its direction. */
const VISIBLE = /^[^\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]*$/;
/** Numbers stand alone, everything else in quotes. */
const LINE =
  /^[^ \n]+ - [^ \n]+ \[[^\]]+\] "[^ \n]+ [^ \n]+ HTTP\/1\.1" \d+ \d+ ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*") \d+ (?:-|"(?:[^"\\]|\\.)*") (?:-|"(?:[^"\\]|\\.)*") \d+ms [^ \n]+ [\d/-]+ \d+ [^ \n]+\n$/u;

test('whatever a peer sends, a line of text is one line with its fields in their places', () => {
  const format = new TextFormat({ ...OPTIONS, format: 'extended' });
  fc.assert(
    fc.property(anything, fc.boolean(), (text, latin1) => {
      const line = lineOf(format, entry(hostile(text, latin1)));
      assert.match(line, LINE);
      // A pair of surrogates is a character like any other.
      assert.match(line.slice(0, -1).replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''), VISIBLE);
    }),
    { numRuns: 500 },
  );
});

test('whatever a peer sends, a line of JSON is one line, and parses', () => {
  for (const names of ['1.7', '3'] as const) {
    const format = jsonFormat({ ...OPTIONS, names, format: 'json', extras: true });
    fc.assert(
      fc.property(anything, fc.boolean(), (text, latin1) => {
        const line = lineOf(format, entry(hostile(text, latin1)));
        assert.match(line.slice(0, -1).replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''), VISIBLE);
        const found = JSON.parse(line) as Record<string, unknown>;
        assert.equal(found.level, 'info');
        assert.equal(found.DownstreamStatus, 200);
        if (!latin1 && !/[\ufffd\ud800-\udfff]/.test(text) && text.length < 100) {
          assert.equal(found[names === '3' ? 'RouterName' : 'FrontendName'] ?? '', text);
        }
      }),
      { numRuns: 300 },
    );
  }
});
