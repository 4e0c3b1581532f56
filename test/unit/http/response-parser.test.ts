import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ResponseHead } from '../../../src/http/response-head.ts';
import { ResponseParser, type ResponseSink } from '../../../src/http/response-parser.ts';

/** What a sink saw, put together so that it does not depend on how the bytes were cut. */
class Recorder implements ResponseSink {
  interim: string[] = [];
  writesDate = false;
  heads: string[] = [];
  status = 0;
  body = '';
  bodies = 0;
  ended = 0;
  waits = 0;
  trailers = '';
  keepAlive = false;

  responseInterim(head: ResponseHead): void {
    this.interim.push(head.text);
  }

  responseHead(head: ResponseHead): void {
    this.heads.push(head.text);
    this.status = head.status;
  }

  responseBody(chunk: Uint8Array): void {
    this.body += Buffer.from(chunk).toString('latin1');
    this.bodies++;
  }

  responseWaits(): void {
    this.waits++;
  }

  responseEnd(trailers: string): void {
    this.ended++;
    this.trailers = trailers;
  }
}

type Outcome = {
  interim: string[];
  heads: string[];
  status: number;
  body: string;
  trailers: string;
  ended: number;
  problem: string;
  unused: number;
  keepAlive: boolean;
};

function read(pieces: Buffer[], method: string, fin: boolean): Outcome {
  const parser = new ResponseParser();
  const sink = new Recorder();
  parser.expect(sink, method);
  let unused = 0;
  // A copy: the parser pushes the bytes of a head together where they lie.
  for (const piece of pieces) unused += piece.length - parser.execute(Buffer.from(piece), 0, piece.length);
  if (fin && parser.problem === '') parser.finish();
  return {
    interim: sink.interim,
    heads: sink.heads,
    status: sink.status,
    body: sink.body,
    trailers: sink.trailers,
    ended: sink.ended,
    problem: parser.problem,
    unused: parser.problem === '' ? unused : 0,
    keepAlive: parser.head.keepAlive,
  };
}

/** Reads `text` whole, cut in two at every byte, and byte by byte; all must come to the same. */
function readAnyhow(text: string, method = 'GET', fin = false): Outcome {
  const bytes = Buffer.from(text, 'latin1');
  const whole = read([bytes], method, fin);
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)], method, fin), whole, `cut at ${cut}`);
  }
  const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
  assert.deepEqual(read(single, method, fin), whole, 'byte by byte');
  return whole;
}

test('a response with a length is read to its last byte and the connection stays usable', () => {
  const got = readAnyhow('HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nETag: "1"\r\n\r\nhello');
  assert.deepEqual(got, {
    interim: [],
    heads: ['200 OK\r\nServer: x\r\nETag: "1"'],
    status: 200,
    body: 'hello',
    trailers: '',
    ended: 1,
    problem: '',
    unused: 0,
    keepAlive: true,
  });
});

test('bytes behind the end of a response are left over, not eaten', () => {
  assert.equal(readAnyhow('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200').unused, 12);
});

test('a chunked body loses its framing and its extensions', () => {
  const got = readAnyhow(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n \r\n0005\r\nworld\r\n0\r\nX-T: 1\r\n\r\n',
  );
  assert.equal(got.body, 'hello world');
  assert.equal(got.ended, 1);
  assert.equal(got.heads[0], '200 OK');
});

test('trailers come with the end, but for those that may not be passed on', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const got = readAnyhow(
    `${chunked}1\r\na\r\n0\r\nX-Sum: \t1 2 \r\nx-latin:caf\xe9\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n` +
      'no field\r\n: 1\r\nHost: x\r\nSet-Cookie: a=1\r\nX-Forwarded-For: 1.2.3.4\r\nX B: 1\r\nx-nul: a\0b\r\nlast:\r\n\r\n',
  );
  assert.deepEqual([got.body, got.trailers], ['a', 'X-Sum: 1 2\r\nx-latin: caf\xe9\r\nlast: \r\n']);
  assert.equal(readAnyhow(`${chunked}0\r\nX: 1\r\n\r\n`).trailers, 'X: 1\r\n');
  const parser = new ResponseParser();
  const sink = new Recorder();
  for (const trailers of ['X: 1\r\n', '']) {
    parser.expect(sink, 'GET');
    const bytes = Buffer.from(`${chunked}0\r\n${trailers}\r\n`);
    parser.execute(bytes, 0, bytes.length);
    assert.equal(sink.trailers, trailers);
  }
});

