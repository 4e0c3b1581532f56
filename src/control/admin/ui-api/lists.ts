/**
 * A window of a list: sorted, filtered and cut here, so that ten thousand rows cost a page as much as sixty. Until the next look of the
 * board a list is sorted once for all who want it in that order, and what a filter leaves of it keeps the order: whoever types into
 * one pays for the filter alone.
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
/** Rows that lists may have together which are kept between two looks, and rows that each of them counts for beside its own. */
const MOST_KEPT_ROWS = 500_000;
const LIST_COUNTS_AS = 5_000;

/** What is wrong with what was asked, one sentence. */
export class BadRequest extends Error {}

type Rows = readonly unknown[];

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

function orderedBy<T>(rows: readonly T[], read: (row: T) => Sortable, sign: number): T[] {
  const keyed = rows.map((row) => ({ row, key: read(row) }));
  keyed.sort((one, other) => compare(one.key, other.key, sign));
  return keyed.map(({ row }) => row);
}

/** By what a column shows. @throws BadRequest */
function readOf<T>(kind: ListKind<T>, name: string): (row: T, board: Board) => Sortable {
  if (Object.hasOwn(kind.sorts, name)) return kind.sorts[name];
  const all = Object.keys(kind.sorts).join(', ');
  throw new BadRequest(`sort: there is no column ${name.slice(0, 40)}; there are ${all}`);
}

export class Lists {
  private readonly board: Board;
  private readonly kept = new Map<string, Rows>();
  private keptRows = 0;
  private readonly counted = new Map<string, { readonly total: number; readonly counts: Record<string, number> }>();
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
    const { matches, bad } = filterOf(q, kind.fields(this.board));
    const sort = query.get('sort') || kind.order;
    const all = this.sorted(name, kind, sort);
    const rows = bad.length > 0 ? [] : q === '' ? all : this.once(`${name}\n${sort}\n${q}`, () => all.filter(matches));
    const { total, counts } = this.count(name, kind);
    const window = rows.slice(offset, offset + limit).map((row) => kind.write(row, this.board));
    const found = { total, match: rows.length, offset, counts, cols: kind.columns, rows: window };
    return bad.length === 0 ? found : { ...found, bad };
  }

  private forgetOld(): void {
    const { steps, revisions, events } = this.board;
    const look = `${steps.count} ${revisions.lists} ${events.log.revision}`;
    if (look === this.look) return;
    this.look = look;
    this.forget();
    this.counted.clear();
  }

  private forget(): void {
    this.kept.clear();
    this.keptRows = 0;
  }

  /** What is equal stands in the order of names: those are sorted first, and a sort moves nothing that is equal. */
  private sorted(name: string, kind: ListKind<unknown>, sort: string): Rows {
    const isDown = sort.startsWith('-');
    const read = readOf(kind, isDown ? sort.slice(1) : sort);
    return this.once(`${name}\n${sort}`, () => {
      const named = this.once(name, () => orderedBy([...kind.rows(this.board)], kind.name, 1));
      return orderedBy(named, (row) => read(row, this.board), isDown ? -1 : 1);
    });
  }

  /** `make` is called once between two looks. */
  private once(key: string, make: () => Rows): Rows {
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const made = make();
    if (this.keptRows > MOST_KEPT_ROWS) this.forget();
    this.kept.set(key, made);
    this.keptRows += made.length + LIST_COUNTS_AS;
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
