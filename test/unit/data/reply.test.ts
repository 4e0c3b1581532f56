import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { redirectReply, secureRedirect, slashRedirect } from '../../../src/data/reply.ts';

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

/** RFC 3986 §4.1: a URI or a reference to one of the same host. */
const PCHAR = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const REFERENCE = new RegExp(
  `^(?:https?://(?:\\[[0-9a-f:.]+\\]|(?:(?!:)${PCHAR})*)(?::[0-9]*)?)?(?:/${PCHAR}*)+(?:\\?(?:${PCHAR}|[/?])*)?(?:#(?:${PCHAR}|[/?])*)?$`,
);

test('every location is a URI, whatever stands in the target', () => {
  const unit = fc.constantFrom(...'ab1/.?#%[]{}|\\^`"<>~&=+ \tü\ud800', '%41', '%2F', '//', '..');
  const target = fc.string({ unit, maxLength: 20 }).map((text) => `/${text}`);
  const host = fc.constantFrom('a.test', 'a.test:8080', '[::1]', '[::1]:80');
  fc.assert(
    fc.property(host, target, (name, text) => {
      const path = text.split('?')[0];
      for (const { head } of [
        slashRedirect('GET', path, text),
        secureRedirect('GET', true, name, text),
        redirectReply('GET', true, `https://${name}${text}`),
      ]) {
        assert.match(locationOf(head) ?? '', REFERENCE);
      }
    }),
  );
  assert.equal(locationOf(redirectReply('GET', true, 'https://a/#/x').head), 'https://a/#/x');
  assert.equal(locationOf(secureRedirect('OPTIONS', true, 'a', '*').head), 'https://a/');
});

test('no location is made of what is no host', () => {
  for (const host of ['[::1', 'a b', 'user@a', 'a/b', '[::1]x']) {
    assert.equal(secureRedirect('GET', true, host, '/').status, 400, host);
  }
});

test('a location is visible ASCII, whatever it is made of', () => {
  assert.equal(locationOf(redirectReply('GET', false, 'http://a/ü\r\n\ud800').head), 'http://a/%C3%BC%0D%0A%EF%BF%BD');
});
