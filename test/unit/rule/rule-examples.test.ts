// Every row of shared/spec rules §12, through all that a rule and a request go through: compiled, written to a table,
// routed, redirected or modified.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { input } from '../table/inputs.ts';
import { frontendOf, type Outcome, outcomeOf, type Request } from './outcomes.ts';

type Row = readonly [row: number, rules: string | readonly string[], target: string, Outcome, Request?];

const FIELD = 'application/json; charset=utf-8';

const ROWS: readonly Row[] = [
  [1, 'Host:foo.bar', '/', { up: '/' }],
  [2, 'Host:foo.bar', '/x?y=1', { up: '/x?y=1' }, { host: 'FOO.BAR:8080' }],
  [3, 'Host: Foo.Bar ;Path:/FOObar', '/FOObar', { up: '/FOObar' }],
  [4, 'Host: Foo.Bar ;Path:/FOObar', '/foobar', 'no'],
  [5, 'Host:foo.bar', '/', 'no', { host: 'foo.bar.' }],
  [6, 'Host:foo.bar,test.bar', '/', { up: '/' }, { host: 'test.bar' }],
  [7, 'Host:*.foo.bar', '/', 'no', { host: 'a.foo.bar' }],
  [8, 'Host:foo.bar:8080', '/', 'no', { host: 'foo.bar:8080' }],
  [10, 'Host: ', '/', 'no'],
  [10, 'Host: ', '/', 'no', { host: '' }],
  [12, 'Host:foo.bar;', '/', { up: '/' }],
  [13, ';;Host:foo.bar', '/', { up: '/' }],
  [15, 'HostRegexp:{s:[a-z]+}.foo.bar', '/', { up: '/' }, { host: 'a.foo.bar' }],
  [16, 'HostRegexp:{s:[a-z]+}.foo.bar', '/', 'no', { host: 'a.b.foo.bar' }],
  [17, 'HostRegexp:{s:[a-z]+}.foo.bar', '/', { up: '/' }, { host: 'A.FOO.bar' }],
  [18, 'HostRegexp:{s}.foo.bar', '/', { up: '/' }, { host: 'x-1.foo.bar' }],
  [19, 'HostRegexp:{any:.*}', '/', { up: '/' }, { host: 'what.ever:80' }],
  [20, 'HostRegexp:foo.bar.com', '/', 'no', { host: 'fooxbar.com' }],
  [21, 'HostRegexp:{s:(foo\\.)?bar\\.com}', '/', { up: '/' }, { host: 'bar.com' }],
  [22, 'HostRegexp:{s:(foo\\.)?bar\\.com}', '/', { up: '/' }, { host: 'foo.bar.com' }],
  [23, 'HostRegexp:{s:(foo\\.)?bar\\.com}', '/', 'no', { host: 'fooubar.com' }],
  [24, 'HostRegexp:{s:(?:a|b)}.foo.bar', '/', { up: '/' }, { host: 'b.foo.bar' }],
  [25, 'HostRegexp:{n:[a-z]{1,3}}.com', '/', 'no', { host: 'ab.com' }],
  [26, 'HostRegexp:foo.bar', '/', { up: '/' }, { host: 'foo.bar:8080' }],
  [27, 'Path:/foo', '/foo', { up: '/foo' }],
  [28, 'Path:/foo', '/foo/', '301 /foo'],
  [29, 'Path:/foo', '/foo/?x=1', '301 /foo?x=1'],
  [30, 'Path:/foo', '/foo/bar', 'no'],
  [31, 'Path:/foo', '/FOO', 'no'],
  [32, 'Path:/foo/', '/foo', '301 /foo/'],
  [33, 'Path:/foo/', '/foo/', { up: '/foo/' }],
  [34, 'Path:/foo', '/foo/', 'no', { keepTrailingSlash: true }],
  [35, 'Path:/foo/', '/foo', 'no', { keepTrailingSlash: true }],
  [36, 'Path:foo', '/foo', 'no'],
  [37, 'Path:/a,/b', '/b', { up: '/b' }],
  [38, 'Path:/a;Path:/b', '/a', 'no'],
  [39, 'Path:/a,/a/', '/a/', '301 /a'],
  [40, 'Path:/', '/', { up: '/' }],
  [41, 'Path:/articles/{c}/{id:[0-9]+}', '/articles/tech/12', { up: '/articles/tech/12' }],
  [42, 'Path:/articles/{c}/{id:[0-9]+}', '/articles/tech/ab', 'no'],
  [43, 'Path:/articles/{c}/{id:[0-9]+}', '/articles/a/b/12', 'no'],
  [44, 'Path:/articles/{c}/{id:[0-9]+}', '/articles/tech/12/', '301 /articles/tech/12'],
  [45, 'Path:/a/b', '/a%2Fb', { up: '/a%2Fb' }],
  [46, 'Path:/a b', '/a%20b', { up: '/a%20b' }],
  [47, 'Path:/a/b', '/a//b', 'no'],
  [48, 'Path:/a//b', '/a//b', { up: '/a//b' }],
  [49, 'Path:/foo', '/x/../foo', 'no'],
  [50, 'Path:/foo:', '/foo', { up: '/foo' }],
  [51, 'Path:/a::b', '/a:b', { up: '/a:b' }],
  [52, 'PathPrefix:/foo', '/foo', { up: '/foo' }],
  [52, 'PathPrefix:/foo', '/foo/bar', { up: '/foo/bar' }],
  [52, 'PathPrefix:/foo', '/foobar', { up: '/foobar' }],
  [53, 'PathPrefix:/foo/', '/foo', 'no'],
  [54, 'PathPrefix:/foo/', '/foo/', { up: '/foo/' }],
  [55, 'PathPrefix:foo', '/foo', 'no'],
  [56, 'PathPrefix:/', '/any/thing', { up: '/any/thing' }],
  [57, 'PathPrefix:/api/{v:v[0-9]+}', '/api/v2/x', { up: '/api/v2/x' }],
  [58, 'PathPrefix:/api/{v:v[0-9]+}', '/api/vx', 'no'],
  [59, 'PathStrip:/foo', '/foo', { up: '/', xfp: '/foo' }],
  [60, 'PathStrip:/foo', '/foo/', '301 /foo'],
  [61, 'PathStrip:/foo/{id}', '/foo/1', '404'],
  [62, 'PathPrefixStrip:/stat', '/stat', { up: '/', xfp: '/stat' }],
  [63, 'PathPrefixStrip:/stat', '/stat/', { up: '/', xfp: '/stat' }],
  [64, 'PathPrefixStrip:/stat', '/stat/us', { up: '/us', xfp: '/stat' }],
  [65, 'PathPrefixStrip:/stat', '/status', { up: '/us', xfp: '/stat' }],
  [66, 'PathPrefixStrip:/stat', '/stat/a%2Fb', { up: '/a%2Fb', xfp: '/stat' }],
  [67, 'PathPrefixStrip:/stat', '/stat//b', { up: '//b', xfp: '/stat' }],
  [68, 'PathPrefixStrip:/stat/', '/stat/us', { up: '/us', xfp: '/stat/' }],
  [69, 'PathPrefixStrip:/stat/', '/status', 'no'],
  [70, 'PathPrefixStrip:/stat,/stat/us', '/stat/us/x', { up: '/x', xfp: '/stat/us' }],
  [71, 'PathPrefixStrip:/', '/a', { up: '/a', xfp: '/' }],
  [
    72,
    'PathPrefixStripRegex:/one/{two}/{three:[0-9]+}',
    '/one/some/12345/four',
    { up: '/four', xfp: '/one/some/12345' },
  ],
  [73, 'PathPrefixStripRegex:/b/{r}/', '/b/api/test1', { up: '/test1', xfp: '/b/api/' }],
  [74, 'PathPrefixStripRegex:/b/{r}/', '/b/api/', { up: '/', xfp: '/b/api/' }],
  [75, 'PathPrefixStripRegex:/c/{c}/{id:[0-9]+}/', '/c/api/abc/t', 'no'],
  [76, 'PathPrefixStripRegex:/a/api/', '/a/api/a%2Fb', { up: '/a%2Fb', xfp: '/a/api/' }],
  [77, 'PathStripRegex:/articles/{id:[0-9]+}', '/articles/12', { up: '/', xfp: '/articles/12' }],
  [78, 'PathStripRegex:/articles/{id:[0-9]+}', '/articles/12/x', 'no'],
  [79, 'Host:foo.bar;AddPrefix:/blah', '/baz', { up: '/blah/baz' }],
  [80, 'Host:foo.bar;AddPrefix:/blah', '/', { up: '/blah/' }],
  [81, 'AddPrefix:/a', '/b%2Fc', { up: '/a/b%2Fc' }, { host: 'anything' }],
  [82, 'AddPrefix:/blah;ReplacePath:/baz', '/hello', { up: '/baz', xrp: '/blah/hello' }],
  [83, 'PathPrefix:/management;ReplacePath:/health', '/management/x?q=1', { up: '/health?q=1', xrp: '/management/x' }],
  [
    84,
    'PathPrefixStrip:/management;ReplacePath:/health',
    '/management',
    { up: '/health', xfp: '/management', xrp: '/' },
  ],
  [
    85,
    'PathPrefixStripRegex:/one/{two}/{three:[0-9]+};AddPrefix:/zero',
    '/one/some/12345/four',
    { up: '/zero/four', xfp: '/one/some/12345' },
  ],
  [86, 'PathPrefixStripRegex:/b/{r}/;AddPrefix:/zero', '/b/x/t1', { up: '/zerot1', xfp: '/b/x/' }],
  [
    87,
    'ReplacePathRegex:^/whoami/(.*) /who-am-i/$1',
    '/whoami/and/whoami',
    { up: '/who-am-i/and/whoami', xrp: '/whoami/and/whoami' },
  ],
  [
    88,
    'ReplacePathRegex:/whoami /who-am-i',
    '/whoami/and/whoami',
    { up: '/who-am-i/and/who-am-i', xrp: '/whoami/and/whoami' },
  ],
  [
    89,
    'ReplacePathRegex:^(?i)/downloads/([^/]+)/([^/]+)$ /downloads/$1-$2',
    '/downloads/src/source.go',
    { up: '/downloads/src-source.go', xrp: '/downloads/src/source.go' },
  ],
  [90, 'ReplacePathRegex:^/x/(.*) /y/$1', '/other', { up: '/other' }],
  [91, 'ReplacePathRegex:^/a/(.*)', '/a/b', { up: '/a/b' }],
  [92, 'ReplacePathRegex:^(?err)/a /b', '/a', { up: '/a' }],
  [93, 'PathPrefix:/a;PathPrefixStrip:/a/b', '/a/b/c', { up: '/c', xfp: '/a/b' }],
  [94, 'PathPrefixStrip:/x;PathPrefix:/x', '/x/y', { up: '/y', xfp: '/x' }],
  [95, 'Method:get,POST', '/', { up: '/' }],
  [96, 'Method:get,POST', '/', 'no', { method: 'PUT' }],
  [97, 'Headers:Content-Type,application/json', '/', { up: '/' }, { field: ['Content-Type', 'application/json'] }],
  [98, 'Headers:Content-Type,application/json', '/', 'no', { field: ['Content-Type', FIELD] }],
  [99, 'Headers:content-type,application/json', '/', { up: '/' }, { field: ['Content-Type', 'application/json'] }],
  [101, 'Headers: X-A, ', '/', { up: '/' }, { field: ['X-A', 'anything'] }],
  [101, 'Headers: X-A, ', '/', 'no', { field: ['X-AB', 'anything'] }],
  [102, 'Headers:Host,foo.bar', '/', 'no'],
  [103, 'HeadersRegexp:Content-Type,application/(text|json)', '/', { up: '/' }, { field: ['Content-Type', FIELD] }],
  [105, 'Query:foo=bar', '/?foo=bar', { up: '/?foo=bar' }],
  [106, 'Query:foo=bar', '/?foo=barx', 'no'],
  [107, 'Query:foo=bar', '/?foo=x&foo=bar', 'no'],
  [108, 'Query:foo=bar,baz=qux', '/?foo=bar', 'no'],
  [108, 'Query:foo=bar,baz=qux', '/?baz=qux&foo=bar', { up: '/?baz=qux&foo=bar' }],
  [109, 'Query:foo=', '/?foo=1', { up: '/?foo=1' }],
  [109, 'Query:foo=', '/?foo=', { up: '/?foo=' }],
  [110, 'Query:foo=', '/', 'no'],
  [111, 'Query:id={id:[0-9]+}', '/?id=12', { up: '/?id=12' }],
  [112, 'Query:id={id:[0-9]+}', '/?id=ab', 'no'],
  [115, ['Host:foo.bar', 'Path:/x'], '/x', { up: '/x' }],
  [116, ['Host:foo.bar', 'Path:/x'], '/y', 'no'],
  [117, [], '/any', { up: '/any' }],
];

