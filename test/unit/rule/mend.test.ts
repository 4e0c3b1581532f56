/** Rules that are not what they look like: what is wrong is marked, and what would be right is told. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import { mendRule } from '../../../src/rule/mend.ts';

/** Rule, what is marked in it, what would be right. */
const MENDED: readonly (readonly [rule: string, marked: string, fix: string])[] = [
  ['Host:http://a.x', 'http://a.x', 'Host:a.x'],
  ['Host:https://a.x/p', 'https://a.x/p', 'Host:a.x;PathPrefix:/p'],
  ['Host:a.x/p', 'a.x/p', 'Host:a.x;PathPrefix:/p'],
  ['Host:a.x:8080', 'a.x:8080', 'Host:a.x'],
  ['Host:a.x.', 'a.x.', 'Host:a.x'],
  ['Host:a.x b.x', 'a.x b.x', 'Host:a.x,b.x'],
  ['Host:b.x,*.a.x', '*.a.x', 'HostRegexp:b.x,{name:.+}.a.x'],
  ['Host:.a.x', '.a.x', 'HostRegexp:{name:.+}.a.x'],
  ['Host:bücher.x', 'bücher.x', 'Host:xn--bcher-kva.x'],
  ['HostRegexp:^a\\.x$', '^a\\.x$', 'Host:a.x'],
  ['HostRegexp:(a|b)\\.x', '(a|b)\\.x', 'HostRegexp:{name:(a|b)\\.x}'],
  ['HostRegexp:a.x:80', 'a.x:80', 'Host:a.x'],
  ['Path:/a?b=1', '/a?b=1', 'Path:/a;Query:b=1'],
  ['PathPrefix:/a?b&c=2', '/a?b&c=2', 'PathPrefix:/a;Query:b=,c=2'],
  ['PathPrefix:api', 'api', 'PathPrefix:/api'],
  ['Host:a.x;Path:/a /b', '/a /b', 'Host:a.x;Path:/a,/b'],
  ['Path:/a/*', '/a/*', 'PathPrefix:/a/'],
  ['Path:/a/*/b', '/a/*/b', 'Path:/a/{any:.*}/b'],
  ['Path:/a%20b', '/a%20b', 'Path:/a b'],
  ['Path:/a#b', '/a#b', 'Path:/a'],
  ['PathPrefix:http://a.x/p', 'http://a.x/p', 'PathPrefix:/p'],
  ['Method:GET|POST', 'GET|POST', 'Method:GET,POST'],
  ['Headers:Host,a.x', 'Headers:Host,a.x', 'Host:a.x'],
  ['Query:debug', 'Query:debug', 'Query:debug='],
  ['host:a.x', 'host', 'Host:a.x'],
  ['PathPrefx:/a;Host:a.x', 'PathPrefx', 'PathPrefix:/a;Host:a.x'],
  ['PathPrefixStrip:/{id}', 'PathPrefixStrip:/{id}', 'PathPrefixStripRegex:/{id}'],
  ['Host(`a.x`) && PathPrefix(`/p`, `/q`)', 'Host(`a.x`) && PathPrefix(`/p`, `/q`)', 'Host:a.x;PathPrefix:/p,/q'],
];

for (const [rule, marked, right] of MENDED) {
  test(`${rule} is probably to be ${right}`, () => {
    const { mark, fix } = mendRule(rule);
    assert.equal(fix, right);
    assert.equal(rule.slice(...mark!), marked);
  });
}

test('two hosts that must both hold are probably alternatives', () => {
  assert.deepEqual(mendRule('Host:a.x;PathPrefix:/p;Host:b.x'), { mark: null, fix: 'Host:a.x,b.x;PathPrefix:/p' });
});

test('what is more than a slip is not guessed at', () => {
  for (const rule of ['Host(`a`) || Host(`b`)', '!Host(`a`)', 'Path:/{x', ';', 'Host:'.padEnd(10_000, 'x')]) {
    assert.equal(mendRule(rule).fix, '', rule);
  }
});

test('whatever a rule is, what is told as right has nothing wrong in it', () => {
  const part = fc.constantFrom(
    'Host',
    'Path',
    'HostRegexp',
    'Mehtod',
    ':',
    ',',
    ';',
    '/',
    '*',
    '?',
    'a.x',
    '{n}',
    '^',
    ' ',
    '%41',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const rule = parts.join('');
      const { mark, fix } = mendRule(rule);
      if (fix !== '') assert.deepEqual(new RuleCompiler().add(fix), [], `${rule} -> ${fix}`);
      if (mark !== null) assert.ok(mark[0] >= 0 && mark[0] <= mark[1] && mark[1] <= rule.length);
    }),
    { numRuns: 2_000 },
  );
});
