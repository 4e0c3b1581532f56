import assert from 'node:assert/strict';
import test from 'node:test';
import { redirectReply, slashRedirect } from '../../../src/data/reply.ts';

function locationOf(head: string): string | undefined {
  return /\r\nLocation: ([^\r]*)/.exec(head)?.[1];
}

for (const [target, location] of [
  ['/a', '/a/'],
  ['/a/', '/a'],
  ['/a?x=ü y', '/a/?x=%C3%BC%20y'],
  ['/.', '/'],
  ['/x/..', '/'],
  ['/%2e', '/'],
  ['//evil.example', '/evil.example/'],
]) {
  test(`the other form of ${target} is ${location}, a path of this host`, () => {
    assert.equal(locationOf(slashRedirect('GET', target.split('?')[0], target).head), location);
  });
}

test('a location is visible ASCII, whatever it is made of', () => {
  assert.equal(locationOf(redirectReply('GET', false, 'http://a/ü\r\n\ud800').head), 'http://a/%C3%BC%0D%0A%EF%BF%BD');
});
