/**
 * What the condition of a circuit breaker looks at: responses of the last 10 s by status, and their latencies of the
 * last minute (shared/spec kv-schema §4.4). One lane per worker, written by that worker alone; a reader adds all lanes
 * up, so that every worker judges by the responses of all.
 *
 *     lane   bucket 0 … 9        one second each:        second, era, total, network errors, one count per range
 *            histogram 0 … 5     ten seconds each:       ten-second, era, one count per latency bucket
 *                                                        only where the condition has a quantile
 *
 * A bucket is used again for a later time: its owner marks it as not readable, clears it, and marks it with its time. A
 * reader that finds another mark after reading leaves what it read out. What has another era than the breaker was counted
 * before its last trip.
 *
 * Latency buckets have two significant digits, as those of an HDR histogram: 256 of 1 µs, then 128 of equal width per
 * power of two, up to an hour.
 */
import { type BreakerCondition, type BreakerMetric, metricsOf, type StatusRange } from '../kernel/breaker-condition.ts';
import { BREAKER_HEADER_BYTES } from './breaker-state.ts';

const BUCKETS = 10;
const BUCKET_MS = 1000;
const HISTOGRAMS = 6;
const HISTOGRAM_MS = 10_000;

const TIME = 0;
const ERA = 1;
const TOTAL = 2;
const NETWORK_ERRORS = 3;
const RANGES = 4;
const LATENCIES = 2;
const NOT_READABLE = -1;

const EXACT_MICROSECONDS = 256;
const SUB_BUCKETS = 128;
const LONGEST_MICROSECONDS = 3_600_000_000;
const LATENCY_BUCKETS = quantileBucket(LONGEST_MICROSECONDS) + 1;

function quantileBucket(microseconds: number): number {
  if (microseconds < EXACT_MICROSECONDS) return microseconds;
  const shift = 24 - Math.clz32(microseconds);
  return EXACT_MICROSECONDS + (shift - 1) * SUB_BUCKETS + ((microseconds >>> shift) - SUB_BUCKETS);
}

/** The largest value that a bucket stands for, microseconds. */
function quantileTop(bucket: number): number {
  if (bucket < EXACT_MICROSECONDS) return bucket;
  const shift = ((bucket - EXACT_MICROSECONDS) >>> 7) + 1;
  return (((bucket - EXACT_MICROSECONDS) & (SUB_BUCKETS - 1)) + SUB_BUCKETS + 1) * 2 ** shift - 1;
}

/** Where things stand, for one condition. */
class Layout {
  /** Counted and base range of each ratio of status codes, in the order of the expression. */
  readonly ranges: readonly StatusRange[];
  readonly hasLatency: boolean;
  readonly bucketWords: number;
  readonly histogramWords: number;
  readonly laneWords: number;

  constructor(condition: BreakerCondition) {
    const metrics = metricsOf(condition);
    this.ranges = metrics.flatMap((metric) =>
      metric.kind === 'responseCodeRatio' ? [metric.counted, metric.base] : [],
    );
    this.hasLatency = metrics.some(({ kind }) => kind === 'latencyAtQuantile');
    this.bucketWords = RANGES + this.ranges.length;
    this.histogramWords = this.hasLatency ? LATENCIES + LATENCY_BUCKETS : 0;
    // A whole number of cache lines, so that no two workers write to the same one.
    this.laneWords = Math.ceil((BUCKETS * this.bucketWords + HISTOGRAMS * this.histogramWords) / 16) * 16;
  }
}

/** A breaker in standby that has seen nothing. `workers`: how many lanes. */
export function createBreaker(condition: BreakerCondition, workers: number): SharedArrayBuffer {
  const { laneWords } = new Layout(condition);
  return new SharedArrayBuffer(BREAKER_HEADER_BYTES + workers * laneWords * Int32Array.BYTES_PER_ELEMENT);
}

/** Reads all lanes; writes to one. */
export class BreakerStatistics {
  private readonly layout: Layout;
  private readonly words: Int32Array;

  /** `buffer`: made by `createBreaker` for the same condition. */
  constructor(buffer: SharedArrayBuffer, condition: BreakerCondition) {
    this.layout = new Layout(condition);
    this.words = new Int32Array(buffer, BREAKER_HEADER_BYTES);
  }

  /** A response came to its end. `status` as counted; `seconds`: how long it took, NaN when that says nothing. */
  record(lane: number, era: number, now: number, status: number, seconds: number): void {
    const { layout, words } = this;
    const bucket = this.bucketAt(lane, now);
    if (!this.isCurrent(bucket, Math.floor(now / BUCKET_MS), era)) {
      this.begin(bucket, layout.bucketWords, Math.floor(now / BUCKET_MS), era);
    }
    words[bucket + TOTAL]++;
    if (status === 502 || status === 504) words[bucket + NETWORK_ERRORS]++;
    for (let i = 0; i < layout.ranges.length; i++) {
      const { from, to } = layout.ranges[i];
      if (status >= from && status < to) words[bucket + RANGES + i]++;
    }
    if (!layout.hasLatency || !(seconds >= 0)) return;
    const histogram = this.histogramAt(lane, now);
    if (!this.isCurrent(histogram, Math.floor(now / HISTOGRAM_MS), era)) {
      this.begin(histogram, layout.histogramWords, Math.floor(now / HISTOGRAM_MS), era);
    }
    const microseconds = Math.min(Math.floor(seconds * 1e6), LONGEST_MICROSECONDS);
    words[histogram + LATENCIES + quantileBucket(microseconds)]++;
  }

