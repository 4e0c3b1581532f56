// The rows of shared/spec rules §12 that concern Host, Path, PathPrefix and Method.
import assert from 'node:assert/strict';
import test from 'node:test';
import { compileRule } from '../../../src/rule/compile-rule.ts';
import { type NaiveResult, naiveMatch } from '../../harness/naive-match.ts';

type Row = {
  readonly row: number;
  readonly rules: readonly string[];
  /** Decoded. */
  readonly path?: string;
  /** Canonical. */
  readonly host?: string;
  readonly method?: string;
  readonly keepTrailingSlash?: boolean;
  readonly result: NaiveResult;
};

const ROWS: readonly Row[] = [
  { row: 1, rules: ['Host:foo.bar'], result: 'yes' },
  { row: 2, rules: ['Host:foo.bar'], path: '/x', result: 'yes' },
  { row: 3, rules: ['Host: Foo.Bar ;Path:/FOObar'], path: '/FOObar', result: 'yes' },
  { row: 4, rules: ['Host: Foo.Bar ;Path:/FOObar'], path: '/foobar', result: 'no' },
  { row: 5, rules: ['Host:foo.bar'], host: 'foo.bar.', result: 'no' },
  { row: 6, rules: ['Host:foo.bar,test.bar'], host: 'test.bar', result: 'yes' },
  { row: 7, rules: ['Host:*.foo.bar'], host: 'a.foo.bar', result: 'no' },
  { row: 8, rules: ['Host:foo.bar:8080'], result: 'no' },
  { row: 10, rules: ['Host: '], result: 'no' },
  { row: 10, rules: ['Host: '], host: '', result: 'no' },
  { row: 12, rules: ['Host:foo.bar;'], result: 'yes' },
  { row: 13, rules: [';;Host:foo.bar'], result: 'yes' },
  { row: 27, rules: ['Path:/foo'], path: '/foo', result: 'yes' },
  { row: 28, rules: ['Path:/foo'], path: '/foo/', result: 'redirect' },
  { row: 30, rules: ['Path:/foo'], path: '/foo/bar', result: 'no' },
  { row: 31, rules: ['Path:/foo'], path: '/FOO', result: 'no' },
  { row: 32, rules: ['Path:/foo/'], path: '/foo', result: 'redirect' },
  { row: 33, rules: ['Path:/foo/'], path: '/foo/', result: 'yes' },
  { row: 34, rules: ['Path:/foo'], path: '/foo/', keepTrailingSlash: true, result: 'no' },
  { row: 35, rules: ['Path:/foo/'], path: '/foo', keepTrailingSlash: true, result: 'no' },
  { row: 36, rules: ['Path:foo'], path: '/foo', result: 'no' },
  { row: 37, rules: ['Path:/a,/b'], path: '/b', result: 'yes' },
  { row: 38, rules: ['Path:/a;Path:/b'], path: '/a', result: 'no' },
  { row: 39, rules: ['Path:/a,/a/'], path: '/a/', result: 'redirect' },
  { row: 40, rules: ['Path:/'], path: '/', result: 'yes' },
  { row: 45, rules: ['Path:/a/b'], path: '/a/b', result: 'yes' },
  { row: 46, rules: ['Path:/a b'], path: '/a b', result: 'yes' },
  { row: 47, rules: ['Path:/a/b'], path: '/a//b', result: 'no' },
  { row: 48, rules: ['Path:/a//b'], path: '/a//b', result: 'yes' },
  { row: 49, rules: ['Path:/foo'], path: '/x/../foo', result: 'no' },
  { row: 50, rules: ['Path:/foo:'], path: '/foo', result: 'yes' },
  { row: 51, rules: ['Path:/a::b'], path: '/a:b', result: 'yes' },
  { row: 52, rules: ['PathPrefix:/foo'], path: '/foo', result: 'yes' },
  { row: 52, rules: ['PathPrefix:/foo'], path: '/foo/bar', result: 'yes' },
  { row: 52, rules: ['PathPrefix:/foo'], path: '/foobar', result: 'yes' },
  { row: 53, rules: ['PathPrefix:/foo/'], path: '/foo', result: 'no' },
  { row: 54, rules: ['PathPrefix:/foo/'], path: '/foo/', result: 'yes' },
  { row: 55, rules: ['PathPrefix:foo'], path: '/foo', result: 'no' },
  { row: 56, rules: ['PathPrefix:/'], path: '/any/thing', result: 'yes' },
  { row: 95, rules: ['Method:get,POST'], result: 'yes' },
  { row: 96, rules: ['Method:get,POST'], method: 'PUT', result: 'no' },
  { row: 115, rules: ['Host:foo.bar', 'Path:/x'], path: '/x', result: 'yes' },
  { row: 116, rules: ['Host:foo.bar', 'Path:/x'], path: '/y', result: 'no' },
  { row: 117, rules: [], path: '/any', result: 'yes' },
];

test('each example of the rule language that is built gives its documented result', () => {
  for (const { row, rules, path = '/', host = 'foo.bar', method = 'GET', keepTrailingSlash = false, result } of ROWS) {
    const terms = rules.flatMap((rule) => compileRule(rule));
    const got = naiveMatch(terms, { host, path, method }, keepTrailingSlash);
    assert.equal(got, result, `row ${row}: ${rules.join(' + ')} for ${method} ${host}${path}`);
  }
});

const INVALID: readonly [row: number, rule: string][] = [
  [9, 'Host:'],
  [11, 'host:foo.bar'],
  [14, 'Host:foo.bar; ;Path:/x'],
  [113, 'Query:foo'],
  [114, 'Path:/p1;Query:a=true, /p2'],
];

test('each example that is invalid is refused', () => {
  for (const [row, rule] of INVALID) assert.throws(() => compileRule(rule), { code: 'BAD_RULE' }, `row ${row}`);
});
