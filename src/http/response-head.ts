/**
 * The head of an HTTP/1 response: checked, its framing read, and its text cut down to what goes on to the client.
 * RFC 9112 §4–§6, shared/spec proxying §5.
 *
 * One pass over the bytes where they lie. Lines that stay are not touched: contiguous runs of them become text with one
 * conversion each (bench/README.md has what that was worth against regular expressions over one string).
 */
import { sharedText } from '../kernel/shared-text.ts';
import { contentLengthOf, HOP_BY_HOP, listMembers, withoutFields } from './fields.ts';
import { nameBit } from './name-bits.ts';
import { RepeatedBytes } from './repeated-bytes.ts';
import { fieldValue, headEnd, keepAliveSeconds, shortNumber, withCrLf } from './response-lines.ts';

/** Longest head that is accepted, bytes. */
export const MAX_HEAD_BYTES = 65_536;

const NOT_HTTP = 'a status line that is not HTTP/1';
const CONTROL = 'a control character in the head';

/** Characters of a value that are told of in a reason. */
const MAX_SHOWN = 40;

/** `contentLength` of a response without the field. */
export const NO_LENGTH = -1;

/** What `parse` returns when the bytes end before the head does. */
export const INCOMPLETE = 0;
/** What `parse` returns for a malformed head; see `problem`. */
export const MALFORMED = -1;

/** 1 for the characters of a token (RFC 9110 §5.6.2), by byte. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = 1;
}
const PLAIN = 1;
const HIGH = 2;
/** PLAIN or HIGH for the bytes of a field value (RFC 9110 §5.5), 0 for what ends or spoils it. */
const VALUE = new Uint8Array(256).fill(PLAIN, 0x20, 0x7f).fill(HIGH, 0x80);
const TAB = 9;
VALUE[TAB] = PLAIN;

const CR = 13;
const LF = 10;
const SPACE = 32;
const COLON = 58;
const ZERO = 48;

/** Are the bytes at `at` these lower-case letters, whatever their case? */
function standsAt(bytes: Uint8Array, at: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) if ((bytes[at + i] | 0x20) !== lower[i]) return false;
  return true;
}

/** `-` has the bit already that makes a letter lower-case. */
const name = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const TE = name('te');
const DATE = name('date');
const UPGRADE = name('upgrade');
const TRAILER = name('trailer');
const CONNECTION = name('connection');
const KEEP_ALIVE = name('keep-alive');
const CONTENT_LENGTH = name('content-length');
const PROXY_CONNECTION = name('proxy-connection');
const TRANSFER_ENCODING = name('transfer-encoding');
const PROXY_AUTHENTICATE = name('proxy-authenticate');
const PROXY_AUTHORIZATION = name('proxy-authorization');

/** What `toString('latin1', …)` comes to after it has looked at its arguments; the types do not know it. */
function latin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & { latin1Slice(start: number, end: number): string }).latin1Slice(start, end);
}

/** Where the runs of lines that stay begin and end, while a head is read. Far more than any head has. */
const MAX_RUNS = 512;
const RUNS = new Int32Array(MAX_RUNS);

/**
 * The text of the runs that are noted and of the one from `start` to `end`, without its last CRLF. They are pushed
 * together where they lie, since one conversion costs less than several and the joining of their strings. Only for a
 * complete head: an incomplete one is read again from its beginning.
 */
function joined(bytes: Buffer, runs: number, start: number, end: number): string {
  if (runs === 0) return latin1(bytes, start, end - 2);
  const from = RUNS[0];
  let to = RUNS[1];
  for (let run = 2; run < runs; run += 2) {
    for (let at = RUNS[run]; at < RUNS[run + 1]; at++) bytes[to++] = bytes[at];
  }
  for (let at = start; at < end; at++) bytes[to++] = bytes[at];
  return latin1(bytes, from, to - 2);
}

/** What was read of a head that a server sends again. */
type Read = {
  readonly dropsDate: boolean;
  readonly status: number;
  readonly text: string;
  readonly nonAscii: boolean;
  readonly names: number;
  readonly contentLength: number;
  readonly chunked: boolean;
  readonly keepAliveMs: number;
};

export class ResponseHead {
  status = 0;
  /** `200 OK\r\nname: value\r\n…` without hop-by-hop fields, framing and last CRLF; a latin-1 character per byte. */
  text = '';
  /** `text` has bytes above 0x7F. */
  nonAscii = false;
  /** Names that fields in `text` may have (name-bits.ts). */
  names = 0;
  /** Of HTTP/2: names between blanks, of fields that go into no table on their way (RFC 7541 §6.2.3). */
  neverIndexed = '';
  contentLength: number = NO_LENGTH;
  chunked = false;
  /** The server will take another request on this connection. */
  keepAlive = true;
  /** Of a `Keep-Alive: timeout=N` field, milliseconds; 0 when not told. */
  keepAliveMs = 0;
  /** Value of `Upgrade`, '' without it. */
  upgrade = '';
  /** What is wrong, '' for a good head. */
  problem = '';
  /** Set before `parse`: `text` is without the Date. */
  dropsDate = false;

