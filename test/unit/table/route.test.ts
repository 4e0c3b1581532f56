import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import type { MatchTerm } from '../../../src/rule/terms.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { canonicalHost } from '../../../src/table/request-text.ts';
import { validateTable } from '../../../src/table/validate.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { naiveMatch } from '../../harness/naive-match.ts';
import { frontend, input } from './inputs.ts';

type Pair = readonly [name: string, value: string];

type Request = {
  entryPoint: number;
  method: string;
  host: string;
  path: string;
  /** Lower-case name and value. */
  fields?: readonly Pair[];
  /** Decoded name and value. */
  parameters?: readonly Pair[];
};

function tableOf(frontends: readonly TableFrontend[], keepTrailingSlash = false): RoutingTable {
  const buffer = writeTable(input(frontends));
  validateTable(buffer);
  return new RoutingTable(buffer, keepTrailingSlash);
}

/** The global order of shared/spec rules §9, walked from its beginning. */
function naiveRoute(frontends: readonly TableFrontend[], request: Request, keepTrailingSlash: boolean): string {
  const ordered = [...frontends].sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
  const { host: rawHost, method, fields = [], parameters = [] } = request;
  const path = decodeURIComponent(request.path);
  const known = { rawHost, host: canonicalHost(rawHost), path, method, fields, parameters };
  for (const { name, terms, entryPoints } of ordered) {
    if (((entryPoints >>> request.entryPoint) & 1) === 0) continue;
    const result = naiveMatch(terms, known, keepTrailingSlash);
    if (result !== 'no') return `${name} ${result}`;
  }
  return 'none';
}

function tableRoute(table: RoutingTable, request: Request): string {
  const { entryPoint, method, host, path, fields = [], parameters = [] } = request;
  const found = table.route(entryPoint, method, host, path, {
    query: parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&'),
    values: (wanted) => fields.filter(([name]) => name === wanted).map(([, value]) => value),
  });
  return found === null ? 'none' : `${found.name} ${table.redirectSlash ? 'redirect' : 'yes'}`;
}

const pathText = fc
  .array(fc.constantFrom('/', '/', 'a', 'a', 'é', ' '), { maxLength: 4 })
  .map((parts) => `/${parts.join('')}`);
const rulePath = fc.oneof({ weight: 9, arbitrary: pathText }, { weight: 1, arbitrary: fc.constantFrom('', 'a', 'a/') });
const hostText = fc.constantFrom('a', 'b.example', 'a.b.example', 'c.example.', '::1', 'é.example', 'bab', '');
const methodText = fc.constantFrom('GET', 'PUT', 'get', 'PROPFIND');

function someOf<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(arbitrary, { minLength: 1, maxLength: 3 });
}

/** A template of literal text and variables, whose patterns mean the same to Go and to JavaScript. */
function templateOf(literal: string, pattern: string): fc.Arbitrary<string> {
  const text = fc.string({ unit: fc.constantFrom(...literal), maxLength: 3 });
  const variable = fc.constantFrom('{x}', `{x:${pattern}}`, '{x:(?:a|b)}', '{x:a*|é}', '{x:[^a]+}');
  return fc.array(fc.oneof(text, variable), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('') || 'a');
}

const hostTemplate = fc.oneof(
  templateOf('ab.C', '[a-z]+'),
  templateOf('ab.C', '[a-z.]*').map((text) => `${text}.example`),
);
const pathTemplate = templateOf('a/é', '.*').map((text) => `/${text}`);

/** The terms of a rule, by the compiler of rules. */
function termsOf(name: string, args: readonly string[]): MatchTerm {
  const compiler = new RuleCompiler();
  compiler.add(`${name}:${args.join(',')}`);
  return compiler.terms[0];
}

const fieldName = fc.constantFrom('x-a', 'x-b');
const parameterName = fc.constantFrom('p', 'q é');
const value = fc.constantFrom('', 'a', 'b', 'ab', 'a&b', 'é', ' ');
const valuePattern = fc.constantFrom('a', '^b', 'é$', 'a|^$', '[^a]');

