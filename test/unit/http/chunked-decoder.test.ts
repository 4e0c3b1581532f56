import assert from 'node:assert/strict';
import test from 'node:test';
import { ChunkedDecoder } from '../../../src/http/chunked-decoder.ts';
import { requestTrailers } from '../../../src/http/trailers.ts';

type Decoded = { body: string; problem: string; done: boolean; trailers: string; left: number };

function decode(text: string, cuts: readonly number[], isLenient: boolean): Decoded {
  const decoder = new ChunkedDecoder(isLenient);
  let body = '';
  let from = 0;
  let left = 0;
  for (const to of [...cuts, text.length]) {
    const piece = Buffer.from(text.slice(from, to), 'latin1');
    from = to;
    if (decoder.done || decoder.problem !== '') continue;
    const used = decoder.decode(piece, 0, piece.length, {
      chunkData: (bytes, start, end) => {
        body += Buffer.from(bytes.subarray(start, end)).toString('latin1');
      },
    });
    if (decoder.done) left = text.length - to + piece.length - used;
  }
  return { body, problem: decoder.problem, done: decoder.done, trailers: decoder.trailers, left };
}

/** What a client's body comes to, the same however it is cut. */
function ofClient(text: string): Decoded {
  const got = decode(text, [], false);
  for (let cut = 1; cut < text.length; cut++) {
    const again = decode(text, [cut], false);
    assert.equal(again.problem, got.problem, `cut at ${cut}`);
    if (got.problem === '') assert.deepEqual(again, got, `cut at ${cut}`);
  }
  return got;
}

const END = '0\r\n\r\n';

test('extensions are read past, quotes and escapes in them as well', () => {
  for (const extension of [';a', ';a=b', ' ;a=b', '\t;a = b', ';a="b;\\"c"', ';a="";b', ';\xe4']) {
    const got = ofClient(`5${extension}\r\nhello\r\n${END}next`);
    assert.deepEqual([got.problem, got.body, got.done, got.left], ['', 'hello', true, 4], extension);
  }
});

const REFUSED: Record<string, string> = {
  'a blank before a size': ` 5\r\nhello\r\n${END}`,
  'a blank behind a size': `5 \r\nhello\r\n${END}`,
  'no size': `\r\nhello\r\n${END}`,
  'a size with a sign': `+5\r\nhello\r\n${END}`,
  'a size with a prefix': `0x5\r\nhello\r\n${END}`,
  'a size of 14 digits': '10000000000000\r\n',
  'a size that ends with a bare LF': `5\nhello\r\n${END}`,
  'a bare LF in an extension': `5;a\nb\r\nhello\r\n${END}`,
  'a bare CR in an extension': `5;a\rb\r\nhello\r\n${END}`,
  'a control character in an extension': `5;a\x01\r\nhello\r\n${END}`,
  'a quote that is not closed': `5;a="b\r\nhello\r\n${END}`,
  'a line end in quotes': `5;a="\r\n"\r\nhello\r\n${END}`,
  'an escaped line end in quotes': `5;a="\\\r\n"\r\nhello\r\n${END}`,
  'data without its line end': `5\r\nhello0\r\n\r\n`,
  'data that ends with a bare LF': `5\r\nhello\n${END}`,
  'bare LFs at the end': '0\n\n',
  'a trailer without a colon': '0\r\nxx\r\n\r\n',
  'a trailer with a blank before its colon': '0\r\nx : y\r\n\r\n',
  'a folded trailer': '0\r\nx: y\r\n z\r\n\r\n',
  'a control character in a trailer': '0\r\nx: \x01\r\n\r\n',
  'a trailer that looks like a request': '0\r\nGET / HTTP/1.1\r\n\r\n',
};

for (const [what, text] of Object.entries(REFUSED)) {
  test(`of a client refused, wherever it is cut: ${what}`, () => {
    const got = ofClient(text);
    assert.notEqual(got.problem, '');
    assert.equal(got.done, false);
  });
}

test('all extensions of a body count together, and so do zeros before its sizes', () => {
  const chunk = (extension: string): string => `1;${extension}\r\nx\r\n`;
  const chunks = (extension: string, times: number): string => chunk(extension).repeat(times) + END;
  assert.equal(decode(chunks('e'.repeat(1_000), 16), [], false).problem, '');
  assert.notEqual(decode(chunks('e'.repeat(1_000), 17), [], false).problem, '');
  assert.equal(decode(chunks('e'.repeat(1_000), 17), [], true).problem, '', 'a server may');
  assert.equal(ofClient(`${'0'.repeat(30)}5\r\nhello\r\n${END}`).body, 'hello');
  assert.notEqual(decode(`${'0'.repeat(20_000)}5\r\nhello\r\n${END}`, [], false).problem, '');
});

test('trailers become text as the fields of their head are', () => {
  const lines = ofClient('0\r\nX-A: caf\xc3\xa9\r\nX-B: \xff\r\nHost: evil\r\nX-C: 1\r\n\r\n').trailers;
  assert.equal(requestTrailers(lines, false), 'x-a: café\r\nx-c: 1\r\n');
  assert.equal(requestTrailers(lines, true), 'x-a: caf\xc3\xa9\r\nx-b: \xff\r\nx-c: 1\r\n');
});