  private listed: Set<string> | null = null;
  /** `Connection` says so, whatever else it says. */
  private closes = false;
  private sawLength = false;
  private oldVersion = false;
  private readonly repeated = new RepeatedBytes();
  private before: Read | null = null;

  /**
   * Reads a head that begins at `start`. Returns the index behind its empty line, INCOMPLETE or MALFORMED. The bytes of a
   * complete head are changed. One that is the same as before is compared: for one resource after the other of one
   * length, as most benchmarks and many services have them, only the Date differs, once per second.
   */
  parse(bytes: Buffer, start: number, end: number): number {
    const { before, repeated } = this;
    if (repeated.areAt(bytes, start, end) && before!.dropsDate === this.dropsDate) {
      this.repeat(before!);
      return start + repeated.length;
    }
    const behind = this.read(bytes, start, end);
    if (behind > 0 && repeated.wereRead(this.isRepeatable ? behind - start : 0)) this.before = this.told();
    return behind;
  }

  /** All of it is in `Read`, and the connection goes on behind it. */
  private get isRepeatable(): boolean {
    return this.keepAlive && this.upgrade === '' && (this.contentLength !== NO_LENGTH || this.chunked);
  }

  private told(): Read {
    const { dropsDate, status, nonAscii, names, contentLength, chunked, keepAliveMs } = this;
    const text = sharedText(this.text);
    return { dropsDate, status, text, nonAscii, names, contentLength, chunked, keepAliveMs };
  }

  private repeat(before: Read): void {
    this.status = before.status;
    this.text = before.text;
    this.nonAscii = before.nonAscii;
    this.names = before.names;
    this.contentLength = before.contentLength;
    this.chunked = before.chunked;
    this.keepAliveMs = before.keepAliveMs;
    this.keepAlive = true;
    this.upgrade = '';
    this.problem = '';
  }

  private read(bytes: Buffer, start: number, end: number): number {
    this.contentLength = NO_LENGTH;
    this.chunked = false;
    this.keepAlive = true;
    this.keepAliveMs = 0;
    this.upgrade = '';
    this.problem = '';
    this.nonAscii = false;
    this.names = 0;
    this.listed = null;
    this.closes = false;
    this.sawLength = false;

    let at = start;
    while (at < end && VALUE[bytes[at]] !== 0) at++;
    if (at < end && bytes[at] === LF) return at === start ? this.bad(NOT_HTTP) : this.parseBareLines(bytes, start, end);
    if (at + 1 >= end) return INCOMPLETE;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.bad(CONTROL);
    if (!this.parseStatusLine(bytes, start, at)) return MALFORMED;
    at += 2;

    let runStart = start + 9; // behind `HTTP/1.1 `
    let runs = 0;
    let seen = 0;
    let names = 0;
    for (;;) {
      const line = at;
      while (at < end && TOKEN[bytes[at]] === 1) at++;
      if (at === line && at < end && bytes[at] === LF) return this.parseBareLines(bytes, start, end);
      if (at + 1 >= end) return INCOMPLETE;
      if (at === line && bytes[at] === CR && bytes[at + 1] === LF) break;
      if (at === line || bytes[at] !== COLON) return this.bad('a line that is no field');
      const colon = at++;
      for (;;) {
        for (let kind = VALUE[bytes[at]]; at < end && kind !== 0; kind = VALUE[bytes[++at]]) seen |= kind;
        if (at < end && bytes[at] === LF) return this.parseBareLines(bytes, start, end);
        if (at + 2 >= end) return INCOMPLETE;
        if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.bad(CONTROL);
        if (bytes[at + 2] !== SPACE && bytes[at + 2] !== TAB) break;
        // A line that is folded goes on as one (RFC 9112 §5.2).
        bytes[at] = SPACE;
        bytes[at + 1] = SPACE;
      }
      if (this.isDropped(bytes, line, colon, at)) {
        if (this.problem !== '') return MALFORMED;
        if (runStart < line && runs < MAX_RUNS) {
          RUNS[runs++] = runStart;
          RUNS[runs++] = line;
        } else if (runStart < line) {
          return this.bad('too many fields that end here');
        }
        runStart = at + 2;
      } else {
        names |= nameBit(colon - line, bytes[line]);
      }
      at += 2;
    }
    this.nonAscii = (seen & HIGH) !== 0;
    this.names = names;
    this.text = joined(bytes, runs, runStart, at);
    if (this.listed !== null) this.dropListed();
    return this.checkFraming() ? at + 2 : MALFORMED;
  }

  /** Some line ends with a bare LF, which counts as CRLF (RFC 9112 §2.2): the head is read again with those. */
  private parseBareLines(bytes: Buffer, start: number, end: number): number {
    const behind = headEnd(bytes, start, end);
    if (behind === INCOMPLETE) return INCOMPLETE;
    const lines = withCrLf(bytes, start, behind);
    return this.read(lines, 0, lines.length) === lines.length ? behind : MALFORMED;
  }

  private bad(problem: string): number {
    this.problem = problem;
    return MALFORMED;
  }

