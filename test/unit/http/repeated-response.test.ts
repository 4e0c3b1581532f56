import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ResponseHead } from '../../../src/http/response-head.ts';

/** What a head says, and where it ends. */
function read(head: ResponseHead, text: string, dropsDate: boolean): unknown {
  const bytes = Buffer.from(`${text}body`, 'latin1');
  head.dropsDate = dropsDate;
  const end = head.parse(bytes, 0, bytes.length);
  const { status, contentLength, chunked, keepAlive, keepAliveMs, upgrade, problem, nonAscii, names } = head;
  const told = { status, contentLength, chunked, keepAlive, keepAliveMs, upgrade, problem, nonAscii, names };
  return end > 0 ? { end, text: head.text, ...told } : { end, problem };
}

const PLAIN = 'HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 4\r\nConnection: keep-alive\r\nETag: "1"\r\n\r\n';

test('a head that a server sends again is compared: none of its bytes is changed, as reading it does', () => {
  const head = new ResponseHead();
  const seen = Array.from({ length: 6 }, () => {
    const bytes = Buffer.from(PLAIN);
    assert.equal(head.parse(bytes, 0, bytes.length), PLAIN.length);
    assert.equal(head.text, '200 OK\r\nDate: now\r\nETag: "1"');
    return bytes.toString() === PLAIN;
  });
  assert.deepEqual(seen, [false, false, false, true, true, true]);
});

test('a head that ends the connection, or has no length, is read each time', () => {
  for (const field of ['Connection: close\r\nContent-Length: 1', 'Connection: upgrade\r\nUpgrade: a', 'X: 1']) {
    const text = `HTTP/1.1 200 OK\r\n${field}\r\n\r\n`;
    const head = new ResponseHead();
    for (let i = 0; i < 6; i++) {
      assert.deepEqual(read(head, text, false), read(new ResponseHead(), text, false));
      // As its parser does where such a body ends with the connection.
      head.keepAlive = false;
    }
  }
});

const field = fc.constantFrom(
  'Content-Length: 4\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 44\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: keep-alive\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, etag\r\n',
  'Keep-Alive: timeout=5\r\n',
  'Upgrade: a\r\n',
  'Date: now\r\n',
  'Date: new\r\n',
  'ETag: "1"\r\n',
  'ETag: "\xe9"\r\n',
  'X: a\r\n b\r\n',
  'X: a\n',
);
const line = fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 404 NF', 'HTTP/1.0 200 OK', 'HTTP/1.1 100 Go');
const text = fc
  .tuple(line, fc.array(field, { maxLength: 4 }))
  .map(([first, fields]) => `${first}\r\n${fields.join('')}\r\n`);

test('a connection reads each head as a new one would, whatever came before and whether it was whole', () => {
  const turn = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.nat(60));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), fc.array(turn, { maxLength: 12 }), (texts, turns) => {
      const head = new ResponseHead();
      for (const [which, times, dropsDate, cut] of turns) {
        const one = texts[which % texts.length];
        for (let i = 0; i < times; i++) {
          if (i === 1) head.parse(Buffer.from(one.slice(0, cut % one.length), 'latin1'), 0, cut % one.length);
          assert.deepEqual(read(head, one, dropsDate), read(new ResponseHead(), one, dropsDate));
        }
      }
    }),
    { numRuns: 400 },
  );
});
