// The vectors of shared/spec kv-schema §14 are among these.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { unescapeValue } from '../../../src/kernel/unescape.ts';
import { readBool, readInt, readList } from '../../../src/kernel/values.ts';

function children(items: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(items));
}

test('booleans are the spellings of Go and nothing else', () => {
  for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) {
    assert.deepEqual(readBool(text, false), { value: true, problem: '' });
  }
  for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False']) {
    assert.deepEqual(readBool(text, true), { value: false, problem: '' });
  }
  assert.deepEqual(readBool('', true), { value: true, problem: '' });
  for (const text of ['yes', 'on', ' true', 'true\n', 'tRUE']) {
    const { value, problem } = readBool(text, true);
    assert.equal(value, true);
    assert.equal(problem, `${JSON.stringify(text)} is neither true nor false; true is used`);
  }
});

test('integers are decimal with an optional sign and without blanks', () => {
  assert.equal(readInt('+5', 0).value, 5);
  assert.equal(readInt('007', 0).value, 7);
  assert.equal(readInt('-3', 0).value, -3);
  assert.deepEqual(readInt('', 9), { value: 9, problem: '' });
  for (const text of ['1e3', '0x10', '5 ', '+', '1.5', '٣']) {
    assert.deepEqual(readInt(text, 9), {
      value: 9,
      problem: `${JSON.stringify(text)} is not a whole number; 9 is used`,
    });
  }
});

test('an integer that does not fit into 64 bits is refused', () => {
  assert.equal(readInt('9223372036854775807', 0).problem, '');
  assert.match(readInt('9223372036854775808', 1).problem, /does not fit into 64 bits; 1 is used/);
  assert.match(readInt('9'.repeat(100_000), 1).problem, /^"9{120}…" does not fit/);
});

test('a list is the leaf with commas if that has an item, else the children in order of name', () => {
  assert.deepEqual(readList('a, b ,,c', children({})), ['a', 'b', 'c']);
  assert.deepEqual(readList('', children({ 0: 'x', 2: 'z', 10: 'y' })), ['x', 'y', 'z']);
  assert.deepEqual(readList(',', children({ 0: 'x' })), ['x']);
  assert.deepEqual(readList('a', children({ 0: 'x' })), ['a']);
  assert.deepEqual(readList('', children({ 0: 'a,b', 1: '' })), ['a,b']);
});

test('escapes are those of a TOML basic string', () => {
  assert.equal(unescapeValue('a\\\\.b'), 'a\\.b');
  assert.equal(unescapeValue('say \\"hi\\"'), 'say "hi"');
  assert.equal(unescapeValue('\\u00e9\\U0001F600'), 'é😀');
  assert.equal(unescapeValue('\\b\\t\\n\\f\\r'), '\b\t\n\f\r');
});

test('what is no escape stays as it stands', () => {
  for (const text of ['a\\.b', '\\d+\\w', 'say "hi"', 'two\nlines', '\\', '\\uD800', '\\U00110000', '\\u12', '\\x41']) {
    assert.equal(unescapeValue(text), text);
  }
  assert.equal(unescapeValue('\\d\\\\d'), '\\d\\d');
});

test('doubling every backslash is always undone', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\\', 'n', 'u', '0', '"', 'é') }), (text) => {
      assert.equal(unescapeValue(text.replaceAll('\\', '\\\\')), text);
    }),
  );
});
