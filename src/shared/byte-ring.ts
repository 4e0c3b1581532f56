/**
 * A queue of records in shared memory: one thread writes, another one reads, and neither ever waits. A record is there as a
 * whole or not at all; one that finds no room is dropped and counted. What a writer that has died had not committed was never
 * there, and who comes in its place goes on behind what it had.
 *
 * Records stand one behind the other without a gap, so that those that follow each other can be given on as one run of bytes. Each
 * begins before the end of the ring, and goes on in the room behind it where it has to; the next one is at the beginning then.
 *
 *     WORDS   written · recordsWritten · dropped by reason · taken · recordsTaken      Int32 each, counting on beyond 2³²
 *             size · mostRecords · longest
 *     then    of each record: Int32 length | tag << 24, in turn in a power of two of words, as many as records may wait
 *     then    bytes: `size`, and room for what goes on behind
 */

/** In words; what the two sides write is 64 bytes apart, so that they do not take each other's cache line. */
const WRITTEN = 0;
const RECORDS_WRITTEN = 1;
const DROPPED = 2;
/** Reasons that can be told apart. */
export const MOST_REASONS = 8;
const TAKEN = 16;
const RECORDS_TAKEN = 17;
const SIZE = 32;
const MOST_RECORDS = 33;
const LONGEST_RECORD = 34;
const HEADER_BYTES = 192;
const LONGEST = 0xff_ffff;

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** Bytes of memory that a ring takes. */
export function byteRingBytes(bytes: number, mostRecords: number, longest: number): number {
  return HEADER_BYTES + powerOfTwo(mostRecords) * 4 + bytes + longest;
}

/**
 * `bytes` of records that fit: a power of two. `mostRecords`: that may wait in it. `longest` of them, bytes. `ring`: where it is at the
 * beginning.
 */
export function createByteRing(
  bytes: number,
  mostRecords: number,
  longest: number,
  ring = new SharedArrayBuffer(byteRingBytes(bytes, mostRecords, longest)),
): SharedArrayBuffer {
  if (bytes < 64 || (bytes & (bytes - 1)) !== 0) throw new RangeError(`${bytes} is no power of two from 64 on`);
  if (longest > bytes || longest > LONGEST) throw new RangeError(`${longest} is too long for ${bytes}`);
  const words = new Int32Array(ring);
  words[SIZE] = bytes;
  words[MOST_RECORDS] = mostRecords;
  words[LONGEST_RECORD] = longest;
  return ring;
}

/** Records that were dropped, for any thread. */
export function droppedRecords(ring: SharedArrayBuffer, reason: number): number {
  return Atomics.load(new Int32Array(ring), DROPPED + reason) >>> 0;
}

/** The same memory for both sides. */
class Ring {
  protected readonly words: Int32Array;
  /** Lengths and tags. */
  protected readonly index: Int32Array;
  readonly bytes: Buffer;
  protected readonly size: number;
  protected readonly longest: number;

  constructor(ring: SharedArrayBuffer) {
    this.words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    this.size = this.words[SIZE];
    this.longest = this.words[LONGEST_RECORD];
    this.index = new Int32Array(ring, HEADER_BYTES, powerOfTwo(this.words[MOST_RECORDS]));
    this.bytes = Buffer.from(ring, HEADER_BYTES + this.index.byteLength, this.size + this.longest);
  }

  /** Where the record behind one of `length` bytes at `position` begins, as positions count. */
  protected behind(position: number, length: number): number {
    const toEnd = this.size - (position & (this.size - 1));
    return (position + Math.min(length, toEnd)) | 0;
  }
}

/** Write into `bytes` between `begin` and `commit`, and nowhere else. */
export class RingWriter extends Ring {
  private readonly mostRecords: number;
  private written: number;
  private recordsWritten: number;
  /** As far as is known: it is looked at again where there is no room otherwise. */
  private taken = 0;
  private recordsTaken = 0;

  constructor(ring: SharedArrayBuffer) {
    super(ring);
    this.mostRecords = this.words[MOST_RECORDS];
    this.written = Atomics.load(this.words, WRITTEN);
    this.recordsWritten = Atomics.load(this.words, RECORDS_WRITTEN);
    this.look();
  }

  private look(): void {
    this.recordsTaken = Atomics.load(this.words, RECORDS_TAKEN);
    this.taken = Atomics.load(this.words, TAKEN);
  }

  /** Where in `bytes` a record of up to `most` bytes may be written, −1: there is no room. */
  begin(most: number): number {
    if (most > this.longest) return -1;
    if (!this.hasRoom(most)) {
      this.look();
      if (!this.hasRoom(most)) return -1;
    }
    return this.written & (this.size - 1);
  }

  private hasRoom(most: number): boolean {
    const { size, written } = this;
    if (((this.recordsWritten - this.recordsTaken) | 0) >= this.mostRecords) return false;
    const free = size - ((written - this.taken) >>> 0);
    // What goes on behind the end is in nobody's way: the record that did so before was taken when the one at its beginning was.
    return most <= free || size - (written & (size - 1)) <= free;
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
    const { index, recordsWritten } = this;
    index[recordsWritten & (index.length - 1)] = length | (tag << 24);
    this.written = this.behind(this.written, length);
    this.recordsWritten = (recordsWritten + 1) | 0;
  }

  /** All records so far may be read. */
  publish(): void {
    const { words } = this;
    // Whoever sees the second one sees what was stored before it.
    words[WRITTEN] = this.written;
    Atomics.store(words, RECORDS_WRITTEN, this.recordsWritten);
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

export class RingReader extends Ring {
  /** Of the record that `next` has come to. */
  start = 0;
  end = 0;
  tag = 0;
  private taken: number;
  private recordsTaken: number;
  /** As far as is known. */
  private recordsWritten: number;

  constructor(ring: SharedArrayBuffer) {
    super(ring);
    this.taken = Atomics.load(this.words, TAKEN);
    this.recordsTaken = Atomics.load(this.words, RECORDS_TAKEN);
    this.recordsWritten = this.recordsTaken;
  }

  /** On to the next record; false: there is none. Its bytes stay as they are until `release`. */
  next(): boolean {
    const { index, taken, recordsTaken } = this;
    if (recordsTaken === this.recordsWritten) {
      this.recordsWritten = Atomics.load(this.words, RECORDS_WRITTEN);
      if (recordsTaken === this.recordsWritten) return false;
    }
    const word = index[recordsTaken & (index.length - 1)];
    const length = word & LONGEST;
    this.start = taken & (this.size - 1);
    this.end = this.start + length;
    this.tag = word >>> 24;
    this.taken = this.behind(taken, length);
    this.recordsTaken = (recordsTaken + 1) | 0;
    return true;
  }

  /** The next record does not stand behind this one, but at the beginning. */
  get isLast(): boolean {
    return this.end >= this.size;
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
