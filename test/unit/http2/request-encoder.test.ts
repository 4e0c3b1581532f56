/** Heads of requests on their way to a server of HTTP/2 (RFC 9113 §8.2, §8.3): what crosses, what does not, and what is remembered. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from '../../../src/http2/hpack-decoder.ts';
import { RequestEncoder } from '../../../src/http2/request-encoder.ts';
import { bytesOf, decodeBlock, linesOf, type Pair } from '../../harness/hpack.ts';

const START: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'x.test'],
  [':path', '/a'],
];

const newEncoder = (): RequestEncoder => new RequestEncoder('http', 'server:80');

/** Null: it cannot be carried. */
function blockOf(encoder: RequestEncoder, head: string, latin1 = false, neverIndexed = ''): Buffer | null {
  if (!encoder.read(head, latin1, neverIndexed)) return null;
  const block = bytesOf((out) => encoder.write(out));
  assert.ok(block.length <= encoder.bound);
  return block;
}

function fieldsOf(lines: string, line = 'GET /a HTTP/1.1', host = 'x.test', latin1 = false): Pair[] | null {
  const block = blockOf(newEncoder(), `${line}\r\nhost: ${host}\r\n${lines}\r\n`, latin1);
  return block === null ? null : decodeBlock(block);
}

test('a request head becomes pseudo fields and fields in their order', () => {
  assert.deepEqual(fieldsOf(''), START);
  assert.deepEqual(fieldsOf('X-A: 1\r\nx-a:2 \r\ncookie: a=1; b=2\r\ncontent-length: 5\r\n'), [
    ...START,
    ['x-a', '1'],
    ['x-a', '2'],
    ['cookie', 'a=1; b=2'],
    ['content-length', '5'],
  ]);
});

test('what holds for one connection does not cross', () => {
  const hops = ['connection: x', 'keep-alive: 1', 'proxy-connection: x', 'transfer-encoding: chunked', 'upgrade: h2c'];
  const lines = [...hops, 'http2-settings: AA', 'te: gzip', 'trailer: x', 'host: other'].join('\r\n');
  assert.deepEqual(fieldsOf(`${lines}\r\nte: trailers\r\n`), [...START, ['te', 'trailers']]);
});

test('text becomes UTF-8, unless it has a character per byte already', () => {
  assert.deepEqual(fieldsOf('x-u: é\r\n')!.at(-1), ['x-u', '\xc3\xa9']);
  assert.deepEqual(fieldsOf('x-u: \xc3\xa9\r\n', 'GET /a HTTP/1.1', 'x.test', true)!.at(-1), ['x-u', '\xc3\xa9']);
  assert.deepEqual(fieldsOf('', 'GET /é HTTP/1.1')![3], [':path', '/\xc3\xa9']);
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
    assert.deepEqual(fieldsOf('', `OPTIONS ${target} HTTP/1.1`)![3], [':path', path]);
  }
});

test('an empty Host becomes the address of the server', () => {
  assert.deepEqual(fieldsOf('', 'GET / HTTP/1.1', '')![2], [':authority', 'server:80']);
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
      for (const [i, [name, value]] of (
        fieldsOf(`${lines.join('\r\n')}\r\n`, `GET /${target} HTTP/1.1`, host) ?? []
      ).entries()) {
        assert.match(name, i < 4 ? /^:[a-z]+$/ : /^[^:\s\0A-Z]+$/);
        assert.doesNotMatch(value, /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/);
      }
    }),
  );
});

test('trailers cross, but for what cannot', () => {
  const encoder = newEncoder();
  encoder.readTrailers('x-a: 1\r\nX-A: 2\r\nx-u: é\r\nconnection: x\r\nno field\r\nx: \0\r\n', false);
  assert.deepEqual(decodeBlock(bytesOf((out) => encoder.writeTrailers(out))), [
    ['x-a', '1'],
    ['x-a', '2'],
    ['x-u', '\xc3\xa9'],
  ]);
});

const HEAD = `GET /a HTTP/1.1\r\nhost: x.test\r\n${linesOf([
  ['accept', '*/*'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
  ['authorization', 'Basic YTpi'],
  ['cookie', 'a=b'],
])}\r\n`;

