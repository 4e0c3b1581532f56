import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isHandshake, requestFields, responseHead } from '../../../src/data/websocket/handshake.ts';

const GOOD: Readonly<Record<string, string>> = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

function judged(changes: Record<string, string>): boolean {
  const fields: Record<string, string> = { ...GOOD, ...changes };
  return isHandshake((name) => fields[name] ?? '');
}

test('a handshake is one by all of its fields', () => {
  assert.equal(judged({}), true);
  assert.equal(judged({ upgrade: 'h2c, WebSocket', connection: 'keep-alive, upgrade' }), true);
  for (const change of [
    { upgrade: 'h2c' },
    { connection: 'keep-alive' },
    { 'sec-websocket-version': '8' },
    { 'sec-websocket-version': '' },
    { 'sec-websocket-key': '' },
    { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZR==' },
    { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=' },
    { 'content-length': '0' },
    { 'transfer-encoding': 'chunked' },
  ]) {
    assert.equal(judged(change), false, JSON.stringify(change));
  }
});

test('the fields of the handshake itself stay behind, repeated ones become a list, text becomes bytes', () => {
  const lines =
    'a: 1\r\nsec-websocket-key: k\r\na: 2\r\nsec-websocket-extensions: x\r\na: 3\r\nsec-websocket-protocol: p, q\r\n' +
    'u: é\r\n__proto__: y\r\nempty: \r\nx-forwarded-proto: http\r\n';
  assert.deepEqual(Object.entries(requestFields(lines)), [
    ['a', ['1', '2', '3']],
    ['sec-websocket-protocol', 'p, q'],
    ['u', '\xc3\xa9'],
    ['__proto__', 'y'],
    ['empty', ''],
    ['x-forwarded-proto', 'ws'],
  ]);
});

test('X-Forwarded-Proto is wss for https and ws for everything else', () => {
  for (const [from, to] of [
    ['https', 'wss'],
    ['http', 'ws'],
    ['wss', 'ws'],
    ['', 'ws'],
  ]) {
    assert.equal(requestFields(`x-forwarded-proto: ${from}\r\n`)['x-forwarded-proto'], to);
  }
});

test('any fields survive with their order per name', () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,8}$/);
  const value = fc.stringMatching(/^[!-~][ -~]{0,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const fields = requestFields(pairs.map(([key, text]) => `${key}: ${text}\r\n`).join(''));
      for (const [key] of pairs) {
        const expected = pairs.filter(([other]) => other === key).map(([, text]) => text);
        assert.deepEqual([fields[key]].flat(), expected);
      }
    }),
  );
});

function headText(status: number, raw: string[]): string {
  return responseHead(status, 'Why', raw);
}

test('the head for the client has every field but those of the connection, the framing and the handshake', () => {
  const raw = [
    'Upgrade',
    'websocket',
    'Connection',
    'Upgrade, X-Hop',
    'X-Hop',
    '1',
    'Date',
    'd',
    'Set-Cookie',
    'a=\xe9',
  ];
  raw.push('Sec-WebSocket-Accept', 'x', 'Sec-WebSocket-Protocol', 'p', 'Set-Cookie', 'b', 'Content-Length', '0');
  assert.equal(headText(101, raw), '101 Why\r\nSet-Cookie: a=\xe9\r\nSec-WebSocket-Protocol: p\r\nSet-Cookie: b');
  assert.equal(headText(426, ['Sec-WebSocket-Accept', 'x']), '426 Why\r\nSec-WebSocket-Accept: x');
});
