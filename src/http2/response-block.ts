/**
 * The fields of a header block of a server → the head of a response or its trailers (RFC 9113 §8.1, §8.3.2), or what is
 * wrong with them. One serves all sessions of a worker, since a block is read within one call.
 */

import { contentLengthOf, HOP_BY_HOP } from '../http/fields.ts';
import { MAX_HEAD_BYTES, NO_LENGTH, type ResponseHead } from '../http/response-head.ts';
import { trailerLine } from '../http/trailers.ts';
import { CharacterSet, trimBlanks } from '../kernel/characters.ts';
import { http } from '../kernel/node-http.ts';
import { BLANKS, FIELD, type Field } from './field.ts';
import type { FieldSink } from './hpack-decoder.ts';

/** More fields than fit into a head that is accepted: references to entries of no length come to this. */
const MAX_FIELDS = MAX_HEAD_BYTES / 32;
const TOO_LONG = `a head of more than ${MAX_HEAD_BYTES} bytes`;
const DIGITS = new CharacterSet('09');

/** Status lines without the version, by status. */
const statusLines = new Map<string, string>();

function statusLine(status: string): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `${status} ${http.STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

export class ResponseBlock implements FieldSink {
  /** What is wrong, '' for a good one. */
  problem = '';
  /** The response has trailers, it says. */
  announcesTrailers = false;
  /** Of trailers: `name: value\r\n` lines that may be passed on. */
  lines = '';

  /** Null for trailers. */
  private head: ResponseHead | null = null;
  private status = '';
  private fields = 0;
  private plain = true;

  /** The fields that follow are those of a response; of its trailers for null. */
  begin(head: ResponseHead | null): void {
    this.head = head;
    this.problem = '';
    this.announcesTrailers = false;
    this.lines = '';
    this.status = '';
    this.fields = 0;
    this.plain = true;
    if (head === null) return;
    head.contentLength = NO_LENGTH;
    head.problem = '';
    head.names = 0;
    head.neverIndexed = '';
  }

  field(field: Field): boolean {
    if (++this.fields > MAX_FIELDS || this.lines.length > MAX_HEAD_BYTES) return this.refuse(TOO_LONG);
    if (field.neverIndexed && this.head !== null) this.head.neverIndexed += ` ${field.name} `;
    if (field.kind === FIELD.plain && field.problem === '' && this.head !== null) {
      if (!field.ascii) this.plain = false;
      this.head.names |= field.bit;
      this.lines += field.line;
      return true;
    }
    // What servers of gRPC say in words may end with a blank.
    if (field.problem !== '' && field.problem !== BLANKS) return this.refuse(field.problem);
    if (field.kind >= FIELD.method) return this.pseudo(field);
    const value = field.problem === '' ? field.value : trimBlanks(field.value);
    if (this.head === null) this.lines += trailerLine(field.name, value);
    else this.ordinary(this.head, field, value);
    return this.problem === '';
  }

  private refuse(problem: string): false {
    this.problem = problem;
    return false;
  }

  private pseudo({ kind, value }: Field): boolean {
    if (this.head === null || kind !== FIELD.status) return this.refuse('a pseudo field that no response may have');
    if (this.fields > 1) return this.refuse('a status that does not stand first');
    this.status = value;
    return true;
  }

  private ordinary(head: ResponseHead, { kind, name, ascii, bit }: Field, value: string): void {
    if (kind === FIELD.contentLength) {
      const length = contentLengthOf(value);
      if (length < 0) this.problem = 'a Content-Length that is no number';
      else if (head.contentLength !== NO_LENGTH && length !== head.contentLength) {
        this.problem = 'two different Content-Lengths';
      }
      head.contentLength = length;
    } else if (name === 'trailer') {
      this.announcesTrailers = true;
    } else if (!HOP_BY_HOP.has(name) && !(head.dropsDate && name === 'date')) {
      if (!ascii) this.plain = false;
      head.names |= bit;
      this.lines += `${name}: ${value}\r\n`;
    }
  }

  /** All fields of a head have come: fills the rest of it in. */
  finish(head: ResponseHead): void {
    const { status } = this;
    if (this.problem === '' && this.lines.length > MAX_HEAD_BYTES) this.problem = TOO_LONG;
    head.status = status.length === 3 && DIGITS.spans(status) ? Number(status) : 0;
    if (this.problem === '' && head.status < 100) this.problem = 'a status that is no three-digit number';
    head.problem = this.problem;
    if (this.problem !== '') return;
    head.text = (statusLine(status) + this.lines).slice(0, -2);
    head.nonAscii = !this.plain;
  }
}
