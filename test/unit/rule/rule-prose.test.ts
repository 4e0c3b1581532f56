// What shared/spec rules says in prose, beside its examples (rule-examples.test.ts): one block per section.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import { frontendOf, type Outcome, outcomeOf, type Request } from './outcomes.ts';

type Row = readonly [rules: string | readonly string[], target: string, Outcome, Request?];

function assertRows(rows: readonly Row[]): void {
  for (const [rules, target, outcome, request = {}] of rows) {
    const frontends = [frontendOf('f', typeof rules === 'string' ? [rules] : rules)];
    const what = `${rules} for ${target} ${JSON.stringify(request)}`;
    assert.deepEqual(outcomeOf(frontends, target, request), outcome, what);
  }
}

/** Matched, and forwarded as it was sent. */
const up = (target: string): Outcome => ({ up: target });

test('§1: blanks around names and arguments, and outer and empty separators, mean nothing', () => {
  assertRows([
    [' Host : foo.bar , test.bar ; Path : /x ', '/x', up('/x')],
    [';;Host:foo.bar;;;Path:/x;;', '/x', up('/x')],
    ['Host:,,foo.bar,,', '/', up('/')],
    ['::Host::foo.bar::', '/', up('/')],
    ['\tHost:\tfoo.bar\n;Path:/x', '/x', up('/x')],
    ['Path:/a b , /c', '/a%20b', up('/a%20b')],
    ['Path:/a;Path:/a,/b', '/a', up('/a')],
  ]);
  for (const rule of ['', ';', ';;;', ' ', ' ; ', 'Host', 'Host:', 'Host:;Path:/x', 'Host:,', 'PATH:/x', ' :x']) {
    assert.throws(() => new RuleCompiler().add(rule), { code: 'BAD_RULE' }, JSON.stringify(rule));
  }
});

test('§1: neither braces nor expressions protect a separator', () => {
  assertRows([
    ['Path:/{x:[a,b]}', '/a', 'no'],
    ['HeadersRegexp:X-A,^a:b$', '/', up('/'), { field: ['X-A', 'a:b'] }],
    ['Path:/{x:a::b}', '/a:b', up('/a:b')],
  ]);
  assert.throws(() => new RuleCompiler().add('Path:/{x:a;b}'), { code: 'BAD_RULE' });
});

test('§2: the host that Host compares has no blanks, upper case or port, and keeps its final dot', () => {
  assertRows([
    ['Host:foo.bar', '/', up('/'), { host: 'Foo.Bar:80' }],
    ['Host:foo.bar', '/', up('/'), { host: 'foo.bar:' }],
    ['Host:foo.bar', '/', 'no', { host: 'foo.bar.:80' }],
    ['Host:foo.bar.', '/', up('/'), { host: 'FOO.bar.:80' }],
    ['Host:foo.bar.', '/', 'no'],
    ['Host:foo.bar', '/', 'no', { host: '' }],
    ['Host:foo.bar', '/', 'no', { host: ':80' }],
  ]);
});

test('§2: an IPv6 literal has no brackets for Host once it has a port, and is a bracket for HostRegexp', () => {
  const literal = '2001:db8:0:0:0:0:0:1';
  assertRows([
    [`Host:${literal}`, '/', up('/'), { host: `[${literal}]:80` }],
    [`Host:${literal}`, '/', 'no', { host: `[${literal}]` }],
    [`Host:[${literal}]`, '/', up('/'), { host: `[${literal.toUpperCase()}]` }],
    [`Host:[${literal}]`, '/', 'no', { host: `[${literal}]:80` }],
    ['HostRegexp:[', '/', up('/'), { host: '[::1]:80' }],
    ['HostRegexp:{x:.+}1]', '/', 'no', { host: '[::1]' }],
  ]);
  assert.deepEqual(new RuleCompiler().add(`Host:${literal}`), []);
  assert.match(new RuleCompiler().add('Host:a.com:80')[0], /never matches: hosts are compared without their port/);
});

test('§2: HostRegexp sees the host up to its first colon, with a final dot, in any case', () => {
  assertRows([
    ['HostRegexp:{x}.foo.bar', '/', up('/'), { host: 'A.FOO.BAR:8080' }],
    ['HostRegexp:{x}.foo.bar', '/', 'no', { host: 'a.foo.bar.' }],
    ['HostRegexp:{x}.foo.bar', '/', 'no', { host: '.foo.bar' }],
    ['HostRegexp:{x}.Foo.Bar', '/', up('/'), { host: 'a.foo.bar' }],
    ['HostRegexp:{x:.*}', '/', up('/'), { host: '' }],
  ]);
});

