/** The parts of the dashboard that need no browser. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';

const part = (name: string) => import(new URL(`../../../../src/control/admin/ui/${name}.js`, import.meta.url).href);
const [format, place, query, history, plot] = await Promise.all(
  ['format', 'place', 'query', 'history', 'plot'].map(part),
);

test('figures have at most three digits that matter, and what is not known is no 0', () => {
  const { int, rate, share, time, bytes, NONE } = format;
  assert.deepEqual([1_234_567, 0, null].map(int), ['1\u202f234\u202f567', '0', NONE]);
  assert.deepEqual([0, 0.01, 0.06, 9.94, 9.96, 1234].map(rate), ['0', '<0.1', '0.1', '9.9', '10', '1\u202f234']);
  assert.deepEqual([0, 0.00001, 0.0076, 0.234, 0.9999, 1, undefined].map(share), [
    '0',
    '<0.01',
    '0.76',
    '23.4',
    '100',
    '100',
    NONE,
  ]);
  assert.deepEqual([0.21, 2.34, 412, 2310, 12_345, null].map(time), [
    '210 µs',
    '2.3 ms',
    '412 ms',
    '2.31 s',
    '12.3 s',
    NONE,
  ]);
  assert.deepEqual([12, 4_100_000, 999_600].map(bytes), [
    ['12', 'B'],
    ['4.1', 'MB'],
    ['1.0', 'MB'],
  ]);
});

test('ages have their two largest units', () => {
  assert.deepEqual([400, 1000, 845_000, 273_600_000, 3_600_000, -5].map(format.age), [
    '0 s',
    '1 s',
    '14 min 5 s',
    '3 d 4 h',
    '1 h',
    '0 s',
  ]);
});

test('what hides or turns text is shown by its number', () => {
  assert.equal(format.seen('a\u202eb\u200b\n'), 'a\\u{202e}b\\u{200b}\\u{a}');
});

test('a comparison says how much, or nothing', () => {
  const { comparison } = format;
  assert.equal(comparison(104, 100, 'an hour ago'), '4 % more than an hour ago');
  assert.equal(comparison(98, 100, 'an hour ago'), '2 % less than an hour ago');
  assert.equal(comparison(860, 100, 'an hour ago'), '8.6 times that of an hour ago');
  assert.equal(comparison(5, 0, 'an hour ago'), '');
});

test('every place has one address, whatever names hold', () => {
  const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(name, name, name, (backend, server, q) => {
      const parsed = place.parsePlace(place.address(['backends', backend, server], { q, range: '' }));
      assert.deepEqual(parsed, { screen: 'backends', names: [backend, server], params: { q } });
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(place.parsePlace(''), { screen: 'overview', names: [], params: {} });
  assert.deepEqual(place.parsePlace('#/backends/%zz').names, ['%zz']);
});

test('whole terms of a query are chips, and come and go whole', () => {
  const { split, toggled, joinQuery } = query;
  const text = 'shop is:failing -host:"my shop" 5xx>1 "two words" name';
  assert.deepEqual(split(text), { chips: ['is:failing', '-host:"my shop"', '5xx>1'], text: 'shop "two words" name' });
  assert.equal(toggled(text, '5xx>1'), 'shop is:failing -host:"my shop" "two words" name');
  assert.equal(toggled('a', 'is:ok'), 'a is:ok');
  assert.equal(joinQuery(['is:ok'], ' a '), 'is:ok a');
});

const columns = (c2: (number | null)[]) => {
  const like = (value: number) => c2.map((one) => (one === null ? null : value));
  return {
    c2,
    c3: like(0),
    c4: like(1),
    c5: like(2),
    p50: like(3),
    p90: like(4),
    p99: like(5),
    inflight: like(6),
    max5: like(0),
    marks: [],
  };
};

test('what is new of a history goes on with the old, over gaps too, and no longer than its range', () => {
  const old = { step: 10, t0: 100, ...columns([1, 2, 3]) };
  const more = { step: 10, t0: 120, ...columns([9, null, 5]) };
  const joined = history.joined(old, more, 4);
  assert.equal(joined.t0, 110);
  assert.deepEqual(joined.c2, [2, 9, null, 5]);
  const behind = history.joined(old, { step: 10, t0: 150, ...columns([7]) }, 10);
  assert.deepEqual(behind.c2, [1, 2, 3, null, null, 7]);
  assert.equal(history.joined(old, { step: 20, t0: 0, ...columns([1]) }, 4).step, 20);
  assert.deepEqual(history.cut(old, 110, 120).c2, [2]);
});

test('a gap is a gap, and no request is no share', () => {
  const some = columns([1, null, 0]);
  assert.deepEqual(history.stacked(some)[3], [4, null, 3]);
  assert.deepEqual(history.fives({ ...some, c4: [0, null, 0], c5: [1, null, 0] }), [0.5, null, null]);
});

test('the range shows when the verdict began, with half as much before it', () => {
  const minutes = 60_000;
  const ranges = [1, 3, 4, 30, 60].map((age) => history.autoRange('degraded', age * minutes));
  assert.deepEqual(ranges, ['5m', '5m', '1h', '1h', '24h']);
  assert.equal(history.autoRange('healthy', 1), '1h');
});

test('a mark has its number where there is room for it, and a tick without a value no text', () => {
  const { numberSides } = history;
  assert.deepEqual(numberSides([40, 60, 100, 290], 300), ['', 'right', 'right', 'left']);
  assert.deepEqual(numberSides([250, 280], 300), ['right', '']);
  assert.deepEqual(
    [1000, null, 10, null, 0.1].map((value) => plot.tickText('latency', value)),
    ['1 s', '', '10 ms', '', '100 µs'],
  );
});

test('marks that are near become one, of the worst kind', () => {
  const groups = history.groupedMarks(
    [
      [100, 'key', 'a'],
      [105, 'worse', 'b'],
      [200, 'better', 'c'],
    ],
    9,
  );
  assert.deepEqual(groups, [
    { t: 100, kind: 'worse', n: 2, texts: ['a', 'b'] },
    { t: 200, kind: 'better', n: 1, texts: ['c'] },
  ]);
});
