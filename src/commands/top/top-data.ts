/** What `tsuji top` shows, as the admin address of a running tsuji tells it (src/control/admin/ui-api/shapes.ts). */
import type { List } from '../../control/admin/ui-api/columns.ts';
import type { BackendDetail } from '../../control/admin/ui-api/detail-shapes.ts';
import type { Overview } from '../../control/admin/ui-api/shapes.ts';
import { ADMIN_TIMEOUT_MS, answerReason, ask } from '../admin-client.ts';
import { UsageError } from '../usage-error.ts';

export const LISTS = ['backends', 'frontends', 'servers'] as const;
export type ListName = (typeof LISTS)[number];

export type Wanted = {
  readonly list: ListName;
  /** Whose servers. */
  readonly backend: string;
  readonly filter: string;
  /** A column of the list, with `-` in front for the highest first; or `worst`. */
  readonly sort: string;
  readonly offset: number;
  readonly limit: number;
};

export type TopRow = Readonly<Record<string, unknown>>;

export type TopData = {
  readonly overview: Overview;
  /** By column. */
  readonly rows: readonly TopRow[];
  readonly match: number;
  readonly total: number;
};

/** So many may be asked for at once. */
const MOST_ROWS = 200;

async function get(url: string): Promise<unknown> {
  const { status, body } = await ask(url, 'GET', ADMIN_TIMEOUT_MS);
  // What was asked for came from an option.
  if (status === 400) throw new UsageError(answerReason(body));
  if (status !== 200) throw new Error(`${url}: ${answerReason(body)}`);
  return JSON.parse(body);
}

function comparable(value: unknown): number | string {
  return typeof value === 'number' ? value : value === null ? Number.NEGATIVE_INFINITY : String(value);
}

/** Those of a backend come all at once, and in an order of their own. */
function serversOf({ servers }: BackendDetail, { sort, filter, offset, limit }: Wanted): Omit<TopData, 'overview'> {
  const all: TopRow[] = servers.map((server) => ({
    ...server,
    p99: server.lat?.[2] ?? null,
    why: server.word.map((part) => (typeof part === 'string' ? part : part[1])).join(''),
  }));
  const found = all.filter(({ name, url, state }) => `${name} ${url} ${state}`.includes(filter));
  const isDown = sort.startsWith('-');
  const column = isDown ? sort.slice(1) : sort;
  if (column !== 'worst') {
    const before = (one: TopRow, other: TopRow): boolean => comparable(one[column]) < comparable(other[column]);
    found.sort((one, other) => (before(one, other) ? -1 : before(other, one) ? 1 : 0) * (isDown ? -1 : 1));
  }
  return { rows: found.slice(offset, offset + limit), match: found.length, total: all.length };
}

/** `place`: the URL of the admin address, with a slash at its end. */
export async function readTop(place: string, wanted: Wanted): Promise<TopData> {
  const overview = get(`${place}api/ui/overview`) as Promise<Overview>;
  if (wanted.list === 'servers') {
    const url = `${place}api/ui/backends/${encodeURIComponent(wanted.backend)}`;
    const [first, detail] = await Promise.all([overview, get(url) as Promise<BackendDetail>]);
    return { overview: first, ...serversOf(detail, wanted) };
  }
  const { filter, sort, offset, limit } = wanted;
  const query = new URLSearchParams({
    q: filter,
    sort,
    offset: String(offset),
    limit: String(Math.min(limit, MOST_ROWS)),
  });
  const [first, list] = await Promise.all([
    overview,
    get(`${place}api/ui/list/${wanted.list}?${query}`) as Promise<List>,
  ]);
  if (list.bad !== undefined) throw new UsageError(`--filter: ${list.bad[0].why}`);
  const rows = list.rows.map((row) => Object.fromEntries(list.cols.map((column, index) => [column, row[index]])));
  return { overview: first, rows, match: list.match, total: list.total };
}
