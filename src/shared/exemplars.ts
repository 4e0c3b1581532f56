/**
 * Exemplars: of each bucket of a series of a lane (metrics-layout.ts), the last exchange that fell into it and whose trace is kept
 * (shared/spec logs §4.4). A buffer per worker, which that worker alone writes and main reads; there only where traces are.
 *
 *     entry of a bucket   turn u32 (odd: it is being written) · 0 · trace-id 16 bytes · f64 value · f64 Unix time    seconds
 *
 * Entries are dense, so that a bucket has its place; the system commits pages when they are first written.
 */
import { MAX_BUCKETS } from './metrics-layout.ts';

const ENTRY_WORDS = 10;
const ENTRY_DOUBLES = ENTRY_WORDS / 2;
const TRACE_WORD = 2;
const TRACE_WORDS = 4;
const VALUE_DOUBLE = 3;
const TIME_DOUBLE = 4;
/** Series that come after so many have none. */
const MOST_SERIES = 32_768;

/** A record of a lane, by their numbers. */
export type Place = { readonly lane: number; readonly record: number };

export type Exemplar = {
  /** 32 digits. */
  readonly traceId: string;
  readonly value: number;
  /** Unix time, seconds. */
  readonly time: number;
};

/** `bounds`: of the buckets of a series, without the last one. */
export function createExemplars(bounds: number): SharedArrayBuffer {
  if (bounds > MAX_BUCKETS) throw new RangeError(`${bounds} buckets are more than ${MAX_BUCKETS}`);
  return new SharedArrayBuffer(MOST_SERIES * (bounds + 1) * ENTRY_WORDS * 4);
}

export class Exemplars {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  /** `place`: of the bucket, as its lane says where it has counted. */
  set(place: number, traceId: string, value: number, time: number): void {
    const at = place * ENTRY_WORDS;
    if (at >= this.words.length) return;
    // One who died while writing has left it odd.
    const turn = this.words[at] | 1;
    Atomics.store(this.words, at, turn);
    for (let i = 0; i < TRACE_WORDS; i++) {
      this.words[at + TRACE_WORD + i] = Number.parseInt(traceId.slice(8 * i, 8 * i + 8), 16);
    }
    const doubles = place * ENTRY_DOUBLES;
    this.doubles[doubles + VALUE_DOUBLE] = value;
    this.doubles[doubles + TIME_DOUBLE] = time;
    Atomics.store(this.words, at, turn + 1);
  }

  /** null: there is none, or it is just being written. */
  get(place: number): Exemplar | null {
    const at = place * ENTRY_WORDS;
    if (at >= this.words.length) return null;
    const turn = Atomics.load(this.words, at);
    const doubles = place * ENTRY_DOUBLES;
    const time = this.doubles[doubles + TIME_DOUBLE];
    if ((turn & 1) === 1 || time === 0) return null;
    const value = this.doubles[doubles + VALUE_DOUBLE];
    let traceId = '';
    for (let i = 0; i < TRACE_WORDS; i++) {
      traceId += (this.words[at + TRACE_WORD + i] >>> 0).toString(16).padStart(8, '0');
    }
    return Atomics.load(this.words, at) === turn ? { traceId, value, time } : null;
  }

  /** Main only: the `count` buckets from `place` on belong to something else. */
  forget(place: number, count: number): void {
    for (let i = place; i < place + count; i++) {
      const at = i * ENTRY_DOUBLES + TIME_DOUBLE;
      // Reading an untouched page costs no memory, writing does.
      if (at < this.doubles.length && this.doubles[at] !== 0) this.doubles[at] = 0;
    }
  }
}

/** The reading side, for main: over the buffers of all workers. */
export class ExemplarReader {
  private readonly lanes: readonly (Exemplars | null)[];
  private readonly buckets: number;

  /** `buckets`: of a series. */
  constructor(buffers: readonly (SharedArrayBuffer | null)[], buckets: number) {
    this.lanes = buffers.map((buffer) => (buffer === null ? null : new Exemplars(buffer)));
    this.buckets = buckets;
  }

  /** Of that bucket of a series, where it lies in all lanes; null for none. */
  newest({ records }: { readonly records: readonly Place[] }, bucket: number): Exemplar | null {
    let newest: Exemplar | null = null;
    for (const { lane, record } of records) {
      const one = this.lanes[lane]?.get(record * this.buckets + bucket) ?? null;
      if (one !== null && (newest === null || one.time > newest.time)) newest = one;
    }
    return newest;
  }
}
