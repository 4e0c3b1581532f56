import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LINE_BYTES, type LogForm, logLine, quotedText, VALUE_BYTES } from '../../../src/kernel/log-line.ts';

const NOW = new Date(Date.UTC(2021, 0, 2, 15, 4, 5, 678));
const lineOf = (fields: Record<string, string | number | boolean>, event = 'start', form: LogForm = 'text'): string =>
  logLine(NOW, 'info', 'a text', event, fields, form);

test('a line has the time, the level, the text, the event and then its fields', () => {
  assert.equal(
    lineOf({ name: 'b-1', url: 'http://10.0.0.1', port: 80, tls: false, empty: '' }),
    'time="2021-01-02T15:04:05Z" level=info msg="a text" event=start name=b-1 url="http://10.0.0.1" port=80 tls=false empty=\n',
  );
  assert.equal(lineOf({}, ''), 'time="2021-01-02T15:04:05Z" level=info msg="a text"\n');
});

test('text is quoted as Go does it', () => {
  const examples: [string, string][] = [
    ['bär "x" \\', '"bär \\"x\\" \\\\"'],
    ['\0\x07\b\t\n\v\f\r\x1b\x7f', '"\\x00\\a\\b\\t\\n\\v\\f\\r\\x1b\\x7f"'],
    ['\x80\x9b\x9f\xa0\xad', '"\\u0080\\u009b\\u009f\\u00a0\\u00ad"'],
    ['\u2028\u2029\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff', ''],
    ['\ud800x\udfff', '"\\ud800x\\udfff"'],
    ['辻🙂\u{e0041}', '"辻🙂\\U000e0041"'],
  ];
  examples[3][1] = `"${[...examples[3][0]].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
  for (const [text, quoted] of examples) assert.equal(quotedText(text), quoted);
});

const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 6_000 }), fc.string({ unit: 'grapheme' }));

test('whatever a value holds, a line is one line of visible characters and bounded bytes', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 6 }), (values) => {
      const line = lineOf(Object.fromEntries(values.map((value, i) => [`f${i}`, value])));
      assert.ok(Buffer.byteLength(line) <= LINE_BYTES, `${Buffer.byteLength(line)} bytes`);
      assert.match(line, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*\n$/u);
      // Every field is whole: nothing but names, bare values and quoted ones, one after the other.
      assert.match(line, /^(?:[\w]+=(?:"(?:[^"\\]|\\.)*"|[^" ]*)(?: |\n))+$/);
    }),
  );
});

test('a long value ends in a mark, and leaves room for the fields behind it', () => {
  const line = lineOf({ first: 'x'.repeat(1 << 20), second: 'y'.repeat(1_500), third: 'z' });
  assert.match(line, /first="x+…" second=y+ third=z\n$/);
  assert.ok(Buffer.byteLength(line) < LINE_BYTES);
  for (const text of ['€'.repeat(5_000), '\n'.repeat(5_000), '"'.repeat(VALUE_BYTES)]) {
    const bytes = Buffer.byteLength(quotedText(text));
    assert.ok(bytes <= VALUE_BYTES && bytes > VALUE_BYTES - 8, `${bytes} bytes`);
  }
  const many = lineOf(Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, 'x'.repeat(2_000)])));
  assert.ok(Buffer.byteLength(many) <= LINE_BYTES);
});

test('what fits as it is, is not cut', () => {
  const text = 'x'.repeat(VALUE_BYTES - 2);
  assert.equal(quotedText(text), `"${text}"`);
  assert.equal(quotedText(`${text.slice(2)}\n`), `"${text.slice(2)}\\n"`);
});

test('as JSON a line has its keys in order, and numbers as they are', () => {
  assert.equal(
    lineOf({ url: 'http://10.0.0.1', name: 'b "1"', tls: false, up_of: 2, up: 1, lag_ms: Number.NaN }, 'start', 'json'),
    '{"event":"start","lag_ms":null,"level":"info","msg":"a text","name":"b \\"1\\"","time":"2021-01-02T15:04:05Z",' +
      '"tls":false,"up":1,"up_of":2,"url":"http://10.0.0.1"}\n',
  );
  assert.equal(lineOf({}, '', 'json'), '{"level":"info","msg":"a text","time":"2021-01-02T15:04:05Z"}\n');
});

test('as JSON a value comes back as it was, whatever it holds, out of one line of visible characters', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 6 }), (values) => {
      const fields = Object.fromEntries(values.map((value, i) => [`f${i}`, value]));
      const line = lineOf(fields, 'start', 'json');
      assert.ok(Buffer.byteLength(line) <= LINE_BYTES, `${Buffer.byteLength(line)} bytes`);
      assert.match(line, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*\n$/u);
      const read = JSON.parse(line) as Record<string, string>;
      assert.deepEqual([read.event, read.level, read.msg], ['start', 'info', 'a text']);
      for (const [name, value] of Object.entries(read)) {
        if (!name.startsWith('f')) continue;
        if (value !== fields[name]) assert.ok(value.endsWith('…') && fields[name].startsWith(value.slice(0, -1)));
      }
    }),
  );
});

test('with colours a line is as logrus shows it on a terminal, and a value brings none of its own', () => {
  const line = lineOf({ url: 'http://a', name: '\x1b[31m' }, 'start', 'colours');
  const coloured = (text: string): string => `\x1b[36m${text}\x1b[0m`;
  assert.equal(
    line,
    `${coloured('INFO')}[2021-01-02T15:04:05Z] ${'a text'.padEnd(44)} ${coloured('event')}=start ` +
      `${coloured('url')}="http://a" ${coloured('name')}="\\x1b[31m"\n`,
  );
});