  private parseStatusLine(bytes: Uint8Array, at: number, lineEnd: number): boolean {
    const minor = bytes[at + 7];
    // H T T P / 1 . x SP
    if (
      lineEnd - at < 12 ||
      bytes[at] !== 72 ||
      bytes[at + 1] !== 84 ||
      bytes[at + 2] !== 84 ||
      bytes[at + 3] !== 80 ||
      bytes[at + 4] !== 47 ||
      bytes[at + 5] !== 49 ||
      bytes[at + 6] !== 46 ||
      bytes[at + 8] !== SPACE
    ) {
      this.problem = NOT_HTTP;
      return false;
    }
    if (minor !== ZERO && minor !== ZERO + 1) {
      this.problem = 'a status line that is not HTTP/1.0 or 1.1';
      return false;
    }
    this.oldVersion = minor === ZERO;
    if (this.oldVersion) this.keepAlive = false;
    const hundreds = bytes[at + 9] - ZERO;
    const tens = bytes[at + 10] - ZERO;
    const ones = bytes[at + 11] - ZERO;
    const isNumber = hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
    if (!isNumber || (lineEnd - at > 12 && bytes[at + 12] !== SPACE)) {
      this.problem = 'a status that is no three-digit number';
      return false;
    }
    this.status = hundreds * 100 + tens * 10 + ones;
    return true;
  }

  /** Notes what framing and connection fields say; true for every line that is not forwarded. */
  private isDropped(bytes: Buffer, at: number, colon: number, valueEnd: number): boolean {
    switch (colon - at) {
      case 2:
        return standsAt(bytes, at, TE);
      case 4:
        return this.dropsDate && standsAt(bytes, at, DATE);
      case 7:
        if (standsAt(bytes, at, UPGRADE)) {
          this.upgrade = fieldValue(bytes, colon, valueEnd);
          return true;
        }
        return standsAt(bytes, at, TRAILER);
      case 10:
        if (standsAt(bytes, at, CONNECTION)) {
          // By far the most common value, without making text of it.
          if (valueEnd - colon !== 12 || !standsAt(bytes, colon + 2, KEEP_ALIVE)) {
            this.noteConnection(fieldValue(bytes, colon, valueEnd));
          } else if (!this.closes) {
            this.keepAlive = true;
          }
          return true;
        }
        if (!standsAt(bytes, at, KEEP_ALIVE)) return false;
        this.keepAliveMs = 1000 * keepAliveSeconds(fieldValue(bytes, colon, valueEnd));
        return true;
      case 14:
        if (!standsAt(bytes, at, CONTENT_LENGTH)) return false;
        this.noteLength(bytes, colon, valueEnd);
        return true;
      case 16:
        return standsAt(bytes, at, PROXY_CONNECTION);
      case 17:
        if (!standsAt(bytes, at, TRANSFER_ENCODING)) return false;
        this.noteCoding(fieldValue(bytes, colon, valueEnd).toLowerCase());
        return true;
      case 18:
        return standsAt(bytes, at, PROXY_AUTHENTICATE);
      case 19:
        return standsAt(bytes, at, PROXY_AUTHORIZATION);
      default:
        return false;
    }
  }

  private noteLength(bytes: Buffer, colon: number, end: number): void {
    let length = shortNumber(bytes, colon + 1, end);
    if (length < 0) length = contentLengthOf(fieldValue(bytes, colon, end));
    if (length < 0) this.problem = 'a Content-Length that is no number';
    else if (this.sawLength && length !== this.contentLength) this.problem = 'two different Content-Lengths';
    this.sawLength = true;
    this.contentLength = length;
  }

  private noteCoding(coding: string): void {
    if (coding !== 'chunked' || this.chunked)
      this.problem = `the transfer coding ${JSON.stringify(coding.slice(0, MAX_SHOWN))}`;
    this.chunked = true;
  }

  private noteConnection(value: string): void {
    for (const member of listMembers(value)) {
      if (member === 'close') this.closes = true;
      else if (member === 'keep-alive') this.keepAlive = true;
      else if (!HOP_BY_HOP.has(member)) {
        this.listed ??= new Set();
        this.listed.add(member);
      }
    }
    if (this.closes) this.keepAlive = false;
  }

  /** RFC 9110 §7.6.1: fields that `Connection` names are for us alone. */
  private dropListed(): void {
    const lineEnd = this.text.indexOf('\r\n');
    if (lineEnd < 0) return;
    const fields = withoutFields(`${this.text.slice(lineEnd + 2)}\r\n`, this.listed!);
    this.text = fields === '' ? this.text.slice(0, lineEnd) : this.text.slice(0, lineEnd + 2) + fields.slice(0, -2);
  }

  /** RFC 9112 §6.1 and §6.3: a coding wins over a length, and then the connection is not used again. */
  private checkFraming(): boolean {
    if (!this.chunked) return true;
    if (this.oldVersion) {
      this.problem = 'a transfer coding in HTTP/1.0';
      return false;
    }
    if (this.sawLength) {
      this.contentLength = NO_LENGTH;
      this.keepAlive = false;
    }
    return true;
  }
}
