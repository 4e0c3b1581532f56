/**
 * Reads the heads of requests off a connection, one after the other, however the bytes are cut. It keeps no bytes but those
 * of an unfinished head, and looks at each of them a bounded number of times.
 */
import { PartialHead } from './partial-head.ts';
import { FieldsBefore } from './repeated-fields.ts';
import type { RequestHead } from './request-head.ts';
import { INCOMPLETE, MAX_HEAD_BYTES, RequestParser, refuseHead, refuseLongHead } from './request-parser.ts';

/** Empty lines that may stand before a request (RFC 9112 §2.2). */
const MAX_EMPTY_LINES = 2;
const CR = 13;
const LF = 10;

/** One for all: nothing of a head stays in it between two calls. */
const parser = new RequestParser();

export class RequestReader {
  /** After `read`: a head is here, good or refused (`problem`). Nothing may be read behind one that is refused. */
  whole = false;
  /** null until a second head comes: many connections bring one only. */
  private before: FieldsBefore | null = null;
  private isLater = false;
  private partial: PartialHead | null = null;
  private emptyLines = 0;
  private sawCr = false;

  /** A head has begun and has not ended. */
  get isWithin(): boolean {
    return this.partial !== null;
  }

  /** Bytes of it that are kept. */
  get heldBytes(): number {
    return this.partial === null ? 0 : this.partial.length;
  }

  /** Reads up to the end of one head into `head`. Returns the index behind what was used; `bytes` are changed. */
  read(bytes: Buffer, start: number, end: number, head: RequestHead, maxFields: number): number {
    this.whole = false;
    if (this.partial !== null) return this.readPieces(this.partial, bytes, start, end, head, maxFields);
    let at = start;
    while (at < end && (this.sawCr || bytes[at] === CR)) {
      if (!this.takesEmptyLine(bytes[at++])) return this.ends(at, head, 'empty lines before a request');
    }
    if (at === end) return end;
    if (this.isLater) this.before ??= new FieldsBefore();
    const behind = parser.parse(bytes, at, Math.min(end, at + MAX_HEAD_BYTES), head, maxFields, this.before);
    if (behind !== INCOMPLETE) return this.ends(behind, head);
    this.partial = new PartialHead();
    return this.readPieces(this.partial, bytes, at, end, head, maxFields);
  }

  /** Gives up the head that has begun. */
  drop(): void {
    this.partial = null;
  }

  /** One byte of what may stand before a request. */
  private takesEmptyLine(code: number): boolean {
    if (!this.sawCr) {
      this.sawCr = true;
      return ++this.emptyLines <= MAX_EMPTY_LINES;
    }
    this.sawCr = false;
    return code === LF;
  }

  private ends(at: number, head: RequestHead, problem = ''): number {
    if (problem !== '') refuseHead(head, problem);
    this.partial = null;
    this.emptyLines = 0;
    this.whole = true;
    this.isLater = true;
    return at;
  }

  /** The head comes in pieces. */
  private readPieces(
    partial: PartialHead,
    bytes: Buffer,
    start: number,
    end: number,
    head: RequestHead,
    maxFields: number,
  ): number {
    const next = partial.take(bytes, start, end, MAX_HEAD_BYTES);
    const behind = partial.isWorthReading()
      ? parser.parse(partial.bytes, 0, partial.length, head, maxFields, this.before)
      : INCOMPLETE;
    if (behind !== INCOMPLETE) return this.ends(next, head);
    if (partial.length < MAX_HEAD_BYTES) return next;
    refuseLongHead(head, partial.inFirstLine);
    return this.ends(next, head);
  }
}