test('§3: segments must all hold, and of the arguments of most one', () => {
  assertRows([
    ['Host:a,foo.bar;Method:PUT,GET;PathPrefix:/x,/y', '/y', up('/y')],
    ['Host:foo.bar;Host:a', '/', 'no'],
    ['Headers:X-A,1,X-B,2', '/', 'no', { field: ['X-A', '1'] }],
    [
      'Headers:X-A,1,X-B,2',
      '/',
      up('/'),
      {
        fields: [
          ['X-A', '1'],
          ['X-B', '2'],
        ],
      },
    ],
    ['HeadersRegexp:X-A,1,X-B,2', '/', 'no', { field: ['X-A', '1'] }],
    ['Query:a=1,b=2', '/?a=1', 'no'],
    ['Query:a=1,b=2', '/?b=2;a=1', up('/?b=2;a=1')],
  ]);
});

test('§3: a prefix has no word boundary, and one with a template is bound to the beginning only', () => {
  assertRows([
    ['PathPrefix:/foo', '/foobar/x', up('/foobar/x')],
    ['PathPrefix:/f{x}', '/foo/bar', up('/foo/bar')],
    ['PathPrefix:/f{x}', '/a/foo', 'no'],
    ['PathPrefix:foo,/foo', '/foo', up('/foo')],
    ['Path:/x/{id}', '/x/a%2Fb', 'no'],
    ['Path:/x/{id:.+}', '/x/a/b', up('/x/a/b')],
  ]);
});

test('§3: methods are compared exactly, upper-cased in the rule only', () => {
  assertRows([
    ['Method:Propfind', '/', up('/'), { method: 'PROPFIND' }],
    ['Method:get', '/', 'no', { method: 'get' }],
    ['Method:GET', '/', 'no', { method: 'HEAD' }],
  ]);
});

test('§3: a field may have several values, of which one must be the whole text or hold the pattern', () => {
  const fields = [
    ['X-A', 'one'],
    ['x-a', 'Two'],
  ] as const;
  assertRows([
    ['Headers:x-A,Two', '/', up('/'), { fields }],
    ['Headers:x-A,two', '/', 'no', { fields }],
    ['Headers:x-A,one,x-A,Two', '/', up('/'), { fields }],
    ['Headers:x-A,one,x-A,none', '/', 'no', { fields }],
    ['Headers: X-A, ', '/', 'no'],
    ['Headers: X-A, ', '/', up('/'), { field: ['X-A', ''] }],
    ['HeadersRegexp:x-A,w', '/', up('/'), { fields }],
    ['HeadersRegexp:x-A,^w', '/', 'no', { fields }],
    ['HeadersRegexp:x-B,.*', '/', 'no', { fields }],
    ['HeadersRegexp:Host,.*', '/', 'no'],
    ['Headers:X-Forwarded-For,10.0.0.1', '/', up('/'), { field: ['X-Forwarded-For', '10.0.0.1'] }],
    ['Headers:Connection,close', '/', up('/'), { field: ['Connection', 'close'] }],
  ]);
});

test('§3: of a parameter the first value counts, decoded, and names and values in their case', () => {
  assertRows([
    ['Query:a=x y', '/?a=x+y', up('/?a=x+y')],
    ['Query:a=x y', '/?%61=x%20y', up('/?%61=x%20y')],
    ['Query:a=x', '/?A=x', 'no'],
    ['Query:a=x', '/?a=X', 'no'],
    ['Query:a=', '/?a', up('/?a')],
    ['Query:a=', '/?b=a', 'no'],
    ['Query:a={x}', '/?a=', up('/?a=')],
    ['Query:a={x}', '/?b=1', 'no'],
    ['Query:a=v{x:[0-9]}', '/?a=v12', 'no'],
    ['Query:a=v{x:[0-9]+}', '/?a=v12&a=w', up('/?a=v12&a=w')],
    ['Query:a,b', '/?a=b', up('/?a=b')],
  ]);
});

