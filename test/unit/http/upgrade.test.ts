import assert from 'node:assert/strict';
import test from 'node:test';
import { isOptionalUpgrade, upgradeProblem } from '../../../src/http/upgrade.ts';

/** The example of RFC 6455 §1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

test('a 101 is for a protocol that was asked for, and for the key of its WebSocket', () => {
  const head = (accept: string): string => `101 Switching Protocols\r\nX: 1\r\nSec-WebSocket-Accept: ${accept}`;
  const cases: [string, string, string, string, RegExp][] = [
    ['foo', '', 'foo', '101 Yes', /^$/],
    ['foo/1, Foo/2', '', 'foo/2', '101 Yes', /^$/],
    ['foo', '', '', '101 Yes', /without Upgrade/],
    ['foo', '', ' , ', '101 Yes', /without Upgrade/],
    ['foo', '', 'bar', '101 Yes', /another protocol/],
    ['foo', '', 'foo, bar', '101 Yes', /another protocol/],
    ['WebSocket', KEY, 'websocket', head(ACCEPT), /^$/],
    ['websocket', KEY, 'WebSocket', head(`${ACCEPT}  `), /^$/],
    ['websocket', '', 'websocket', '101 Yes', /^$/],
    ['websocket', KEY, 'websocket', head('x'), /another key/],
    ['websocket', KEY, 'websocket', head(''), /another key/],
    ['websocket', KEY, 'websocket', '101 Yes', /another key/],
    ['websocket, foo', KEY, 'foo', '101 Yes', /^$/],
  ];
  for (const [asked, key, agreed, text, problem] of cases) {
    assert.match(upgradeProblem(asked, key, agreed, text), problem, `${asked} ${agreed} ${text}`);
  }
});

test('a client of HTTP/2, TLS or a WebSocket goes on without its upgrade, others do not', () => {
  for (const upgrade of ['h2c', 'H2C', 'h2,h2c', 'TLS/1.0, SSL/2.0', 'HTTP/2.0', 'websocket', 'foo, h2c', 'HTTP/3']) {
    assert.ok(isOptionalUpgrade(upgrade), upgrade);
  }
  for (const upgrade of ['tcp', 'SPDY/3.1', 'foo/2', 'httpx', 'tls-like', 'websockets', '']) {
    assert.ok(!isOptionalUpgrade(upgrade), upgrade);
  }
});
