/**
 * The past of each owner of requests: for each range a ring of points (ring.ts), in one budget of memory.
 *
 *     counts and latencies, ever growing ──▶ at the end of a point: difference to its beginning ──▶ rates, percentiles ──▶ row
 *
 * So the percentiles of a point are those of all its requests, and never a mean of finer ones. Rings are made with the first
 * request. When the budget is used up, those lose theirs that were idle longest; while all are busy, newcomers have none.
 */
import { LATENCY_BUCKETS } from '../../shared/latency.ts';
import type { Latency } from '../admin/ui-api/shapes.ts';
import { encode, GAP } from './log-code.ts';
import { quantilesOf } from './quantiles.ts';
import { COUNT } from './rates.ts';
import { COLUMNS, type Column, Ring } from './ring.ts';
import { type Point, RANGES, type Steps } from './steps.ts';

/** Adds the latencies of an owner, by the buckets of src/shared/latency.ts, to `sums`. */
export type ReadLatency = (sums: Uint32Array) => void;

/** Idle owners may lose their past after this. */
const IDLE_MS = 300_000;
const COUNTED = 4;
const LATENCY_BYTES = LATENCY_BUCKETS * Uint32Array.BYTES_PER_ELEMENT;
/** Objects and small arrays of one point. */
const POINT_BYTES = 400;

/** The range by whose points latencies of "now" are taken, and how old its open point must be to be enough for that. */
const RECENT = 1;
const RECENT_MS = 8_000;

/** What is counted at the beginning of a point. */
class Begin {
  readonly counts = new Float64Array(COUNTED);
  readonly latency = new Uint32Array(LATENCY_BUCKETS);
  /** Of `RECENT`: the latencies at the beginning of the point before, and its index. */
  readonly previous: Uint32Array | null;
  previousIndex = -1;
  max5 = 0;
  isDirty = false;

  constructor(range: number) {
    this.previous = range === RECENT ? new Uint32Array(LATENCY_BUCKETS) : null;
  }
}

/** Of whom and at which look they were read: those of one are needed twice in a look. */
const now = new Uint32Array(LATENCY_BUCKETS);
let nowOf: Past | null = null;
let nowAt = 0;
/** Before and behind these all are 0: most owners need few of the buckets. */
let firstUsed = 0;
let endOfUsed = 0;
const difference = new Uint32Array(LATENCY_BUCKETS);
const row = new Uint16Array(COLUMNS.length);

export class Past {
  /** By place in RANGES; null: it has none. */
  private readonly rings: readonly (Ring | null)[];
  private readonly begins: readonly (Begin | null)[];
  /** Unix milliseconds of its last requests. */
  activeAt = 0;
  /** It was given up, for the sake of others or with its owner. */
  isForgotten = false;

  /** `ranges`: places in RANGES. */
  constructor(ranges: readonly number[]) {
    this.rings = RANGES.map(({ kept }, i) => (ranges.includes(i) ? new Ring(kept) : null));
    this.begins = RANGES.map((_, i) => (ranges.includes(i) ? new Begin(i) : null));
  }

  /** It had requests before the `deltas` of this look, which are of no point. */
  begin(counts: Float64Array, deltas: Float64Array, latency: ReadLatency): void {
    let before = 0;
    for (let i = 0; i < COUNTED; i++) before += counts[i] - deltas[i];
    if (before <= 0) return;
    nowOf = null;
    now.fill(0);
    latency(now);
    for (const begin of this.begins) {
      begin?.latency.set(now);
      for (let i = 0; i < COUNTED; i++) if (begin !== null) begin.counts[i] = counts[i] - deltas[i];
    }
  }

  static bytesOf(ranges: readonly number[]): number {
    const bytes = (range: number) => Ring.bytesOf(RANGES[range].kept) + LATENCY_BYTES + POINT_BYTES;
    return ranges.reduce((sum, range) => sum + bytes(range) + (range === RECENT ? LATENCY_BYTES : 0), 0);
  }

  /** Some point of it waits for its end. */
  get isOpen(): boolean {
    return this.begins.some((begin) => begin?.isDirty === true);
  }

  /** Of all requests of the last 8 to 23 s; null for none. */
  recent(steps: Steps, latency: ReadLatency): Latency | null {
    const begin = this.begins[RECENT];
    if (begin === null || begin.previous === null) return null;
    const isEnough = steps.at - steps.openSince(RECENT) >= RECENT_MS;
    const isNext = begin.previousIndex === steps.openIndex(RECENT) - 1;
    const before = isEnough || !isNext ? begin.latency : begin.previous;
    this.read(steps, latency);
    return quantilesSince(before);
  }