test('a head that comes alone is said to, once', () => {
  for (const [text, waits] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n', 1],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 1],
    ['HTTP/1.1 200 OK\r\n\r\n', 1],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', 0],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 0],
    ['HTTP/1.1 204 No Content\r\n\r\n', 0],
    ['HTTP/1.1 100 Continue\r\n\r\n', 0],
  ] as const) {
    const parser = new ResponseParser();
    const sink = new Recorder();
    parser.expect(sink, 'GET');
    const bytes = Buffer.from(text);
    parser.execute(bytes, 0, bytes.length);
    if (!parser.idle) parser.execute(Buffer.from('1\r\nx'), 0, 4);
    assert.equal(sink.waits, waits, text);
  }
});

test('a body without length ends with the connection, which is then not usable', () => {
  const text = 'HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it';
  assert.equal(readAnyhow(text, 'GET', false).ended, 0);
  const got = readAnyhow(text, 'GET', true);
  assert.equal(got.ended, 1);
  assert.equal(got.body, 'all of it');
  assert.equal(got.keepAlive, false);
});

test('a body that is shorter than its length never ends', () => {
  assert.equal(readAnyhow('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort', 'GET', true).ended, 0);
  assert.equal(readAnyhow('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', 'GET', true).ended, 0);
  assert.equal(
    readAnyhow('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n', 'GET', true).ended,
    0,
  );
});

