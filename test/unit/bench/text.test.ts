import assert from 'node:assert/strict';
import test from 'node:test';
import { barsOf, drawHistogram, histogramOf, percentile } from '../../../bench/histogram.ts';
import { drawBars, drawCurves } from '../../../bench/svg.ts';
import { formatNumber, formatShare, formatSpread, formatTable } from '../../../bench/table.ts';

test('columns are as wide as their widest cell, the first flushed left', () => {
  const table = formatTable(
    ['proxy', 'µs'],
    [
      ['nginx', '15.2'],
      ['tsuji-pipelining', '9'],
    ],
  );
  assert.deepEqual(table.split('\n'), [
    'proxy               µs',
    '────────────────  ────',
    'nginx             15.2',
    'tsuji-pipelining     9',
  ]);
});

test('numbers have about three digits, groups of thousands, and a dash for what is missing', () => {
  assert.equal(formatNumber(0.123), '0.12');
  assert.equal(formatNumber(15.24), '15.2');
  assert.equal(formatNumber(512.4), '512');
  assert.equal(formatNumber(1234567), '1 234 567');
  assert.equal(formatNumber(Number.NaN), '–');
  assert.equal(formatSpread({ median: 1, min: 0.9, max: 1.1 }), '1.00 (0.90–1.10)');
  assert.equal(formatSpread({ median: Number.NaN, min: Number.NaN, max: Number.NaN }), '–');
  assert.equal(formatShare(0.704), '70 %');
});

test('percentiles follow the counts', () => {
  const histogram = histogramOf([
    [100, 900],
    [200, 90],
    [5_000, 10],
  ]);
  assert.equal(histogram.totalCount, 1_000);
  assert.equal(percentile(histogram, 50), 100);
  assert.equal(percentile(histogram, 99), 200);
  assert.ok(Math.abs(percentile(histogram, 100) - 5_000) < 10);
  assert.ok(Number.isNaN(percentile(histogramOf([]), 50)));
});

test('bars cover every latency once, from the first used range to the last', () => {
  const pairs = [
    [1, 3],
    [150, 5],
    [9_999, 1],
    [60, 0],
  ] as const;
  const bars = barsOf(pairs);
  assert.equal(
    bars.reduce((sum, bar) => sum + bar.count, 0),
    9,
  );
  assert.ok(bars[0]!.from <= 1 && bars.at(-1)!.to > 9_999);
  for (const [i, bar] of bars.entries()) if (i > 0) assert.equal(bar.from, bars[i - 1]!.to);
});

test('a drawn histogram ends at 100 % and shows even a single answer', () => {
  const lines = drawHistogram([
    [100, 100_000],
    [9_000, 1],
  ]).split('\n');
  assert.match(lines[0]!, /█{50}$/);
  assert.match(lines.at(-1)!, /\b1 +100\.000 % +▏$/);
});

test('an empty histogram draws nothing', () => {
  assert.equal(drawHistogram([]), '');
});

/** Tags that open and close in order, attributes quoted, nothing left over: enough of XML for what we write. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="[^"<]*")*)(\/?)>/g,
    (_all, close, name, _fields, empty) => {
      if (close === '/') assert.equal(open.pop(), name);
      else if (empty !== '/') open.push(name);
      return '';
    },
  );
  assert.deepEqual(open, []);
  assert.doesNotMatch(rest, /[<>]/);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
}

test('plots are well-formed, with names escaped', () => {
  const value = { median: 2, min: 1, max: 3 };
  assertWellFormed(drawBars('a < b & "c"', [{ title: 'x > y', bars: [{ name: '<i>', value }] }]));
  const points = [
    { at: 0, microseconds: 90 },
    { at: 0.5, microseconds: 120 },
    { at: 0.999, microseconds: 4_000 },
  ];
  const curves = drawCurves('latency', [{ name: 'nginx & co', points }]);
  assertWellFormed(curves);
  assert.match(curves, /p99\.9</);
});

test('a plot of nothing is still a plot', () => {
  assertWellFormed(drawCurves('latency', []));
  assertWellFormed(drawBars('cpu', []));
});

test('a longer bar stands for a greater value', () => {
  const at = (median: number) => ({ median, min: median, max: median });
  const svg = drawBars('cpu', [
    {
      title: 'small',
      bars: [
        { name: 'a', value: at(10) },
        { name: 'b', value: at(20) },
      ],
    },
  ]);
  const widths = [...svg.matchAll(/width="([\d.]+)" height="18"/g)].map((match) => Number(match[1]));
  assert.equal(widths.length, 2);
  assert.ok(Math.abs(widths[1]! / widths[0]! - 2) < 0.01);
});