  /** Does the condition hold at `now`? */
  holds(condition: BreakerCondition, era: number, now: number): boolean {
    const sums = this.sums(era, now);
    let range = 0;
    const value = (metric: BreakerMetric): number => {
      switch (metric.kind) {
        case 'networkErrorRatio':
          return sums[TOTAL] === 0 ? 0 : sums[NETWORK_ERRORS] / sums[TOTAL];
        case 'responseCodeRatio': {
          const at = RANGES + range;
          range += 2;
          return sums[at + 1] === 0 ? 0 : sums[at] / sums[at + 1];
        }
        default:
          return this.latencyMs(metric.quantile, era, now);
      }
    };
    const evaluate = (part: BreakerCondition): boolean => {
      if (!('metric' in part)) {
        // Both sides, since the ranges are counted off as they come.
        const [left, right] = [evaluate(part.left), evaluate(part.right)];
        return part.op === '&&' ? left && right : left || right;
      }
      const found = value(part.metric);
      switch (part.op) {
        case '<':
          return found < part.value;
        case '<=':
          return found <= part.value;
        case '>':
          return found > part.value;
        case '>=':
          return found >= part.value;
        case '==':
          return found === part.value;
        default:
          return found !== part.value;
      }
    };
    return evaluate(condition);
  }

  /** Responses of the last 10 s over all workers, and those of them with 502 or 504. */
  counts(era: number, now: number): { readonly responses: number; readonly networkErrors: number } {
    const sums = this.sums(era, now);
    return { responses: sums[TOTAL], networkErrors: sums[NETWORK_ERRORS] };
  }

  /** Over all lanes, by word of a bucket. */
  private sums(era: number, now: number): Float64Array {
    const { words } = this;
    const { bucketWords, laneWords } = this.layout;
    const sums = new Float64Array(bucketWords);
    const oldest = Math.floor(now / BUCKET_MS) - BUCKETS;
    for (let lane = 0; lane < words.length; lane += laneWords) {
      for (let at = lane; at < lane + BUCKETS * bucketWords; at += bucketWords) {
        const time = Atomics.load(words, at + TIME);
        if (time <= oldest || words[at + ERA] !== era) continue;
        const counts = words.slice(at, at + bucketWords);
        if (Atomics.load(words, at + TIME) !== time) continue;
        for (let i = TOTAL; i < bucketWords; i++) sums[i] += counts[i];
      }
    }
    return sums;
  }

  /** 0 when there was no response. */
  private latencyMs(quantile: number, era: number, now: number): number {
    const { words } = this;
    const { bucketWords, histogramWords, laneWords } = this.layout;
    const counts = new Float64Array(LATENCY_BUCKETS);
    let total = 0;
    const oldest = Math.floor(now / HISTOGRAM_MS) - HISTOGRAMS;
    for (let lane = 0; lane < words.length; lane += laneWords) {
      for (let i = 0; i < HISTOGRAMS; i++) {
        const at = lane + BUCKETS * bucketWords + i * histogramWords;
        const time = Atomics.load(words, at + TIME);
        if (time <= oldest || words[at + ERA] !== era) continue;
        const found = words.slice(at + LATENCIES, at + histogramWords);
        if (Atomics.load(words, at + TIME) !== time) continue;
        for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
          counts[bucket] += found[bucket];
          total += found[bucket];
        }
      }
    }
    if (total === 0) return 0;
    const wanted = Math.floor((Math.min(quantile, 100) / 100) * total + 0.5);
    let seen = 0;
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      seen += counts[bucket];
      if (seen >= wanted && seen > 0) return Math.floor(quantileTop(bucket) / 1000);
    }
    return 0;
  }

  private bucketAt(lane: number, now: number): number {
    const { bucketWords, laneWords } = this.layout;
    return lane * laneWords + (Math.floor(now / BUCKET_MS) % BUCKETS) * bucketWords;
  }

  private histogramAt(lane: number, now: number): number {
    const { bucketWords, histogramWords, laneWords } = this.layout;
    return lane * laneWords + BUCKETS * bucketWords + (Math.floor(now / HISTOGRAM_MS) % HISTOGRAMS) * histogramWords;
  }

  private isCurrent(at: number, time: number, era: number): boolean {
    return this.words[at + TIME] === time && this.words[at + ERA] === era;
  }

  private begin(at: number, words: number, time: number, era: number): void {
    Atomics.store(this.words, at + TIME, NOT_READABLE);
    this.words.fill(0, at + ERA, at + words);
    this.words[at + ERA] = era;
    Atomics.store(this.words, at + TIME, time);
  }
}
