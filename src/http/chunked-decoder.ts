/**
 * Takes the chunked transfer coding off a body (RFC 9112 §7.1), however the bytes are cut. Chunk extensions are
 * read and dropped, trailers kept. Sizes that are no hexadecimal number and endless lines are refused, and so is a bare LF
 * where it was not allowed.
 *
 *     SIZE ─▶ EXTENSION ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE …
 *                             └─(size 0)─▶ TRAILER ─▶ TRAILER_LINE ─▶ TRAILER_LF ─▶ TRAILER … ─▶ END_LF ─▶ DONE
 */

import { trimBlanks } from '../kernel/characters.ts';
import { trailerLine } from './trailers.ts';

/** Bytes of chunk extensions of one chunk, or of the trailer section, that are put up with. */
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

/** By state: a CR may come, and leads to a state that awaits LF. */
const ENDS_WITH_CR = Array.from({ length: DONE }, (_, state) =>
  [SIZE, EXTENSION, DATA_CR, TRAILER, TRAILER_LINE].includes(state),
);

const CR = 13;
const LF = 10;

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
  private readonly takesBareLf: boolean;
  private state: number = SIZE;
  private remaining = 0;
  private digits = 0;
  private lineBytes = 0;
  private line = '';

  /**
   * `takesBareLf`: an LF alone ends a line or a chunk as CRLF does. Only for what servers send: of a client it would be a
   * way to have its request end elsewhere for its server than for us.
   */
  constructor(takesBareLf: boolean) {
    this.takesBareLf = takesBareLf;
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
    if (code === LF && this.takesBareLf && ENDS_WITH_CR[this.state]) this.step(CR);
    switch (this.state) {
      case SIZE: {
        const digit = hexDigit(code);
        if (digit >= 0) {
          if (++this.digits > MAX_SIZE_DIGITS) this.problem = 'a chunk size that is too large';
          this.remaining = this.remaining * 16 + digit;
        } else if (this.digits === 0) {
          this.problem = 'a chunk size that is no hexadecimal number';
        } else if (code === CR) {
          this.state = SIZE_LF;
        } else if (code === 59 || code === 32 || code === 9) {
          this.state = EXTENSION;
        } else {
          this.problem = 'a chunk size that is no hexadecimal number';
        }
        return;
      }
      case EXTENSION:
        if (code === CR) this.state = SIZE_LF;
        else this.countLine(code);
        return;
      case SIZE_LF:
        if (code !== LF) this.problem = 'a chunk size line without LF';
        this.lineBytes = 0;
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

  private addToLine(code: number): void {
    this.line += String.fromCharCode(code);
    this.countLine(code);
  }

  /** A line that is no field is dropped, as everything that may not be a trailer. */
  private endTrailer(): void {
    const colon = this.line.indexOf(':');
    if (colon > 0) this.trailers += trailerLine(this.line.slice(0, colon), trimBlanks(this.line, colon + 1));
    this.line = '';
  }

  private countLine(code: number): void {
    if (code === LF) this.problem = 'a bare LF in a chunk line';
    if (++this.lineBytes > MAX_LINE_BYTES) this.problem = 'a chunk line that is too long';
  }
}
