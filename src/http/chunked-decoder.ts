/**
 * Takes the chunked transfer coding off a body (RFC 9112 §7.1), however the bytes are cut. Chunk extensions are
 * read and dropped, trailers kept. Sizes that are no hexadecimal number and endless lines are refused.
 *
 *     SIZE ─▶ EXTENSION ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE …
 *      └▶ BLANK ┘ ⇅ QUOTED ⇄ ESCAPED
 *                             └─(size 0)─▶ TRAILER ─▶ TRAILER_LINE ─▶ TRAILER_LF ─▶ TRAILER … ─▶ END_LF ─▶ DONE
 *
 * What a client sends is taken by the letter, since a request that ends elsewhere for its server than for us is a way past
 * us. Servers are put up with: their lines may end with a bare LF, and nothing of what they say is passed on anyway.
 */

import { trimBlanks } from '../kernel/characters.ts';
import { isFieldValue, isToken } from './fields.ts';
import { trailerLine } from './trailers.ts';

/** Bytes of the chunk extensions of a body, or of its trailer section, that are put up with. */
const MAX_LINE_BYTES = 16_384;
/** Thirteen hexadecimal digits stay below 2^53. */
const MAX_SIZE_DIGITS = 13;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const TRAILER_LINE = 7;
const TRAILER_LF = 8;
const END_LF = 9;
const DONE = 10;
/** Behind a size there was a blank: only an extension may follow. */
const BLANK = 11;
/** Inside the quoted value of an extension, and behind a backslash in it. */
const QUOTED = 12;
const ESCAPED = 13;

/** By state: a CR may come, and leads to a state that awaits LF. */
const ENDS_WITH_CR = Array.from({ length: DONE }, (_, state) =>
  [SIZE, EXTENSION, DATA_CR, TRAILER, TRAILER_LINE].includes(state),
);

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;
const SEMICOLON = 59;
const BACKSLASH = 92;
const DELETE = 127;

const NO_SIZE = 'a chunk size that is no hexadecimal number';

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Shorter pieces are moved byte by byte: a call costs more. */
const MOVED_BY_CALL = 32;

function move(bytes: Uint8Array, to: number, from: number, end: number): void {
  if (end - from >= MOVED_BY_CALL) bytes.copyWithin(to, from, end);
  else for (let at = from; at < end; at++) bytes[to++] = bytes[at];
}

export interface ChunkSink {
  /** `bytes[start, end)` are the next bytes of the body; valid during the call. */
  chunkData(bytes: Uint8Array, start: number, end: number): void;
}

export class ChunkedDecoder {
  /** What is wrong, '' so far nothing. */
  problem = '';
  /** When done: the trailers that may be passed on, `name: value\r\n` each, a latin-1 character per byte. */
  trailers = '';
  private readonly isLenient: boolean;
  private state: number = SIZE;
  private remaining = 0;
  private digits = 0;
  private lineBytes = 0;
  private line = '';

  /** `isLenient`: only for what servers send. */
  constructor(isLenient: boolean) {
    this.isLenient = isLenient;
  }

  get done(): boolean {
    return this.state === DONE;
  }

  reset(): void {
    this.problem = '';
    this.trailers = '';
    this.line = '';
    this.state = SIZE;
    this.remaining = 0;
    this.digits = 0;
    this.lineBytes = 0;
  }

  /**
   * Decodes from `at`; returns the index behind the last byte it used: `end`, or less when done or refused. What these
   * bytes have of the body is pushed together where it lies, so that it is passed on by one call however small the chunks.
   */
  decode(bytes: Uint8Array, at: number, end: number, sink: ChunkSink): number {
    let first = at;
    let behind = at;
    while (at < end && this.state !== DONE) {
      if (this.state === DATA) {
        const upTo = Math.min(end, at + this.remaining);
        this.remaining -= upTo - at;
        if (this.remaining === 0) this.state = DATA_CR;
        if (first === behind) {
          first = at;
          behind = upTo;
        } else {
          move(bytes, behind, at, upTo);
          behind += upTo - at;
        }
        at = upTo;
      } else {
        this.step(bytes[at]);
        if (this.problem !== '') break;
        at++;
      }
    }
    if (behind > first) sink.chunkData(bytes, first, behind);
    return at;
  }

