/**
 * Where a line is written, piece by piece. What finds no room makes it too long, and all that follows is without effect.
 */
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
/**
 * Up to so many bytes go one by one: a call that copies costs as much as this many, and one that takes a text apart as three
 * times as many (bench/micro/access-log.ts).
 */
const SHORT_BYTES = 24;
const SHORT_TEXT = 80;
/** 1 for the characters of PLAIN_JSON. */
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, code) => (PLAIN_JSON.test(String.fromCharCode(code)) ? 1 : 0));
/** A character takes three bytes of UTF-8 at most. */
const LONGEST_CHARACTER = 3;

export class LineBytes {
  readonly bytes: Buffer;
  /** Where the next byte goes. */
  at = 0;
  isTooLong = false;
  private end = 0;

  constructor(mostBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(mostBytes);
  }

  begin(): void {
    this.at = 0;
    this.end = this.bytes.length;
    this.isTooLong = false;
  }

  private hasRoom(length: number): boolean {
    if (this.at + length <= this.end) return true;
    this.isTooLong = true;
    this.end = this.at;
    return false;
  }

  constant(from: Uint8Array): void {
    const { length } = from;
    if (!this.hasRoom(length)) return;
    const { bytes, at } = this;
    if (length > SHORT_BYTES) bytes.set(from, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = from[i];
    this.at = at + length;
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
    let count = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count++;
    if (count < least) count = least;
    let rest = value;
    for (let i = at + count - 1; i >= at; i--) {
      const tens = (rest / 10) | 0;
      bytes[i] = ZERO + rest - tens * 10;
      rest = tens;
    }
    this.at = at + count;
  }
}
