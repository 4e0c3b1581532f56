import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { hostProblem } from '../../../src/http/host.ts';

const GOOD = [
  '',
  'a.test',
  'A_b-c.test.',
  'a.test:80',
  'a.test:',
  '127.0.0.1:8080',
  '[::1]',
  '[::1]:443',
  '[2001:db8::1.2.3.4]:65535',
  '[v1.fe80::a+en1]',
  'caf%C3%A9.test',
  "!$&'()*+,;=",
  ':80',
];

const BAD: Record<string, readonly string[]> = {
  'a Host in brackets that is no address': [
    '[::1',
    '[',
    '[]',
    '[a.test]',
    '[1.2.3.4]',
    '[::g]',
    '[fe80::1%25en1]',
    '[fe80::1%en1]',
    '[v.a]',
  ],
  'a character that no host may have': [
    '[::1]x',
    '[::1]]',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'user@a',
    'a\\b',
    'a"b',
    'a<b',
    'a|b',
    'a^b',
    'a%zz',
    'a%4',
    'caf\xe9',
    'a]',
    'a[b',
    ' a',
  ],
  'a port that is none behind a host': ['a:x', 'a:80:80', '::1', '2001:db8::1', 'a:-1', 'a:65536', 'a: 80', '[::1]:x'],
};

test('a host is a name or an address, with a port or without', () => {
  for (const host of GOOD) assert.equal(hostProblem(host), '', host);
  for (const [problem, hosts] of Object.entries(BAD)) {
    for (const host of hosts) assert.equal(hostProblem(host), problem, host);
  }
});

test('what is a host makes a URL of that host, and nothing else of a URL', () => {
  const text = fc.string({ unit: fc.constantFrom(...'a1.-_~%4[]:@/?#\\!$&\'()*+,;="<>^`{|} v'), maxLength: 12 });
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        text.map((inner) => `[${inner}]`),
      ),
      (host) => {
        if (hostProblem(host) !== '') return;
        // RFC 3986 §3.2, put down as it stands there.
        assert.match(
          host,
          /^(?:\[(?:[0-9a-f:.]+|v[0-9a-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})*)(?::[0-9]*)?$/i,
        );
      },
    ),
  );
});