  private step(code: number): void {
    if (code === LF && this.isLenient && ENDS_WITH_CR[this.state]) this.step(CR);
    switch (this.state) {
      case SIZE: {
        const digit = hexDigit(code);
        if (digit >= 0) {
          this.addDigit(digit);
        } else if (this.digits === 0) {
          this.problem = NO_SIZE;
        } else if (code === CR) {
          this.state = SIZE_LF;
        } else if (code === SEMICOLON) {
          this.state = EXTENSION;
        } else if (code === SPACE || code === TAB) {
          this.state = this.isLenient ? EXTENSION : BLANK;
        } else {
          this.problem = NO_SIZE;
        }
        return;
      }
      case BLANK:
        this.countLine(code);
        if (code === SEMICOLON) this.state = EXTENSION;
        else if (code !== SPACE && code !== TAB) this.problem = NO_SIZE;
        return;
      case EXTENSION:
        if (code === CR) this.state = SIZE_LF;
        else {
          if (code === QUOTE && !this.isLenient) this.state = QUOTED;
          this.countLine(code);
        }
        return;
      case QUOTED:
        if (code === QUOTE) this.state = EXTENSION;
        else if (code === BACKSLASH) this.state = ESCAPED;
        this.countLine(code);
        return;
      case ESCAPED:
        this.state = QUOTED;
        this.countLine(code);
        return;
      case SIZE_LF:
        if (code !== LF) this.problem = 'a chunk size line without LF';
        // Of a client all extensions count together, and the trailers anew.
        if (this.isLenient || this.remaining === 0) this.lineBytes = 0;
        this.digits = 0;
        this.state = this.remaining === 0 ? TRAILER : DATA;
        return;
      case DATA_CR:
        if (code !== CR) this.problem = 'a chunk longer than its size';
        this.state = DATA_LF;
        return;
      case DATA_LF:
        if (code !== LF) this.problem = 'a chunk longer than its size';
        this.state = SIZE;
        return;
      case TRAILER:
        if (code === CR) this.state = END_LF;
        else {
          this.state = TRAILER_LINE;
          this.addToLine(code);
        }
        return;
      case TRAILER_LINE:
        if (code === CR) this.state = TRAILER_LF;
        else this.addToLine(code);
        return;
      case TRAILER_LF:
        if (code !== LF) this.problem = 'a trailer line without LF';
        this.endTrailer();
        this.state = TRAILER;
        return;
      default:
        if (code !== LF) this.problem = 'a chunked body without its last LF';
        this.state = DONE;
    }
  }

  /** Zeros before a number are none of its digits, but count as part of the line. */
  private addDigit(digit: number): void {
    this.remaining = this.remaining * 16 + digit;
    this.digits = this.remaining === 0 ? 1 : this.digits + 1;
    if (this.digits > MAX_SIZE_DIGITS) this.problem = 'a chunk size that is too large';
    if (this.remaining === 0) this.countBytes();
  }

  private addToLine(code: number): void {
    this.line += String.fromCharCode(code);
    this.countLine(code);
  }

  /** A line that may not be a trailer is dropped; of a server, one that is no field as well. */
  private endTrailer(): void {
    const { line } = this;
    const colon = line.indexOf(':');
    this.line = '';
    const name = line.slice(0, Math.max(colon, 0));
    const value = trimBlanks(line, colon + 1);
    if (isToken(name) && isFieldValue(value)) this.trailers += trailerLine(name, value);
    else if (!this.isLenient) this.problem = 'a trailer that is no field';
  }

  private countLine(code: number): void {
    if (code === LF) this.problem = 'a bare LF in a chunk line';
    else if (!this.isLenient && (code === DELETE || (code < SPACE && code !== TAB))) {
      this.problem = 'a control character in a chunk line';
    }
    this.countBytes();
  }

  private countBytes(): void {
    if (++this.lineBytes > MAX_LINE_BYTES) this.problem = 'a chunk line that is too long';
  }
}
