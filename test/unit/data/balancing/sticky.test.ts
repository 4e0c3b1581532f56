import assert from 'node:assert/strict';
import test from 'node:test';
import { Sticky } from '../../../../src/data/balancing/sticky.ts';
import { cookieValue } from '../../../../src/http/cookies.ts';
import { RequestHead } from '../../../../src/http/request-head.ts';
import type { StickyOptions } from '../../../../src/kernel/balancing-options.ts';
import type { BackendView } from '../../../../src/table/views.ts';

const PLAIN: StickyOptions = { cookie: '_76eb3', secure: false, httpOnly: false, sameSite: '' };

function sticky(options: StickyOptions, ...urls: string[]): Sticky {
  return new Sticky(options, { servers: urls.map((url, slot) => ({ url, slot })) } as unknown as BackendView);
}

function head(...cookies: string[]): RequestHead {
  const made = new RequestHead();
  made.begin('GET', '/', '/');
  made.add('host', 'a.test');
  for (const cookie of cookies) made.add('cookie', cookie);
  return made;
}

test('the cookie holds the URL as configured, for the whole site and the session', () => {
  const url = 'http://172.17.0.2:80';
  const server = { url } as never;
  assert.equal(sticky(PLAIN, url).cookieOf(server), '_76eb3=http://172.17.0.2:80; Path=/');
  const strict: StickyOptions = { cookie: 'srv', secure: true, httpOnly: true, sameSite: 'strict' };
  assert.equal(
    sticky(strict, url).cookieOf(server),
    'srv=http://172.17.0.2:80; Path=/; HttpOnly; Secure; SameSite=Strict',
  );
  for (const [sameSite, text] of [
    ['none', 'None'],
    ['lax', 'Lax'],
  ] as const) {
    assert.match(sticky({ ...PLAIN, sameSite }, url).cookieOf(server), new RegExp(`; Path=/; SameSite=${text}$`));
  }
  const odd = { url: 'http://a/x,y;"\\z' } as never;
  assert.equal(sticky(PLAIN).cookieOf(odd), '_76eb3="http://a/x,yz"; Path=/');
});

test('a request finds its server by scheme, host and path', () => {
  const found = sticky(PLAIN, 'http://10.0.0.1:80', 'HTTP://Two:80/p?q', 'http://a/x,y');
  const slot = (...cookies: string[]): number | undefined => found.find(head(...cookies))?.slot;
  assert.equal(slot('_76eb3=http://10.0.0.1:80'), 0);
  assert.equal(slot('a=1; _76eb3=http://two:80/p'), 1);
  assert.equal(slot('a=1', '_76eb3="http://a/x,y"'), 2);
  assert.equal(slot('_76eb3=http://10.0.0.1:81'), undefined);
  assert.equal(slot('_76eb3=https://10.0.0.1:80'), undefined);
  assert.equal(slot('_76eb3=%%%'), undefined);
  assert.equal(slot('_76eb3='), undefined);
  assert.equal(slot('x_76eb3=http://10.0.0.1:80'), undefined);
  assert.equal(slot(), undefined);
});

test('a cookie is read from any field, first one first, with its quotes off', () => {
  assert.equal(cookieValue(['a=1; b=2;c = 3', 'b=4; d="5"'], 'b'), '2');
  assert.equal(cookieValue(['a=1; b=2;c = 3', 'b=4; d="5"'], 'd'), '5');
  assert.equal(cookieValue(['a=1; b=2;c = 3'], 'c'), null);
  assert.equal(cookieValue(['a=1;;; =; b'], 'b'), null);
  assert.equal(cookieValue(['\t b=x=y '], 'b'), 'x=y');
  assert.equal(cookieValue([], 'b'), null);
});
