/**
 * The rows of a list that are in sight, and a margin: the server sorts and filters, the page holds a window. Rows may change places
 * every 10 s at most, and not while the pointer or the focus is among them.
 */
import { useMemo, useRef } from './preact.js';
import { objects, useAnswer } from './store.js';

/** Rows that are asked for together, and drawn above and below those in sight. */
const WINDOW = 80;
export const MARGIN = 12;
/** Windows begin at multiples of it. */
const STRIDE = 20;
/** Rows that are kept at both sides, for whoever goes back. */
const KEPT = 400;
/** Milliseconds. */
const REFRESH = 2000;
const REORDER = 10_000;

const OFFSET = '&offset=';

/**
 * What is known of one list: by their index the rows of one query and order. Each has a `slot`, by which it is drawn: its own as long as
 * it is known, so that the focus stays with it. Another query begins with the same slots, so that its rows are drawn into those of the
 * one before, where only texts change.
 */
class KnownRows {
  key = '';
  rows = new Map();
  match = 0;
  orderedAt = 0;
  /** Of the next row that has not been met. */
  slot = 0;

  /** `mayMove`: nobody points at them. */
  take(key, answer, mayMove) {
    const { match, offset } = answer;
    const now = performance.now();
    const rows = objects(answer);
    const isNew = this.key !== key;
    if (isNew) Object.assign(this, { rows: new Map(), slot: 0 });
    const slots = new Map([...this.rows.values()].map((row) => [row.name, row.slot]));
    for (const row of rows) row.slot = slots.get(row.name) ?? this.slot++;
    if (isNew || this.match !== match || (mayMove && now - this.orderedAt >= REORDER)) {
      this.orderedAt = now;
      for (const [at, row] of rows.entries()) this.rows.set(offset + at, row);
    } else {
      // Figures change, places do not.
      const byName = new Map(rows.map((row) => [row.name, row]));
      for (const [at, row] of rows.entries()) {
        const before = this.rows.get(offset + at);
        this.rows.set(offset + at, before === undefined ? row : (byName.get(before.name) ?? before));
      }
    }
    for (const at of this.rows.keys()) if (at >= match || Math.abs(at - offset) > KEPT) this.rows.delete(at);
    Object.assign(this, { key, match });
  }
}

/** `{ total, match, counts, rows, bad }`: rows by their index, as far as they are known; null until the first answer. */
export function useWindow(list, query, sort, first, isHeld) {
  const offset = Math.max(0, Math.floor((first - MARGIN) / STRIDE) * STRIDE);
  const asked = `list/${list}?q=${encodeURIComponent(query)}&sort=${encodeURIComponent(sort)}`;
  const answer = useAnswer(`${asked}${OFFSET}${offset}&limit=${WINDOW}`, REFRESH);
  const { data, error, path } = answer;
  const known = useRef();
  known.current ??= new KnownRows();
  useMemo(() => {
    if (data !== null) known.current.take(path.slice(0, path.indexOf(OFFSET)), data, !isHeld());
  }, [data]);
  return useMemo(() => {
    if (error !== null) return { total: 0, match: 0, counts: {}, rows: new Map(), error };
    return data === null ? null : { ...data, rows: known.current.rows };
  }, [answer]);
}