test('§4: modifiers are applied in a fixed order, and of each kind the last', () => {
  const strips = 'PathPrefixStrip:/b;PathPrefixStripRegex:/{x:[0-9]+}';
  const rest = 'ReplacePath:/end;ReplacePathRegex:^/new/c(.*) /d$1;AddPrefix:/new';
  // Both strips are matchers as well, and never hold of one path: the second sees what the first left.
  assertRows([
    [strips, '/1/b/c', 'no'],
    [`PathPrefixStripRegex:/{x:[0-9]+};PathPrefix:/1`, '/1/b/c', { up: '/b/c', xfp: '/1' }],
    [rest, '/c/x', { up: '/end', xrp: '/new/c/x' }],
    ['AddPrefix:/a;AddPrefix:/b', '/x', up('/b/x')],
    ['AddPrefix:/a,/b', '/x', up('/b/x')],
    ['ReplacePath:/a;ReplacePath:/b', '/x', { up: '/b', xrp: '/x' }],
    ['ReplacePathRegex:x a;ReplacePathRegex:x b', '/x', { up: '/b', xrp: '/x' }],
    ['PathPrefixStrip:/;PathPrefixStrip:/a', '/a/b', { up: '/b', xfp: '/a' }],
    ['PathPrefixStrip:/a;PathPrefixStrip:/a/b;PathPrefix:/', '/a/b/c', { up: '/c', xfp: '/a/b' }],
    ['PathPrefixStrip:/{x};PathPrefixStrip:/a', '/a/b', { up: '/b', xfp: '/a' }],
    [['PathPrefix:/a', 'AddPrefix:/b', 'AddPrefix:/c'], '/a', up('/c/a')],
  ]);
});

test('§4: both kinds of strip in one rule leave what neither took', () => {
  assertRows([
    ['PathPrefixStripRegex:/{x};PathPrefixStrip:/', '/a/b', { up: '/b', xfp: '/a' }],
    ['PathPrefixStripRegex:/{x:[a-z]};PathPrefixStrip:/a/b', '/a/b/a/b/c', '404'],
  ]);
});

test('§4: a target always begins with a slash, and a query outlives every modifier', () => {
  assertRows([
    ['AddPrefix:a', '/b', up('/a/b')],
    ['ReplacePath:a?b', '/x?q=1', { up: '/a%3Fb?q=1', xrp: '/x' }],
    ['ReplacePathRegex:^/(.*) $1', '/x?q', { up: '/x?q', xrp: '/x' }],
    ['PathPrefixStripRegex:/{x}/', '/a/b?q=/a/', { up: '/b?q=/a/', xfp: '/a/' }],
    ['PathStrip:/a', '/a?', { up: '/?', xfp: '/a' }],
  ]);
});

test('§5: braces nest and must balance, an alternation is grouped, and text outside is literal', () => {
  assertRows([
    ['Path:/{id:[0-9]{4}}', '/2024', up('/2024')],
    ['Path:/{id:[0-9]{4}}', '/202', 'no'],
    ['Path:/x{a:b|c}y', '/xby', up('/xby')],
    ['Path:/x{a:b|c}y', '/xb', 'no'],
    ['Path:/{a:(b)(c)}/{a}', '/bc/d', up('/bc/d')],
    ['Path:/a.b(c)+$/{x}', '/a.b(c)+$/1', up('/a.b(c)+$/1')],
    ['Path:/{x', '/{x', 'no'],
    ['Path:/x}', '/x}', 'no'],
    ['Path:/{a b}', '/c', up('/c')],
    ['HostRegexp:{x}', '/', 'no', { host: 'a.b' }],
    ['Path:/{x:É+}', '/%C3%89', up('/%C3%89')],
    ['Path:/{x:É+}', '/%C3%A9', 'no'],
  ]);
});

test('§7: a final slash of Path is redirected to the form of the first alternative that matches', () => {
  assertRows([
    ['Path:/a/,/a', '/a', '301 /a/'],
    ['Path:/a,/b/', '/b', '301 /b/'],
    ['PathStrip:/a/', '/a', '301 /a/'],
    ['PathStripRegex:/a/{x}', '/a/1/', '301 /a/1'],
    ['PathStripRegex:/a/{x}/', '/a/1', '301 /a/1/'],
    ['PathPrefix:/a/', '/a', 'no'],
    ['PathPrefixStripRegex:/a/{x}/', '/a/1', 'no'],
    ['Path:/', '/', up('/')],
    ['Path:/a', '/a//', 'no'],
    ['Path:/{x:.*}', '/', up('/')],
  ]);
});

test('§7: the place of a redirect is a clean path of this host, encoded anew', () => {
  assertRows([
    ['Path:/{x:.*}', '//evil.test/', '301 /evil.test'],
    ['Path:/{x:.*}', '/%2Fevil.test/', '301 /evil.test'],
    ['Path:/{x:.*}', '/a/../b//c/./', '301 /b/c'],
    ['Path:/{x:.*}', '/../../x/', '301 /x'],
    ['Path:/a b', '/%61%20b/?x=%20y', '301 /a%20b?x=%20y'],
    ['Path:/a/b', '/a%2Fb/', '301 /a/b'],
    ['Path:/é', '/%c3%A9/', '301 /%C3%A9'],
    ['Path:/{x}', '/a%5Cb%3Fc%0d%0aX:y/', '301 /a%5Cb%3Fc%0D%0AX:y'],
    ['Path:/{x}', '/%ff/', '301 /%FF'],
    ['Path:/a', '/a/?q=é', '301 /a?q=%C3%A9'],
  ]);
});