test('what comes again costs a byte, but for paths and credentials, which are in no table', () => {
  const encoder = newEncoder();
  const decoder = new HpackDecoder();
  const blocks = [1, 2, 3, 4].map(() => blockOf(encoder, HEAD)!);
  const read = blocks.map((block) => decodeBlock(block, decoder));
  for (const fields of read) assert.deepEqual(fields, read[0]);
  assert.ok(blocks[3].length < 40, `${blocks[3].length} bytes`);
  // The Host, two fields, and nothing else.
  assert.equal(
    decoder.tableBytes,
    3 * 32 + ':authorityx.testaccept*/*user-agentMozilla/5.0 (X11; Linux x86_64)'.length,
  );
  const kept: string[] = [];
  decoder.decode(blocks[3], 0, blocks[3].length, {
    field: ({ name, neverIndexed }) => (neverIndexed ? kept.push(name) : 1) > 0,
  });
  assert.deepEqual(kept, ['authorization', 'cookie']);
});

test('what its client has marked goes into no table, and keeps its mark, whoever sent the same before', () => {
  const encoder = newEncoder();
  const decoder = new HpackDecoder();
  const head = 'GET /a HTTP/1.1\r\nhost: x.test\r\nx-key: 1\r\n\r\n';
  for (let i = 0; i < 3; i++) decodeBlock(blockOf(encoder, head)!, decoder);
  const marked: string[] = [];
  const block = blockOf(encoder, head, false, ' x-key  :path  :authority ')!;
  decoder.decode(block, 0, block.length, {
    field: ({ name, neverIndexed }) => (neverIndexed ? marked.push(name) : 1) > 0,
  });
  assert.deepEqual(marked, [':authority', ':path', 'x-key']);
});

test('a server may have no table, a small one, or another one later', () => {
  const encoder = newEncoder();
  const decoder = new HpackDecoder();
  const expected = decodeBlock(blockOf(newEncoder(), HEAD)!);
  for (const size of [4_096, 0, 100, 65_536, 60, 4_096, 50]) {
    encoder.limitTable(size);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(decodeBlock(blockOf(encoder, HEAD)!, decoder), expected);
      assert.ok(decoder.tableBytes <= size);
    }
  }
  encoder.limitTable(0);
  encoder.limitTable(4_096);
  assert.equal(blockOf(encoder, HEAD)!.subarray(0, 4).toString('hex'), '203fe11f');
});

test('however many clients send what they send, what all of them send stays short', () => {
  const encoder = newEncoder();
  const decoder = new HpackDecoder();
  let last = 0;
  for (let i = 0; i < 2_000; i++) {
    const own = `x-real-ip: 10.0.${(i >> 1) % 200}.1\r\nx-request-id: ${i}-${'0'.repeat(30)}\r\n`;
    const head = `GET /a HTTP/1.1\r\nhost: x.test\r\naccept: */*\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n${own}\r\n`;
    const block = blockOf(encoder, head)!;
    assert.equal(decodeBlock(block, decoder).length, 8);
    last = block.length;
  }
  assert.ok(last < 90, `${last} bytes`);
});

test('whatever comes in whatever order, a server reads what was sent', () => {
  const value = fc.oneof(fc.constantFrom('', '1', '2', 'v'.repeat(300)), fc.stringMatching(/^[!-~]{1,400}$/));
  const field = fc.tuple(fc.constantFrom('a', 'b', 'accept', 'cookie', 'content-type', 'n'.repeat(200)), value);
  const step = fc.oneof(fc.array(field, { maxLength: 8 }), fc.nat({ max: 5_000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const encoder = newEncoder();
      const decoder = new HpackDecoder();
      for (const each of steps) {
        if (typeof each === 'number') encoder.limitTable(each);
        else {
          const head = `GET /a HTTP/1.1\r\nhost: x.test\r\n${linesOf(each as Pair[])}\r\n`;
          assert.deepEqual(decodeBlock(blockOf(encoder, head)!, decoder), [...START, ...each]);
        }
      }
    }),
  );
});