test('HEAD, 204 and 304 have no body whatever their fields say', () => {
  assert.deepEqual(readAnyhow('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n', 'HEAD').ended, 1);
  assert.deepEqual(readAnyhow('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'HEAD').ended, 1);
  assert.deepEqual(readAnyhow('HTTP/1.1 204 No Content\r\n\r\n').ended, 1);
  assert.deepEqual(readAnyhow('HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n').ended, 1);
});

test('all of the interim responses before the final one are told', () => {
  const got = readAnyhow(
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nConnection: X\r\nX: 1\r\nLink: </a>\r\n\r\n' +
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
  );
  assert.deepEqual(got.interim, ['100 Continue', '103 Early Hints\r\nLink: </a>', '102 Processing']);
  assert.deepEqual(got.heads, ['200 OK']);
  assert.equal(got.body, 'x');
});

test('hop-by-hop fields and fields that Connection names are taken out, everything else stands byte for byte', () => {
  const got = readAnyhow(
    'HTTP/1.1 200 Very Well\r\ndate: now\r\nSet-Cookie: a=1\r\nX-Hop: 1\r\nset-cookie: b=2\r\nConnection: keep-alive, x-hop\r\n' +
      'Keep-Alive: timeout=5\r\nTrailer: X\r\nUpgrade: h2c\r\nProxy-Authenticate: z\r\nX-Latin: caf\xe9\r\nContent-Length: 0\r\n\r\n',
  );
  assert.deepEqual(got.heads, ['200 Very Well\r\ndate: now\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Latin: caf\xe9']);
});

test('a head of nothing but dropped fields leaves the status line alone', () => {
  assert.deepEqual(readAnyhow('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n').heads, ['200']);
  assert.deepEqual(readAnyhow('HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n').heads, [
    '200 OK',
  ]);
});

test('HTTP/1.0 closes unless it says keep-alive, HTTP/1.1 stays unless it says close', () => {
  assert.equal(readAnyhow('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n').keepAlive, false);
  assert.equal(readAnyhow('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n').keepAlive, true);
  assert.equal(readAnyhow('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n').keepAlive, false);
  for (const both of [
    'close, keep-alive',
    'keep-alive, close',
    'Close\r\nConnection: keep-alive',
    'keep-alive\r\nConnection: close',
  ]) {
    for (const version of ['1.0', '1.1']) {
      const got = readAnyhow(`HTTP/${version} 200 OK\r\nConnection: ${both}\r\nContent-Length: 0\r\n\r\n`);
      assert.equal(got.keepAlive, false, `${version} ${both}`);
    }
  }
});

test('a length beside a transfer coding is ignored and the connection is not used again', () => {
  const got = readAnyhow(
    'HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  );
  assert.equal(got.body, 'a');
  assert.equal(got.keepAlive, false);
});

const MALFORMED: readonly (readonly [string, string])[] = [
  ['HTTP/2 200 OK\r\n\r\n', 'a status line that is not HTTP/1'],
  ['HTTP/1.7 200 OK\r\n\r\n', 'a status line that is not HTTP/1.0 or 1.1'],
  ['ICY 200 OK\r\nContent-Length: 0\r\n\r\n', 'a status line that is not HTTP/1'],
  ['HTTP/1.1 2000 OK\r\n\r\n', 'a status that is no three-digit number'],
  ['HTTP/1.1 2x0 OK\r\n\r\n', 'a status that is no three-digit number'],
  ['HTTP/1.1 099 OK\r\n\r\n', 'a status that is no three-digit number'],
  ['HTTP/1.1 200 OK\r\nNo colon\r\n\r\n', 'a line that is no field'],
  ['HTTP/1.1 200 OK\r\nSpaced : 1\r\n\r\n', 'a line that is no field'],
  ['HTTP/1.1 200 OK\r\n folded\r\n\r\n', 'a line that is no field'],
  ['HTTP/1.1 200 OK\r\n: empty\r\n\r\n', 'a line that is no field'],
  ['HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n', 'a control character in the head'],
  ['HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n', 'a control character in the head'],
  ['HTTP/1.1 200 OK\n folded\n\n', 'a line that is no field'],
  ['HTTP/1.1 200 OK\nNo colon\n\n', 'a line that is no field'],
  ['\n\n', 'a status line that is not HTTP/1'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'two different Content-Lengths'],
  ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'a Content-Length that is no number'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n', 'a Content-Length that is no number'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1, \r\n\r\n', 'a Content-Length that is no number'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\n', 'a Content-Length that is no number'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n', 'a Content-Length that is no number'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'the transfer coding "gzip, chunked"'],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'a transfer coding in HTTP/1.0'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz', 'a chunk size that is no hexadecimal number'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\n3\nabc\n', 'a chunk size that is no hexadecimal number'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\r\nabc\r\n', 'a chunk size line without LF'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n', 'a chunk longer than its size'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n', 'a chunk size that is too large'],
];

for (const [text, problem] of MALFORMED) {
  test(`${JSON.stringify(text)} is refused: ${problem}`, () => {
    const got = readAnyhow(text);
    assert.equal(got.problem, problem);
    assert.equal(got.ended, 0);
  });
}

test('a head without end is refused, at 64 KiB', () => {
  const parser = new ResponseParser();
  parser.expect(new Recorder(), 'GET');
  const line = Buffer.from(`X: ${'y'.repeat(1021)}\r\n`);
  parser.execute(Buffer.from('HTTP/1.1 200 OK\r\n'), 0, 17);
  for (let i = 0; i < 70 && parser.problem === ''; i++) parser.execute(line, 0, line.length);
  assert.equal(parser.problem, 'a head of more than 65536 bytes');
});

test('Date is left out for a client whose engine writes its own', () => {
  const parser = new ResponseParser();
  const sink = new Recorder();
  sink.writesDate = true;
  parser.expect(sink, 'GET');
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nDate: now\r\nAge: 5\r\nContent-Length: 0\r\n\r\n');
  parser.execute(bytes, 0, bytes.length);
  assert.deepEqual(sink.heads, ['200 OK\r\nAge: 5']);
});

test('a bare LF ends a line of a head as CRLF does, and goes on as CRLF', () => {
  for (const text of [
    'HTTP/1.1 200 OK\nA: 1\nContent-Length: 2\n\nok',
    'HTTP/1.1 200 OK\r\nA: 1\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\nA: 1\r\nContent-Length: 2\r\n\nok',
    'HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\n\r\nok',
  ]) {
    const got = readAnyhow(text);
    assert.deepEqual([got.problem, got.heads, got.body, got.ended], ['', ['200 OK\r\nA: 1'], 'ok', 1], text);
  }
});

test('a bare LF ends a line of a chunked body as CRLF does, and a chunk', () => {
  for (const chunks of [
    '2\nok\n0\n\n',
    '2\nok\r\n0\r\n\r\n',
    '2\r\nok\n0\r\n\r\n',
    '2;a=b\nok\r\n0\r\n\r\n',
    '2 \nok\r\n0;a\n\r\n',
    '2\r\nok\r\n0\n\n',
    '2\r\nok\r\n0\r\n\n',
  ]) {
    const got = readAnyhow(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    assert.deepEqual([got.problem, got.body, got.ended], ['', 'ok', 1], JSON.stringify(chunks));
  }
});

test('a folded line goes on as one line, and means what it means there', () => {
  const got = readAnyhow(
    'HTTP/1.1 200 OK\r\nA: one\r\n\ttwo\r\n  three\r\nB: 1\n two\r\nConnection:\r\n close\r\nContent-Length: \r\n 2\r\n\r\nok',
  );
  assert.deepEqual(got.heads, ['200 OK\r\nA: one  \ttwo    three\r\nB: 1   two']);
  assert.deepEqual([got.problem, got.body, got.ended, got.keepAlive], ['', 'ok', 1, false]);
  const chunked = readAnyhow('HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n1\r\na\r\n0\r\n\r\n');
  assert.deepEqual([chunked.heads, chunked.body], [['200 OK'], 'a']);
});

test('a head in single bytes is refused as soon as its status line is wrong, not at its end', () => {
  const parser = new ResponseParser();
  parser.expect(new Recorder(), 'GET');
  for (const byte of Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')) parser.execute(Buffer.of(byte), 0, 1);
  assert.equal(parser.problem, 'a status line that is not HTTP/1');
});

test('a sink that gives up in the middle of a read hears nothing more', () => {
  for (const framing of [
    'Content-Length: 6\r\n\r\nabcdef',
    'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n',
  ]) {
    const parser = new ResponseParser();
    const sink = new Recorder();
    sink.responseBody = () => {
      sink.body += '.';
      parser.detach();
    };
    parser.expect(sink, 'GET');
    const text = Buffer.from(`HTTP/1.1 200 OK\r\n${framing}`);
    parser.execute(text, 0, text.length);
    assert.equal(sink.body, '.');
    assert.equal(sink.ended, 0);
  }
});

test('any body in any chunking, cut anywhere, comes out as it went in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 }),
      fc.array(fc.nat(400)),
      (chunks, cuts) => {
        let text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
        let body = '';
        for (const chunk of chunks) {
          const data = Buffer.from(chunk).toString('latin1');
          text += `${chunk.length.toString(16)}\r\n${data}\r\n`;
          body += data;
        }
        const bytes = Buffer.from(`${text}0\r\n\r\n`, 'latin1');
        const at = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
        const pieces = [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
        const got = read(pieces, 'GET', false);
        assert.equal(got.problem, '');
        assert.equal(got.body, body);
        assert.equal(got.ended, 1);
      },
    ),
  );
});

test('chunks of one byte that come together are passed on together', () => {
  const parser = new ResponseParser();
  const sink = new Recorder();
  parser.expect(sink, 'GET');
  const large = 'x'.repeat(100);
  const chunks = `${'1\r\na\r\n'.repeat(1_000)}64\r\n${large}\r\n2;e\r\nbc\r\n`;
  const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
  parser.execute(bytes, 0, bytes.length);
  assert.deepEqual([sink.bodies, sink.body], [1, `${'a'.repeat(1_000)}${large}bc`]);
  const rest = Buffer.from(`${'1\r\nd\r\n'.repeat(9)}0\r\n\r\nnext`);
  assert.equal(parser.execute(rest, 0, rest.length), rest.length - 4);
  assert.deepEqual([sink.bodies, sink.ended, rest.toString('latin1', rest.length - 4)], [2, 1, 'next']);
});

test('no bytes whatever make the parser throw or read past them', () => {
  const start = fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (prefix, noise) => {
      const bytes = Buffer.concat([Buffer.from(prefix), noise]);
      const parser = new ResponseParser();
      parser.expect(new Recorder(), 'GET');
      const used = parser.execute(bytes, 0, bytes.length);
      assert.ok(used >= 0 && used <= bytes.length);
    }),
  );
});
