/**
 * What an owner was asked within the last 10 s and 5 min: differences of its counts, by the looks of steps.ts. Looks at which
 * nothing was new are left out.
 */
import { STEP_MS } from './steps.ts';

/** Counts of one owner. `broken`: tries of a server that were refused or came to nothing. */
export const COUNTS = ['c2', 'c3', 'c4', 'c5', 'broken', 'retries', 'refused', 'received', 'sent'] as const;
export type Count = (typeof COUNTS)[number];
export const COUNT: Readonly<Record<Count, number>> = Object.freeze({
  c2: 0,
  c3: 1,
  c4: 2,
  c5: 3,
  broken: 4,
  retries: 5,
  refused: 6,
  received: 7,
  sent: 8,
});
const WIDTH = COUNTS.length;
/** Looks of the short window, and those that the places of the long one have. */
export const SHORT_LOOKS = 10_000 / STEP_MS;
const LONG_PLACES = 10;
const LOOKS_PER_PLACE = 300_000 / STEP_MS / LONG_PLACES;

/** `places` sums of `looks` looks each, the newest of them still growing. */
class Window {
  private readonly sums: Float32Array;
  private readonly places: number;
  private readonly looks: number;
  private newest = -1;

  constructor(places: number, looks: number) {
    this.places = places;
    this.looks = looks;
    this.sums = new Float32Array(places * WIDTH);
  }

  add(look: number, deltas: Float64Array): void {
    this.move(look);
    const at = (this.newest % this.places) * WIDTH;
    for (let i = 0; i < WIDTH; i++) this.sums[at + i] += deltas[i];
  }

  sum(look: number, count: number): number {
    this.move(look);
    let sum = 0;
    for (let at = count; at < this.sums.length; at += WIDTH) sum += this.sums[at];
    return sum;
  }

  private move(look: number): void {
    const index = Math.floor(look / this.looks);
    if (index - this.newest >= this.places) this.sums.fill(0);
    else
      for (let i = this.newest + 1; i <= index; i++)
        this.sums.fill(0, (i % this.places) * WIDTH, (i % this.places) * WIDTH + WIDTH);
    this.newest = Math.max(this.newest, index);
  }
}

export class Rates {
  /** All that was ever counted, as last looked at. */
  private readonly last = new Float64Array(WIDTH);
  private readonly short = new Window(SHORT_LOOKS, 1);
  private readonly long = new Window(LONG_PLACES, LOOKS_PER_PLACE);
  private isFirst = true;
  private readonly deltas = new Float64Array(WIDTH);

  /**
   * `counts`: all that was ever counted. Returns what is new, all 0 for nothing, as after the first look, which says only where
   * the owner begins: it may have been counted before it was known here. Valid until the next call.
   */
  take(look: number, counts: Float64Array): Float64Array {
    const { last, deltas } = this;
    let isNew = false;
    for (let i = 0; i < WIDTH; i++) {
      // What has gone down began anew.
      const delta = counts[i] < last[i] ? counts[i] : counts[i] - last[i];
      deltas[i] = this.isFirst ? 0 : delta;
      if (delta !== 0) isNew = true;
      last[i] = counts[i];
    }
    this.isFirst = false;
    if (isNew) {
      this.short.add(look, deltas);
      this.long.add(look, deltas);
    }
    return deltas;
  }

  /** Of the last 10 s. */
  recent(look: number, count: Count): number {
    return this.short.sum(look, COUNT[count]);
  }

  /** Of the last 5 min. */
  longer(look: number, count: Count): number {
    return this.long.sum(look, COUNT[count]);
  }

  /** Since the start. */
  total(count: Count): number {
    return this.last[COUNT[count]];
  }
}

const ANSWERS = ['c2', 'c3', 'c4', 'c5'] as const;

/** Requests of the last 10 s. */
export function recentRequests(rates: Rates, look: number): number {
  return ANSWERS.reduce((sum, name) => sum + rates.recent(look, name), 0);
}

export type Shares = {
  /** Per second. */ readonly rate: number /** null: too few requests to say. */;
  readonly e4: number | null;
  readonly e5: number | null;
};

/** Below 1 request/s shares are those of 5 min, and need so many requests. */
const LEAST_REQUESTS = 10;

/** `seconds`: of the short window. */
export function sharesOf(rates: Rates, look: number, seconds: number): Shares {
  const recent = recentRequests(rates, look);
  const rate = seconds > 0 ? recent / seconds : 0;
  if (rate >= 1) return { rate, e4: rates.recent(look, 'c4') / recent, e5: rates.recent(look, 'c5') / recent };
  const all = ANSWERS.reduce((sum, name) => sum + rates.longer(look, name), 0);
  if (all < LEAST_REQUESTS) return { rate, e4: null, e5: null };
  return { rate, e4: rates.longer(look, 'c4') / all, e5: rates.longer(look, 'c5') / all };
}