  /**
   * A look. `counts`: c2, c3, c4, c5 ever counted, as before it `deltas` were fewer; `seconds`: since the look before.
   * Costs nothing where nothing is new and no point ends.
   */
  look(steps: Steps, counts: Float64Array, deltas: Float64Array, latency: ReadLatency, inflight: number): void {
    let isNew = inflight > 0;
    let all = 0;
    for (let i = 0; i < COUNTED; i++) all += deltas[i];
    isNew ||= all > 0;
    if (isNew) this.activeAt = steps.at;
    const share = all > 0 ? deltas[COUNT.c5] / all : 0;
    for (let range = 0; range < RANGES.length; range++) {
      const begin = this.begins[range];
      if (begin === null) continue;
      if (isNew) {
        begin.isDirty = true;
        if (share > begin.max5) begin.max5 = share;
      }
      const point = steps.ended[range];
      if (point === null || !begin.isDirty) continue;
      this.read(steps, latency);
      const codes = rowOf(point, begin, counts, inflight);
      if (point.isWhole) this.rings[range]!.put(point.index, codes);
    }
  }

  private read({ count }: Steps, latency: ReadLatency): void {
    if (nowOf === this && nowAt === count) return;
    now.fill(0);
    latency(now);
    nowOf = this;
    nowAt = count;
    endOfUsed = LATENCY_BUCKETS;
    while (endOfUsed > 0 && now[endOfUsed - 1] === 0) endOfUsed--;
    firstUsed = 0;
    while (firstUsed < endOfUsed && now[firstUsed] === 0) firstUsed++;
  }

  /** Codes of a column by index of points. */
  code(range: number, index: number, column: Column): number {
    return this.rings[range]?.at(index, COLUMNS.indexOf(column)) ?? GAP;
  }

  has(range: number): boolean {
    return this.rings[range] !== null;
  }
}

function quantilesSince(before: Uint32Array): Latency | null {
  for (let i = firstUsed; i < endOfUsed; i++) difference[i] = now[i] - before[i];
  return quantilesOf(difference, firstUsed, endOfUsed);
}

/** Of the point that has ended; the next one begins with it. */
function rowOf({ index, from, to }: Point, begin: Begin, counts: Float64Array, inflight: number): Uint16Array {
  const seconds = Math.max(to - from, 1) / 1_000;
  for (let i = 0; i < COUNTED; i++) {
    const count = counts[i] < begin.counts[i] ? counts[i] : counts[i] - begin.counts[i];
    row[i] = encode(count / seconds);
    begin.counts[i] = counts[i];
  }
  const quantiles = quantilesSince(begin.latency);
  begin.previous?.set(begin.latency);
  begin.previousIndex = index;
  begin.latency.set(now);
  for (let i = 0; i < 3; i++) row[COUNTED + i] = encode(quantiles === null ? null : quantiles[i]);
  row[7] = encode(inflight);
  row[8] = encode(begin.max5);
  begin.max5 = 0;
  begin.isDirty = inflight > 0;
  return row;
}

/** The few of this node itself always have one. */
function isOwn(owner: string): boolean {
  return owner === 'all' || owner.startsWith('entrypoint:');
}

export class Histories {
  private readonly pasts = new Map<string, Past>();
  private readonly budget: number;
  private bytes = 0;

  /** `budget`: bytes. */
  constructor(budget: number) {
    this.budget = budget;
  }

  get(owner: string): Past | null {
    return this.pasts.get(owner) ?? null;
  }

  /** Made where there is none and room for it. `ranges`: places in RANGES. */
  open(owner: string, ranges: readonly number[], at: number): Past | null {
    const bytes = isOwn(owner) ? 0 : Past.bytesOf(ranges);
    const isFull = bytes > 0 && this.bytes + bytes > this.budget;
    // While all are busy, thousands ask in every look.
    if (isFull && at < this.fullUntil) return null;
    const known = this.pasts.get(owner);
    if (known !== undefined) return known;
    if (isFull && !this.makeRoom(bytes, at)) return null;
    const past = new Past(ranges);
    past.activeAt = at;
    this.pasts.set(owner, past);
    this.sizes.set(past, bytes);
    this.bytes += bytes;
    return past;
  }

  /** Its owner is gone for good. */
  forget(owner: string): void {
    const past = this.pasts.get(owner);
    if (past === undefined) return;
    past.isForgotten = true;
    this.pasts.delete(owner);
    this.bytes -= this.sizes.get(past) ?? 0;
  }

  private readonly sizes = new WeakMap<Past, number>();
  /** No room before then: looking for some costs as much as there are. */
  private fullUntil = 0;

  private makeRoom(bytes: number, at: number): boolean {
    const idle = [...this.pasts].filter(([owner, { activeAt }]) => at - activeAt > IDLE_MS && !isOwn(owner));
    idle.sort(([, one], [, other]) => one.activeAt - other.activeAt);
    // A part more, so that not each newcomer looks through all.
    const wanted = this.budget - Math.max(bytes, this.budget / 16);
    for (const [owner] of idle) {
      if (this.bytes <= wanted) break;
      this.forget(owner);
    }
    if (this.bytes + bytes <= this.budget) return true;
    this.fullUntil = at + IDLE_MS / 10;
    return false;
  }
}
