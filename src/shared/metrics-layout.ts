/**
 * The bytes of a metrics lane: the only place with their offsets. A lane belongs to one worker index. The worker that
 * lives under that index is its only writer; the main thread sums all lanes when somebody asks. A worker that
 * replaces a dead one goes on in the same lane.
 *
 *     byte     words                                       written by          unit
 *     0        magic · format · buckets · series capacity ·  main, once
 *              summary capacity
 *     20       series used · summaries used                worker (release)    records
 *     28       open upstream connections · armed timers    worker, zero at boot
 *     36       holders ended over their budget             worker, wraps around
 *     40       f64 bytes that wait in the worker           worker, zero at boot
 *     48       clients refused                             worker, wraps around
 *     64       f64 × 32   upper bounds of the buckets      main, once          seconds
 *     320      u32 × 48   protections                      worker, wrap around
 *     512      f64 × 3 codings × 2   bytes before and after  worker              bytes
 *                         compression
 *     576      i32 × 32 entrypoints × 10 methods × 5 protocols
 *                         open exchanges                   worker, zero at boot
 *     6976     f64 × 32 entrypoints × 80 causes
 *                         exchanges ended                  worker
 *     27456    i32 × 32 entrypoints
 *                         open connections of clients      worker, zero at boot
 *     27584    series     owner u32 · labels u32 ·         worker, when claimed
 *              f64 count · f64 duration sum ·              worker              s
 *              f64 request bytes · f64 response bytes ·    worker              bytes
 *              f64 × (buckets + 1)  not cumulative         worker
 *     …        summaries  owner u32 · 0 ·                  worker, when claimed
 *              f64 count · f64 answers ≥ 500 · f64 retries worker
 *                         · f64 retries refused
 *              f64 answers 3xx · f64 answers 4xx           worker
 *              f64 request bytes · f64 response bytes      worker              bytes
 *              u32 × 384  latency.ts, wraps around         worker
 *
 * A record is claimed by writing its key first and raising "used" after it; records never move and are never given
 * back. Counts are read while they are written: each word is whole, but the words of one record may be one exchange
 * apart, which is harmless.
 *
 * The first 33 records of both kinds are reserved: one per entrypoint, and one for all backends together that found
 * the lane full. The memory is committed by the system only when it is touched.
 */
import { TsujiError } from '../kernel/errors.ts';
import { LATENCY_BUCKETS } from './latency.ts';

export const MAX_ENTRY_POINTS = 32;
export const MAX_BUCKETS = 32;

/** Owners: 0…31 entrypoints; 32 the backends that found the lane full; from 33 on backend slot + 33. */
export const OTHER_BACKENDS = MAX_ENTRY_POINTS;
export const FIRST_BACKEND = OTHER_BACKENDS + 1;
export const RESERVED_RECORDS = FIRST_BACKEND;

/** Methods as labels. Clients choose the method, so all others share the last name. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'EXTENSION_METHOD',
] as const;

export const PROTOCOLS = ['http', 'websocket', 'sse', 'grpc', 'grpc-web'] as const;
/** The small numbers that `MetricsLane` takes for a protocol. */
export const PROTOCOL = Object.freeze({ http: 0, websocket: 1, sse: 2, grpc: 3, grpcWeb: 4 });

/** Method (4 bits), code (10 bits), protocol (3 bits) in one small integer. */
export function labelsOf(method: number, code: number, protocol: number): number {
  return (method << 13) | (code << 3) | protocol;
}
/** The parts of it. */
export function methodOf(labels: number): string {
  return METHODS[labels >>> 13] ?? METHODS[METHODS.length - 1];
}
export function codeOf(labels: number): number {
  return (labels >>> 3) & 1023;
}
export function protocolOf(labels: number): string {
  return PROTOCOLS[labels & 7] ?? PROTOCOLS[0];
}
export const OVERFLOW_LABELS = labelsOf(METHODS.length - 1, 0, 0);

