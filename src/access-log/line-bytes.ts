/**
 * Where a line is written, piece by piece. What finds no room makes it too long, and all that follows is without effect.
 */
import { endianness } from 'node:os';
import { jsonField, PLAIN_JSON, VALUE_BYTES } from './escaping.ts';

/** Buffer has them, and its types do not. */
type TextWriter = Buffer & {
  latin1Write(text: string, at: number): number;
  utf8Write(text: string, at: number): number;
};

/** Longer than any number is in decimal digits. */
const NUMBER_BYTES = 24;
const ZERO = 0x30;
/** Above it digits are taken off in two steps, each of which is done with small integers. */
const BILLION = 1e9;
const BILLION_DIGITS = 9;
const WORD_BYTES = 8;
const IS_LITTLE_ENDIAN = endianness() === 'LE';
/** Up to so many characters go one by one, which costs less than a call that takes a text apart. */
const SHORT_TEXT = 40;
/** 1 for the characters of PLAIN_JSON. */
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, code) => (PLAIN_JSON.test(String.fromCharCode(code)) ? 1 : 0));
/** `00` to `99`. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10));
/** A character takes three bytes of UTF-8 at most. */
const LONGEST_CHARACTER = 3;

/** Bytes that come in many lines. */
export class Constant {
  readonly length: number;
  /**
   * They, and up to seven more: as numbers, since these alone are read and written eight bytes at a time. A pattern that is
   * no number might not stay as it is, but text has none: its last byte would be 0xff, or 0x7f, which is always escaped.
   */
  readonly words: Float64Array;

  constructor(text: string | Uint8Array) {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const memory = new ArrayBuffer(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    this.length = bytes.length;
    new Uint8Array(memory).set(bytes);
    this.words = new Float64Array(memory);
  }
}

/** Of a number below 2³¹. */
function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : 4;
  if (value < 100_000_000) return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  return value < BILLION ? 9 : 10;
}

export class LineBytes {
  readonly bytes: Buffer;
  private readonly view: DataView;
  /** Where the next byte goes. */
  at = 0;
  isTooLong = false;
  private end = 0;

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
    this.isTooLong = true;
    this.end = this.at;
    return false;
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
    if (text.length <= SHORT_TEXT) {
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

  /** As JSON has it. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      this.ascii(String(value));
      return;
    }
    if (!this.hasRoom(NUMBER_BYTES)) return;
    if (value < BILLION) {
      this.digits(value | 0, 1);
      return;
    }
    const billions = Math.floor(value / BILLION);
    if (billions < BILLION) this.digits(billions | 0, 1);
    else this.ascii(String(billions));
    this.digits((value - billions * BILLION) | 0, BILLION_DIGITS);
  }

  /** At least so many digits. */
  private digits(value: number, least: number): void {
    const { bytes, at } = this;
    const count = Math.max(digitsOf(value), least);
    let rest = value;
    let i = at + count;
    while (i - at >= 2) {
      const hundreds = (rest / 100) | 0;
      const pair = (rest - hundreds * 100) << 1;
      i -= 2;
      bytes[i] = PAIRS[pair];
      bytes[i + 1] = PAIRS[pair + 1];
      rest = hundreds;
    }
    if (i > at) bytes[at] = ZERO + rest;
    this.at = at + count;
  }
}
