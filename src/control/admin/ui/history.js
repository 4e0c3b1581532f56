/** Histories as columns, and what charts and their texts take from them. Nothing here touches the document. */
import { clockMinute, comparison, rate, share, time } from './format.js';

/** Points and step of each ring, ms. */
export const RANGES = {
  '5m': { points: 150, step: 2000, word: '5 min', ago: '5 min ago' },
  '1h': { points: 240, step: 15_000, word: '1 h', ago: 'an hour ago' },
  '24h': { points: 288, step: 300_000, word: '24 h', ago: 'a day ago' },
};

const COLUMNS = ['c2', 'c3', 'c4', 'c5', 'p50', 'p90', 'p99', 'inflight', 'max5'];

/** The shortest range that shows when the present verdict began, with half as much before it; an hour when all is well. */
export function autoRange(level, age) {
  if (level === 'healthy' || level === '') return '1h';
  const names = Object.keys(RANGES);
  return names.find((name) => age * 1.5 <= RANGES[name].points * RANGES[name].step) ?? '24h';
}

/** `more` begins within or behind `kept`; what both have is as `more` says. At most `points` stay. */
export function joined(kept, more, points) {
  if (kept === null || kept.step !== more.step || more.t0 < kept.t0) return more;
  const at = Math.round((more.t0 - kept.t0) / kept.step);
  const length = Math.max(at + more.c2.length, kept.c2.length);
  const from = Math.max(0, length - points);
  const result = { ...more, t0: kept.t0 + from * kept.step };
  for (const name of COLUMNS) {
    const column = new Array(length).fill(null);
    kept[name].forEach((value, index) => {
      column[index] = value;
    });
    more[name].forEach((value, index) => {
      column[at + index] = value;
    });
    result[name] = column.slice(from);
  }
  const said = new Map([...kept.marks, ...more.marks].map((mark) => [JSON.stringify(mark), mark]));
  result.marks = [...said.values()].filter(([t]) => t >= result.t0);
  return result;
}

/** The part between two times; the whole without them. */
export function cut(history, from, to) {
  if (!(from < to)) return history;
  const first = Math.max(0, Math.floor((from - history.t0) / history.step));
  const last = Math.min(history.c2.length, Math.ceil((to - history.t0) / history.step));
  const result = { ...history, t0: history.t0 + first * history.step };
  for (const name of COLUMNS) result[name] = history[name].slice(first, last);
  result.marks = history.marks.filter(([t]) => t >= from && t <= to);
  return result;
}

export function times({ t0, step, c2 }) {
  return c2.map((_, index) => t0 + index * step);
}

/** From the ground up: 5xx, with 4xx, with 3xx, all. */
export function stacked({ c2, c3, c4, c5 }) {
  const add = (below, column) => below.map((value, at) => (value === null ? null : value + (column[at] ?? 0)));
  const four = add(c5, c4);
  const three = add(four, c3);
  return [c5, four, three, add(three, c2)];
}

/** 0…1; null where there was no request. */
export function fives({ c2, c3, c4, c5 }) {
  return c5.map((value, at) => {
    if (value === null) return null;
    const all = value + c2[at] + c3[at] + c4[at];
    return all === 0 ? null : value / all;
  });
}

const known = (column) => column.filter((value) => value !== null);

/** The mean of the first points that are known, of a few. */
function early(column) {
  const first = column.findIndex((value) => value !== null);
  // A history that begins within the range says nothing of its beginning.
  if (first < 0 || first > column.length / 20) return null;
  const some = known(column.slice(first, first + 5));
  return some.reduce((sum, value) => sum + value, 0) / some.length;
}

/** "4 % more than an hour ago", or ''. `now`: of the same kind as the column. */
export function compared(now, column, ago) {
  const before = early(column);
  return before === null ? '' : comparison(now, before, ago);
}

/** What a chart shows, in a sentence. `kind`: traffic, latency, errors. */
export function sentence(kind, history, word) {
  const writers = { traffic: rate, latency: time, errors: (value) => `${share(value)} percent` };
  const titles = { traffic: 'Requests per second', latency: 'Response time, p99', errors: 'Share of 5xx' };
  const columns = { traffic: () => stacked(history)[3], latency: () => history.p99, errors: () => fives(history) };
  const column = columns[kind]();
  const values = known(column);
  if (values.length === 0) return `${titles[kind]}, last ${word}: no request in this range.`;
  const write = writers[kind];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [values[0], values.at(-1)];
  let trend = 'steady';
  if (last > first * 1.2) trend = 'rising';
  else if (last < first * 0.8) trend = 'falling';
  const marks = history.marks.slice(-5).map(([t, , text]) => `${clockMinute(t)} ${text}`);
  const said = marks.length === 0 ? '' : ` Events: ${marks.join('; ')}.`;
  return `${titles[kind]}, last ${word}: now ${write(last)}, lowest ${write(low)}, highest ${write(high)}, ${trend}.${said}`;
}

/** Marks nearer than `ms` become one with a number; the worst gives its shape. */
export function groupedMarks(marks, ms) {
  const rank = { worse: 0, little: 1, key: 2, better: 3 };
  const groups = [];
  for (const [t, kind, text] of [...marks].sort((a, b) => a[0] - b[0])) {
    const last = groups.at(-1);
    if (last === undefined || t - last.t >= ms) groups.push({ t, kind, n: 1, texts: [text] });
    else {
      last.n++;
      last.texts.push(text);
      if (rank[kind] < rank[last.kind]) last.kind = kind;
    }
  }
  return groups;
}

/** Of a number beside a mark, and of a mark that has its number at its left; px. */
const NUMBER = 24;
const EDGE = 30;

/** At which side of each mark there is room for its number: 'right', 'left' at the end of a plot of that `width`, or ''. */
export function numberSides(lefts, width) {
  return lefts.map((left, at) => {
    // Between an end and its neighbour there may be the number of that one, too.
    if (left > width - EDGE) return left - (lefts[at - 1] ?? 0) >= 2 * NUMBER ? 'left' : '';
    return (lefts[at + 1] ?? width) - left >= NUMBER ? 'right' : '';
  });
}

const NICE = [1, 1.5, 2, 3, 4, 5, 8, 10];

/** The next round number at or above. */
export function nice(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return NICE.find((step) => step * power >= value * 0.9999) * power;
}
