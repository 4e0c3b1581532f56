/** What of a rule cannot be meant is told, and what is told to never match never does. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { hostProblem } from '../../../src/http/host.ts';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import { frontendOf, outcomeOf } from './outcomes.ts';

function notesOf(...rules: string[]): string {
  const compiler = new RuleCompiler();
  return rules.flatMap((rule) => compiler.add(rule)).join('; ');
}

const TOLD: readonly (readonly [rule: string, reason: RegExp])[] = [
  ['Host:http://a.x', /"http:\/\/a.x" never matches: hosts are compared without a scheme/],
  ['Host:a.x:8080', /never matches: .* without their port/],
  ['Host:a.x:http', /never matches: it is neither a name nor an address/],
  ['Host:[::1]', /no IPv6 address with :: can be written.*"\[:1\]" never matches/],
  ['Host:[::1]:8080', /no IPv6 address with :: can be written.*never matches: .* without their port/],
  ['Host:::1', /no IPv6 address with :: can be written/],
  ['Host:a.x,2001:db8::1', /no IPv6 address with :: can be written.*"2001:db8:1" never matches/],
  ['Host:[::1', /"\[:1" never matches: it is neither/],
  ['HostRegexp:a.x:8080', /never matches: .* without their port/],
  ['HostRegexp:{name:.*}:8080', /never matches: .* without their port/],
  ['Path:/a::b', /colons in a row count as one$/],
  ['Host:a.x/b', /never matches: there is no path in a host/],
  ['Host:a.x b.x', /never matches: alternatives stand between commas/],
  ['Host:*.a.x', /"\*.a.x" is compared as it stands: .*HostRegexp/],
  ['Host:.a.x', /".a.x" is compared as it stands: .*HostRegexp/],
  ['Host:a.x.', /without the dot at its end/],
  ['Host:bücher.x', /never matches: .* in ASCII/],
  ['HostRegexp:bücher.{tld:.*}', /never matches: .* in ASCII/],
  ['HostRegexp:^a\\.x$', /is compared as it stands: a regular expression stands in braces/],
  ['HostRegexp:https://a.x', /never matches: .* scheme/],
  ['Path:/a?b=1', /is compared with the path alone.*use Query/],
  ['Path:/a#b', /nothing behind a #/],
  ['Path:/a/../b', /clients take . and .. out of a path/],
  ['PathPrefix:/a/.', /clients take . and .. out of a path/],
  ['PathPrefix:/api/*', /use PathPrefix for all below/],
  ['PathPrefix:*', /never matches: a path begins with "\/"/],
  ['PathPrefixStrip:/a%20b', /the decoded path/],
  ['Path:a', /never matches: a path begins with "\/"/],
  ['Method:GET POST', /never matches: no method has such a name/],
  ['Method:GET|POST', /alternatives stand between commas/],
  ['Host:a.x;Host:b.x', /no request meets two of its conditions at once/],
  ['Method:GET;Method:POST', /no request meets two/],
  ['Path:/a;Path:/b', /no request meets two/],
  ['PathPrefix:/a;Path:/b', /no request meets two/],
  ['PathPrefix:/a;PathPrefixStrip:/b', /no request meets two/],
  ['Query:a=1;Query:a=2', /no request meets two/],
];

for (const [rule, reason] of TOLD) test(`${rule} is told`, () => assert.match(notesOf(rule), reason));

test('conditions of several routes contradict each other as those of one', () => {
  assert.match(notesOf('Host:a.x', 'Host:b.x'), /no request meets two/);
});

for (const rule of [
  'Host:a.x,b.x;PathPrefix:/a',
  'Host:A.x',
  'Host:[v1.a]',
  'Host:[2001:db8:0:0:0:0:0:1]',
  'Host:2001:db8:0:0:0:0:0:1',
  'Host::a.x',
  '::Host:a.x',
  'HostRegexp:{a:x{2}(?:y)}',
  'HostRegexp:{any:.*}',
  'HostRegexp:{s:(a|b)?}.x',
  'HostRegexp:a.x',
  'Path:/{a:x?}',
  'Path:/.well-known/a..b/...',
  'PathPrefix:/ä',
  'PathPrefix:/a/;Path:/a',
  'PathPrefix:/a;PathPrefixStrip:/a/b',
  'Path:/a;Path:/a/',
  'Method:get',
  'Query:a=1;Query:a=',
  'Query:a=1;Query:b=2',
]) {
  test(`of ${rule} nothing is told`, () => assert.equal(notesOf(rule), ''));
}

test('a rule of Traefik 2 is recognized', () => {
  for (const rule of [
    'Host(`a.x`)',
    'Host(`a.x`) && PathPrefix(`/b`)',
    '!Host("a.x")',
    '(Host(`a.x`) || Path(`/b`))',
  ]) {
    assert.throws(() => notesOf(rule), /this is a rule of Traefik 2 or later: write "Host:a.com,b.com;PathPrefix:\/x"/);
  }
});

test('however long a rule is, what is told of it is short', () => {
  for (const rule of [`Nobody${'x'.repeat(1 << 20)}:a`, `Query:${'x'.repeat(1 << 20)}`]) {
    assert.throws(
      () => notesOf(rule),
      ({ message }: Error) => message.length < 400,
    );
  }
  assert.ok(notesOf(`Host:${'a.x:80,'.repeat(100_000)}`).length < 2_000);
  assert.ok(notesOf(`Path:${'x'.repeat(1 << 20)}`).length < 400);
});

test('what is told to never match never does', () => {
  const host = fc.constantFrom('a.x', 'b.x', 'a.x:80', 'a.x/b', 'a b');
  const path = fc.constantFrom('/', '/a', '/a/', '/a/b', '/b', '/b/', 'a');
  const segment = fc.oneof(
    fc.tuple(fc.constantFrom('Path', 'PathPrefix'), fc.array(path, { minLength: 1, maxLength: 2 })),
    fc.tuple(fc.constant('Host'), fc.array(host, { minLength: 1, maxLength: 2 })),
    fc.tuple(fc.constant('Method'), fc.array(fc.constantFrom('get', 'POST', 'A B'), { minLength: 1, maxLength: 2 })),
    fc.tuple(fc.constant('Query'), fc.constantFrom(['q=1'], ['q=2'], ['q='], ['r=1'])),
  );
  const rules = fc
    .array(segment, { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([name, args]) => `${name}:${args.join(',')}`).join(';'));
  const request = fc.tuple(
    fc.constantFrom('/', '/a', '/a/', '/a/b', '/b', '/b/'),
    fc.constantFrom('', '?q=1', '?q=2&r=1', '?q=1&q=2'),
    fc.constantFrom('a.x', 'b.x', 'a.x:80'),
    fc.constantFrom('GET', 'POST'),
  );
  fc.assert(
    fc.property(rules, fc.array(request, { minLength: 8, maxLength: 8 }), (rule, requests) => {
      // Of one condition a single alternative may be dead; of all of them together nothing may be left.
      if (!notesOf(rule).includes('no request meets two')) return;
      for (const [target, query, name, method] of requests) {
        assert.equal(outcomeOf([frontendOf('f', [rule])], target + query, { host: name, method }), 'no', rule);
      }
    }),
    { numRuns: 300 },
  );
});

test('a single condition of which each alternative is told to never match never does', () => {
  const text = (...units: string[]) => fc.string({ unit: fc.constantFrom(...units), minLength: 1, maxLength: 6 });
  const host = text('a', '.', 'x', ':', '8', '/', ' ', '*', '[', ']', '://', 'a:8:a:8:a:8:a');
  const path = text('/', 'a', '?', '#', '*', '%20', ' ');
  const condition = fc.oneof(
    fc.tuple(fc.constantFrom('Host', 'HostRegexp'), host),
    fc.tuple(fc.constantFrom('Path', 'PathPrefix', 'PathPrefixStrip', 'PathStrip'), path),
    fc.tuple(fc.constant('Method'), text('G', 'e', 't', ' ', '-', '*', '/')),
  );
  const request = fc.tuple(
    fc.oneof(fc.constantFrom('/', '*', '/a', '/a/', '/%20', '/a%2520', '/*', '/a?a'), path.map(encodeURI)),
    fc
      .oneof(
        host,
        fc.constantFrom('a.x', 'a.x:8', '[::8]', '[::8]:8', '[a:8:a:8:a:8:a:8]', '[a:8:a:8:a:8:a:8]:8', '*.a', ''),
      )
      .filter((each) => hostProblem(each) === ''),
    fc.oneof(fc.constantFrom('GET', 'get', '*', 'a-a'), text('G', 'e', 't', '-', '*')),
  );
  let told = 0;
  fc.assert(
    fc.property(condition, fc.array(request, { minLength: 6, maxLength: 6 }), ([name, arg], requests) => {
      const rule = `${name}:${arg}`;
      let notes: string;
      try {
        notes = notesOf(rule);
      } catch {
        return;
      }
      if (!notes.includes('never matches')) return;
      told++;
      // What a rule names is the likeliest to meet it.
      const likely = [name.startsWith('Path') ? encodeURI(arg) : '/', 'a.x', 'GET'] as const;
      const own = name.startsWith('Host') && hostProblem(arg) === '' ? [['/', arg, 'GET'] as const] : [];
      for (const [target, as, method] of [likely, ...own, ...requests]) {
        if (!/^[/*]/.test(target)) continue;
        assert.equal(
          outcomeOf([frontendOf('f', [rule])], target, { host: as, method }),
          'no',
          `${rule}: ${target} ${as}`,
        );
      }
    }),
    { numRuns: 1_500 },
  );
  assert.ok(told > 300, `${told}`);
});
