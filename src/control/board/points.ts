/** The past of an owner as charts and lines ask for it: columns of points, with gaps where nobody looked. */
import type { History, Sparks } from '../admin/ui-api/shapes.ts';
import type { Board } from './board.ts';
import type { Counted } from './counted.ts';
import { concerns } from './event-log.ts';
import { plain } from './findings.ts';
import { decode } from './log-code.ts';
import { COLUMNS, type Column } from './ring.ts';
import { RANGES } from './steps.ts';

const MOST_MARKS = 200;
const SPARK_POINTS = 32;
/** Points of 2 s in one of a line. */
const SPARK_STEP = 5;

/** null: not known. */
function pointValue(board: Board, counted: Counted, range: number, index: number, column: Column): number | null {
  if (!board.steps.wasSeen(range, index)) return null;
  const past = board.histories.get(counted.name);
  if (past !== null) return decode(past.code(range, index, column));
  // Without a past it had no request, or there was no room for one.
  if (counted.lastAt > 0 || column.startsWith('p')) return null;
  return 0;
}

/** Of those that keep points of 15 s alone. */
function rangeOf(counted: Counted, range: number): { readonly kept: number; readonly points: number } {
  if (counted.keeps(range)) return { kept: range, points: RANGES[range].points };
  const points = Math.ceil((RANGES[range].step * RANGES[range].points) / RANGES[1].step);
  return { kept: 1, points: Math.min(points, RANGES[1].points) };
}

/** `of`: the object as events have it; `after`: only points that begin later, Unix milliseconds. */
export function historyOf(
  board: Board,
  counted: Counted,
  range: number,
  of: readonly string[],
  after: number,
): History {
  const { kept, points } = rangeOf(counted, range);
  const { step } = RANGES[kept];
  const end = board.steps.openIndex(kept);
  const first = Math.max(end - points, Math.floor(after / step) + 1);
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, [] as (number | null)[]])) as Record<
    Column,
    (number | null)[]
  >;
  for (let index = first; index < end; index++) {
    for (const name of COLUMNS) columns[name].push(pointValue(board, counted, kept, index, name));
  }
  const t0 = first * step;
  return { step, t0, ...columns, marks: marksOf(board, of, t0) };
}

function marksOf({ events }: Board, of: readonly string[], from: number): [number, string, string][] {
  const marks: [number, string, string][] = [];
  for (const event of events.log.before()) {
    if (event.t < from || marks.length === MOST_MARKS) break;
    const { t, kind, worse, text } = event;
    if ((worse === 0 && kind !== 'keys') || (kind !== 'keys' && !concerns(event, of))) continue;
    const shown = kind === 'keys' ? 'key' : worse > 1 ? 'worse' : worse > 0 ? 'little' : 'better';
    marks.push([t, shown, plain(text)]);
  }
  return marks.reverse();
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((all, value) => all + value, 0) / known.length;
}

function short(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3));
}

/** Requests per second and the share of 5xx. */
function sparkOf(board: Board, counted: Counted): Sparks['rows'][string] {
  const range = counted.keeps(0) ? 0 : 1;
  const width = range === 0 ? SPARK_STEP : 1;
  const end = board.steps.openIndex(range);
  const lastPoint = Math.floor(end / width);
  const rates: (number | null)[] = [];
  const shares: (number | null)[] = [];
  for (let point = lastPoint - SPARK_POINTS; point < lastPoint; point++) {
    const indexes = Array.from({ length: width }, (_, i) => point * width + i);
    const of = (column: Column) => sum(indexes.map((index) => pointValue(board, counted, range, index, column)));
    const [c2, c3, c4, c5] = [of('c2'), of('c3'), of('c4'), of('c5')];
    const all = c2 === null ? null : c2 + (c3 ?? 0) + (c4 ?? 0) + (c5 ?? 0);
    rates.push(short(all));
    shares.push(all === null || all === 0 ? null : short((c5 ?? 0) / all));
  }
  return [rates, shares];
}

export function sparksOf(board: Board, rows: ReadonlyMap<string, Counted>): Sparks {
  const [first] = rows.values();
  const step = first === undefined || first.keeps(0) ? SPARK_STEP * RANGES[0].step : RANGES[1].step;
  return {
    step: step / 1_000,
    rows: Object.fromEntries([...rows].map(([name, counted]) => [name, sparkOf(board, counted)])),
  };
}
