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

/** Of an owner that was never asked; nobody writes it. */
const NOTHING = new Float64Array(WIDTH);
/** Valid until the next `take` of anybody: looks are made one after the other. */
const deltas = new Float64Array(WIDTH);

/** Of very many owners most are never asked: they cost an object without arrays. */
export class Rates {
  /** All that was ever counted, as last looked at. */
  private last: Float64Array | null = null;
  private short: Window | null = null;
  private long: Window | null = null;
  private isFirst = true;

  /**
   * `counts`: all that was ever counted; null: as last time. Returns what is new, all 0 for nothing, as after the first look,
   * which says only where the owner begins: it may have been counted before it was known here. Valid until the next call.
   */
  take(look: number, counts: Float64Array | null): Float64Array {
    const { isFirst } = this;
    this.isFirst = false;
    if (counts === null || !this.learn(counts, isFirst)) return NOTHING;
    this.short ??= new Window(SHORT_LOOKS, 1);
    this.long ??= new Window(LONG_PLACES, LOOKS_PER_PLACE);
    this.short.add(look, deltas);
    this.long.add(look, deltas);
    return deltas;
  }

  /** False: nothing is new. */
  private learn(counts: Float64Array, isFirst: boolean): boolean {
    const last = this.last ?? NOTHING;
    let isOther = false;
    for (let i = 0; i < WIDTH; i++) {
      // What has gone down began anew.
      const delta = counts[i] < last[i] ? counts[i] : counts[i] - last[i];
      deltas[i] = isFirst ? 0 : delta;
      if (counts[i] !== last[i]) isOther = true;
    }
    if (!isOther) return false;
    this.last ??= new Float64Array(WIDTH);
    this.last.set(counts);
    return !isFirst;
  }

  /** All that was ever counted. */
  get counts(): Float64Array {
    return this.last ?? NOTHING;
  }

  /** Nothing was new for as long as anything is kept. */
  rest(): void {
    this.short = null;
    this.long = null;
  }

  /** Of the last 10 s. */
  recent(look: number, count: Count): number {
    return this.short?.sum(look, COUNT[count]) ?? 0;
  }

  /** Of the last 5 min. */
  longer(look: number, count: Count): number {
    return this.long?.sum(look, COUNT[count]) ?? 0;
  }

  /** Since the start. */
  total(count: Count): number {
    return this.counts[COUNT[count]];
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
