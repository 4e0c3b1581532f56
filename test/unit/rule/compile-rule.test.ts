import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TsujiError } from '../../../src/kernel/errors.ts';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import type { PathModifiers } from '../../../src/rule/terms.ts';

function compiled(...rules: string[]): RuleCompiler & { notes: readonly string[] } {
  const compiler = new RuleCompiler();
  const notes = rules.flatMap((rule) => compiler.add(rule));
  return Object.assign(compiler, { notes });
}

function reasonFor(...rules: string[]): string {
  try {
    compiled(...rules);
  } catch (error) {
    assert.equal((error as TsujiError).code, 'BAD_RULE');
    return (error as Error).message;
  }
  assert.fail(`${rules} was accepted`);
}

function modifiersOf(...rules: string[]): Partial<PathModifiers> {
  const set = Object.entries(compiled(...rules).modifiers ?? {}).filter(([, value]) => value !== null && value !== '');
  return Object.fromEntries(set);
}

test('hosts are lower-cased and methods upper-cased', () => {
  assert.deepEqual(compiled('Host:Foo.BAR;Method:get,Post').terms, [
    { kind: 'host', hosts: ['foo.bar'] },
    { kind: 'method', methods: ['GET', 'POST'] },
  ]);
});

test('alternatives that can never match are left out and noted, and a term may be left without any', () => {
  const { terms, notes } = compiled('Path:foo,/bar,/b}az;PathPrefix:foo;Host: ;HostRegexp:{a;Headers:Host,x');
  assert.deepEqual(terms, [
    { kind: 'path', paths: ['/bar'] },
    { kind: 'pathPrefix', prefixes: [] },
    { kind: 'host', hosts: [] },
    { kind: 'hostTemplate', templates: [] },
    { kind: 'method', methods: [] },
  ]);
  assert.deepEqual(notes, [
    'Path: "foo" never matches: a path begins with "/"',
    'Path: "/b}az" never matches: its braces are not balanced',
    'PathPrefix: "foo" never matches: a path begins with "/"',
    'Host: "" never matches: it is empty',
    'HostRegexp: "{a" never matches: its braces are not balanced',
    'Headers: "Host" never matches: the host is not among the fields, use Host',
  ]);
});

test('every kind of bad template never matches, and the note says why', () => {
  const rows: [string, RegExp][] = [
    ['Path:/{a', /braces are not balanced/],
    ['Path:/a}{b', /braces are not balanced/],
    ['Path:/{}', /the variable \{\} has no name/],
    ['Path:/{:x}', /the variable \{:x\} has no name/],
    ['PathPrefix:/{x:}', /the variable \{x:\} has no pattern/],
    ['PathStripRegex:/{x:(}', /missing closing \)/],
    ['PathPrefixStripRegex:{x}', /a path begins with "\/"/],
    ['PathPrefixStripRegex:/a}', /braces are not balanced/],
    ['HostRegexp:{x:(?=a)b}', /invalid or unsupported Perl syntax/],
    ['HostRegexp:{x:(?<n>a)}', /a named group is written \(\?P<name>…\)/],
    ['HostRegexp:{x:a**}', /invalid nested repetition operator/],
  ];
  for (const [rule, reason] of rows) {
    const { terms, notes } = compiled(rule);
    assert.match(notes.join('; '), reason, rule);
    assert.match(notes[0], /never matches: /, rule);
    assert.deepEqual(Object.values(terms[0])[1], [], rule);
  }
});

test('a template tells its pattern and the plain texts at its ends', () => {
  assert.deepEqual(compiled('HostRegexp:{s:[a-z]{3}}-x.foo.bar').terms, [
    { kind: 'hostTemplate', templates: [{ pattern: '([a-z]{3})-x\\.foo\\.bar', prefix: '', suffix: '-x.foo.bar' }] },
  ]);
  assert.deepEqual(compiled('Path:/a.b/{c}/,/d').terms, [
    {
      kind: 'pathTemplate',
      templates: [
        { pattern: '/a\\.b/([^/]+)', prefix: '/a.b/', suffix: '/' },
        { pattern: '/d', prefix: '/d', suffix: '' },
      ],
    },
  ]);
  assert.deepEqual(compiled('PathPrefix:/v{n:[0-9]},/w').terms, [
    {
      kind: 'pathPrefixTemplate',
      templates: [
        { pattern: '/v([0-9])', prefix: '/v', suffix: '' },
        { pattern: '/w', prefix: '/w', suffix: '' },
      ],
    },
  ]);
});

test('a brace that only closes is plain text in a prefix', () => {
  assert.deepEqual(compiled('PathPrefix:/a}').terms, [{ kind: 'pathPrefix', prefixes: ['/a}'] }]);
});

test('names of fields are lower-cased, and the last of equal names counts', () => {
  assert.deepEqual(compiled('Headers:X-A,1,X-A,2,x-a,3;HeadersRegexp:Y-B,a|b').terms, [
    { kind: 'header', name: 'x-a', value: '2' },
    { kind: 'header', name: 'x-a', value: '3' },
    { kind: 'headerRegexp', name: 'y-b', pattern: 'a|b' },
  ]);
});

