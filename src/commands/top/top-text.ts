/** The screen of `tsuji top` as text, from data and size alone. */
import type { Overview } from '../../control/admin/ui-api/shapes.ts';
import { fitted, plain, widthOf } from '../terminal-text.ts';
import type { ListName, TopData, TopRow, Wanted } from './top-data.ts';

type Column = {
  /** As the list calls it, and sorts by it. */
  readonly name: string;
  readonly title: string;
  readonly width: number;
  /** Numbers stand at the right. */
  readonly right: boolean;
  readonly text: (row: TopRow) => string;
  /** By which the list cannot be sorted. */
  readonly isFixed?: true;
};

/** null is "not known". */
const UNKNOWN = '–';

function number(value: unknown): string {
  if (typeof value !== 'number') return UNKNOWN;
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function percent(value: unknown): string {
  if (typeof value !== 'number') return UNKNOWN;
  return value === 0 ? '0' : value < 0.001 ? '<0.1' : (value * 100).toFixed(value < 0.0995 ? 1 : 0);
}

function millis(value: unknown): string {
  if (typeof value !== 'number') return UNKNOWN;
  if (value < 1) return `${value.toFixed(1)}ms`;
  return value < 1_000 ? `${Math.round(value)}ms` : `${(value / 1_000).toFixed(1)}s`;
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : value === null || value === undefined ? '' : String(value);
}

/** `3 d 4 h`, of milliseconds. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return `${Math.floor(Math.max(0, ms) / 1_000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function column(name: string, title: string, width: number, write: (value: unknown) => string, right = true): Column {
  return { name, title, width, right, text: (row) => write(row[name]) };
}

const NAME = column('name', 'NAME', 24, text, false);
const STATE = column('state', 'STATE', 11, text, false);
const UP: Column = { ...column('up', 'UP', 7, text), text: ({ up, want }) => `${text(up)}/${text(want)}` };
const RATE = column('rate', 'REQ/S', 8, number);
const E4 = column('e4', '4XX%', 6, percent);
const E5 = column('e5', '5XX%', 6, percent);
const P50 = column('p50', 'P50', 7, millis);
const P99 = column('p99', 'P99', 7, millis);

/** The last one takes what is left of the line. */
const COLUMNS: Readonly<Record<ListName, readonly Column[]>> = {
  backends: [NAME, STATE, UP, RATE, E4, E5, P50, P99, { ...column('why', 'WHY', 10, text, false), isFixed: true }],
  frontends: [
    NAME,
    STATE,
    UP,
    RATE,
    E4,
    E5,
    P99,
    column('backend', 'BACKEND', 16, text, false),
    column('rules', 'RULES', 10, text, false),
  ],
  servers: [
    NAME,
    STATE,
    column('effective', 'WEIGHT', 7, number),
    column('inflight', 'OPEN', 6, number),
    RATE,
    E5,
    column('broken', 'BROKEN', 7, number),
    P99,
    column('url', 'URL', 26, text, false),
    { ...column('why', 'WHY', 10, text, false), isFixed: true },
  ],
};

/** Names of the columns by which a list can be sorted, from left to right. */
export function sortable(list: ListName): string[] {
  return COLUMNS[list].filter(({ isFixed }) => isFixed !== true).map(({ name }) => name);
}

function firstLines({
  version,
  node,
  level,
  since,
  t,
  startedAt,
  gen,
  workers,
  c,
  lat,
  inflight,
  servers,
  problems,
}: Overview): string[] {
  const all = c?.reduce((sum, rate) => sum + rate, 0) ?? null;
  const answers =
    c === null || all === 0 || all === null ? '' : ` (5xx ${percent(c[3] / all)} %, 4xx ${percent(c[2] / all)} %)`;
  const up = servers === null ? '' : `   servers ${servers[0]}/${servers[1]}`;
  return [
    `tsuji ${version} on ${node}   up ${span(t - startedAt)}   ${level} for ${span(t - since)}   generation ${gen}   workers ${workers[0]}/${workers[1]}`,
    `${number(all)} requests/s${answers}   p50 ${millis(lat?.[0])}   p99 ${millis(lat?.[2])}   in flight ${inflight}${up}   problems ${problems[1]}`,
  ];
}

/** Names have a quarter of the line. */
function nameWidth(width: number): number {
  return Math.min(32, Math.max(12, Math.floor(width / 4)));
}

function cells(columns: readonly Column[], width: number, write: (column: Column) => string): string {
  let line = '';
  for (const each of columns) {
    const left = width - widthOf(line);
    const own = each === columns.at(-1) ? left : each === NAME ? nameWidth(width) : each.width;
    line += `${fitted(write(each), Math.min(own, left), each.right)} `;
  }
  return fitted(line.trimEnd(), width).trimEnd();
}

export function headText(wanted: Wanted, width: number): string {
  const isDown = wanted.sort.startsWith('-');
  const by = isDown ? wanted.sort.slice(1) : wanted.sort;
  return cells(COLUMNS[wanted.list], width, ({ name, title }) =>
    name === by ? `${title}${isDown ? '▾' : '▴'}` : title,
  );
}

export function rowText(list: ListName, row: TopRow, width: number): string {
  return cells(COLUMNS[list], width, (each) => each.text(row));
}

/** Above the table: tsuji as a whole, and what the table is of. */
export function aboveText({ overview, match, total, rows }: TopData, wanted: Wanted, width: number): string[] {
  const { list, backend, filter, offset } = wanted;
  const of = list === 'servers' ? `servers of ${backend}` : list;
  const which = match === 0 ? 'none' : `${offset + 1} to ${offset + rows.length} of ${match}`;
  const all = match === total ? '' : ` (${total} in all)`;
  return [...firstLines(overview), `${of}: ${which}${all}${filter === '' ? '' : `, filter ${filter}`}`].map((line) =>
    fitted(line, width).trimEnd(),
  );
}

/** Without a terminal: nothing is cut but at the width of its column. */
export function plainText(data: TopData, wanted: Wanted): string {
  const width = 200;
  const lines = [
    ...aboveText(data, wanted, width),
    '',
    headText(wanted, width),
    ...data.rows.map((row) => rowText(wanted.list, row, width)),
  ];
  return `${lines.map(plain).join('\n')}\n`;
}
