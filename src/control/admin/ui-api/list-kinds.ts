/** What each list can be sorted and filtered by, and how a row of it is written. */
import type { BackendRow } from '../../board/backend-row.ts';
import type { Board } from '../../board/board.ts';
import { rounded } from '../../board/counted.ts';
import type { FrontendRow } from '../../board/frontend-row.ts';
import { protectionOf } from '../../board/protections.ts';
import { BACKEND_COLUMNS, FRONTEND_COLUMNS } from './columns.ts';
import { type FieldTable, isIn } from './filter.ts';
import { BACKEND_STATES, type BackendState } from './shapes.ts';

export type Sortable = string | number | null;

export type ListKind<T> = {
  readonly columns: readonly string[];
  readonly rows: (board: Board) => Iterable<T>;
  readonly write: (row: T, board: Board) => readonly unknown[];
  /** Without it a column cannot be sorted by. */
  readonly sorts: Readonly<Record<string, (row: T, board: Board) => Sortable>>;
  /** As `sort` would say it. */
  readonly order: string;
  /** Ties. */
  readonly name: (row: T) => string;
  readonly fields: (board: Board) => FieldTable<T>;
  /** Keys of `counts`. */
  readonly counts: readonly string[];
  readonly countedAs: (row: T, board: Board) => readonly string[];
};

const MOST_PIPS = 12;
const RANK: Readonly<Record<BackendState, number>> = { failing: 0, impaired: 1, ok: 2, idle: 3 };

function percent(share: number | null): number | null {
  return share === null ? null : share * 100;
}

function short(value: number | null): number | null {
  return value === null ? null : rounded(value);
}

/** Of matchers such as `Host` and `HostRegexp`: is one of their values like that? */
function hasValue({ thing }: FrontendRow, matcher: RegExp, value: string): boolean {
  return thing.routes.some(({ rule }) =>
    rule.split(';').some((part) => {
      const colon = part.indexOf(':');
      return (
        matcher.test(part.slice(0, colon).trim()) &&
        part
          .slice(colon + 1)
          .toLowerCase()
          .includes(value)
      );
    }),
  );
}

function stateOf(row: FrontendRow, board: Board): BackendState {
  return row.stateWith(board.backends.get(row.thing.backend), board.steps.at);
}

/** Worst first, then what fails most, then the busiest: one number, so that it sorts like all others. */
function worst(state: BackendState, rate: number, e5: number | null): number {
  const fails = rate * (e5 ?? 0);
  return RANK[state] * 1e12 - fails * 1e6 - rate;
}

export const FRONTENDS: ListKind<FrontendRow> = {
  columns: FRONTEND_COLUMNS,
  rows: ({ frontends }) => frontends.values(),
  write: (row, board) => {
    const { thing, shares, counted, last } = row;
    const backend = board.backends.get(thing.backend);
    const rules = thing.routes.map(({ rule }) => rule);
    const p99 = counted.lat === null ? null : rounded(counted.lat[2]);
    const { rate, e4, e5 } = shares;
    return [
      thing.name,
      stateOf(row, board),
      rules,
      thing.entryPoints,
      thing.backend,
      backend?.up ?? 0,
      backend?.want ?? 0,
      rounded(rate),
      short(e4),
      short(e5),
      p99,
      thing.rank,
      last,
    ];
  },
  sorts: {
    name: ({ thing }) => thing.name,
    state: (row, board) => RANK[stateOf(row, board)],
    worst: (row, board) => worst(stateOf(row, board), row.shares.rate, row.shares.e5),
    backend: ({ thing }) => thing.backend,
    rules: ({ thing }) => thing.routes.map(({ rule }) => rule).join('\n'),
    entryPoints: ({ thing }) => thing.entryPoints.join(','),
    up: ({ thing }, board) => shareUp(board.backends.get(thing.backend)),
    rate: ({ shares }) => shares.rate,
    e4: ({ shares }) => shares.e4,
    e5: ({ shares }) => shares.e5,
    p99: ({ counted }) => counted.lat?.[2] ?? null,
    priority: ({ thing }) => thing.rank,
    last: ({ last }) => last,
  },
  order: '-rate',
  name: ({ thing }) => thing.name,
  fields: (board) => ({
    hasWord: ({ thing: { name, backend, routes } }, word) =>
      isIn(name, word) || isIn(backend, word) || routes.some(({ rule }) => isIn(rule, word)),
    terms: {
      is: { values: BACKEND_STATES, test: (row, value) => stateOf(row, board) === value },
      host: { test: (row, value) => hasValue(row, /^Host/, value) },
      path: { test: (row, value) => hasValue(row, /^(?:Path|AddPrefix|ReplacePath)/, value) },
      method: { test: (row, value) => hasValue(row, /^Method/, value) },
      backend: { test: ({ thing }, value) => thing.backend.toLowerCase() === value },
      frontend: { test: ({ thing }, value) => thing.name.toLowerCase().includes(value) },
      server: { test: ({ thing }, value) => hasServer(board.backends.get(thing.backend), value) },
      entrypoint: { test: ({ thing }, value) => thing.entryPoints.some((name) => name.toLowerCase() === value) },
    },
    numbers: {
      '5xx': ({ shares }) => percent(shares.e5),
      '4xx': ({ shares }) => percent(shares.e4),
      p99: ({ counted }) => counted.lat?.[2] ?? null,
      rate: ({ shares }) => shares.rate,
    },
  }),
  counts: BACKEND_STATES,
  countedAs: (row, board) => [stateOf(row, board)],
};

