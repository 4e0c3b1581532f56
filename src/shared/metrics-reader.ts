/**
 * The reading side of the metrics lanes, for the main thread: sums over all workers. Sums of wrapping words wrap as
 * well, so the difference of two readings is right modulo 2^32.
 */
import { CODINGS, type Coding } from '../kernel/codings.ts';
import { Exemplars, type Place } from './exemplars.ts';
import { LATENCY_BUCKETS } from './latency.ts';
import {
  codeOf,
  FIRST_BACKEND,
  LaneView,
  METHODS,
  methodOf,
  OPEN_WORDS,
  OTHER_BACKENDS,
  PROTOCOLS,
  protocolOf,
  RESERVED_RECORDS,
  SERIES_BUCKETS,
  SERIES_COUNT,
  SERIES_REQUEST_BYTES,
  SERIES_RESPONSE_BYTES,
  SERIES_SECONDS,
  SUMMARY_COUNT,
  SUMMARY_ERRORS,
  SUMMARY_LATENCY,
  SUMMARY_REFUSED,
  SUMMARY_RETRIES,
  SUMMARY_SUMS,
} from './metrics-layout.ts';
import { PROTECTIONS } from './protections.ts';

/** Who a number belongs to; `other`: backends that found a lane full. */
export type MetricsOwner =
  | { readonly kind: 'entryPoint'; readonly index: number }
  | { readonly kind: 'backend'; readonly slot: number }
  | { readonly kind: 'other' };

export function ownerOf(owner: number): MetricsOwner {
  if (owner < OTHER_BACKENDS) return { kind: 'entryPoint', index: owner };
  return owner === OTHER_BACKENDS ? { kind: 'other' } : { kind: 'backend', slot: owner - FIRST_BACKEND };
}

export type SummaryTotal = {
  readonly owner: number;
  count: number;
  /** Answers with a code from 500 on. */
  errors: number;
  retries: number;
  /** Retries that the budget did not allow. */
  retriesRefused: number;
};

/** More than there are labels of one owner. */
const LABELS = 131_072;

export type OpenExchanges = {
  readonly entryPoint: number;
  readonly method: string;
  readonly protocol: string;
  readonly value: number;
};

/** One series over all workers: where it lies in each lane, which it never leaves. */
export class Series {
  readonly owner: number;
  readonly method: string;
  /** 0 where the code was none, or the lane was full; of gRPC its status. */
  readonly code: number;
  readonly protocol: string;
  readonly records: Place[] = [];
  private readonly doubles: Float64Array[] = [];
  /** Of each record, in 8-byte words. */
  private readonly starts: number[] = [];

  constructor(owner: number, labels: number) {
    this.owner = owner;
    this.method = methodOf(labels);
    this.code = codeOf(labels);
    this.protocol = protocolOf(labels);
  }

  add(number: number, lane: LaneView, record: number): void {
    this.records.push({ lane: number, record });
    this.doubles.push(lane.doubles);
    this.starts.push(lane.seriesStart + record * lane.seriesStride);
  }

  private sum(offset: number): number {
    let sum = 0;
    for (let i = 0; i < this.starts.length; i++) sum += this.doubles[i][this.starts[i] + offset];
    return sum;
  }

  get count(): number {
    return this.sum(SERIES_COUNT);
  }

  /** Sum of the durations. */
  get seconds(): number {
    return this.sum(SERIES_SECONDS);
  }

  get requestBytes(): number {
    return this.sum(SERIES_REQUEST_BYTES);
  }

  get responseBytes(): number {
    return this.sum(SERIES_RESPONSE_BYTES);
  }

  /** Into `sums`, not cumulative; the last one is what lies above all bounds. */
  buckets(sums: Float64Array): void {
    for (let bucket = 0; bucket < sums.length; bucket++) sums[bucket] = this.sum(SERIES_BUCKETS + bucket);
  }
}

/** A lane with a map from owner to summary; records never move, so the map only grows. */
class LaneReader {
  readonly buffer: SharedArrayBuffer;
  readonly lane: LaneView;
  readonly summaryOf = new Map<number, number>();
  /** Series that were looked at. */
  seriesSeen = 0;
  private seen = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.lane = new LaneView(buffer);
  }

  learn(): void {
    const { lane } = this;
    for (const used = lane.summariesUsed(); this.seen < used; this.seen++) {
      const at = lane.summaryStart + this.seen * lane.summaryStride;
      this.summaryOf.set(lane.words[at * 2], at);
    }
  }
}