const term: fc.Arbitrary<MatchTerm> = fc.oneof(
  { weight: 2, arbitrary: someOf(hostTemplate).map((templates) => termsOf('HostRegexp', templates)) },
  { weight: 1, arbitrary: someOf(pathTemplate).map((templates) => termsOf('Path', templates)) },
  { weight: 1, arbitrary: someOf(pathTemplate).map((templates) => termsOf('PathPrefix', templates)) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('header' as const), name: fieldName, value }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('headerRegexp' as const), name: fieldName, pattern: valuePattern }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('query' as const), name: parameterName, value }) },
  {
    weight: 1,
    arbitrary: parameterName.map((name) => ({ kind: 'queryTemplate' as const, name, pattern: `${name}=([^a]+|é)` })),
  },
  { weight: 3, arbitrary: someOf(hostText).map((hosts) => ({ kind: 'host' as const, hosts })) },
  { weight: 2, arbitrary: someOf(rulePath).map((paths) => ({ kind: 'path' as const, paths })) },
  { weight: 2, arbitrary: someOf(rulePath).map((prefixes) => ({ kind: 'pathPrefix' as const, prefixes })) },
  { weight: 1, arbitrary: someOf(methodText).map((methods) => ({ kind: 'method' as const, methods })) },
);

/** Up to 60, so that hosts have lists on both sides of the length from which paths are indexed. */
const frontends = fc
  .array(
    fc.record({
      terms: fc.array(term, { maxLength: 4 }),
      rank: fc.nat({ max: 4 }),
      entryPoints: fc.constantFrom(1, 2, 3, 0x80000001 | 0),
    }),
    { maxLength: 60, size: 'max' },
  )
  .map((parts) => parts.map(({ terms, ...part }, i) => frontend(`f${(i * 37) % 101}`, terms, part)));

function escaped(path: string): fc.Arbitrary<string> {
  const characters = [...path].map((character) => {
    const percent = encodeURIComponent(character);
    const hex = percent.startsWith('%') ? percent : `%${character.charCodeAt(0).toString(16)}`;
    return fc.oneof({ weight: 6, arbitrary: fc.constant(character) }, { weight: 1, arbitrary: fc.constant(hex) });
  });
  return fc.tuple(...characters).map((parts) => parts.join(''));
}

const request: fc.Arbitrary<Request> = fc.record({
  entryPoint: fc.constantFrom(0, 1, 31),
  method: methodText,
  host: fc.tuple(hostText, fc.constantFrom('', ':80', ':')).map(([host, port]) => {
    return port !== '' && host.includes(':') ? `[${host}]${port}` : host.toUpperCase() + port;
  }),
  path: pathText.chain(escaped),
  fields: fc.array(fc.tuple(fieldName, value), { maxLength: 3 }),
  parameters: fc.array(fc.tuple(parameterName, value), { maxLength: 3 }),
});

test('the table routes every request as a walk over all frontends does', () => {
  const cases = fc.tuple(frontends, fc.array(request, { minLength: 30, maxLength: 60 }), fc.boolean());
  fc.assert(
    fc.property(cases, ([list, requests, keepTrailingSlash]) => {
      const table = tableOf(list, keepTrailingSlash);
      for (const each of requests) {
        assert.equal(tableRoute(table, each), naiveRoute(list, each, keepTrailingSlash), JSON.stringify(each));
      }
    }),
    { numRuns: 300 },
  );
});

test('thousands of hosts and of paths under one host are told apart', () => {
  const list: TableFrontend[] = [];
  for (let i = 0; i < 3000; i++) {
    list.push(frontend(`h${i}`, [{ kind: 'host', hosts: [`h${i}.example`, `w.h${i}.example`] }], { rank: 20 }));
    const paths: MatchTerm =
      i % 2 === 0 ? { kind: 'path', paths: [`/p/${i}`] } : { kind: 'pathPrefix', prefixes: [`/p/${i}/`] };
    list.push(frontend(`p${i}`, [{ kind: 'host', hosts: ['one.example'] }, paths], { rank: 30 }));
  }
  list.push(frontend('rest', [{ kind: 'host', hosts: ['one.example'] }], { rank: 5 }));
  const table = tableOf(list);
  const route = (host: string, path: string) => tableRoute(table, { entryPoint: 0, method: 'GET', host, path });
  for (let i = 0; i < 3000; i++) {
    assert.equal(route(`h${i}.example`, '/'), `h${i} yes`);
    assert.equal(route(`W.H${i}.example:80`, '/x'), `h${i} yes`);
    assert.equal(route('one.example', i % 2 === 0 ? `/p/${i}` : `/p/${i}/x/y`), `p${i} yes`);
    assert.equal(route('one.example', `/p/${i}/`), i % 2 === 0 ? `p${i} redirect` : `p${i} yes`);
    assert.equal(route('one.example', `/q/${i}`), 'rest yes');
    assert.equal(route(`x${i}.example`, '/'), 'none');
  }
});

