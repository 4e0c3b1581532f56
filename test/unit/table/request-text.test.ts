import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HASH_HOST, hashOf } from '../../../src/table/hash.ts';
import { canonicalHost, RequestText } from '../../../src/table/request-text.ts';

function hostOf(text: RequestText): string {
  return Buffer.from(text.host.subarray(0, text.hostLength)).toString();
}

function pathOf(raw: string): string | null {
  const text = new RequestText();
  text.setPath(raw);
  return text.pathLength < 0 ? null : Buffer.from(text.path.subarray(0, text.pathLength)).toString('latin1');
}

test('a host loses blanks, upper case and its port, and keeps a trailing dot', () => {
  const rows: [string, string][] = [
    ['FOO.BAR:8080', 'foo.bar'],
    [' foo.bar\t', 'foo.bar'],
    ['foo.bar.', 'foo.bar.'],
    ['foo.bar.:80', 'foo.bar.'],
    ['[::1]:80', '::1'],
    ['[::1]', '[::1]'],
    ['::1', '::1'],
    ['foo.bar:', 'foo.bar'],
    ['foo:bar:80', 'foo:bar:80'],
    ['[::1]x:80', '[::1]x:80'],
    ['a]:80', 'a]:80'],
    [':80', ''],
    ['', ''],
    ['BÜCHER.example', 'bücher.example'],
  ];
  for (const [field, expected] of rows) assert.equal(canonicalHost(field), expected, JSON.stringify(field));
});

test('the bytes and the hash of a host are those of its canonical form, whatever was sent', () => {
  const field = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'aZ.-_9:[] \té'), maxLength: 24 }),
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.tuple(fc.domain(), fc.nat(65535)).map(([host, port]) => `${host}:${port}`),
  );
  const text = new RequestText();
  fc.assert(
    fc.property(field, (sent) => {
      text.setHost(sent);
      assert.equal(hostOf(text), Buffer.from(canonicalHost(sent)).toString());
      assert.equal(text.hostHash, hashOf(text.host, 0, text.hostLength, HASH_HOST));
    }),
  );
});

test('escapes of a path become bytes', () => {
  assert.equal(pathOf('/a%2Fb'), '/a/b');
  assert.equal(pathOf('/%66oo%20x'), '/foo x');
  assert.equal(pathOf('/%c3%A9'), '/\xc3\xa9');
  assert.equal(pathOf('/é'), '/\xc3\xa9');
  assert.equal(pathOf('/%ff'), '/\xff');
  assert.equal(pathOf('/a+b'), '/a+b');
  assert.equal(pathOf('/%2541'), '/%41');
});

test('a path with an invalid escape has no bytes, wherever it is cut', () => {
  for (const raw of ['/%', '/%4', '/%zz', '/%4g', '/a%%41', '/%-1']) assert.equal(pathOf(raw), null, raw);
  const whole = '/caf%C3%A9';
  for (let end = 0; end <= whole.length; end++) {
    const cut = whole.slice(0, end);
    assert.equal(pathOf(cut), /%.?$/.test(cut) ? null : Buffer.from(unescapeBytes(cut), 'latin1').toString('latin1'));
  }
});

function unescapeBytes(text: string): string {
  return text.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test('texts longer than the buffers are taken whole', () => {
  const text = new RequestText();
  const long = 'x'.repeat(20_000);
  text.setHost(`${long}:80`);
  assert.equal(hostOf(text), long);
  text.setPath(`/${long}%41`);
  assert.equal(text.pathLength, long.length + 2);
});