const MAGIC = 0x7473_6d31;
const FORMAT = 3;
const WORD = {
  magic: 0,
  format: 1,
  buckets: 2,
  seriesCapacity: 3,
  summaryCapacity: 4,
  seriesUsed: 5,
  summariesUsed: 6,
  openUpstream: 7,
  timers: 8,
  overBudget: 9,
  clientsRefused: 12,
} as const;
const BUFFERED_DOUBLE = 5;
const ON_DISK_DOUBLE = 7;
const BOUNDS_BYTE = 64;
const PROTECTIONS_BYTE = 320;
const COMPRESSED_BYTE = 512;
const OPEN_BYTE = 576;
/** Room for more than there are, so that offsets stay. */
export const MAX_CAUSES = 80;
const ENDED_BYTE = 6976;
const CONNECTIONS_BYTE = 27_456;
const SERIES_BYTE = 27_584;
export const OPEN_WORDS = MAX_ENTRY_POINTS * METHODS.length * PROTOCOLS.length;

/** Offsets inside a record, in 8-byte words after its key. */
export const SERIES_COUNT = 1;
export const SERIES_SECONDS = 2;
export const SERIES_REQUEST_BYTES = 3;
export const SERIES_RESPONSE_BYTES = 4;
export const SERIES_BUCKETS = 5;
export const SUMMARY_COUNT = 1;
export const SUMMARY_ERRORS = 2;
export const SUMMARY_RETRIES = 3;
export const SUMMARY_REFUSED = 4;
export const SUMMARY_REDIRECTS = 5;
export const SUMMARY_CLIENT_ERRORS = 6;
export const SUMMARY_REQUEST_BYTES = 7;
export const SUMMARY_RESPONSE_BYTES = 8;
/** From SUMMARY_COUNT on. */
export const SUMMARY_SUMS = 8;
/** In 4-byte words after the start of the summary. */
export const SUMMARY_LATENCY = 18;

const SUMMARY_BYTES = SUMMARY_LATENCY * 4 + LATENCY_BUCKETS * 4;

export type LaneSize = { readonly series: number; readonly summaries: number };
const DEFAULT_SIZE: LaneSize = { series: 65_536, summaries: 16_384 };

/** Where things are in one lane: what the header says, worked out once. */
export class LaneView {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bounds: readonly number[];
  readonly seriesCapacity: number;
  readonly summaryCapacity: number;
  /** Strides and starts, in 8-byte words. */
  readonly seriesStart = SERIES_BYTE / 8;
  readonly seriesStride: number;
  readonly summaryStart: number;
  readonly summaryStride = SUMMARY_BYTES / 8;
  /** In 4-byte words. */
  readonly openStart = OPEN_BYTE / 4;

  /** Throws TsujiError METRICS_LANE when the buffer is not a lane of this format. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    if (this.words[WORD.magic] !== MAGIC || this.words[WORD.format] !== FORMAT) {
      throw new TsujiError('METRICS_LANE', 'the buffer given as a metrics lane is not one of this version');
    }
    const buckets = this.words[WORD.buckets];
    this.bounds = Array.from(this.doubles.subarray(BOUNDS_BYTE / 8, BOUNDS_BYTE / 8 + buckets));
    this.seriesCapacity = this.words[WORD.seriesCapacity];
    this.summaryCapacity = this.words[WORD.summaryCapacity];
    this.seriesStride = seriesWords(buckets);
    this.summaryStart = this.seriesStart + this.seriesCapacity * this.seriesStride;
  }

  seriesUsed(): number {
    return Math.min(Atomics.load(this.words, WORD.seriesUsed), this.seriesCapacity);
  }

  summariesUsed(): number {
    return Math.min(Atomics.load(this.words, WORD.summariesUsed), this.summaryCapacity);
  }

  /** The release store: a reader that sees the new count sees the key that was written before it. */
  setSeriesUsed(count: number): void {
    Atomics.store(this.words, WORD.seriesUsed, count);
  }

  setSummariesUsed(count: number): void {
    Atomics.store(this.words, WORD.summariesUsed, count);
  }

  addOpenUpstream(change: number): void {
    this.words[WORD.openUpstream] += change;
  }

  openUpstream(): number {
    return this.words[WORD.openUpstream];
  }

  setTimers(armed: number): void {
    this.words[WORD.timers] = armed;
  }

  timers(): number {
    return this.words[WORD.timers];
  }

  addOverBudget(): void {
    this.words[WORD.overBudget]++;
  }

  overBudget(): number {
    return this.words[WORD.overBudget] >>> 0;
  }

  addClientRefused(): void {
    this.words[WORD.clientsRefused]++;
  }

  clientsRefused(): number {
    return this.words[WORD.clientsRefused] >>> 0;
  }

  /** `index`: of protections.ts. */
  addProtection(index: number): void {
    this.words[PROTECTIONS_BYTE / 4 + index]++;
  }

