/** Who asks why a request goes where it goes is told by what routes it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { MatchTerm } from '../../../src/rule/terms.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { frontend } from './inputs.ts';
import { frontends, naiveRoute, PROPERTY_RUNS, type Request, request, tableOf, tableRoute } from './routing-cases.ts';

test('the first frontend that has nothing against a request is the one that it gets, and a walk agrees on all others', () => {
  const cases = fc.tuple(frontends, fc.array(request, { minLength: 10, maxLength: 20 }), fc.boolean());
  fc.assert(
    fc.property(cases, ([list, requests, keepTrailingSlash]) => {
      const table = tableOf(list, keepTrailingSlash);
      for (const each of requests) {
        const routed = tableRoute(table, each);
        const { tried, others } = table.tried(each.host, { tried: 1_000, others: 1_000 });
        const first = tried.find(({ refusal }) => refusal === null)?.frontend ?? 'none';
        assert.equal(first, routed.split(' ')[0], JSON.stringify(each));
        const served = list.filter(({ entryPoints }) => ((entryPoints >>> each.entryPoint) & 1) === 1);
        assert.equal(tried.length + others.length, served.length);
        for (const { frontend: name, refusal } of tried) {
          const alone = list.filter((one) => one.name === name);
          assert.equal(naiveRoute(alone, each, keepTrailingSlash) !== 'none', refusal === null, name);
        }
        for (const name of others) {
          assert.equal(
            naiveRoute(
              list.filter((one) => one.name === name),
              each,
              keepTrailingSlash,
            ),
            'none',
          );
        }
      }
    }),
    { numRuns: PROPERTY_RUNS / 3 },
  );
});

const HOST: MatchTerm = { kind: 'host', hosts: ['a'] };

function triedFor(list: readonly TableFrontend[], asked: Partial<Request>) {
  const table = tableOf(list);
  const each = { entryPoint: 0, method: 'GET', host: 'a', path: '/', ...asked };
  tableRoute(table, each);
  return table.tried(each.host, { tried: 1_000, others: 5 });
}

test('what says no is named, with what it would have taken', () => {
  const list = [
    frontend('p', [HOST, { kind: 'path', paths: ['/x', '/y'] }], { rank: 9 }),
    frontend('m', [HOST, { kind: 'method', methods: ['PUT'] }], { rank: 8 }),
    frontend('h', [HOST, { kind: 'header', name: 'x-a', value: 'b' }], { rank: 7 }),
    frontend('all', [HOST], { rank: 6 }),
    frontend('any', [], { rank: 5 }),
    frontend('other', [{ kind: 'host', hosts: ['b'] }], { rank: 4 }),
  ];
  const { tried, others } = triedFor(list, {});
  assert.deepEqual(tried, [
    { frontend: 'p', refusal: { matcher: 'path', wants: ['/x', '/y'] } },
    { frontend: 'm', refusal: { matcher: 'method', wants: ['PUT'] } },
    { frontend: 'h', refusal: { matcher: 'header', wants: ['x-a=b'] } },
    { frontend: 'all', refusal: null },
    { frontend: 'any', refusal: null },
  ]);
  assert.deepEqual(others, ['other']);
});

test('of a host with hundreds of paths all are tried, those that an index finds as well', () => {
  const list = Array.from({ length: 300 }, (_, i) =>
    frontend(`f${i}`, [HOST, { kind: 'path', paths: [`/${i}`] }], { rank: 300 - i }),
  );
  const { tried, triedInAll } = triedFor(list, { path: '/7' });
  assert.equal(triedInAll, 300);
  assert.equal(tried.length, 300);
  assert.deepEqual(
    tried.filter(({ refusal }) => refusal === null).map(({ frontend: name }) => name),
    ['f7'],
  );
});

test('of thousands the ones that match are told, and the first of the others', () => {
  const list = Array.from({ length: 3_000 }, (_, i) =>
    frontend(`f${i}`, [HOST, { kind: 'pathPrefix', prefixes: [i % 1_000 === 999 ? '/x' : `/${i}`] }], {
      rank: 3_000 - i,
    }),
  );
  const table = tableOf(list);
  tableRoute(table, { entryPoint: 0, method: 'GET', host: 'a', path: '/x/y' });
  const { tried, triedInAll } = table.tried('a', { tried: 10, others: 5 });
  assert.equal(triedInAll, 3_000);
  const names = ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f999', 'f1999', 'f2999'];
  assert.deepEqual(
    tried.map(({ frontend: name }) => name),
    names,
  );
});
