/**
 * Counters and histograms by the text of their labels, for what has no slot and is not counted with every request: a buffer per
 * worker that it alone writes, and main reads. Where a series is, its worker looks up once and remembers.
 *
 *     byte   0  bytes used u32 (release) · series that found no room u32
 *            8  entry: family u16 · doubles u16 · bytes of text u32 · text, filled up to 8 · f64 × doubles
 *               entry …
 *
 * An entry never moves and is never given back. The text is the values of the labels with U+0000 between. A worker that takes over
 * a buffer goes on in it.
 */
import { LABEL_FAMILIES, type LabelFamily } from './label-families.ts';
import { bucketOf } from './slot-counts.ts';

const USED_WORD = 0;
const FOLDED_WORD = 1;
const FIRST_ENTRY = 8;
const HEAD_BYTES = 8;
const SEPARATOR = '\0';
/** In the place of all labels of what finds no room. */
export const OTHER = '(other)';
const CAPACITY_BYTES = 8 * 1024 * 1024;

export function createLabelCounts(capacityBytes: number = CAPACITY_BYTES): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(capacityBytes);
  new Int32Array(buffer)[USED_WORD] = FIRST_ENTRY;
  return buffer;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Entry = {
  readonly family: number;
  readonly text: string /** In doubles. */;
  readonly at: number;
  readonly size: number;
};

/** All entries from byte `from` on. Returns where the next one will be. */
function readEntries(buffer: SharedArrayBuffer, from: number, take: (entry: Entry) => void): number {
  const used = Atomics.load(new Int32Array(buffer), USED_WORD);
  const view = new DataView(buffer);
  let at = from;
  while (at < used) {
    const family = view.getUint16(at, true);
    const size = view.getUint16(at + 2, true);
    const length = view.getUint32(at + 4, true);
    // The decoder takes no shared memory.
    const text = decoder.decode(new Uint8Array(buffer, at + HEAD_BYTES, length).slice());
    const values = at + HEAD_BYTES + Math.ceil(length / 8) * 8;
    take({ family, text, at: values / 8, size });
    at = values + size * 8;
  }
  return at;
}

/** Main only: what a worker that has ended had counted up and down. */
export function forgetLabelled(buffer: SharedArrayBuffer, { number }: LabelFamily): void {
  const doubles = new Float64Array(buffer);
  readEntries(buffer, FIRST_ENTRY, ({ family, at, size }) => {
    if (family === number) doubles.fill(0, at, at + size);
  });
}

/** The writing side. */
export class LabelCounts {
  private readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly places = new Map<string, number>();
  private used: number;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.used = readEntries(buffer, FIRST_ENTRY, ({ family, text, at }) =>
      this.places.set(`${family}${SEPARATOR}${text}`, at),
    );
  }

  /**
   * The place of the series with these labels, for `add` and `observe`; that of `(other)` when there is no room. `size`: its
   * doubles.
   */
  at(family: LabelFamily, labels: readonly string[], size: number = sizeOf(family)): number {
    const text = labels.join(SEPARATOR);
    const place = this.find(family.number, text, size, RESERVE_BYTES);
    if (place >= 0) return place;
    this.words[FOLDED_WORD]++;
    return this.find(family.number, labels.map(() => OTHER).join(SEPARATOR), size, 0);
  }

  /** -1: there is no room, the last `reserve` bytes aside. */
  private find(family: number, text: string, size: number, reserve: number): number {
    const key = `${family}${SEPARATOR}${text}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const place = this.claim(family, text, size, reserve);
    if (place >= 0) this.places.set(key, place);
    return place;
  }

  private claim(family: number, text: string, size: number, reserve: number): number {
    const bytes = encoder.encode(text);
    const values = this.used + HEAD_BYTES + Math.ceil(bytes.length / 8) * 8;
    const end = values + size * 8;
    if (end > this.buffer.byteLength - reserve) return -1;
    const view = new DataView(this.buffer);
    view.setUint16(this.used, family, true);
    view.setUint16(this.used + 2, size, true);
    view.setUint32(this.used + 4, bytes.length, true);
    new Uint8Array(this.buffer).set(bytes, this.used + HEAD_BYTES);
    this.used = end;
    Atomics.store(this.words, USED_WORD, end);
    return values / 8;
  }

  add(at: number, amount = 1): void {
    this.doubles[at] += amount;
  }

  set(at: number, value: number): void {
    this.doubles[at] = value;
  }

  /** `at`: of a series of a family with these `bounds`. */
  observe(at: number, bounds: readonly number[], seconds: number): void {
    this.doubles[at] += seconds;
    this.doubles[at + 1 + bucketOf(bounds, seconds)]++;
  }
}

/** For the `(other)` of each family. */
const RESERVE_BYTES = LABEL_FAMILIES.length * 512;

/** Doubles of a series: a count, or a sum and its buckets. */
function sizeOf({ bounds }: LabelFamily): number {
  return bounds === null ? 1 : bounds.length + 2;
}

export type LabelledSum = {
  readonly labels: readonly string[] /** As they are written. */;
  readonly values: Float64Array;
};

/** The reading side, for main: sums over all workers. */
export class LabelReader {
  private readonly buffersNow: () => readonly SharedArrayBuffer[];
  private readonly lanes = new Map<
    SharedArrayBuffer,
    { doubles: Float64Array; next: number; readonly byFamily: Entry[][] }
  >();

  constructor(buffers: () => readonly SharedArrayBuffer[]) {
    this.buffersNow = buffers;
  }

  /** All series of `family` that were ever counted in. */
  sums({ number }: LabelFamily): LabelledSum[] {
    const sums = new Map<string, Float64Array>();
    for (const buffer of this.buffersNow()) {
      const lane = this.laneOf(buffer);
      for (const { text, at, size } of lane.byFamily[number] ?? []) {
        let sum = sums.get(text);
        if (sum === undefined) {
          sum = new Float64Array(size);
          sums.set(text, sum);
        }
        for (let i = 0; i < size; i++) sum[i] += lane.doubles[at + i];
      }
    }
    return [...sums].map(([text, values]) => ({ labels: text.split(SEPARATOR), values }));
  }

  /** How often something was counted as `(other)` for lack of room, or was looked up in vain. */
  folded(): number {
    return this.buffersNow().reduce((sum, buffer) => sum + Atomics.load(new Int32Array(buffer), FOLDED_WORD), 0);
  }

  /** Of the room of all of them, 0 to 1: of the fullest. */
  used(): number {
    return this.buffersNow().reduce(
      (most, buffer) => Math.max(most, Atomics.load(new Int32Array(buffer), USED_WORD) / buffer.byteLength),
      0,
    );
  }

  private laneOf(buffer: SharedArrayBuffer) {
    let lane = this.lanes.get(buffer);
    if (lane === undefined) {
      lane = { doubles: new Float64Array(buffer), next: FIRST_ENTRY, byFamily: [] };
      this.lanes.set(buffer, lane);
    }
    const { byFamily } = lane;
    lane.next = readEntries(buffer, lane.next, (entry) => {
      byFamily[entry.family] ??= [];
      byFamily[entry.family].push(entry);
    });
    return lane;
  }
}
