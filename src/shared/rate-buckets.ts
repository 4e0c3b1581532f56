/**
 * The token buckets of rate limits, exact over all workers: what a source may still ask of a frontend. One buffer that main
 * and all workers share.
 *
 *     byte 0     locks     a word per set
 *                keys      CELLS × 4 words: 128 bits of a hash of whose bucket it is; all 0: free
 *                times     CELLS × (1 + RATES) doubles: when it is full again, then one theoretical arrival time per rate
 *
 * A bucket is kept as one number (GCRA): the time at which it would be full, so that tokens are fractions and nothing has to
 * be refilled. A request is let in when every rate of its frontend allows it, and only then is any of them charged.
 *
 * A cell may stand in the WAYS cells of one set. When all are taken, the one that is full again first goes: its source begins
 * anew with a full bucket. So memory is bounded (8 MiB) and what a flood of sources costs is exactness. The hash has a key of
 * this process: nobody can aim at the bucket of somebody else.
 */
import { randomFillSync } from 'node:crypto';

/** Rates that one frontend may have. */
export const RATES = 8;

const SETS = 8_192;
const WAYS = 8;
/** Sources that are known at once. */
export const CELLS = SETS * WAYS;
const KEY_WORDS = 4;
const TIMES = 1 + RATES;
const SEED_WORDS = 4;
/** Words before the times, which are doubles. */
const WORDS = SETS + SEED_WORDS + CELLS * KEY_WORDS;

/** The holder of a lock is through in a moment, unless it has lost its processor. */
const SPINS = 2_000;
const WAIT_MS = 1;

export function createRateBuckets(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(WORDS * 4 + CELLS * TIMES * 8);
  randomFillSync(new Int32Array(buffer, SETS * 4, SEED_WORDS));
  return buffer;
}

/** One rate of a limit: so many milliseconds per token, and so many tokens at once. */
export type Rate = { readonly perTokenMs: number; readonly burst: number };

/** Buckets that are kept. */
export const RATE_BUCKETS = CELLS;

/** Whose buckets they are, so far. */
export type BucketLimit = Int32Array;

export class RateBuckets {
  private readonly locks: Int32Array;
  private readonly keys: Int32Array;
  private readonly times: Float64Array;
  private readonly seed: Int32Array;
  private readonly lane: number;
  /** A bucket that was not full had to go, since `take` was last asked. */
  forgot = false;

  /** `buffer`: made by `createRateBuckets`. `lane`: of the worker. */
  constructor(buffer: SharedArrayBuffer, lane: number) {
    this.locks = new Int32Array(buffer, 0, SETS);
    this.seed = new Int32Array(buffer, SETS * 4, SEED_WORDS);
    this.keys = new Int32Array(buffer, (SETS + SEED_WORDS) * 4, CELLS * KEY_WORDS);
    this.times = new Float64Array(buffer, WORDS * 4, CELLS * TIMES);
    this.lane = lane;
  }

