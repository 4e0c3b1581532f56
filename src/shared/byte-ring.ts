/**
 * A queue of records in shared memory: one thread writes, another one reads, and neither ever waits. A record is there as a
 * whole or not at all; one that finds no room is dropped and counted. What a writer that has died had not committed was never
 * there, and who comes in its place goes on behind what it had.
 *
 *     WORDS   written · taken · recordsWritten · recordsTaken · dropped by reason      Int32 each, counting on beyond 2³²
 *     then    records: Int32 length | tag << 24, so many bytes, up to three more to the next multiple of 4;
 *             −1 in the place of a length: the next one is at the beginning
 */

/** In words; what the two sides write is 64 bytes apart, so that they do not take each other's cache line. */
const WRITTEN = 0;
const RECORDS_WRITTEN = 1;
const DROPPED = 2;
/** Reasons that can be told apart. */
export const MOST_REASONS = 8;
const TAKEN = 16;
const RECORDS_TAKEN = 17;
const HEADER_BYTES = 128;
const LENGTH_BYTES = 4;
const LONGEST = 0xff_ffff;
const WRAPS = -1;

/** `bytes` of records that fit: a power of two. */
export function createByteRing(bytes: number): SharedArrayBuffer {
  if (bytes < 64 || (bytes & (bytes - 1)) !== 0) throw new RangeError(`${bytes} is no power of two from 64 on`);
  return new SharedArrayBuffer(HEADER_BYTES + bytes);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Records that were dropped, for any thread. */
export function droppedRecords(ring: SharedArrayBuffer, reason: number): number {
  return Atomics.load(new Int32Array(ring), DROPPED + reason) >>> 0;
}

export class RingWriter {
  /** Write between `begin` and `commit` here, and nowhere else. */
  readonly bytes: Buffer;
  private readonly words: Int32Array;
  private readonly records: Int32Array;
  private readonly size: number;
  private readonly mostRecords: number;
  private written: number;
  private recordsWritten: number;
  /** Where the length of the record that has begun stands, as `written` counts. */
  private start = 0;

  /** `mostRecords`: that may wait in it. */
  constructor(ring: SharedArrayBuffer, mostRecords: number) {
    this.words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    this.records = new Int32Array(ring, HEADER_BYTES);
    this.bytes = Buffer.from(ring, HEADER_BYTES);
    this.size = this.bytes.length;
    this.mostRecords = mostRecords;
    this.written = Atomics.load(this.words, WRITTEN);
    this.recordsWritten = Atomics.load(this.words, RECORDS_WRITTEN);
  }

  /** Where in `bytes` a record of up to `most` bytes may be written, −1: there is no room. */
  begin(most: number): number {
    const { words, size, written } = this;
    if (most > LONGEST) return -1;
    if (((this.recordsWritten - Atomics.load(words, RECORDS_TAKEN)) | 0) >= this.mostRecords) return -1;
    const need = LENGTH_BYTES + aligned(most);
    const free = size - ((written - Atomics.load(words, TAKEN)) >>> 0);
    const at = written & (size - 1);
    const toEnd = size - at;
    if (need <= toEnd) {
      if (need > free) return -1;
      this.start = written;
      return at + LENGTH_BYTES;
    }
    if (toEnd + need > free) return -1;
    this.records[at >> 2] = WRAPS;
    this.start = (written + toEnd) | 0;
    return LENGTH_BYTES;
  }

  /** The record that has begun is complete: `length` bytes, `tag` from 0 to 127. */
  commit(length: number, tag: number): void {
    this.add(length, tag);
    this.publish();
  }

  /**
   * The same, but nobody sees it before `publish`: that waits until all that was written has left the processor's own memory, which
   * costs as much as the record does.
   */
  add(length: number, tag: number): void {
    const { size, start } = this;
    this.records[(start & (size - 1)) >> 2] = length | (tag << 24);
    this.written = (start + LENGTH_BYTES + aligned(length)) | 0;
    this.recordsWritten = (this.recordsWritten + 1) | 0;
  }

  /** All records so far may be read. */
  publish(): void {
    const { words } = this;
    // Whoever sees the second one sees what was stored before it.
    words[RECORDS_WRITTEN] = this.recordsWritten;
    Atomics.store(words, WRITTEN, this.written);
  }

  /** Copies `record` in. False: there is no room. */
  push(record: Uint8Array, tag: number): boolean {
    const at = this.begin(record.length);
    if (at < 0) return false;
    this.bytes.set(record, at);
    this.commit(record.length, tag);
    return true;
  }

  /** A record was not written, for a reason from 0 to MOST_REASONS − 1. */
  drop(reason: number): void {
    Atomics.add(this.words, DROPPED + reason, 1);
  }
}

export class RingReader {
  readonly bytes: Buffer;
  /** Of the record that `next` has come to. */
  start = 0;
  end = 0;
  tag = 0;
  private readonly words: Int32Array;
  private readonly records: Int32Array;
  private readonly size: number;
  private taken: number;
  private recordsTaken: number;
  /** As far as is known. */
  private written: number;

  constructor(ring: SharedArrayBuffer) {
    this.words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    this.records = new Int32Array(ring, HEADER_BYTES);
    this.bytes = Buffer.from(ring, HEADER_BYTES);
    this.size = this.bytes.length;
    this.taken = Atomics.load(this.words, TAKEN);
    this.recordsTaken = Atomics.load(this.words, RECORDS_TAKEN);
    this.written = this.taken;
  }

  /** On to the next record; false: there is none. Its bytes stay as they are until `release`. */
  next(): boolean {
    if (this.taken === this.written) {
      this.written = Atomics.load(this.words, WRITTEN);
      if (this.taken === this.written) return false;
    }
    let at = this.taken & (this.size - 1);
    let word = this.records[at >> 2];
    if (word === WRAPS) {
      this.taken = (this.taken + this.size - at) | 0;
      at = 0;
      word = this.records[0];
    }
    const length = word & LONGEST;
    this.start = at + LENGTH_BYTES;
    this.end = this.start + length;
    this.tag = word >>> 24;
    this.taken = (this.taken + LENGTH_BYTES + aligned(length)) | 0;
    this.recordsTaken = (this.recordsTaken + 1) | 0;
    return true;
  }

  /** The room of all records so far may be used again. */
  release(): void {
    Atomics.store(this.words, RECORDS_TAKEN, this.recordsTaken);
    Atomics.store(this.words, TAKEN, this.taken);
  }

  /** As of `RingWriter`, for records that were read and lost. */
  drop(reason: number, count: number): void {
    Atomics.add(this.words, DROPPED + reason, count);
  }
}
