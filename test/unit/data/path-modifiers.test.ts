import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { modifyRequest } from '../../../src/data/middlewares/path-modifiers.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { FAULTS } from '../../../src/kernel/errors.ts';
import { decodedPath } from '../../../src/kernel/percent.ts';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import type { ModifiersView } from '../../../src/table/views.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { frontend, input } from '../table/inputs.ts';

/** The modifiers of a rule, without its conditions. */
function modifiersOf(rule: string): ModifiersView {
  const compiler = new RuleCompiler();
  compiler.add(rule);
  const table = new RoutingTable(writeTable(input([frontend('f', [], { modifiers: compiler.modifiers! })])), false);
  return table.route(0, 'GET', 'a', '/')!.modifiers!;
}

function headOf(target: string): RequestHead {
  const head = new RequestHead();
  head.begin('GET', target, target.split('?', 1)[0]);
  head.add('host', 'a');
  head.finish();
  return head;
}

function targetOf(rule: string, target: string): string {
  const head = headOf(target);
  assert.equal(modifyRequest(modifiersOf(rule), head), null);
  return head.target;
}

test('the client’s encoding of the rest of a path survives while it can', () => {
  const rows: [rule: string, target: string, up: string][] = [
    ['PathPrefixStrip:/a', "/a/b%2Fc%20d!'()*[]", "/b%2Fc%20d!'()*[]"],
    ['PathPrefixStrip:/a', '/%61/b%2Fc%20d!', '/b/c%20d%21'],
    ['PathPrefixStrip:/a b', '/a%20b/c%2Fd', '/c/d'],
    ['PathPrefixStrip:/é', '/%c3%a9/%c3%a9', '/%C3%A9'],
    ['PathPrefixStrip:/a', '/a/é|"', '/%C3%A9%7C%22'],
    ['PathPrefixStripRegex:/{x}/', '/x%2Fy/a%2Fb', '/y/a/b'],
    ['PathPrefixStripRegex:/{x}', '/%ff/%fe%2F', '/%FE/'],
    ['AddPrefix:/p q?', '/a%2Fb', '/p%20q%3F/a/b'],
    ['AddPrefix:/p', '/a%2fb', '/p/a%2fb'],
    ['ReplacePath:/a?b c', '/x?y', '/a%3Fb%20c?y'],
    ['ReplacePathRegex:/(.*)$ $1/x', '/a%2Fb?', '/a/b/x?'],
    ['ReplacePathRegex:^/x /y', '/é|"//..', '/é|"//..'],
    ['PathPrefixStrip:/a;AddPrefix:/b', '/a', '/b/'],
    ['PathPrefixStrip:/a,/', '/x', '/x'],
    ['PathPrefixStripRegex:/a;PathPrefixStrip:/b', '/a/b/c', '/c'],
  ];
  for (const [rule, target, up] of rows) assert.equal(targetOf(rule, target), up, `${rule} for ${target}`);
});

test('fields that the client sent of the same name stay, and ours are added', () => {
  const head = headOf('/a/b');
  head.add('x-forwarded-prefix', '/theirs');
  head.add('x-replaced-path', '/theirs');
  assert.equal(modifyRequest(modifiersOf('PathPrefixStrip:/a;ReplacePathRegex:b c;ReplacePath:/d'), head), null);
  assert.deepEqual(head.values('x-forwarded-prefix'), ['/theirs', '/a']);
  assert.deepEqual(head.values('x-replaced-path'), ['/theirs', '/b', '/c']);
});

test('a prefix of `/` changes no path, and the server is told of it all the same', () => {
  const head = headOf('/é|');
  assert.equal(modifyRequest(modifiersOf('PathPrefixStrip:/'), head), null);
  assert.deepEqual([head.target, head.values('x-forwarded-prefix')], ['/é|', ['/']]);
});

test('a path of which nothing can be stripped is not found, and a malformed one is refused', () => {
  assert.equal(modifyRequest(modifiersOf('PathStrip:/a'), headOf('/b')), FAULTS.stripMismatch);
  assert.equal(modifyRequest(modifiersOf('PathStripRegex:/a/{x:[0-9]}'), headOf('/a/b')), FAULTS.stripMismatch);
  assert.equal(modifyRequest(modifiersOf('PathStripRegex:/a}'), headOf('/a}')), FAULTS.stripMismatch);
  assert.equal(modifyRequest(modifiersOf('AddPrefix:/a'), headOf('/%4')), FAULTS.badRequest);
});

test('a long path with too many matches is refused', () => {
  const head = headOf(`/${'a'.repeat(60_000)}`);
  assert.equal(modifyRequest(modifiersOf('ReplacePathRegex:a b'), head), FAULTS.badRequest);
});

test('whatever the path, the target is well-formed, means what was asked for and keeps its query', () => {
  const rules = ['PathPrefixStrip:/a', 'PathPrefixStripRegex:/{x}', 'AddPrefix:/p é', 'ReplacePathRegex:a(.?) <$1>'];
  const views = rules.map(modifiersOf);
  const piece = fc.oneof(
    fc.constantFrom('/', 'a', '%2F', '%61', '%ff', '%0d%0a', '%', 'é', '!', '|', '+', ';'),
    fc.nat(255).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('', '?', '?q=%20&é'), (pieces, query) => {
      const path = `/${pieces.join('')}`;
      const decoded = decodedPath(path);
      // An encoded slash that begins the rest stays encoded, behind the slash that a target begins with.
      const rest = decoded?.replace(/^\/[^/]+/, '').replace(/^(?!\/)/, '/');
      const stripped = /%2f/i.test(path) ? null : rest;
      const expected = [decoded?.replace(/^\/a\/?/, '/'), stripped, `/p é${decoded}`, null];
      views.forEach((view, i) => {
        const head = headOf(path + query);
        if (modifyRequest(view, head) !== null) return;
        if (head.path !== path) assert.match(head.path, /^\/[!-~]*$/);
        assert.equal(head.target, head.path + query);
        assert.match(head.fields, /^([a-z-]+: [^\r\n\0]*\r\n)*$/);
        if (expected[i] !== null) assert.equal(decodedPath(head.path), expected[i], `${rules[i]} for ${path}`);
      });
    }),
  );
});
