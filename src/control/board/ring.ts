/** The points of one owner and range: rows of log-codes (log-code.ts) by the index of their point; those of nothing are left out. */
import { GAP, ZERO } from './log-code.ts';

export const COLUMNS = ['c2', 'c3', 'c4', 'c5', 'p50', 'p90', 'p99', 'inflight', 'max5'] as const;
export type Column = (typeof COLUMNS)[number];

/** Of a point without requests. */
const NOTHING: readonly number[] = COLUMNS.map((name) => (name.startsWith('p') ? GAP : ZERO));

export class Ring {
  private readonly codes: Uint16Array;
  private readonly points: number;
  /** Index of the newest and of the oldest row, -1 for none. */
  private newest = -1;
  private oldest = -1;

  constructor(points: number) {
    this.points = points;
    this.codes = new Uint16Array(points * COLUMNS.length);
  }

  static bytesOf(points: number): number {
    return points * COLUMNS.length * Uint16Array.BYTES_PER_ELEMENT;
  }

  /** `row`: codes in the order of COLUMNS. Indexes only grow; others are ignored. */
  put(index: number, row: ArrayLike<number>): void {
    if (index <= this.newest) return;
    if (this.newest < 0) this.oldest = index;
    const first = Math.max(this.newest < 0 ? index : this.newest + 1, index - this.points + 1);
    for (let between = first; between < index; between++) this.write(between, NOTHING);
    this.write(index, row);
    this.newest = index;
    this.oldest = Math.max(this.oldest, index - this.points + 1);
  }

  /** The code of a column, that of nothing where there is no row. */
  at(index: number, column: number): number {
    if (index > this.newest || index < this.oldest || this.newest < 0) return NOTHING[column];
    return this.codes[(index % this.points) * COLUMNS.length + column];
  }

  private write(index: number, row: ArrayLike<number>): void {
    const at = (index % this.points) * COLUMNS.length;
    for (let i = 0; i < COLUMNS.length; i++) this.codes[at + i] = row[i];
  }
}