test('items of a query are cut at every equals sign, and two odd ones pair up', () => {
  assert.deepEqual(compiled('Query:a=b,c,d').terms, [
    { kind: 'query', name: 'a', value: 'b' },
    { kind: 'query', name: 'c', value: 'd' },
  ]);
  assert.match(reasonFor('Query:a=b=c'), /^Query needs items of the form name=value/);
});

test('what must be right for a rule to be served refuses it otherwise', () => {
  const rows: [string, RegExp][] = [
    ['Headers:X-A', /^Headers needs pairs of a name and a value, but has 1 texts \(at character 1/],
    ['Host:a;HeadersRegexp:X,(', /^HeadersRegexp: "\(" is no regular expression: missing closing.*\(at character 8/],
    ['Query:foo', /^Query needs items of the form name=value/],
    ['Query:a={x:(}', /^Query: "a=\{x:\(\}" is no template: missing closing/],
    ['Query:a={x', /^Query: "a=\{x" is no template: its braces are not balanced/],
  ];
  for (const [rule, reason] of rows) assert.match(reasonFor(rule), reason);
});

test('a variable of a Query belongs to it alone, also in another rule of the frontend', () => {
  assert.match(reasonFor('Query:a={x}', 'Query:b={x}'), /a Query has the variable "x" already/);
  const { terms, notes } = compiled('Query:a={x}', 'Path:/p/{x},/p/{y}');
  assert.deepEqual(notes, ['Path: "/p/{x}" never matches: a Query has the variable "x" already']);
  assert.equal(terms[1].kind === 'pathTemplate' && terms[1].templates.length, 1);
  assert.deepEqual(compiled('Query:a={x}{x};Path:/p/{y}/{y}').notes, []);
});

test('modifiers restrict nothing, and the last of a kind wins its slot', () => {
  assert.deepEqual(compiled('AddPrefix:/a').terms, []);
  assert.deepEqual(modifiersOf('AddPrefix:/a,/b', 'AddPrefix:/c;ReplacePath:/x,/y'), {
    addPrefix: '/c',
    replacePath: '/y',
  });
  assert.deepEqual(modifiersOf('PathStrip:/a,/long;PathPrefixStrip:/b,/longer'), { stripPrefixes: ['/longer', '/b'] });
  assert.deepEqual(modifiersOf('PathStripRegex:/a;PathPrefixStripRegex:/b/{x},/c/{y}/,/d}'), {
    stripTemplates: ['^/c/([^/]+)/', '^/b/([^/]+)'],
  });
  assert.equal(compiled('Host:a').modifiers, null);
});

test('a modifier that does nothing or something else is noted', () => {
  assert.deepEqual(compiled('AddPrefix:a;ReplacePath:b').notes, [
    'AddPrefix: "a" has no leading slash; "/a" is used',
    'ReplacePath: "b" has no leading slash; "/b" is used',
  ]);
  const bad = compiled('ReplacePathRegex:^/a/(.*) /b;ReplacePathRegex:^(?err)/a /b');
  assert.match(bad.notes[0], /does nothing: invalid or unsupported Perl syntax/);
  assert.equal(bad.modifiers, null);
  assert.match(compiled('ReplacePathRegex:a  b').notes[0], /one blank and a replacement are expected/);
  assert.match(compiled('PathPrefixStrip:/a/{b}').notes[0], /is answered 404.*use PathPrefixStripRegex/);
});

test('an unknown function is refused with the nearest known name', () => {
  const reason = '"host" is no known function; did you mean Host? (at character 1 of the rule)';
  assert.equal(reasonFor('host:a.com'), reason);
  assert.match(reasonFor('PathPrefx:/a'), /did you mean PathPrefix\?/);
  assert.match(reasonFor('Zzzzzzzzz:/a'), /^"Zzzzzzzzz" is no known function \(at/);
});

test('any rule is compiled or refused with a reason, also when it is cut at any character', () => {
  const full =
    'HostRegexp:{a:[a-z]+}.b;Path:/x/{y}/;Headers:A,b;Query:c={d};ReplacePathRegex:^(a) $1;PathStripRegex:/{z}';
  const attempt = (rule: string): void => {
    try {
      compiled(rule);
    } catch (error) {
      assert.ok(error instanceof TsujiError && error.code === 'BAD_RULE', String(error));
    }
  };
  for (let end = 0; end <= full.length; end++) attempt(full.slice(0, end));
  const functions = fc.constantFrom('HostRegexp:', 'Path:/', 'PathPrefixStripRegex:/', 'HeadersRegexp:a,', 'Query:a=');
  const text = fc.string({ unit: fc.constantFrom(...'{}:[]()*+?\\^$|.-=aQE/ ') });
  fc.assert(fc.property(functions, text, (name, rest) => attempt(name + rest)));
});