  /** What stands for a limit in `take`. `text`: the same for the same limit and for no other. */
  limitOf(text: string): BucketLimit {
    const state = Int32Array.from(this.seed);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      state[0] = Math.imul(state[0] ^ code, 0x9e3779b1);
      state[1] = Math.imul(state[1] ^ code ^ (state[0] >>> 15), 0x85ebca6b);
      state[2] = Math.imul(state[2] ^ code ^ (state[1] >>> 13), 0xc2b2ae35);
      state[3] = Math.imul(state[3] ^ code ^ (state[2] >>> 16), 0x27d4eb2f);
    }
    return state;
  }

  /**
   * One request of `source` under `limit`. `now`: of the clock that all threads share, milliseconds. Returns -1 when it is let
   * in, else the index of the rate with the longest time per token of those that refuse.
   */
  take(limit: BucketLimit, source: string, rates: readonly Rate[], now: number): number {
    return this.ask(limit, source, rates, now, true);
  }

  /** What `take` would return. Takes nothing. */
  foresee(limit: BucketLimit, source: string, rates: readonly Rate[], now: number): number {
    return this.ask(limit, source, rates, now, false);
  }

  private ask(limit: BucketLimit, source: string, rates: readonly Rate[], now: number, takes: boolean): number {
    let a = limit[0];
    let b = limit[1];
    let c = limit[2];
    let d = limit[3];
    for (let i = 0; i < source.length; i++) {
      const code = source.charCodeAt(i);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code ^ (a >>> 15), 0x85ebca6b);
      c = Math.imul(c ^ code ^ (b >>> 13), 0xc2b2ae35);
      d = Math.imul(d ^ code ^ (c >>> 16), 0x27d4eb2f);
    }
    a ^= source.length ^ (d >>> 15);
    b = Math.imul(b ^ a, 0x165667b1);
    // All zeros mean a free cell.
    d |= 1;
    const set = (a ^ (b >>> 9)) & (SETS - 1);
    this.lock(set);
    try {
      if (takes) return this.charge(this.cellOf(set, a, b, c, d, now), rates, now);
      const cell = this.find(set, a, b, c, d);
      // Whoever is not known has all of his tokens.
      return cell < 0 ? -1 : this.refusing(cell, rates, now);
    } finally {
      Atomics.store(this.locks, set, 0);
    }
  }

  /** Buckets that are not full: the others may be forgotten. `now`: as of `take`. */
  used(now: number): number {
    let used = 0;
    for (let cell = 0; cell < CELLS; cell++) if (this.times[cell * TIMES] > now) used++;
    return used;
  }

  private refusing(cell: number, rates: readonly Rate[], now: number): number {
    const { times } = this;
    const first = cell * TIMES + 1;
    let refusing = -1;
    for (let i = 0; i < rates.length; i++) {
      const { perTokenMs, burst } = rates[i];
      // Rounding must not cost a token that is there to the millisecond.
      if (times[first + i] <= now + (burst - 1) * perTokenMs + 1e-6) continue;
      if (refusing < 0 || perTokenMs > rates[refusing].perTokenMs) refusing = i;
    }
    return refusing;
  }

  private charge(cell: number, rates: readonly Rate[], now: number): number {
    const refusing = this.refusing(cell, rates, now);
    if (refusing >= 0) return refusing;
    const { times } = this;
    const first = cell * TIMES + 1;
    let fullAt = 0;
    for (let i = 0; i < rates.length; i++) {
      const time = Math.max(times[first + i], now) + rates[i].perTokenMs;
      times[first + i] = time;
      fullAt = Math.max(fullAt, time);
    }
    times[first - 1] = fullAt;
    return -1;
  }

  /** -1: there is none. */
  private find(set: number, a: number, b: number, c: number, d: number): number {
    const { keys } = this;
    for (let way = 0; way < WAYS; way++) {
      const cell = set * WAYS + way;
      const key = cell * KEY_WORDS;
      if (keys[key + 3] === d && keys[key] === a && keys[key + 1] === b && keys[key + 2] === c) return cell;
    }
    return -1;
  }

  private cellOf(set: number, a: number, b: number, c: number, d: number, now: number): number {
    const known = this.find(set, a, b, c, d);
    if (known >= 0) return known;
    const { keys, times } = this;
    let free = set * WAYS;
    for (let cell = free + 1; cell < (set + 1) * WAYS; cell++) {
      if (times[cell * TIMES] < times[free * TIMES]) free = cell;
    }
    if (times[free * TIMES] > now) this.forgot = true;
    const key = free * KEY_WORDS;
    keys[key] = a;
    keys[key + 1] = b;
    keys[key + 2] = c;
    keys[key + 3] = d;
    times.fill(0, free * TIMES, (free + 1) * TIMES);
    return free;
  }

  private lock(set: number): void {
    const { locks } = this;
    for (let spin = 1; Atomics.compareExchange(locks, set, 0, this.lane + 1) !== 0; spin++) {
      if (spin % SPINS !== 0) continue;
      const holder = Atomics.load(locks, set);
      if (holder !== 0) Atomics.wait(locks, set, holder, WAIT_MS);
    }
  }

  /** Main only: that worker has ended, maybe while it held a lock. */
  laneDied(lane: number): void {
    for (let set = 0; set < SETS; set++) Atomics.compareExchange(this.locks, set, lane + 1, 0);
  }
}
