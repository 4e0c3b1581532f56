import assert from 'node:assert/strict';
import test from 'node:test';
import { upgradeProblem } from '../../../src/http/upgrade.ts';

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
