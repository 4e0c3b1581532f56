/**
 * Which counts of which nonces of digest auth were used (RFC 7616 §3.4), for all workers of a node: a count is good once, and
 * within a window of 64 behind the highest one, since requests of one client overtake each other.
 *
 *     byte 0     locks    a word per set
 *                cells    SETS × WAYS × 8 words: 64 bits of a nonce, highest count, window (two words), time of last use
 *
 * A nonce whose cell was needed for another begins anew, as one that was never seen: so a flood of nonces allows a replay
 * at most, to whoever has heard the request, within the life of the nonce.
 */
const SETS = 2_048;
const WAYS = 8;
const CELL_WORDS = 8;

const NONCE = 0;
const HIGHEST = 2;
const WINDOW = 3;
const USED = 5;

const WINDOW_BITS = 64;
const SPINS = 2_000;
const WAIT_MS = 1;

export function createNonceCounts(): SharedArrayBuffer {
  return new SharedArrayBuffer((SETS + SETS * WAYS * CELL_WORDS) * Int32Array.BYTES_PER_ELEMENT);
}

export class NonceCounts {
  private readonly words: Int32Array;
  private readonly lane: number;

  /** `buffer`: made by `createNonceCounts`. `lane`: of the worker. */
  constructor(buffer: SharedArrayBuffer, lane: number) {
    this.words = new Int32Array(buffer);
    this.lane = lane;
  }

  /** May `count` be used with the nonce `high`, `low` (any 64 bits but 0)? It is used then. `now`: seconds, going up. */
  use(high: number, low: number, count: number, now: number): boolean {
    const set = (high ^ (low >>> 7)) & (SETS - 1);
    this.lock(set);
    try {
      return this.mark(this.cellOf(set, high, low, now), count);
    } finally {
      Atomics.store(this.words, set, 0);
    }
  }

  /** What `use` would say. Uses nothing. */
  isFree(high: number, low: number, count: number): boolean {
    const set = (high ^ (low >>> 7)) & (SETS - 1);
    this.lock(set);
    try {
      const cell = this.find(set, high, low);
      return cell < 0 || this.isUnused(cell, count);
    } finally {
      Atomics.store(this.words, set, 0);
    }
  }

  private mark(cell: number, count: number): boolean {
    const { words } = this;
    if (!this.isUnused(cell, count)) return false;
    const highest = words[cell + HIGHEST] >>> 0;
    if (highest === 0 || count > highest) {
      const moved = highest === 0 ? WINDOW_BITS : count - highest;
      this.shift(cell, moved);
      words[cell + HIGHEST] = count | 0;
    } else {
      const behind = highest - count - 1;
      words[cell + WINDOW + (behind >>> 5)] |= 1 << (behind & 31);
    }
    return true;
  }

  private isUnused(cell: number, count: number): boolean {
    const { words } = this;
    const highest = words[cell + HIGHEST] >>> 0;
    if (highest === 0 || count > highest) return true;
    const behind = highest - count - 1;
    if (behind < 0 || behind >= WINDOW_BITS) return false;
    return (words[cell + WINDOW + (behind >>> 5)] & (1 << (behind & 31))) === 0;
  }

  /** The window moves on; what was the highest count is the first behind it that was used. */
  private shift(cell: number, by: number): void {
    const { words } = this;
    if (by >= WINDOW_BITS || words[cell + HIGHEST] === 0) {
      words[cell + WINDOW] = 0;
      words[cell + WINDOW + 1] = 0;
      if (by === WINDOW_BITS && words[cell + HIGHEST] !== 0) words[cell + WINDOW + 1] = 1 << 31;
      return;
    }
    for (let i = 0; i < by; i++) {
      words[cell + WINDOW + 1] = (words[cell + WINDOW + 1] << 1) | (words[cell + WINDOW] >>> 31);
      words[cell + WINDOW] <<= 1;
    }
    const at = by - 1;
    words[cell + WINDOW + (at >>> 5)] |= 1 << (at & 31);
  }

  /** -1: that nonce has none. */
  private find(set: number, high: number, low: number): number {
    const { words } = this;
    for (let way = 0; way < WAYS; way++) {
      const cell = SETS + (set * WAYS + way) * CELL_WORDS;
      if (words[cell + NONCE] === high && words[cell + NONCE + 1] === low) return cell;
    }
    return -1;
  }

  private cellOf(set: number, high: number, low: number, now: number): number {
    const { words } = this;
    const known = this.find(set, high, low);
    if (known >= 0) {
      words[known + USED] = now | 0;
      return known;
    }
    let oldest = SETS + set * WAYS * CELL_WORDS;
    for (let way = 1; way < WAYS; way++) {
      const cell = SETS + (set * WAYS + way) * CELL_WORDS;
      if (words[cell + USED] < words[oldest + USED]) oldest = cell;
    }
    words.fill(0, oldest, oldest + CELL_WORDS);
    words[oldest + NONCE] = high;
    words[oldest + NONCE + 1] = low;
    words[oldest + USED] = now | 0;
    return oldest;
  }

  private lock(set: number): void {
    const { words } = this;
    for (let spin = 1; Atomics.compareExchange(words, set, 0, this.lane + 1) !== 0; spin++) {
      if (spin % SPINS !== 0) continue;
      const holder = Atomics.load(words, set);
      if (holder !== 0) Atomics.wait(words, set, holder, WAIT_MS);
    }
  }

  /** Main only: that worker has ended, maybe while it held a lock. */
  laneDied(lane: number): void {
    for (let set = 0; set < SETS; set++) Atomics.compareExchange(this.words, set, lane + 1, 0);
  }
}