/**
 * Main only: the slot has a new name, whose counts begin at 0. No worker routes to the old one any more; should an exchange
 * of it still end, that is one too many.
 */
export function forgetBackend(
  lanes: readonly SharedArrayBuffer[],
  exemplars: readonly (SharedArrayBuffer | null)[],
  slot: number,
): void {
  for (const [number, buffer] of lanes.entries()) {
    const lane = new LaneView(buffer);
    const examples = exemplars[number] === null ? null : new Exemplars(exemplars[number]);
    const buckets = lane.bounds.length + 1;
    for (let i = 0, used = lane.seriesUsed(); i < used; i++) {
      const isIts = forgetRecord(lane, lane.seriesStart + i * lane.seriesStride, lane.seriesStride, slot);
      if (isIts) examples?.forget(i * buckets, buckets);
    }
    for (let i = 0, used = lane.summariesUsed(); i < used; i++) {
      forgetRecord(lane, lane.summaryStart + i * lane.summaryStride, lane.summaryStride, slot);
    }
  }
}

/** All but its key. False: it belongs to another one. */
function forgetRecord(lane: LaneView, start: number, length: number, slot: number): boolean {
  if (lane.words[start * 2] !== FIRST_BACKEND + slot) return false;
  lane.doubles.fill(0, start + 1, start + length);
  return true;
}

export class MetricsReader {
  private readonly lanesNow: () => readonly SharedArrayBuffer[];
  private readers: LaneReader[] = [];
  private allSeries: Series[] = [];
  private byKey = new Map<number, Series>();

  constructor(lanes: () => readonly SharedArrayBuffer[]) {
    this.lanesNow = lanes;
  }

  /** Upper bounds of the buckets in seconds. All lanes are made with the same ones. */
  bounds(): readonly number[] {
    const lanes = this.lanes();
    return lanes.length === 0 ? [] : lanes[0].lane.bounds;
  }

  /** All series that were ever counted in, in the order in which they were found; a new one is behind all others. */
  series(): readonly Series[] {
    for (const [number, reader] of this.lanes().entries()) this.learn(number, reader);
    return this.allSeries.filter(({ count }) => count > 0);
  }

  private learn(number: number, reader: LaneReader): void {
    const { lane } = reader;
    for (const used = lane.seriesUsed(); reader.seriesSeen < used; reader.seriesSeen++) {
      const at = (lane.seriesStart + reader.seriesSeen * lane.seriesStride) * 2;
      const [owner, labels] = [lane.words[at], lane.words[at + 1]];
      const key = owner * LABELS + labels;
      let series = this.byKey.get(key);
      if (series === undefined) {
        series = new Series(owner, labels);
        this.byKey.set(key, series);
        this.allSeries.push(series);
      }
      series.add(number, lane, reader.seriesSeen);
    }
  }

  /** By owner, those with at least one request or retry. */
  summaries(): Map<number, SummaryTotal> {
    const totals = new Map<number, SummaryTotal>();
    for (const { lane, summaryOf } of this.lanes()) {
      for (const [owner, at] of summaryOf) {
        const count = lane.doubles[at + SUMMARY_COUNT];
        const retries = lane.doubles[at + SUMMARY_RETRIES];
        if (count === 0 && retries === 0) continue;
        let total = totals.get(owner);
        if (total === undefined) {
          total = { owner, count: 0, errors: 0, retries: 0, retriesRefused: 0 };
          totals.set(owner, total);
        }
        total.count += count;
        total.errors += lane.doubles[at + SUMMARY_ERRORS];
        total.retries += retries;
        total.retriesRefused += lane.doubles[at + SUMMARY_REFUSED];
      }
    }
    return totals;
  }

  /** Requests of an owner that have ended. */
  count(owner: number): number {
    let count = 0;
    for (const { lane, summaryOf } of this.lanes()) {
      const at = summaryOf.get(owner);
      if (at !== undefined) count += lane.doubles[at + SUMMARY_COUNT];
    }
    return count;
  }

