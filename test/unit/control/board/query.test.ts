import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseQuery, type Term, understand } from '../../../../src/control/board/query.ts';

const seen = (query: string) =>
  parseQuery(query)!.map(({ isNot, name, operator, value, isQuoted }) =>
    [isNot ? 'not' : '', name, operator, value, isQuoted ? 'quoted' : ''].join('|'),
  );

test('a filter is words and terms, each as it is written', () => {
  assert.deepEqual(seen('shop -host:intern code:5xx  ms>200 frontend:"a b" -"two words" -'), [
    '||:|shop|',
    'not|host|:|intern|',
    '|code|:|5xx|',
    '|ms|>|200|',
    '|frontend|:|a b|quoted',
    'not||:|two words|quoted',
    '||:|-|',
  ]);
  assert.deepEqual(seen('Host:a:80 p99<5 "open'), ['|host|:|a:80|', '|p99|<|5|', '||:|open|quoted']);
  assert.deepEqual(seen(' \t'), []);
});

test('a term that nobody understands is told with its place and what there is', () => {
  const meanings = { '': (term: Term) => term, host: (term: Term) => term, code: () => 'a code has three digits' };
  const query = 'shop hots:a code:9';
  const { meant, bad } = understand(query, meanings);
  assert.equal(meant.length, 1);
  assert.deepEqual(
    bad.map(({ term, from, to, why }) => [term, query.slice(from, to), why]),
    [
      ['hots:a', 'hots:a', '"hots" is none that is known here; do you mean host?'],
      ['code:9', 'code:9', 'a code has three digits'],
    ],
  );
  assert.match(understand('wavelength:1', meanings).bad[0].why, /there is host, code/);
  assert.match(understand('constructor:1', meanings).bad[0].why, /none that is known/);
});

test('one that is too long, or has too many terms, is refused as a whole', () => {
  for (const query of ['x'.repeat(1_001), 'x '.repeat(33)]) {
    assert.equal(parseQuery(query), null);
    assert.match(understand(query, {}).bad[0].why, /at most 1000 characters and 32 terms/);
  }
});

test('whatever is typed, terms stand in their order, do not overlap, and leave out nothing but blanks', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ':', '"', '-', ' ', '>', '5', 'ü'), maxLength: 40 }),
      (query) => {
        const terms = parseQuery(query);
        if (terms === null) return;
        let rest = query;
        for (const { text, from, to } of [...terms].reverse()) {
          assert.equal(query.slice(from, to), text);
          assert.ok(text.length > 0);
          rest = rest.slice(0, from) + rest.slice(to);
        }
        assert.equal(rest.trim(), '');
      },
    ),
  );
});
