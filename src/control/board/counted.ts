/** One owner of requests as the board keeps it: its rates, its past where it has one, and its response times of now. */
import { SERVER_FAILURES } from '../../shared/server-counts.ts';
import type { Latency } from '../admin/ui-api/shapes.ts';
import type { Histories, Past, ReadLatency } from './history.ts';
import { COUNT, COUNTS, Rates, recentRequests, SHORT_LOOKS, type Shares, sharesOf } from './rates.ts';
import type { Steps } from './steps.ts';

/** What all owners share in a look. */
export type Look = {
  readonly steps: Steps;
  readonly histories: Histories /** Seconds of the short window. */;
  readonly seconds: number;
};

/** Places in RANGES. */
export const ALL_RANGES: readonly number[] = [0, 1, 2];
export const HOUR_ONLY: readonly number[] = [1];
/** Response times of those that keep no 2 s points are worked out in every such look. */
const LATENCY_LOOKS = 5;
/** After its last request it has response times of now for so long, and rates for longer. */
const LATENCY_MS = 30_000;
const AWAKE_MS = 330_000;

/** Where counts are read into before an owner takes them: one for all, since they are looked at one after the other. */
export const reading = new Float64Array(COUNTS.length);

let made = 0;

export class Counted {
  /** Of its past: `all`, `entrypoint:N`, `backend:B`, `server:B/S`, `frontend:F`. */
  readonly name: string;
  readonly rates = new Rates();
  /** Unix milliseconds of the look that found its last requests, 0 for none since the start. */
  lastAt = 0;
  lat: Latency | null = null;
  private readonly ranges: readonly number[];
  private readonly turn = made++ % LATENCY_LOOKS;
  private past: Past | null = null;

  constructor(name: string, ranges: readonly number[]) {
    this.name = name;
    this.ranges = ranges;
  }

  /** `taken`: all that was ever counted, null for the same as last time. True when there were requests since the look before. */
  look({ steps, histories }: Look, taken: Float64Array | null, latency: ReadLatency, inflight: number): boolean {
    const deltas = this.rates.take(steps.count, taken);
    const { counts } = this.rates;
    const isNew = deltas[COUNT.c2] + deltas[COUNT.c3] + deltas[COUNT.c4] + deltas[COUNT.c5] > 0;
    if (isNew) this.lastAt = steps.at;
    let { past } = this;
    // It may have lost it to somebody else.
    if (past?.isForgotten === true) past = null;
    if (past === null && isNew) {
      past = histories.open(this.name, this.ranges, steps.at);
      past?.begin(counts, deltas, latency);
    }
    this.past = past;
    if (past === null) {
      this.lat = null;
      return isNew;
    }
    const isDue = this.ranges.length > 1 || (steps.count + this.turn) % LATENCY_LOOKS === 0;
    const isBusy = steps.at - this.lastAt < LATENCY_MS;
    if (!isBusy) this.lat = null;
    else if (isDue) this.lat = past.recent(steps, latency);
    if (isNew || past.isOpen || inflight > 0) past.look(steps, counts, deltas, latency, inflight);
    return isNew;
  }

  /** Nothing of it moves by itself any more: it is to be looked at only when it is asked again. */
  isAsleep(steps: Steps): boolean {
    if (steps.at - this.lastAt < AWAKE_MS || this.past?.isOpen === true) return false;
    this.rates.rest();
    return true;
  }

  /** Does it keep points of that range, by place in RANGES? */
  keeps(range: number): boolean {
    return this.ranges.includes(range);
  }

  /** It may have had requests within the last 10 s. */
  isRecent(steps: Steps): boolean {
    return steps.at - this.lastAt < 12_000;
  }

  shares({ steps, seconds }: Look): Shares {
    return sharesOf(this.rates, steps.count, seconds);
  }

  /** c2 to c5 per second of the last 10 s; null before there are two looks. */
  answers({ steps, seconds }: Look): [number, number, number, number] | null {
    if (seconds <= 0) return null;
    const per = (name: 'c2' | 'c3' | 'c4' | 'c5') => rounded(this.rates.recent(steps.count, name) / seconds);
    return [per('c2'), per('c3'), per('c4'), per('c5')];
  }

  requests({ steps }: Look): number {
    return recentRequests(this.rates, steps.count);
  }
}

/** Short as text. */
export function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(4));
}

export function roundedLatency(lat: Latency | null): Latency | null {
  return lat === null ? null : [rounded(lat[0]), rounded(lat[1]), rounded(lat[2])];
}

/** `sums`: as `MetricsReader.sums` gives them. */
export function countSummary(sums: Float64Array, counts: Float64Array): void {
  const [count, c5, retries, refused, c3, c4, received, sent] = sums;
  counts[COUNT.c2] = count - c3 - c4 - c5;
  counts[COUNT.c3] = c3;
  counts[COUNT.c4] = c4;
  counts[COUNT.c5] = c5;
  counts[COUNT.retries] = retries;
  counts[COUNT.refused] = refused;
  counts[COUNT.received] = received;
  counts[COUNT.sent] = sent;
}

/** `record`: of src/shared/server-counts.ts. */
export function countServer(record: Float64Array, counts: Float64Array): void {
  counts[COUNT.c2] = record[0] + record[1];
  counts[COUNT.c3] = record[2];
  counts[COUNT.c4] = record[3];
  counts[COUNT.c5] = record[4];
  counts[COUNT.broken] = record[SERVER_FAILURES];
}

/** `answers`: of src/shared/histograms.ts; null for none. */
export function countFrontend(answers: Uint32Array | null, counts: Float64Array): void {
  if (answers === null) {
    counts.fill(0);
    return;
  }
  counts[COUNT.c2] = answers[0] + answers[1];
  counts[COUNT.c3] = answers[2];
  counts[COUNT.c4] = answers[3];
  counts[COUNT.c5] = answers[4];
}

export function windowSeconds(steps: Steps): number {
  return steps.secondsOf(SHORT_LOOKS);
}
