import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { plainRegex } from '../../../src/kernel/plain-regex.ts';
import { compileRegex } from '../../../src/kernel/regex.ts';

test('templates of hosts and paths are plain', () => {
  for (const pattern of [
    '(?i)^([a-z0-9-]+)\\.team-1\\.example\\.com$',
    '(?i)^([^.]+)\\.foo\\.bar$',
    '^/articles/([^/]+)/([0-9]+)/?$',
    '^/service-1/(v[0-9]+)/',
    '^/((a)[0-9]+)/?$',
    '^/a\\+b\\{c\\}$',
    '^/x/([^/]+)',
  ]) {
    assert.notEqual(plainRegex(pattern), null, pattern);
  }
});

test('what could be matched in two ways, or means something of its own, is not plain', () => {
  for (const pattern of [
    'a',
    '^(a+)+$',
    '^([a-z]+)([a-z]+)$',
    '^([a-z]+)b$',
    '(?i)^([a-z]+)B$',
    '(?i)^([^k]+)\u212a$',
    '^([^.]+)/?$',
    '^(.*)$',
    '^(a|b)$',
    '^a?b',
    '^a{2}',
    '^\\d+$',
    '^([a-z]+$',
    '^[a-z]+)$',
    '^[]a]+$',
    '^[z-a]+$',
    '^[a-Z]+$',
    '^[--/]+$',
    '^(ab)+c$',
    '^(ab)?c$',
    '^(ab',
    '^ab)',
    '^([a-z]+)(?i)X',
    '^é',
    '^a$b',
    '^a/?b',
  ]) {
    assert.equal(plainRegex(pattern), null, pattern);
  }
});

test('a plain pattern matches what RE2 matches, and as much of it', () => {
  const text = fc.constantFrom('a', 'B', 'k', '/', '-', '\\.', '\\+', 'x1', ' ', '"');
  const repeated = fc.constantFrom(
    '([^/]+)',
    '([^.]+)',
    '([a-z]+)',
    '[0-9]+',
    '([A-Za-z0-9_-]+)',
    '([./a]+)',
    '[^a-]+',
  );
  const pattern = fc
    .tuple(
      fc.constantFrom('', '(?i)'),
      fc.array(fc.oneof(text, repeated), { maxLength: 6 }),
      fc.constantFrom('', '$', '/?$', '/?'),
    )
    .map(([flag, pieces, end]) => `${flag}^${pieces.join('')}${end}`);
  const subject = fc.array(fc.constantFrom(...'aBbkK/-.+x1 "\n\u212a\u017fé', '\u{1F600}', '\udcff', '/x1'), {
    maxLength: 10,
  });
  let plain = 0;
  fc.assert(
    fc.property(pattern, fc.array(subject, { minLength: 10, maxLength: 10 }), (source, subjects) => {
      const found = plainRegex(source);
      if (found === null) return;
      plain++;
      const expected = RE2JS.compile(source);
      for (const pieces of subjects) {
        const whole = pieces.join('');
        const match = expected.matcher(whole);
        const start = match.lookingAt() ? whole.slice(0, match.end()) : null;
        assert.equal(found.match(whole), start === null ? -1 : start.length, `${source} on ${JSON.stringify(whole)}`);
        assert.equal(compileRegex(source).matchAtStart(whole), start);
      }
    }),
    { numRuns: Number(process.env.TSUJI_PROPERTY_RUNS ?? 1_000) },
  );
  assert.ok(plain > 200, `${plain} were plain`);
});
