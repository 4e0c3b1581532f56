/**
 * How long the requests of each frontend and the tries of each server took, what they were answered with, and when there was one
 * last: a buffer per worker that it alone writes, and main reads. (Backends have theirs in metrics-layout.ts.) A record is made
 * with the first request, so that whoever has none costs nothing, and 1.6 kB per worker then.
 *
 *     word 0   records used (release) · how often a record has changed hands (release)
 *     word 16  record 0: those that found no room
 *              record 1 …
 *     record   key u32 × 2                of a frontend two hashes of its name, of a server its slot and SERVER
 *              last hit u32               seconds of Unix, 0: never
 *              answers u32 × 6            by class: 1xx … 5xx, none; wrap around
 *              latency u32 × 384          latency.ts, wraps around
 *
 * All counts only grow as long as the record is its own. What came within a time is the difference of two readings of
 * `HistogramReader`, word by word modulo 2³², and the percentiles of that difference are those of all requests of that time: so
 * a history is kept of differences, and differences may be added up over times, workers and nodes. Where a reading is null, or
 * any of its answers has gone down, the record was given to somebody else meanwhile, and the next difference is from zero.
 *
 * When all records are taken, those that were not hit for an hour are given away; the rest is counted in record 0.
 */
import { LATENCY_BUCKETS, latencyBucket } from './latency.ts';
import { RecordIndex } from './record-index.ts';

const USED = 0;
const TURNS = 1;
const FIRST_RECORD = 16;
const LAST_HIT = 2;
const ANSWERS = 3;
const LATENCY = 9;
const CLASSES = LATENCY - ANSWERS;
const NONE = CLASSES - 1;
const RECORD_WORDS = LATENCY + LATENCY_BUCKETS;
const OTHERS = FIRST_RECORD;
/** The second word of the key of a server. */
const SERVER = -1;

/** Records of one worker: 26 MB when all are used. */
const CAPACITY = 16_384;
/** Seconds without a hit after which a record may be given to another one. */
export const IDLE_S = 3_600;
/** Between two looks for such. */
const SWEEP_S = 60;

export function createHistograms(capacity: number = CAPACITY): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer((FIRST_RECORD + capacity * RECORD_WORDS) * 4);
  new Int32Array(buffer)[USED] = 1;
  return buffer;
}

function capacityOf(words: Int32Array): number {
  return (words.length - FIRST_RECORD) / RECORD_WORDS;
}

/** Whose record it is, and for its worker where that is. */
export class HistogramOwner {
  readonly first: number;
  readonly second: number;
  /** −1: it has none. */
  at = -1;
  turns = 0;

  private constructor(first: number, second: number) {
    this.first = first;
    this.second = second;
  }

  static ofServer(slot: number): HistogramOwner {
    return new HistogramOwner(slot, SERVER);
  }

  static ofFrontend(name: string): HistogramOwner {
    let first = 0x3c6e_f372;
    let second = 0x510e_527f;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      first = Math.imul(first ^ code, 0x9e37_79b1);
      second = Math.imul(second ^ code, 0x5f35_6495);
    }
    first = Math.imul(first ^ (second >>> 15), 0x85eb_ca6b);
    second = Math.imul(second ^ (first >>> 13), 0xc2b2_ae35);
    const own = second ^ (first >>> 16);
    // Two of some thousand names share both with a chance of 10⁻¹².
    return new HistogramOwner(first ^ (own >>> 16), own === SERVER ? 0 : own);
  }
}

/** The writing side. */
export class Histograms {
  private readonly words: Int32Array;
  private readonly capacity: number;
  private index: RecordIndex;
  private used: number;
  /** As in TURNS. */
  private turns: number;
  /** Places of records that were given back. */
  private free: number[] = [];
  private nextSweep = 0;

  /** Goes on where the last worker of this buffer stopped. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.capacity = capacityOf(this.words);
    this.used = this.words[USED];
    this.turns = this.words[TURNS];
    this.index = this.indexOfAll();
  }

  /** It was answered with `status`, after `seconds`; negative: that says nothing of it. `now`: seconds of Unix. */
  answered(owner: HistogramOwner, status: number, seconds: number, now: number): void {
    const { words } = this;
    const at = this.place(owner, now);
    words[at + LAST_HIT] = now;
    words[at + ANSWERS + (status >= 100 && status < 600 ? ((status / 100) | 0) - 1 : NONE)]++;
    if (seconds >= 0) words[at + LATENCY + latencyBucket(seconds)]++;
  }

  private place(owner: HistogramOwner, now: number): number {
    if (owner.at >= 0 && owner.turns === this.turns) return owner.at;
    const known = this.index.find(owner.first, owner.second);
    const at = known >= 0 ? FIRST_RECORD + known * RECORD_WORDS : this.claim(owner, now);
    // Whoever found no room asks again.
    owner.at = at === OTHERS ? -1 : at;
    owner.turns = this.turns;
    return at;
  }

  private claim({ first, second }: HistogramOwner, now: number): number {
    const { words } = this;
    const isFull = this.used === this.capacity;
    if (isFull && this.free.length === 0) this.sweep(now);
    const at = isFull ? (this.free.pop() ?? OTHERS) : FIRST_RECORD + this.used * RECORD_WORDS;
    if (at === OTHERS) return at;
    words.fill(0, at + LAST_HIT, at + RECORD_WORDS);
    words[at] = first;
    words[at + 1] = second;
    this.index.add((at - FIRST_RECORD) / RECORD_WORDS);
    if (isFull) this.turn();
    else Atomics.store(words, USED, ++this.used);
    return at;
  }