  protections(index: number): number {
    return this.words[PROTECTIONS_BYTE / 4 + index] >>> 0;
  }

  /** `coding`: its place in CODINGS. */
  addCompressed(coding: number, before: number, after: number): void {
    const at = COMPRESSED_BYTE / 8 + 2 * coding;
    this.doubles[at] += before;
    this.doubles[at + 1] += after;
  }

  /** Before and after. */
  compressed(coding: number): [before: number, after: number] {
    const at = COMPRESSED_BYTE / 8 + 2 * coding;
    return [this.doubles[at], this.doubles[at + 1]];
  }

  addEnded(entryPoint: number, cause: number): void {
    this.doubles[ENDED_BYTE / 8 + entryPoint * MAX_CAUSES + cause]++;
  }

  /** `cause`: its place in CAUSES. */
  ended(entryPoint: number, cause: number): number {
    return this.doubles[ENDED_BYTE / 8 + entryPoint * MAX_CAUSES + cause];
  }

  setConnections(entryPoint: number, open: number): void {
    this.words[CONNECTIONS_BYTE / 4 + entryPoint] = open;
  }

  connections(entryPoint: number): number {
    return this.words[CONNECTIONS_BYTE / 4 + entryPoint];
  }

  setBuffered(bytes: number): void {
    this.doubles[BUFFERED_DOUBLE] = bytes;
  }

  buffered(): number {
    return this.doubles[BUFFERED_DOUBLE];
  }

  setOnDisk(bytes: number): void {
    this.doubles[ON_DISK_DOUBLE] = bytes;
  }

  onDisk(): number {
    return this.doubles[ON_DISK_DOUBLE];
  }

  /** What is open belongs to the worker that opened it, and ended with it. */
  clearOpen(): void {
    this.words[WORD.openUpstream] = 0;
    this.words[WORD.timers] = 0;
    this.doubles[BUFFERED_DOUBLE] = 0;
    this.doubles[ON_DISK_DOUBLE] = 0;
    this.words.fill(0, this.openStart, this.openStart + OPEN_WORDS);
    this.words.fill(0, CONNECTIONS_BYTE / 4, CONNECTIONS_BYTE / 4 + MAX_ENTRY_POINTS);
  }
}

function seriesWords(buckets: number): number {
  return SERIES_BUCKETS + buckets + 1;
}

/**
 * A new lane, to be handed to one worker. `buckets`: upper bounds in seconds, ascending, at most 32.
 * Throws TsujiError METRICS_BUCKETS.
 */
export function createMetricsLane(buckets: readonly number[], size: LaneSize = DEFAULT_SIZE): SharedArrayBuffer {
  if (buckets.length > MAX_BUCKETS) {
    throw new TsujiError('METRICS_BUCKETS', `${buckets.length} metrics buckets are given, at most ${MAX_BUCKETS} fit`);
  }
  for (let i = 0; i < buckets.length; i++) {
    if (!Number.isFinite(buckets[i]) || (i > 0 && buckets[i] <= buckets[i - 1])) {
      throw new TsujiError(
        'METRICS_BUCKETS',
        `the metrics buckets must be ascending numbers, not ${buckets.join(',')}`,
      );
    }
  }
  const series = RESERVED_RECORDS + size.series;
  const summaries = RESERVED_RECORDS + size.summaries;
  const buffer = new SharedArrayBuffer(
    SERIES_BYTE + series * seriesWords(buckets.length) * 8 + summaries * SUMMARY_BYTES,
  );
  const words = new Int32Array(buffer);
  words[WORD.magic] = MAGIC;
  words[WORD.format] = FORMAT;
  words[WORD.buckets] = buckets.length;
  words[WORD.seriesCapacity] = series;
  words[WORD.summaryCapacity] = summaries;
  new Float64Array(buffer).set(buckets, BOUNDS_BYTE / 8);
  const lane = new LaneView(buffer);
  for (let owner = 0; owner < RESERVED_RECORDS; owner++) {
    const at = (lane.seriesStart + owner * lane.seriesStride) * 2;
    words[at] = owner;
    words[at + 1] = OVERFLOW_LABELS;
    words[(lane.summaryStart + owner * lane.summaryStride) * 2] = owner;
  }
  lane.setSeriesUsed(RESERVED_RECORDS);
  lane.setSummariesUsed(RESERVED_RECORDS);
  return buffer;
}