test('§7: with keepTrailingSlash every slash counts and nothing is redirected', () => {
  const request = { keepTrailingSlash: true };
  assertRows([
    ['Path:/a', '/a', up('/a'), request],
    ['Path:/a/,/b', '/a/', up('/a/'), request],
    ['Path:/a,/a/', '/a/', up('/a/'), request],
    ['Path:/{x}', '/a/', 'no', request],
    ['Path:/{x}/', '/a', 'no', request],
    ['Path:/{x}/', '/a/', up('/a/'), request],
    ['PathStrip:/a', '/a/', 'no', request],
    ['PathPrefix:/a', '/a/', up('/a/'), request],
  ]);
});

test('§8: paths are matched decoded and forwarded as they were sent', () => {
  assertRows([
    ['Path:/foo', '/%66oo', up('/%66oo')],
    ['PathPrefix:/a/b', '/a%2fb%2Fc', up('/a%2fb%2Fc')],
    ['Path:/a+b', '/a+b', up('/a+b')],
    ['Path:/a b', '/a+b', 'no'],
    ['PathPrefix:/x', '/x/./y//z/../', up('/x/./y//z/../')],
    ['Path:/é', '/%C3%A9', up('/%C3%A9')],
    ['Path:/a', '/a%2F', '301 /a'],
    ['PathPrefix:/a', '/%zz', 'no'],
    ['Host:foo.bar', '/%zz', up('/%zz')],
  ]);
});

test('§9: all routes of a frontend make one rule, and the longer one goes first whatever it says', () => {
  const winner = (lists: readonly (readonly string[])[], target: string) => {
    const frontends = lists.map((rules, i) => frontendOf(`f${i}`, [...rules, `AddPrefix:/f${i}`]));
    const outcome = outcomeOf(frontends, target, {});
    return typeof outcome === 'string' ? outcome : outcome.up;
  };
  assert.equal(winner([['PathPrefix:/'], ['PathPrefix:/', 'Host:foo.bar']], '/a'), '/f1/a');
  assert.equal(winner([['PathPrefix:/'], ['PathPrefix: / ']], '/a'), '/f1/a');
  assert.equal(winner([['PathPrefix:/é'], ['PathPrefix:/ab']], '/x'), 'no');
  assert.equal(winner([['PathPrefix:/x;'], ['PathPrefix:/x']], '/x'), '/f0/x');
  assert.equal(winner([['PathPrefix:/x'], ['PathPrefix:/x']], '/x'), '/f0/x');
});

test('§9: the length of a rule is that of its bytes, and of equal ranks the name decides', () => {
  assert.equal(frontendOf('f', ['Path:/é', ' Host:a ;']).rank, 8 + 9);
  const rules = (name: string, rank: number) => frontendOf(name, [`AddPrefix:/${name}`], rank);
  const up = (...list: ReturnType<typeof rules>[]) => outcomeOf(list, '/', {});
  assert.deepEqual(up(rules('b', 5), rules('a', 5), rules('c', 4)), { up: '/a/' });
  assert.deepEqual(up(rules('b', 5), rules('a', 4)), { up: '/b/' });
  assert.deepEqual(up(rules('b10', 1), rules('b9', 1)), { up: '/b10/' });
});

test('§9: nothing is tried behind the first frontend that matches, not even when nothing can be stripped', () => {
  const frontends = [frontendOf('first', ['PathStrip:/foo/{id}']), frontendOf('second', ['PathPrefix:/'])];
  assert.equal(outcomeOf(frontends, '/foo/1', {}), '404');
  assert.deepEqual(outcomeOf(frontends, '/bar', {}), { up: '/bar' });
});

test('§10: a redirect that one frontend would want is not given by another', () => {
  const frontends = [frontendOf('first', ['Path:/foo;Host:a.com']), frontendOf('second', ['PathPrefix:/'])];
  assert.deepEqual(outcomeOf(frontends, '/foo/', {}), { up: '/foo/' });
  assert.equal(outcomeOf(frontends, '/foo/', { host: 'a.com' }), '301 /foo');
});
