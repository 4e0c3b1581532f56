import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { MatchTerm } from '../../../src/rule/terms.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { frontend } from './inputs.ts';
import { frontends, naiveRoute, PROPERTY_RUNS, request, tableOf, tableRoute, termsOf } from './routing-cases.ts';

test('the table routes every request as a walk over all frontends does', () => {
  const cases = fc.tuple(frontends, fc.array(request, { minLength: 30, maxLength: 60 }), fc.boolean());
  fc.assert(
    fc.property(cases, ([list, requests, keepTrailingSlash]) => {
      const table = tableOf(list, keepTrailingSlash);
      for (const each of requests) {
        assert.equal(tableRoute(table, each), naiveRoute(list, each, keepTrailingSlash), JSON.stringify(each));
      }
    }),
    { numRuns: PROPERTY_RUNS },
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
