/**
 * Where a line is written, piece by piece. What finds no room makes it too long, and all that follows is without effect.
 */
import { endianness } from 'node:os';
import { jsonField, PLAIN_JSON, VALUE_BYTES } from './escaping.ts';
import { Shelved } from './shelf.ts';

/** Buffer has them, and its types do not. */
type TextWriter = Buffer & {
  latin1Write(text: string, at: number): number;
  utf8Write(text: string, at: number): number;
};

/** Longer than any number is in decimal digits. */
const NUMBER_BYTES = 24;
/** Above it digits are made in two steps, each of small integers. */
const BILLION = 1e9;
const WORD_BYTES = 8;
const IS_LITTLE_ENDIAN = endianness() === 'LE';
/** Up to so many characters go one by one, which costs less than a call that copies them. */
const SHORT_TEXT = 16;
/** The same where each is looked at. */
const SHORT_JSON = 40;
/** 1 for the characters of PLAIN_JSON. */
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, code) => (PLAIN_JSON.test(String.fromCharCode(code)) ? 1 : 0));
/** `0000` to `9999`, as words of four bytes. */
const FOURS = Int32Array.from({ length: 10_000 }, (_, value) =>
  Buffer.from(String(value).padStart(4, '0')).readInt32LE(),
);
/** A character takes three bytes of UTF-8 at most. */
const LONGEST_CHARACTER = 3;

/** Bytes that come in many lines. */
export class Constant extends Shelved {
  readonly length: number;
  /**
   * They, and up to seven more: as numbers, since these alone are read and written eight bytes at a time. A pattern that is
   * no number might not stay as it is, but text has none: its last byte would be 0xff, or 0x7f, which is always escaped.
   */
  constructor(text: string | Uint8Array) {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const memory = new ArrayBuffer(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    new Uint8Array(memory).set(bytes);
    super(new Float64Array(memory));
    this.length = bytes.length;
  }
}

/** Runs of bytes that come in many lines: each begins with a word (`Constant`), and they stand in one piece of memory. */
export class Runs extends Shelved {
  /** Indexes of words. */
  readonly starts: Int32Array;
  /** Bytes. */
  readonly lengths: Int32Array;

  constructor(texts: readonly string[]) {
    const runs = texts.map((text) => new Constant(text));
    super(Float64Array.from(runs.flatMap(({ words }) => [...words])));
    this.lengths = Int32Array.from(runs, ({ length }) => length);
    this.starts = new Int32Array(runs.length);
    for (let i = 1; i < runs.length; i++) this.starts[i] = this.starts[i - 1] + runs[i - 1].words.length;
  }

  /** Bytes that it takes. */
  get size(): number {
    return this.words.length * WORD_BYTES;
  }
}

/** Of a number below 2³¹. */
function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : 4;
  if (value < 100_000_000) return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  return value < BILLION ? 9 : 10;
}

/** Of one below 2³¹, four at a time; returns where they end. */
function writeDigits(view: DataView, at: number, value: number): number {
  const count = digitsOf(value);
  const end = at + count;
  if (count <= 4) {
    // Zeros before it are shifted out.
    view.setInt32(at, FOURS[value] >>> ((4 - count) * 8), true);
    return end;
  }
  const above = (value / 10_000) | 0;
  if (count <= 8) {
    view.setInt32(at, FOURS[above] >>> ((8 - count) * 8), true);
  } else {
    const top = (above / 10_000) | 0;
    view.setInt32(at, FOURS[top] >>> ((12 - count) * 8), true);
    view.setInt32(end - 8, FOURS[above - top * 10_000], true);
  }
  view.setInt32(end - 4, FOURS[value - above * 10_000], true);
  return end;
}

export class LineBytes {
  readonly bytes: Buffer;
  private readonly view: DataView;
  /** Where the next byte goes. */
  at = 0;
  isTooLong = false;
  /** Where it has to end. */
  end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** A line begins at `at`, of up to `most` bytes; behind it are SPARE_BYTES for the rest of a word. */
  begin(at: number, most: number): void {
    this.at = at;
    this.end = at + most;
    this.isTooLong = false;
  }

  private hasRoom(length: number): boolean {
    if (this.at + length <= this.end) return true;
    this.endsAt(-1);
    return false;
  }

  /** Bytes up to index `at` have been written, -1: they found no room. */
  endsAt(at: number): void {
    if (at >= 0) {
      this.at = at;
      return;
    }
    this.isTooLong = true;
    this.end = this.at;
  }

  /** In words of eight bytes, which costs less than a call that copies: V8 copies byte by byte into shared memory. */
  constant({ length, words }: Constant): void {
    if (!this.hasRoom(length)) return;
    const { at, view } = this;
    this.at = at + length;
    for (let i = 0; i < words.length; i++) view.setFloat64(at + i * WORD_BYTES, words[i], IS_LITTLE_ENDIAN);
  }

  byte(byte: number): void {
    if (this.hasRoom(1)) this.bytes[this.at++] = byte;
  }

  /** Text of ASCII alone. */
  ascii(text: string): void {
    const { length } = text;
    if (!this.hasRoom(length)) return;
    const { bytes, at } = this;
    if (length > SHORT_TEXT) (bytes as TextWriter).latin1Write(text, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.at = at + length;
  }

  /** Any text, as it is. */
  utf8(text: string): void {
    const most = text.length * LONGEST_CHARACTER;
    if (this.hasRoom(this.at + most <= this.end ? most : Buffer.byteLength(text))) {
      this.at += (this.bytes as TextWriter).utf8Write(text, this.at);
    }
  }

  /** Within a string of JSON; `latin1` as for `jsonField`. */
  json(text: string, latin1: boolean): void {
    if (text.length <= SHORT_JSON) {
      if (this.plainJson(text)) return;
    } else if (text.length <= VALUE_BYTES && PLAIN_JSON.test(text)) {
      this.ascii(text);
      return;
    }
    this.utf8(jsonField(text, latin1));
  }

  /** A short text of which nothing is escaped; false: it is another one, and nothing was written. */
  private plainJson(text: string): boolean {
    const { length } = text;
    if (!this.hasRoom(length)) return true;
    const { bytes, at } = this;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7e || PLAIN[code] === 0) return false;
      bytes[at + i] = code;
    }
    this.at = at + length;
    return true;
  }

  /** As JSON has it; NaN for none. */
  number(value: number): void {
    if (Number.isNaN(value)) return;
    if (!Number.isSafeInteger(value) || value < 0) {
      this.ascii(String(value));
      return;
    }
    if (!this.hasRoom(NUMBER_BYTES)) return;
    const { view } = this;
    if (value < BILLION) {
      this.at = writeDigits(view, this.at, value | 0);
      return;
    }
    const billions = Math.floor(value / BILLION);
    this.at = writeDigits(view, this.at, billions | 0);
    // All nine of the rest: behind a digit that is written over.
    const last = this.at - 1;
    const digit = this.bytes[last];
    this.at = writeDigits(view, last, ((value - billions * BILLION) | 0) + BILLION);
    this.bytes[last] = digit;
  }
}