function shareUp(row: BackendRow | undefined): number {
  return row === undefined || row.want === 0 ? 0 : row.up / row.want;
}

function hasServer(row: BackendRow | undefined, value: string): boolean {
  return (row?.servers ?? []).some(
    ({ server }) => server.name.toLowerCase() === value || server.url.toLowerCase().includes(value),
  );
}

export const BACKENDS: ListKind<BackendRow> = {
  columns: BACKEND_COLUMNS,
  rows: ({ backends }) => backends.values(),
  write: ({ name, thing, state, why, up, want, letters, shares, counted, since }) => {
    const { lat } = counted;
    return [
      name,
      state,
      why,
      up,
      want,
      letters.length > MOST_PIPS ? '' : letters,
      rounded(shares.rate),
      short(shares.e4),
      short(shares.e5),
      short(lat?.[0] ?? null),
      short(lat?.[2] ?? null),
      thing.method,
      protectionOf(thing),
      since,
    ];
  },
  sorts: {
    name: ({ name }) => name,
    state: ({ state }) => RANK[state],
    worst: ({ state, shares }) => worst(state, shares.rate, shares.e5),
    up: shareUp,
    want: ({ want }) => want,
    rate: ({ shares }) => shares.rate,
    e4: ({ shares }) => shares.e4,
    e5: ({ shares }) => shares.e5,
    p50: ({ counted }) => counted.lat?.[0] ?? null,
    p99: ({ counted }) => counted.lat?.[2] ?? null,
    method: ({ thing }) => thing.method,
    since: ({ since }) => since,
  },
  order: 'worst',
  name: ({ name }) => name,
  fields: (board) => ({
    hasWord: ({ name, thing }, word) => isIn(name, word) || thing.servers.some(({ url }) => isIn(url, word)),
    terms: {
      is: { values: BACKEND_STATES, test: ({ state }, value) => state === value },
      backend: { test: ({ name }, value) => name.toLowerCase().includes(value) },
      server: { test: (row, value) => hasServer(row, value) },
      method: { test: ({ thing }, value) => thing.method === value },
      frontend: {
        test: ({ name }, value) => [...board.view.frontendsOf(name)].some((known) => known.toLowerCase() === value),
      },
    },
    numbers: {
      '5xx': ({ shares }) => percent(shares.e5),
      '4xx': ({ shares }) => percent(shares.e4),
      p99: ({ counted }) => counted.lat?.[2] ?? null,
      p50: ({ counted }) => counted.lat?.[0] ?? null,
      rate: ({ shares }) => shares.rate,
    },
  }),
  counts: BACKEND_STATES,
  countedAs: ({ state }) => [state],
};
