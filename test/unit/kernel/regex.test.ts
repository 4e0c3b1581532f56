import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { compileRegex, Regex } from '../../../src/kernel/regex.ts';

function replaced(pattern: string, replacement: string, text: string): string | null {
  return compileRegex(pattern).replaceAll(text, replacement);
}

test('what Go does not know is refused with the reason', () => {
  for (const pattern of ['(?=a)', '(?!a)', '(?<=a)', '(?<!a)', '(?>a)', '(?<n>a)', '(a)\\1', '(?P<n>a)\\k<n>', 'a++']) {
    assert.throws(() => new Regex(pattern), { code: 'BAD_REGEX' }, pattern);
  }
  for (const pattern of [
    'a{1001}',
    '\\y',
    '\\Z',
    '\\h',
    '(',
    '[[:foo:]]',
    '(?err)a',
    '\\Qa\\E(?<n>b)',
    '[(?<](?<n>b)',
  ]) {
    assert.throws(() => new Regex(pattern), { code: 'BAD_REGEX' }, pattern);
  }
});

test('what only Go knows is understood', () => {
  const rows: [pattern: string, matches: string[], others: string[]][] = [
    ['^(?P<n>a)$', ['a'], ['b']],
    ['^(?i)a$', ['A'], ['b']],
    ['^a(?i)b$', ['aB'], ['AB']],
    ['^(?s:.)$', ['\n'], ['ab']],
    ['(?m)^b$', ['a\nb'], ['a\rb']],
    ['\\Ab\\z', ['b'], ['a\nb', 'b\n']],
    ['^\\Qa.b\\E$', ['a.b'], ['axb']],
    ['^\\Q(?<n>\\E$', ['(?<n>'], ['n']],
    ['^[(?<n>]+$', ['(?<n>'], ['m']],
    ['^[[:alpha:]][[:^digit:]]$', ['ax'], ['a1', 'éx']],
    ['^\\pL\\p{Greek}\\PN\\p{^Lu}$', ['aαxx'], ['aaxx']],
    ['^\\x{1F600}\\a\\123$', ['\u{1F600}\x07S'], ['x']],
    ['^[]a][^]a]$', [']b'], [']]']],
    ['^a{,2}$', ['a{,2}'], ['aa']],
    ['^.$', ['\r', '\u2028', '\u{1F600}', '\udcff'], ['\n']],
    ['^\\s$', [' ', '\t'], ['\v', '\u00a0']],
    ['a$', ['ba'], ['a\n']],
    ['(?i)^k$', ['K', '\u212a'], ['x']],
  ];
  for (const [pattern, matches, others] of rows) {
    const regex = new Regex(pattern);
    for (const text of matches) assert.equal(regex.test(text), true, `${pattern} on ${JSON.stringify(text)}`);
    for (const text of others) assert.equal(regex.test(text), false, `${pattern} on ${JSON.stringify(text)}`);
  }
});

test('a replacement names groups as Go does', () => {
  // § stands for a dollar sign.
  const rows: [replacement: string, expected: string][] = [
    ['§1', 'a'],
    ['§{1}x', 'ax'],
    ['§1x', ''],
    ['§two', 'b'],
    ['§{two}', 'b'],
    ['§two_', ''],
    ['§§1', '§1'],
    ['§', '§'],
    ['§-', '§-'],
    ['§{', '§{'],
    ['§{1', '§{1'],
    ['§{}', '§{}'],
    ['§{1 }', '§{1 }'],
    ['§0', 'ab'],
    ['§3', ''],
    ['§01', ''],
    ['§é', ''],
    ["§& §` §'", "§& §` §'"],
    ['§constructor', ''],
    ['\\1', '\\1'],
  ];
  for (const [marked, expected] of rows) {
    const replacement = marked.replaceAll('§', '$');
    assert.equal(replaced('(a)(?P<two>b)', replacement, 'ab'), expected.replaceAll('§', '$'), replacement);
  }
});

test('every match is replaced, but no empty one directly behind another', () => {
  assert.equal(replaced('(.*)', 'x$1', 'abc'), 'xabc');
  assert.equal(replaced('b*', '-', 'abc'), '-a-c-');
  assert.equal(replaced('', '-', 'a\u{1F600}b'), '-a-\u{1F600}-b-');
  assert.equal(replaced('^a', 'x', 'aaa'), 'xaa');
  assert.equal(replaced('\\bfoo', 'x', 'foofoo foo'), 'xfoo x');
  assert.equal(replaced('z', '-', 'abc'), null);
  assert.equal(replaced('', '-', ''), '-');
});

test('replacing does what JavaScript does where they agree', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é') });
  fc.assert(
    fc.property(fc.constantFrom('a+', '[^/]', '(a)(b)', '/', 'ab|b', '^/a'), text, (pattern, subject) => {
      const expected = subject.replace(new RegExp(pattern, 'gu'), '<x>');
      assert.equal(replaced(pattern, '<x>', subject) ?? subject, expected);
    }),
  );
});

test('no pattern takes long on any text, and endless replacing is refused', () => {
  const long = 'a'.repeat(60_000);
  const start = performance.now();
  for (const pattern of ['^(a+)+$', '(a|a)*b', '(a*)*b', '(.*)(.*)(.*)(.*)b$', '^(([a-z])+.)+[A-Z]$']) {
    new Regex(pattern).test(`${long}!`);
  }
  assert.throws(() => replaced('(.*b)|a', 'x', long), { code: 'REPLACE_TOO_LONG' });
  assert.equal(replaced('a', 'b', 'a'.repeat(600)), 'b'.repeat(600));
  assert.throws(() => replaced('a', 'b'.repeat(1_000), 'a'.repeat(600)), { code: 'REPLACE_TOO_LONG' });
  const elapsed = performance.now() - start;
  assert.ok(elapsed < 5_000, `${elapsed} ms`);
});

test('a pattern is compiled once, and the text that it matches at the start is told', () => {
  assert.equal(compileRegex('^/a/[^/]+'), compileRegex('^/a/[^/]+'));
  assert.equal(compileRegex('^/a/[^/]+').matchAtStart('/a/é\udcff/c'), '/a/é\udcff');
  assert.equal(compileRegex('^/a/[^/]+').matchAtStart('/b'), null);
});