test('each example of the rule language gives its documented result', () => {
  for (const [row, rules, target, outcome, request = {}] of ROWS) {
    const frontends = [frontendOf('f', typeof rules === 'string' ? [rules] : rules)];
    const expected = typeof outcome === 'string' ? outcome : { ...outcome };
    assert.deepEqual(outcomeOf(frontends, target, request), expected, `row ${row}: ${rules} for ${target}`);
  }
});

const INVALID: readonly [row: number, rule: string][] = [
  [9, 'Host:'],
  [11, 'host:foo.bar'],
  [14, 'Host:foo.bar; ;Path:/x'],
  [100, 'Headers:X-A'],
  [104, 'HeadersRegexp:X,('],
  [113, 'Query:foo'],
  [114, 'Path:/p1;Query:a=true, /p2'],
];

test('each example that is invalid is refused', () => {
  for (const [row, rule] of INVALID) {
    assert.throws(() => new RuleCompiler().add(rule), { code: 'BAD_RULE' }, `row ${row}`);
  }
});

test('each example of priorities goes to its documented frontend', () => {
  const winner = (frontends: readonly TableFrontend[], host: string, path: string): string | undefined => {
    return new RoutingTable(writeTable(input(frontends)), false).route(0, 'GET', host, path)?.name;
  };
  const row118 = [frontendOf('f1', ['PathPrefix:/to'], 20), frontendOf('f2', ['PathPrefix:/toto'])];
  assert.equal(winner(row118, 'foo.bar', '/toto'), 'f1');
  const row119 = [
    frontendOf('f1', ['PathPrefix:/foo;Host:foo.com']),
    frontendOf('f2', ['PathPrefixStrip:/foobar']),
    frontendOf('f3', ['PathPrefix:/foo,/bar']),
  ];
  assert.deepEqual(
    row119.map(({ rank }) => rank),
    [28, 23, 20],
  );
  assert.equal(winner(row119, 'foo.com', '/foobar'), 'f1');
});