  /** Records are looked through at most once a minute, since that costs as much as some hundred requests. */
  private sweep(now: number): void {
    if (now < this.nextSweep) return;
    this.nextSweep = now + SWEEP_S;
    const { words } = this;
    for (let record = 1; record < this.used; record++) {
      const at = FIRST_RECORD + record * RECORD_WORDS;
      if (now - (words[at + LAST_HIT] >>> 0) < IDLE_S) continue;
      words[at] = 0;
      words[at + 1] = 0;
      this.free.push(at);
    }
    if (this.free.length === 0) return;
    this.index = this.indexOfAll();
    this.turn();
  }

  private turn(): void {
    this.turns = (this.turns + 1) | 0;
    Atomics.store(this.words, TURNS, this.turns);
  }

  private indexOfAll(): RecordIndex {
    const { words } = this;
    const index = new RecordIndex(words, FIRST_RECORD, RECORD_WORDS, this.capacity);
    this.free = [];
    for (let record = 1; record < this.used; record++) {
      const at = FIRST_RECORD + record * RECORD_WORDS;
      if (words[at] === 0 && words[at + 1] === 0) this.free.push(at);
      else index.add(record);
    }
    return index;
  }
}

/** Of all workers together. */
export type HistogramTotal = {
  /** Seconds of Unix. */
  readonly lastHit: number;
  /** By class: 1xx, 2xx, 3xx, 4xx, 5xx, none; modulo 2³². */
  readonly answers: Uint32Array;
  /** Per bucket of latency.ts, modulo 2³². */
  readonly latency: Uint32Array;
};

/** Where in the buffer of one worker main finds records. */
class Lane {
  readonly words: Int32Array;
  private places = new Map<number, number>();
  private seen = 1;
  private turns = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** −1: it has none. */
  find(owner: HistogramOwner): number {
    this.learn();
    const { words } = this;
    const at = this.places.get(keyOf(owner.first, owner.second)) ?? -1;
    return at >= 0 && words[at] === owner.first && words[at + 1] === owner.second ? at : -1;
  }

  private learn(): void {
    const { words } = this;
    const turns = Atomics.load(words, TURNS);
    const used = Atomics.load(words, USED);
    if (turns !== this.turns) {
      this.turns = turns;
      this.seen = 1;
      this.places = new Map();
    }
    for (; this.seen < used; this.seen++) {
      const at = FIRST_RECORD + this.seen * RECORD_WORDS;
      this.places.set(keyOf(words[at], words[at + 1]), at);
    }
  }
}

/** 53 bits of both, as a whole number. */
function keyOf(first: number, second: number): number {
  return (first >>> 0) * 0x20_0000 + (second >>> 11);
}

export class HistogramReader {
  private readonly lanes: readonly Lane[];

  /** `buffers`: one per worker. */
  constructor(buffers: readonly SharedArrayBuffer[]) {
    this.lanes = buffers.map((buffer) => new Lane(new Int32Array(buffer)));
  }

  /** null: it has no record, since nothing was asked of it for an hour or ever. */
  total(owner: HistogramOwner): HistogramTotal | null {
    const answers = this.answers(owner);
    if (answers === null) return null;
    const latency = new Uint32Array(LATENCY_BUCKETS);
    this.latency(owner, latency);
    return { lastHit: this.lastHit(owner), answers, latency };
  }

  /** Counts by the buckets of latency.ts, added to `sums`. */
  latency(owner: HistogramOwner, sums: Uint32Array): void {
    for (const lane of this.lanes) {
      const at = lane.find(owner);
      for (let i = 0; at >= 0 && i < LATENCY_BUCKETS; i++) sums[i] += lane.words[at + LATENCY + i];
    }
  }

  /** That of `total` alone, which is much less to read. */
  answers(owner: HistogramOwner): Uint32Array | null {
    let answers: Uint32Array | null = null;
    for (const lane of this.lanes) {
      const at = lane.find(owner);
      if (at < 0) continue;
      answers ??= new Uint32Array(CLASSES);
      for (let i = 0; i < CLASSES; i++) answers[i] += lane.words[at + ANSWERS + i];
    }
    return answers;
  }

  /** Seconds of Unix; 0 where there is no record. */
  lastHit(owner: HistogramOwner): number {
    let last = 0;
    for (const lane of this.lanes) {
      const at = lane.find(owner);
      if (at >= 0) last = Math.max(last, lane.words[at + LAST_HIT] >>> 0);
    }
    return last;
  }

  /** Of all that found no record. */
  folded(): number {
    let sum = 0;
    for (const { words } of this.lanes) for (let i = 0; i < CLASSES; i++) sum += words[OTHERS + ANSWERS + i] >>> 0;
    return sum;
  }

  /** Main only: the slot has a new server, whose counts begin at 0. */
  forget(owner: HistogramOwner): void {
    for (const lane of this.lanes) {
      const at = lane.find(owner);
      if (at >= 0) lane.words.fill(0, at + LAST_HIT, at + RECORD_WORDS);
    }
  }
}
