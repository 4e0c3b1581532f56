import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { firstQueryValue } from '../../../src/table/query.ts';

test('the first value of a parameter is found and decoded', () => {
  const rows: [query: string, name: string, value: string | null][] = [
    ['', 'a', null],
    ['', '', null],
    ['a', 'a', ''],
    ['a=', 'a', ''],
    ['a=1&a=2', 'a', '1'],
    ['b=1;a=2', 'a', '2'],
    ['aa=1&A=2', 'a', null],
    ['a=b=c', 'a', 'b=c'],
    ['%61=x+y%2B', 'a', 'x y+'],
    ['a+b=1', 'a b', '1'],
    ['&&=1&', '', '1'],
    ['a=é', 'a', 'é'],
    ['a?b=1', 'a?b', '1'],
  ];
  for (const [query, name, value] of rows) assert.equal(firstQueryValue(query, name), value, `${name} in ${query}`);
});

test('a parameter with an invalid escape is not there, and the next one is', () => {
  assert.equal(firstQueryValue('a=%zz&a=2', 'a'), '2');
  assert.equal(firstQueryValue('a%=1', 'a'), null);
  assert.equal(firstQueryValue('a=%4', 'a'), null);
});

test('any query can be cut anywhere, and where nothing is odd the value is that of URLSearchParams', () => {
  const whole = 'a=%c3%a9&b+c=1;%61=2&&=%';
  for (let end = 0; end <= whole.length; end++) firstQueryValue(whole.slice(0, end), 'a');
  const pair = fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(fc.array(pair), (pairs) => {
      const query = new URLSearchParams(pairs);
      for (const [name] of pairs) assert.equal(firstQueryValue(query.toString(), name), query.get(name));
    }),
  );
});
