import assert from 'node:assert/strict';
import test from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { fitted, plain, widthOf } from '../../../src/commands/terminal-text.ts';
import type { TopData, Wanted } from '../../../src/commands/top/top-data.ts';
import { afterKey, frame, rowsOf, type ScreenState } from '../../../src/commands/top/top-screen.ts';
import { headText, plainText, span } from '../../../src/commands/top/top-text.ts';
import type { Overview } from '../../../src/control/admin/ui-api/shapes.ts';

const OVERVIEW: Overview = {
  v: 1,
  t: 100_000_000,
  gen: 7,
  genAt: 1,
  settled: true,
  level: 'degraded',
  since: 99_940_000,
  c: [90, 0, 5, 5],
  lat: [1.5, 20, 1_500],
  inflight: 3,
  conns: [1, 2],
  bytes: [1, 1],
  retries: [0, 0],
  sources: [],
  servers: [9, 10],
  backends: { failing: 1, impaired: 0, ok: 1, idle: 0 },
  frontends: 2,
  problems: [0, 2],
  cert: null,
  workers: [2, 2],
  lag: 0,
  draining: false,
  changes: 0,
  rev: { findings: 0, lists: 0, wall: 0, events: 0 },
  node: 'lb1',
  version: '1.2.3',
  startedAt: 0,
};
const WANTED: Wanted = { list: 'backends', backend: '', filter: '', sort: 'worst', offset: 0, limit: 20 };

function rowOf(name: string, state = 'ok') {
  return {
    name,
    state,
    why: 'why',
    up: 1,
    want: 2,
    rate: 12.34,
    e4: 0,
    e5: 0.123,
    p50: 3,
    p99: null,
    backend: 'of',
    rules: ['Host:a'],
  };
}

function dataOf(...names: string[]): TopData {
  return { overview: OVERVIEW, rows: names.map((name) => rowOf(name)), match: names.length, total: names.length };
}

test('a table says what is known, in the units of its column, and what is not as a dash', () => {
  const lines = plainText({ ...dataOf('shop'), total: 5 }, { ...WANTED, filter: 'sh', sort: '-rate' }).split('\n');
  assert.match(lines[0], /^tsuji 1\.2\.3 on lb1 {3}up 1 d 3 h {3}degraded for 1 min {3}generation 7 {3}workers 2\/2$/);
  assert.match(
    lines[1],
    /^100 requests\/s \(5xx 5\.0 %, 4xx 5\.0 %\) {3}p50 2ms {3}p99 1\.5s {3}in flight 3 {3}servers 9\/10 {3}problems 2$/,
  );
  assert.equal(lines[2], 'backends: 1 to 1 of 1 (5 in all), filter sh');
  assert.match(lines[4], /^NAME +STATE +UP +REQ\/S▾ +4XX% +5XX% +P50 +P99 +WHY$/);
  assert.deepEqual(lines[5].split(/ +/), ['shop', 'ok', '1/2', '12', '0', '12', '3ms', '–', 'why']);
  assert.equal(span(59_000), '59 s');
});

test('whatever a name holds, a frame has its lines and columns, and no control character but its own', () => {
  const size = fc.record({ columns: fc.integer({ min: 1, max: 220 }), rows: fc.integer({ min: 2, max: 30 }) });
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\x1b[2J', 'a\rb\nc', '\u202eabc', '日本語の名前です', '\u009b1m'),
  );
  fc.assert(
    fc.property(size, fc.array(name, { maxLength: 12 }), fc.nat(3), (at, names, selected) => {
      const state: ScreenState = { wanted: { ...WANTED, filter: names[0] ?? '' }, selected, back: null };
      const text = frame(state, dataOf(...names), names[1] ?? '', at, false);
      const lines = text.split('\r\n').map((line) => line.replace(/\x1b\[K$/, ''));
      assert.equal(lines.length, at.rows);
      for (const line of lines) {
        assert.ok(widthOf(line) <= at.columns, `${widthOf(line)} > ${at.columns}: ${JSON.stringify(line)}`);
        assert.equal(plain(line), line);
      }
      const coloured = frame(state, dataOf(...names), names[1] ?? '', at, true);
      for (const line of stripVTControlCharacters(coloured).split('\r\n')) assert.equal(plain(line), line);
    }),
    { numRuns: 30 },
  );
});

test('a text is fitted into exactly the columns that it has', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), fc.boolean(), (text, width, right) => {
      assert.equal(widthOf(fitted(text, width, right)), width);
    }),
  );
});

test('keys go through the lists, their order and their rows', () => {
  let state: ScreenState | null = { wanted: { ...WANTED, limit: rowsOf(8) }, selected: 0, back: null };
  const data = dataOf('a', 'b', 'c');
  const press = (...keys: string[]): ScreenState => {
    for (const key of keys) state = afterKey(state!, key, data);
    return state!;
  };
  assert.deepEqual([press('\x1b[B').wanted.offset, state!.selected], [0, 1]);
  assert.deepEqual([press('\x1b[B', '\x1b[B').wanted.offset, state!.selected], [1, 1]);
  assert.deepEqual([press('\x1b[A', '\x1b[A', '\x1b[A').wanted.offset, state!.selected], [0, 0]);
  assert.equal(press('\x1b[C').wanted.sort, 'name');
  assert.equal(press('\x1b[C', '\x1b[C', '\x1b[C').wanted.sort, '-rate');
  assert.equal(press('r').wanted.sort, 'rate');
  assert.match(headText(state!.wanted, 100), /REQ\/S▴/);
  press('\x1b[B', '\r');
  assert.deepEqual([state!.wanted.list, state!.wanted.backend, state!.wanted.sort], ['servers', 'b', 'worst']);
  assert.equal(press('\x1b').wanted.sort, 'rate');
  assert.equal(press('f').wanted.list, 'frontends');
  assert.equal(press('\r').wanted.backend, 'of');
  assert.equal(press('b', 'x', '\x1b').wanted.list, 'backends');
  assert.equal(afterKey(state!, 'q', data), null);
  assert.equal(afterKey(state!, '\x03', null), null);
});