test('hundreds of host templates are told apart by their literal ends, and those without are still tried', () => {
  const list: TableFrontend[] = [];
  for (let i = 0; i < 400; i++) {
    const suffix = termsOf('HostRegexp', [`{sub:[a-z]+}.t${i}.example.com`, `{sub}-t${i}.Example.net`]);
    list.push(frontend(`t${i}`, [suffix], { rank: 20 + (i % 3) }));
    const path: MatchTerm = { kind: 'pathPrefix', prefixes: [`/p/${i}/`] };
    list.push(frontend(`p${i}`, [termsOf('HostRegexp', ['{x}.one.example']), path], { rank: 30 }));
  }
  list.push(frontend('other', [termsOf('HostRegexp', ['w{sub:.*}.com'])], { rank: 5 }));
  list.push(frontend('first', [termsOf('HostRegexp', ['{sub:.*}7.{x:e.*}'])], { rank: 25 }));
  list.push(frontend('exact', [{ kind: 'host', hosts: ['abc.t5.example.com'] }], { rank: 21 }));
  const table = tableOf(list);
  const route = (host: string, path = '/') => tableRoute(table, { entryPoint: 0, method: 'GET', host, path });
  for (let i = 0; i < 400; i++) {
    const expected = i % 10 === 7 ? 'first yes' : `t${i} yes`;
    assert.equal(route(`www.t${i}.example.com`), expected);
    assert.equal(route(`A-T${i}.EXAMPLE.net:8080`), expected);
    assert.equal(route('x.one.example', `/p/${i}/y`), `p${i} yes`);
  }
  assert.equal(route('www.t400.example.com'), 'other yes');
  assert.equal(route('www0.t1.example.com'), 'other yes');
  assert.equal(route('x.one.example', '/p/'), 'none');
  assert.equal(route('abc.t5.example.com'), 't5 yes');
  assert.equal(route('abc.t3.example.com'), 't3 yes');
  assert.equal(route('t5.example.com'), 'none');
});

test('a template of a path is found by its literal beginning', () => {
  const host: MatchTerm = { kind: 'host', hosts: ['a'] };
  const list: TableFrontend[] = [];
  for (let i = 0; i < 400; i++) {
    list.push(frontend(`t${i}`, [host, termsOf('Path', [`/p${i}/{id:[0-9]+}`, `/p${i}`])]));
  }
  const table = tableOf(list);
  const route = (path: string) => tableRoute(table, { entryPoint: 0, method: 'GET', host: 'a', path });
  for (let i = 0; i < 400; i++) {
    assert.equal(route(`/p${i}/${i}`), `t${i} yes`);
    assert.equal(route(`/p${i}/`), `t${i} redirect`);
    assert.equal(route(`/p${i}/x`), 'none');
  }
});

test('fields and the query are only looked up when a candidate asks for them', () => {
  const asked: string[] = [];
  const fields = {
    get query(): string {
      asked.push('query');
      return 'p=1';
    },
    values(name: string): string[] {
      asked.push(name);
      return [];
    },
  };
  const table = tableOf([
    frontend(
      'header',
      [
        { kind: 'host', hosts: ['a'] },
        { kind: 'header', name: 'x-a', value: '' },
      ],
      { rank: 9 },
    ),
    frontend(
      'query',
      [
        { kind: 'path', paths: ['/q'] },
        { kind: 'query', name: 'p', value: '1' },
      ],
      { rank: 8 },
    ),
    frontend('rest', []),
  ]);
  assert.equal(table.route(0, 'GET', 'b', '/', fields)?.name, 'rest');
  assert.deepEqual(asked, []);
  assert.equal(table.route(0, 'GET', 'a', '/q', fields)?.name, 'query');
  assert.deepEqual(asked, ['x-a', 'query']);
});

