import assert from 'node:assert/strict';
import test from 'node:test';
import { compileRule } from '../../../src/rule/compile-rule.ts';

function reasonFor(rule: string): string {
  try {
    compileRule(rule);
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail(`${rule} was accepted`);
}

test('hosts are lower-cased and methods upper-cased', () => {
  assert.deepEqual(compileRule('Host:Foo.BAR;Method:get,Post'), [
    { kind: 'host', hosts: ['foo.bar'] },
    { kind: 'method', methods: ['GET', 'POST'] },
  ]);
});

test('alternatives that can never match are left out, and a term may be left without any', () => {
  assert.deepEqual(compileRule('Path:foo,/bar,/b}az;PathPrefix:foo;Host: '), [
    { kind: 'path', paths: ['/bar'] },
    { kind: 'pathPrefix', prefixes: [] },
    { kind: 'host', hosts: [] },
  ]);
});

test('a brace that only closes is plain text in a prefix', () => {
  assert.deepEqual(compileRule('PathPrefix:/a}'), [{ kind: 'pathPrefix', prefixes: ['/a}'] }]);
});

test('functions of the language that are not built yet refuse the rule by name', () => {
  const later =
    'HostRegexp PathStrip PathStripRegex PathPrefixStrip PathPrefixStripRegex Headers HeadersRegexp Query ' +
    'AddPrefix ReplacePath ReplacePathRegex';
  for (const name of later.split(' ')) {
    assert.equal(reasonFor(`Host:a.com;${name}:/x`), `${name} is not supported yet (at character 12 of the rule)`);
  }
});

test('templates are refused rather than taken literally', () => {
  const reason = 'Path: the template "/a/{id:[0-9]+}" is not supported yet (at character 1 of the rule)';
  assert.equal(reasonFor('Path:/x,/a/{id:[0-9]+}'), reason);
  assert.match(reasonFor('PathPrefix:/api/{v}'), /^PathPrefix: the template "\/api\/\{v\}" is not supported yet/);
});

test('an unknown function is refused with the nearest known name', () => {
  const reason = '"host" is no known function; did you mean Host? (at character 1 of the rule)';
  assert.equal(reasonFor('host:a.com'), reason);
  assert.match(reasonFor('PathPrefx:/a'), /did you mean PathPrefix\?/);
  assert.match(reasonFor('Zzzzzzzzz:/a'), /^"Zzzzzzzzz" is no known function \(at/);
});
