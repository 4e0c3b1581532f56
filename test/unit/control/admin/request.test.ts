import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HEAD_BYTES, HeadBuffer } from '../../../../src/control/admin/head-buffer.ts';
import { parseRequest, takesGzip } from '../../../../src/control/admin/request.ts';

function parsed(head: string) {
  const request = parseRequest(head);
  assert.ok(typeof request !== 'number', `${request} for ${JSON.stringify(head)}`);
  return request;
}

test('a request is read, its field names without case and repeated fields joined', () => {
  const request = parsed('GET /a?b HTTP/1.1\r\nHost: x\r\nACCEPT:  a \r\naccept: b');
  assert.deepEqual([request.method, request.target, request.keepAlive, request.hasBody], ['GET', '/a?b', true, false]);
  assert.equal(request.fields.get('accept'), 'a, b');
});

test('a connection is kept in HTTP/1.1, unless the client says close or sends a body', () => {
  for (const [head, keeps] of [
    ['GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive', true],
    ['GET / HTTP/1.1\r\nHost: x\r\nConnection: te, Close', false],
    ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0', true],
    ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5', false],
    ['GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked', false],
    ['GET / HTTP/1.0', false],
  ] as const) {
    assert.equal(parsed(head).keepAlive, keeps, head);
  }
});

test('a target that names this host counts as its path', () => {
  for (const [target, path] of [
    ['http://X:80/a?b', '/a?b'],
    ['HTTP://x:80', '/'],
    ['https://x:80?a', '/?a'],
  ]) {
    assert.equal(parsed(`GET ${target} HTTP/1.1\r\nHost: x:80`).target, path);
  }
  assert.equal(parsed('OPTIONS * HTTP/1.1\r\nHost: x').target, '*');
  assert.equal(parsed('GET /a HTTP/1.0\r\nHost:').target, '/a');
});

test('what is no request gets the status that says why', () => {
  for (const [head, status] of [
    ['', 400],
    ['GET /', 400],
    ['GET  / HTTP/1.1\r\nHost: x', 400],
    ['GET / HTTP/1.1', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nHost: x', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nhost: y', 400],
    ['GET / HTTP/1.0\r\nHost: x\r\nhost: y', 400],
    ['GET / HTTP/1.1\r\nHost:', 400],
    ['GET / HTTP/1.1\r\nHost:  ', 400],
    ['GET / HTTP/1.1\r\nHost: [::1', 400],
    ['GET / HTTP/1.1\r\nHost: x, y', 400],
    ['GET / HTTP/1.1\r\nHost: x/', 400],
    ['GET / HTTP/1.1\r\nHost: x:99999', 400],
    ['GET / HTTP/1.0\r\nHost: user@x', 400],
    ['GET http://y/ HTTP/1.1\r\nHost: x', 400],
    ['GET http://x:80/ HTTP/1.1\r\nHost: x', 400],
    ['GET http://user@x/ HTTP/1.1\r\nHost: x', 400],
    ['GET http:/// HTTP/1.1\r\nHost: x', 400],
    ['GET ftp://x/ HTTP/1.1\r\nHost: x', 400],
    ['GET http://x/ HTTP/1.0', 400],
    ['GET ping HTTP/1.1\r\nHost: x', 400],
    ['GET * HTTP/1.1\r\nHost: x', 400],
    ['CONNECT x:80 HTTP/1.1\r\nHost: x', 400],
    ['GET / HTTP/1.1\r\nHost : x', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\n folded', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nA: b\0c', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nA: b\nc: d', 400],
    ['GET /\xff HTTP/1.1\r\nHost: x', 400],
    ['G(T / HTTP/1.1\r\nHost: x', 400],
    ['PRI * HTTP/2.0', 505],
    [`GET / HTTP/1.1\r\nHost: x${'\r\na: b'.repeat(100)}`, 431],
  ] as const) {
    assert.equal(parseRequest(head), status, JSON.stringify(head));
  }
});

test('any bytes are a request or a status, and never an error', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (head) => void parseRequest(head)));
});

test('gzip is taken where it is named and not refused', () => {
  for (const [accepted, takes] of [
    ['gzip', true],
    ['br, GZIP;q=0.1', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['identity', false],
    ['*', false],
  ] as const) {
    assert.equal(takesGzip(parsed(`GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: ${accepted}`)), takes, accepted);
  }
});

test('heads are found whatever pieces they come in', () => {
  const heads = ['GET / HTTP/1.1\r\nHost: a', 'GET /b HTTP/1.1\r\nHost: b\r\nC: d', 'x'];
  const bytes = Buffer.from(heads.map((head) => `${head}\r\n\r\n`).join(''));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sizes) => {
      const buffer = new HeadBuffer();
      const found: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length];
        buffer.push(bytes.subarray(at, at + size));
        at += size;
        for (let head = buffer.takeHead(); head !== null; head = buffer.takeHead()) found.push(head);
      }
      assert.deepEqual(found, heads);
      assert.equal(buffer.length, 0);
    }),
  );
});

test('a head that does not end is refused, in one piece and byte by byte', () => {
  const whole = new HeadBuffer();
  whole.push(Buffer.alloc(HEAD_BYTES + 1, 'x'));
  assert.equal(whole.takeHead(), 'tooLong');
  const slow = new HeadBuffer();
  for (let i = 0; i < HEAD_BYTES; i++) {
    slow.push(Buffer.from('x'));
    assert.equal(slow.takeHead(), null);
  }
  slow.push(Buffer.from('x'));
  assert.equal(slow.takeHead(), 'tooLong');
});
