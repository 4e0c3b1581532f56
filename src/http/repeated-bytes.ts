/**
 * Bytes that come again on one connection, kept so that they can be compared instead of read. Whoever sends ever other
 * ones of one length is tried ever more seldom, so that it costs next to nothing.
 */

/** Longer ones are read each time. */
export const MAX_REPEATED_BYTES = 2_048;
/** Other bytes so many times in a row: they are no longer compared. */
const MAX_MISSES = 4;
/** How many of equal length must follow each other before the last are kept, at first and at most. */
const FIRST_PATIENCE = 1;
const MAX_PATIENCE = 1_024;

const NONE = Buffer.alloc(0);

export class RepeatedBytes {
  private kept = NONE;
  private misses = 0;
  /** Of the last ones; 0: they are not to be kept. */
  private last = 0;
  /** How often in a row they had that length. */
  private alike = 0;
  private patience = FIRST_PATIENCE;
  private copy = NONE;

  /** Of those that are kept, 0 for none. */
  get length(): number {
    return this.kept.length;
  }

  /** Do those that are kept begin at `at`? If not, they are read, which may change them, and `wereRead` follows. */
  areAt(bytes: Buffer, at: number, end: number): boolean {
    const { kept } = this;
    const { length } = kept;
    if (length === 0) {
      const takes = this.alike >= this.patience && end - at >= this.last;
      this.copy = takes ? Buffer.from(bytes.subarray(at, at + this.last)) : NONE;
      return false;
    }
    this.copy = NONE;
    if (end - at >= length && bytes.compare(kept, 0, length, at, at + length) === 0) {
      this.misses = 0;
      this.patience = FIRST_PATIENCE;
      return true;
    }
    if (++this.misses === MAX_MISSES) this.drop();
    return false;
  }

  /** They had that length; 0: they are not to be kept. True: they are kept now, and what was read of them is to be. */
  wereRead(length: number): boolean {
    const { copy } = this;
    const size = length <= MAX_REPEATED_BYTES ? length : 0;
    this.alike = size > 0 && size === this.last ? this.alike + 1 : 0;
    this.last = size;
    if (copy === NONE) return false;
    this.copy = NONE;
    this.alike = 0;
    // Whatever comes of it: the next ones have to wait longer, until some have been of use.
    this.patience = Math.min(2 * this.patience, MAX_PATIENCE);
    if (size !== copy.length) return false;
    this.kept = copy;
    return true;
  }

  drop(): void {
    this.kept = NONE;
    this.misses = 0;
    this.alike = 0;
  }
}
