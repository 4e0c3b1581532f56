import assert from 'node:assert/strict';
import test from 'node:test';
import { relayedClose } from '../../../src/data/websocket/close.ts';

function shown(code: number, reason = '', problem = ''): string {
  const close = relayedClose(code, Buffer.from(reason), problem);
  return close === null ? 'none' : `${close.code} ${Buffer.from(close.reason)}`.trim();
}

test('a code and its reason pass as they are', () => {
  for (const code of [1000, 1001, 1003, 1011, 1014, 3000, 4999]) assert.equal(shown(code, 'why'), `${code} why`);
});

test('a close frame without a code becomes 1000', () => {
  assert.equal(shown(1005), '1000');
});

test('a connection that broke gives no close frame', () => {
  assert.equal(shown(1006), 'none');
  assert.equal(shown(1015), 'none');
});

test('what was wrong with the bytes becomes the reason of 1000, cut to what a frame takes', () => {
  assert.equal(shown(1006, '', 'an invalid frame'), '1000 an invalid frame');
  assert.equal(shown(1006, '', 'x'.repeat(200)), `1000 ${'x'.repeat(123)}`);
});
