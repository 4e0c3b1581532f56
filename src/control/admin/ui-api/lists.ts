/**
 * A window of a list: filtered, sorted and cut here, so that ten thousand rows cost a page as much as sixty. Sorted lists are shared
 * by all who ask for the same, until the next look of the board.
 */
import type { Board } from '../../board/board.ts';
import type { List } from './columns.ts';
import { filterOf } from './filter.ts';
import { BACKENDS, FRONTENDS, type ListKind, type Sortable } from './list-kinds.ts';
import { CERTIFICATES, EVENTS_LIST, PROBLEMS } from './list-records.ts';

/** Each list has rows of its own, which nobody here looks into. */
// biome-ignore lint/suspicious/noExplicitAny: rows of one kind go to functions of the same kind alone
const KINDS: Readonly<Record<string, ListKind<any>>> = {
  frontends: FRONTENDS,
  backends: BACKENDS,
  problems: PROBLEMS,
  certificates: CERTIFICATES,
  events: EVENTS_LIST,
};
export const LIST_NAMES: readonly string[] = Object.keys(KINDS);

const DEFAULT_LIMIT = 60;
const MOST_LIMIT = 200;
/** Lists with filter and order that are kept between two looks. */
const MOST_KEPT = 64;

/** What is wrong with what was asked, one sentence. */
export class BadRequest extends Error {}

type Sorted = { readonly rows: readonly unknown[]; readonly bad: List['bad'] };

export function wholeNumber(text: string | null, name: string, usual: number, most: number): number {
  if (text === null || text === '') return usual;
  if (!/^\d{1,15}$/.test(text)) throw new BadRequest(`${name} is no whole number`);
  const number = Number(text);
  if (number > most) throw new BadRequest(`${name} is at most ${most}`);
  return number;
}

/** Numbers by size, texts by their characters, what is not known last whatever the direction. */
function compare(one: Sortable, other: Sortable, sign: number): number {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  return (one < other ? -1 : 1) * sign;
}

function sortRows<T>(rows: T[], kind: ListKind<T>, sort: string, board: Board): T[] {
  const isDown = sort.startsWith('-');
  const name = isDown ? sort.slice(1) : sort;
  if (!Object.hasOwn(kind.sorts, name)) {
    throw new BadRequest(
      `sort: there is no column ${name.slice(0, 40)}; there are ${Object.keys(kind.sorts).join(', ')}`,
    );
  }
  const read = kind.sorts[name];
  const keyed = rows.map((row) => ({ row, key: read(row, board), name: kind.name(row) }));
  const sign = isDown ? -1 : 1;
  keyed.sort((one, other) => compare(one.key, other.key, sign) || compare(one.name, other.name, 1));
  return keyed.map(({ row }) => row);
}

export class Lists {
  private readonly board: Board;
  private kept = new Map<string, Sorted>();
  private counted = new Map<string, { readonly total: number; readonly counts: Record<string, number> }>();
  /** What they were made of. */
  private look = '';

  constructor(board: Board) {
    this.board = board;
  }

  has(name: string): boolean {
    return Object.hasOwn(KINDS, name);
  }

  /** @throws BadRequest */
  list(name: string, query: URLSearchParams): List {
    const kind: ListKind<unknown> = KINDS[name];
    const q = query.get('q') ?? '';
    const offset = wholeNumber(query.get('offset'), 'offset', 0, Number.MAX_SAFE_INTEGER);
    const limit = wholeNumber(query.get('limit'), 'limit', DEFAULT_LIMIT, MOST_LIMIT);
    this.forgetOld();
    const { rows, bad } = this.sorted(name, kind, q, query.get('sort') || kind.order);
    const { total, counts } = this.count(name, kind);
    const window = rows.slice(offset, offset + limit).map((row) => kind.write(row, this.board));
    const found = { total, match: rows.length, offset, counts, cols: kind.columns, rows: window };
    return bad === undefined || bad.length === 0 ? found : { ...found, bad };
  }

  private forgetOld(): void {
    const { steps, revisions, events } = this.board;
    const look = `${steps.count} ${revisions.lists} ${events.log.revision}`;
    if (look === this.look) return;
    this.look = look;
    this.kept.clear();
    this.counted.clear();
  }

  private sorted(name: string, kind: ListKind<unknown>, q: string, sort: string): Sorted {
    const key = `${name}\n${sort}\n${q}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const { matches, bad } = filterOf(q, kind.fields(this.board));
    const matching = bad.length > 0 ? [] : [...kind.rows(this.board)].filter(matches);
    const made = { rows: sortRows(matching, kind, sort, this.board), bad };
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(key, made);
    return made;
  }

  private count(name: string, kind: ListKind<unknown>) {
    const known = this.counted.get(name);
    if (known !== undefined) return known;
    const counts: Record<string, number> = Object.fromEntries(kind.counts.map((each) => [each, 0]));
    let total = 0;
    for (const row of kind.rows(this.board)) {
      total++;
      for (const each of kind.countedAs(row, this.board)) counts[each]++;
    }
    const made = { total, counts };
    this.counted.set(name, made);
    return made;
  }
}