test('an indexed path does not overtake a walked frontend of higher rank, nor the other way round', () => {
  const host: MatchTerm = { kind: 'host', hosts: ['a'] };
  const list = Array.from({ length: 20 }, (_, i) => {
    return frontend(`p${i}`, [host, { kind: 'pathPrefix', prefixes: [`/${i}`] }], { rank: 10 + i });
  });
  list.push(frontend('posts', [host, { kind: 'method', methods: ['POST'] }], { rank: 20 }));
  list.push(frontend('any', [{ kind: 'pathPrefix', prefixes: ['/1'] }], { rank: 25 }));
  const table = tableOf(list);
  const route = (method: string, path: string) => tableRoute(table, { entryPoint: 0, method, host: 'a', path });
  assert.equal(route('GET', '/9'), 'p9 yes');
  assert.equal(route('POST', '/9'), 'posts yes');
  assert.equal(route('POST', '/14'), 'any yes');
  assert.equal(route('GET', '/19'), 'p19 yes');
  assert.equal(route('GET', '/15'), 'any yes');
  assert.equal(route('POST', '/none'), 'posts yes');
});

test('a path with an invalid escape meets no path rule, but still its host', () => {
  const host: MatchTerm = { kind: 'host', hosts: ['a'] };
  const list = Array.from({ length: 12 }, (_, i) => {
    return frontend(`p${i}`, [host, { kind: 'pathPrefix', prefixes: ['/'] }], { rank: 10 });
  });
  const table = tableOf([...list, frontend('host', [host], { rank: 5 })]);
  assert.equal(table.route(0, 'GET', 'a', '/%41')?.name, 'p0');
  assert.equal(table.route(0, 'GET', 'a', '/%4')?.name, 'host');
});

test('a redirect of one request is not left over for the next', () => {
  const list = [
    frontend('path', [{ kind: 'path', paths: ['/a'] }], { rank: 9 }),
    frontend(
      'post',
      [
        { kind: 'path', paths: ['/b'] },
        { kind: 'method', methods: ['POST'] },
      ],
      { rank: 8 },
    ),
    frontend('rest', []),
  ];
  const table = tableOf(list);
  const route = (path: string) => tableRoute(table, { entryPoint: 0, method: 'GET', host: '', path });
  assert.equal(route('/a/'), 'path redirect');
  assert.equal(route('/x'), 'rest yes');
  assert.equal(route('/b/'), 'rest yes');
});

test('a redirect of the host gives way to a frontend without a condition that comes first', () => {
  const list = [
    frontend('all', [], { rank: 9 }),
    frontend('path', [
      { kind: 'host', hosts: ['a'] },
      { kind: 'path', paths: ['/a'] },
    ]),
  ];
  assert.equal(tableRoute(tableOf(list), { entryPoint: 0, method: 'GET', host: 'a', path: '/a/' }), 'all yes');
});

test('one of several path conditions is enough for a redirect', () => {
  const both: MatchTerm[] = [
    { kind: 'path', paths: ['/a'] },
    { kind: 'path', paths: ['/a/', '/b'] },
  ];
  for (const terms of [both, both.toReversed()]) {
    const table = tableOf([frontend('f', terms)]);
    for (const path of ['/a', '/a/']) {
      assert.equal(tableRoute(table, { entryPoint: 0, method: 'GET', host: '', path }), 'f redirect');
    }
  }
});

test('a frontend that can never match changes nothing', () => {
  const table = tableOf([
    frontend('never-path', [{ kind: 'path', paths: ['a'] }], { rank: 9 }),
    frontend('never-prefix', [{ kind: 'pathPrefix', prefixes: ['', 'b'] }], { rank: 9 }),
    frontend('never-host', [
      { kind: 'host', hosts: ['a'] },
      { kind: 'host', hosts: ['b'] },
    ]),
    frontend('empty-host', [{ kind: 'host', hosts: [''] }], { rank: 9 }),
  ]);
  for (const host of ['a', 'b', '']) assert.equal(table.route(0, 'GET', host, '/a'), null);
});