  /** All sums of an owner into `sums`: that of SUMMARY_COUNT at 0, and so on. */
  sums(owner: number, sums: Float64Array): void {
    sums.fill(0);
    for (const { lane, summaryOf } of this.lanes()) {
      const at = summaryOf.get(owner);
      if (at === undefined) continue;
      for (let i = 0; i < SUMMARY_SUMS; i++) sums[i] += lane.doubles[at + SUMMARY_COUNT + i];
    }
  }

  /** Counts per bucket of latency.ts, modulo 2^32, added to `sums`. */
  latency(owner: number, sums: Uint32Array = new Uint32Array(LATENCY_BUCKETS)): Uint32Array {
    for (const { lane, summaryOf } of this.lanes()) {
      const at = summaryOf.get(owner);
      if (at === undefined) continue;
      const from = at * 2 + SUMMARY_LATENCY;
      for (let i = 0; i < LATENCY_BUCKETS; i++) sums[i] += lane.words[from + i];
    }
    return sums;
  }

  /** Those that are not 0. */
  openExchanges(): OpenExchanges[] {
    const sums = new Int32Array(OPEN_WORDS);
    for (const { lane } of this.lanes()) {
      for (let i = 0; i < OPEN_WORDS; i++) sums[i] += lane.words[lane.openStart + i];
    }
    const open: OpenExchanges[] = [];
    for (let i = 0; i < OPEN_WORDS; i++) {
      if (sums[i] === 0) continue;
      const row = Math.floor(i / PROTOCOLS.length);
      open.push({
        entryPoint: Math.floor(row / METHODS.length),
        method: METHODS[row % METHODS.length],
        protocol: PROTOCOLS[i % PROTOCOLS.length],
        value: sums[i],
      });
    }
    return open;
  }

  /** Exchanges of that entrypoint that ended for the cause with that number. */
  ended(entryPoint: number, cause: number): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.ended(entryPoint, cause);
    return sum;
  }

  /** Connections of clients that are open. */
  connections(entryPoint: number): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.connections(entryPoint);
    return sum;
  }

  openUpstreamConnections(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.openUpstream();
    return sum;
  }

  armedTimers(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.timers();
    return sum;
  }

  /** Bytes that wait in all workers. */
  bufferedBytes(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.buffered();
    return sum;
  }

  /** Of the disk, that bodies of all workers take. */
  bytesOnDisk(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.onDisk();
    return sum;
  }

  /** Connections that were closed as soon as they were accepted. */
  clientsRefused(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.clientsRefused();
    return sum;
  }

  /** How often each of PROTECTIONS had to be, in their order. */
  protections(): number[] {
    const sums = PROTECTIONS.map(() => 0);
    for (const { lane } of this.lanes()) for (const index of sums.keys()) sums[index] += lane.protections(index);
    return sums;
  }

  /** Bytes of responses before and after they were compressed, by coding. */
  compressed(): { readonly coding: Coding; readonly before: number; readonly after: number }[] {
    return CODINGS.map((coding, number) => {
      let [before, after] = [0, 0];
      for (const { lane } of this.lanes()) {
        const of = lane.compressed(number);
        before += of[0];
        after += of[1];
      }
      return { coding, before, after };
    });
  }

  /** Of the room for series, 0 to 1: of the fullest lane. */
  fullness(): number {
    return this.lanes().reduce((most, { lane }) => Math.max(most, lane.seriesUsed() / lane.seriesCapacity), 0);
  }

  /** Requests that were counted with others since their lane was full. */
  folded(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) {
      for (let i = 0; i < RESERVED_RECORDS; i++)
        sum += lane.doubles[lane.seriesStart + i * lane.seriesStride + SERIES_COUNT];
    }
    return sum;
  }

  /** What was ended because too much waited. */
  overBudget(): number {
    let sum = 0;
    for (const { lane } of this.lanes()) sum += lane.overBudget();
    return sum;
  }

  private lanes(): readonly LaneReader[] {
    const buffers = this.lanesNow();
    if (buffers.length !== this.readers.length || buffers.some((buffer, i) => buffer !== this.readers[i].buffer)) {
      const known = new Map(this.readers.map((reader) => [reader.buffer, reader]));
      this.readers = buffers.map((buffer) => known.get(buffer) ?? new LaneReader(buffer));
      this.allSeries = [];
      this.byKey = new Map();
      for (const reader of this.readers) reader.seriesSeen = 0;
    }
    for (const reader of this.readers) reader.learn();
    return this.readers;
  }
}
