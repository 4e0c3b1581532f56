/**
 * Reads header blocks (RFC 7541). One per connection, since a block refers to what the blocks before it have put into the
 * table. Whatever a peer sends, a block costs in proportion to its length: a reference is one look into the table, and
 * text is made of bytes that have come.
 */
import type { Bytes } from '../kernel/byte-output.ts';
import { Field, STATIC_FIELDS } from './field.ts';
import { decodedBound, decodeHuffman } from './huffman.ts';

/** What both sides begin with, and the most that we let a peer use (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_BYTES = 4_096;
/** The size of the smallest entry. */
const MIN_ENTRY_BYTES = 32;

const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const HUFFMAN = 0x80;
/** Continuation bytes of an integer: numbers up to 2^28 do for whatever a block can hold. */
const MAX_SHIFT = 28;

const TRUNCATED = 'a header block that ends within a field';

export interface FieldSink {
  /** False: no more of this block is wanted. It is read on for the table's sake, and text is made only of what goes into it. */
  field(field: Field): boolean;
}

/** Where the text of Huffman codes is put together, for all decoders of the worker. */
let scratch = Buffer.allocUnsafeSlow(16_384) as Bytes;

function scratchFor(length: number): Bytes {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(2 * length) as Bytes;
  return scratch;
}

export class HpackDecoder {
  /** The size that the peer was told it may use at most. */
  private readonly maxBytes: number;
  /** The size that it has chosen. */
  private limit: number;
  /** What the entries count for. */
  private used = 0;
  /** A ring: the newest entry at `newest`, the one before it one place lower. */
  private readonly ring: (Field | null)[];
  private readonly mask: number;
  private newest = 0;
  private count = 0;

  /** The block that is being read. */
  private bytes: Bytes = scratch;
  private at = 0;
  private end = 0;
  private problem = '';

  constructor(maxTableBytes = DEFAULT_TABLE_BYTES) {
    this.maxBytes = maxTableBytes;
    this.limit = maxTableBytes;
    let capacity = 1;
    while (capacity < maxTableBytes / MIN_ENTRY_BYTES) capacity *= 2;
    this.ring = new Array<Field | null>(capacity).fill(null);
    this.mask = capacity - 1;
  }

  /** Bytes that its table counts. */
  get tableBytes(): number {
    return this.used;
  }

  /**
   * Reads the whole block `bytes[start, end)`. Returns '' or why it cannot be read, which is a COMPRESSION_ERROR and the
   * end of the connection: nothing may be read with this decoder any more.
   */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink): string {
    this.bytes = bytes as Bytes;
    this.at = start;
    this.end = end;
    this.problem = '';
    this.readSizeUpdates();
    let wanted = true;
    while (this.at < end && this.problem === '') {
      const first = bytes[this.at];
      let field: Field | null;
      if (first >= INDEXED) field = this.entry(this.integer(INDEXED - 1));
      else if (first >= INCREMENTAL) field = this.insert(this.literal(INCREMENTAL - 1, false));
      else if (first >= SIZE_UPDATE) return 'a change of the table size within a header block';
      else if (wanted) field = this.literal(NEVER_INDEXED - 1, first >= NEVER_INDEXED);
      else field = this.skipLiteral();
      if (wanted && field !== null) wanted = sink.field(field);
    }
    return this.problem;
  }

  /** They stand in front of a block (RFC 7541 §4.2). */
  private readSizeUpdates(): void {
    const { bytes, end } = this;
    while (this.at < end && bytes[this.at] >= SIZE_UPDATE && bytes[this.at] < INCREMENTAL && this.problem === '') {
      const size = this.integer(SIZE_UPDATE - 1);
      if (size > this.maxBytes) this.problem = 'a table that is larger than was agreed to';
      if (this.problem !== '') return;
      this.limit = size;
      this.evict(size);
    }
  }

  /** `mask`: of the bits that it has in its first byte, which is where we stand. */
  private integer(mask: number): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = bytes[at++] & mask;
    if (value === mask) {
      let byte = 0x80;
      for (let shift = 0; byte >= 0x80; shift += 7) {
        if (at >= end || shift >= MAX_SHIFT) {
          this.problem = at >= end ? TRUNCATED : 'a number of more than four bytes in a header block';
          return 0;
        }
        byte = bytes[at++];
        value += (byte & 0x7f) << shift;
      }
    }
    this.at = at;
    return value;
  }

  private entry(index: number): Field | null {
    if (index < STATIC_FIELDS.length && index > 0) return STATIC_FIELDS[index];
    const age = index - STATIC_FIELDS.length;
    if (age >= 0 && age < this.count) return this.ring[(this.newest - age) & this.mask];
    if (this.problem === '') this.problem = 'an index beyond the table';
    return null;
  }

  /** A literal field; what it says is put together. Null: see `problem`. */
  private literal(mask: number, neverIndexed: boolean): Field | null {
    const index = this.integer(mask);
    let name = '';
    if (this.problem === '') name = index === 0 ? this.text() : (this.entry(index)?.name ?? '');
    if (this.problem !== '') return null;
    const value = this.text();
    return this.problem === '' ? new Field(name, value, neverIndexed) : null;
  }

  /** A literal field that is for nobody. */
  private skipLiteral(): null {
    const index = this.integer(NEVER_INDEXED - 1);
    if (this.problem === '') {
      if (index === 0) this.skipText();
      else this.entry(index);
    }
    if (this.problem === '') this.skipText();
    return null;
  }

  /** The length of the text that begins here; moves to its first byte. */
  private textLength(): number {
    if (this.at >= this.end) {
      this.problem = TRUNCATED;
      return 0;
    }
    const length = this.integer(HUFFMAN - 1);
    if (this.problem === '' && length > this.end - this.at) this.problem = TRUNCATED;
    return length;
  }

  private text(): string {
    const { bytes } = this;
    const huffman = bytes[this.at] >= HUFFMAN;
    const length = this.textLength();
    if (this.problem !== '') return '';
    const start = this.at;
    this.at += length;
    if (!huffman) return length === 0 ? '' : bytes.latin1Slice(start, this.at);
    const decoded = this.decodeHuffman(start);
    return decoded > 0 ? scratch.latin1Slice(0, decoded) : '';
  }

  private skipText(): void {
    const huffman = this.bytes[this.at] >= HUFFMAN;
    const length = this.textLength();
    if (this.problem !== '') return;
    const start = this.at;
    this.at += length;
    if (huffman) this.decodeHuffman(start);
  }

  /** Puts the text of the code from `start` to where we stand into `scratch`. Returns its length. */
  private decodeHuffman(start: number): number {
    const into = scratchFor(decodedBound(this.at - start) + 1);
    const length = decodeHuffman(this.bytes, start, this.at, into);
    if (length < 0) this.problem = 'text in a header block that is not in its Huffman code';
    return length;
  }

  /** RFC 7541 §4.4: an entry that is larger than the table empties it. */
  private insert(field: Field | null): Field | null {
    if (field === null) return null;
    this.evict(this.limit - field.size);
    if (field.size > this.limit) return field;
    field.keep();
    this.newest = (this.newest + 1) & this.mask;
    this.ring[this.newest] = field;
    this.count++;
    this.used += field.size;
    return field;
  }

  /** Lets go of the oldest entries until the others count for `most` bytes or less. */
  private evict(most: number): void {
    while (this.used > most && this.count > 0) {
      const oldest = (this.newest - this.count + 1) & this.mask;
      this.used -= this.ring[oldest]!.size;
      this.ring[oldest] = null;
      this.count--;
    }
  }
}
