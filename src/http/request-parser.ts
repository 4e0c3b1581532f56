/**
 * The head of an HTTP/1 request: checked and read into a RequestHead (RFC 9112 §2–§6, RFC 9110 §5).
 *
 * One pass over the bytes where they lie. Names are made lower-case in place, so that what is forwarded as it stands
 * becomes text with one conversion for all of its lines; only what a proxy has to know is looked at by itself. A head that
 * is written otherwise than nearly all are, with other blanks around its values or bytes above 0x7F in them, is read once
 * more, field by field.
 *
 * Nothing is repaired: what two readers could understand in two ways is refused.
 */
import { isUtf8 } from 'node:buffer';
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { nameBit } from './name-bits.ts';
import type { FieldsBefore } from './repeated-fields.ts';
import type { RequestHead } from './request-head.ts';
import { absoluteTarget, pathOf, targetProblem } from './request-target.ts';

/** Longest head that is read, bytes: as nginx with `large_client_header_buffers 8 8k`. */
export const MAX_HEAD_BYTES = 65_536;
/** Bytes. */
const MAX_METHOD = 32;

/** What `parseRequest` returns when the bytes end before the head does. */
export const INCOMPLETE = 0;
/** What it returns for a head that is refused; `problem` and `fault` of the RequestHead say why. */
export const REFUSED = -1;

/** What Node's types do not know: without a look at the arguments. */
type Bytes = Buffer & {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
};

/** The lower-case byte for those of a token (RFC 9110 §5.6.2), 0 for others. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);
}
const PLAIN = 1;
const HIGH = 2;
/** PLAIN or HIGH for the bytes of a field value (RFC 9110 §5.5), 0 for what ends or spoils it. */
const VALUE = new Uint8Array(256).fill(PLAIN, 0x20, 0x7f).fill(HIGH, 0x80);
/** The same for a target (RFC 9112 §3.2), whose path ends with MARK. */
const MARK = 4;
const TARGET = new Uint8Array(256).fill(PLAIN, 0x21, 0x7f).fill(HIGH, 0x80);
const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const SLASH = 47;
const ZERO = 48;
const COLON = 58;
const QUESTION = 63;
VALUE[TAB] = PLAIN;
TARGET[HASH] = 0;
TARGET[QUESTION] = MARK;

/** Lengths and first letters of the names that RequestHead keeps for itself, as `length << 8 | letter`; `x` has all lengths. */
const MAX_NOTED = 32;
const NOTED = new Uint8Array(MAX_NOTED << 8);
for (const name of [
  'te',
  'host',
  'expect',
  'accept',
  'upgrade',
  'trailer',
  'connection',
  'keep-alive',
  'content-length',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authorization',
]) {
  NOTED[(name.length << 8) | name.charCodeAt(0)] = 1;
}
const LOWER_A = 0x61;
const LOWER_F = 0x66;
const LOWER_R = 0x72;
const LOWER_X = 0x78;
/** `text/event-stream`: a shorter Accept does not say it. */
const EVENTS_LENGTH = 17;

/** May RequestHead want to know of that field? `line`: where its name begins; nearly all others are out. */
function isNoted(bytes: Uint8Array, line: number, colon: number, end: number): boolean {
  const first = bytes[line];
  if (first === LOWER_X) return bytes[line + 2] === LOWER_F || bytes[line + 2] === LOWER_R;
  const length = colon - line;
  if (length >= MAX_NOTED || NOTED[(length << 8) | first] === 0) return false;
  return first !== LOWER_A || end - colon > EVENTS_LENGTH;
}

/** Where the runs of lines that stay begin and end, while a head is read. Twice as many as it may have fields, by default. */
const RUNS = new Int32Array(512);

/** Nearly always `GET`, which needs no text made of it. */
function methodText(bytes: Bytes, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54)
    return 'GET';
  return bytes.latin1Slice(start, end);
}

export class RequestParser {
  /** Where the fields of the head under way begin. */
  private fieldsAt = 0;
  /** Its target has bytes above 0x7F. */
  private highTarget = false;
  /** Its lines are all written as `name: value`, of ASCII. */
  private usual = true;
  private fields = 0;
  private runs = 0;
  private runStart = 0;

  /**
   * Reads a head that begins at `start` into `head`. Returns the index behind its empty line, INCOMPLETE or REFUSED; what is
   * wrong is told as soon as it is here. A good head is settled (`finish`); its bytes are changed. `maxFields`: more are
   * refused. `before`: of the connection, null for its first head.
   */
  parse(
    bytes: Buffer,
    start: number,
    end: number,
    head: RequestHead,
    maxFields: number,
    before: FieldsBefore | null,
  ): number {
    const at = this.requestLine(bytes as Bytes, start, end, head);
    if (at <= 0) return at;
    const repeated = before === null ? null : before.at(bytes, at, end);
    if (repeated !== null) {
      head.repeat(repeated);
      this.settle(head);
      return head.problem === '' ? at + repeated.length : REFUSED;
    }
    const behind = this.fieldLines(bytes as Bytes, at, end, head, maxFields);
    if (behind <= 0) return behind;
    if (!this.usual) this.readAnew(bytes as Bytes, behind, head);
    // Other targets may name another host than the fields do.
    const usual = this.usual && isPath(head);
    this.settle(head);
    if (head.problem !== '') return REFUSED;
    before?.wereRead(head, usual ? behind - at : 0);
    return behind;
  }

  /** The first line. Returns where the next one begins. */
  private requestLine(bytes: Bytes, start: number, end: number, head: RequestHead): number {
    let at = start;
    while (at < end && TOKEN[bytes[at]] !== 0) at++;
    const methodEnd = at;
    if (at - start > MAX_METHOD) return refuseHead(head, 'a method that is too long', FAULTS.badMethod);
    if (at === end) return INCOMPLETE;
    if (bytes[at] !== SPACE || at === start)
      return refuseHead(head, 'a request line that does not begin with a method');
    const target = ++at;
    let seen = 0;
    let mark = -1;
    for (; at < end; at++) {
      const kind = TARGET[bytes[at]];
      if (kind === 0) break;
      if (kind === MARK && mark < 0) mark = at;
      seen |= kind;
    }
    if (at === end) return INCOMPLETE;
    const targetEnd = at;
    if (bytes[at] !== SPACE) {
      const isOld = bytes[at] === CR || bytes[at] === LF;
      return refuseHead(head, isOld ? 'a request line without a version' : 'a character that no target may have');
    }
    if (at === target) return refuseHead(head, 'a request line without a target');
    const version = at + 1;
    const behind = version + 10;
    const minor = versionOf(bytes, version, Math.min(end, behind), head);
    if (minor < 0) return REFUSED;
    if (end < behind) return INCOMPLETE;
    const method = methodText(bytes, start, methodEnd);
    const isAscii = (seen & HIGH) === 0;
    this.highTarget = !isAscii;
    const text = isAscii ? bytes.latin1Slice(target, targetEnd) : bytes.utf8Slice(target, targetEnd);
    const path = mark < 0 ? text : isAscii ? text.slice(0, mark - target) : pathOf(text);
    head.begin(method, text, path);
    head.old = minor === ZERO;
    head.passesExpect = !head.old;
    return behind;
  }

  /** The other lines. Returns the index behind the empty one. */
  private fieldLines(bytes: Bytes, start: number, end: number, head: RequestHead, maxFields: number): number {
    this.fieldsAt = start;
    this.usual = true;
    this.runs = 0;
    this.runStart = start;
    let fields = 0;
    let seen = 0;
    let names = 0;
    let at = start;
    for (;;) {
      const line = at;
      for (; at < end; at++) {
        const lower = TOKEN[bytes[at]];
        if (lower === 0) break;
        bytes[at] = lower;
      }
      if (at === end) return INCOMPLETE;
      if (bytes[at] !== COLON || at === line) {
        if (at !== line || bytes[at] !== CR) return refused(head, 'a line that is no field');
        if (at + 1 === end) return INCOMPLETE;
        if (bytes[at + 1] !== LF) return refused(head, 'a CR without its LF');
        break;
      }
      const colon = at++;
      names |= nameBit(colon - line, bytes[line]);
      for (; at < end; at++) {
        const kind = VALUE[bytes[at]];
        if (kind === 0) break;
        seen |= kind;
      }
      if (at === end) return INCOMPLETE;
      if (bytes[at] !== CR) return refused(head, 'a control character in a field');
      if (at + 1 === end) return INCOMPLETE;
      if (bytes[at + 1] !== LF) return refused(head, 'a CR without its LF');
      if (++fields > maxFields) return refused(head, 'too many fields', FAULTS.headTooLarge);
      if (!isUsual(bytes, colon, at)) this.usual = false;
      else if (this.usual && isNoted(bytes, line, colon, at)) this.note(bytes, line, colon, at, head);
      at += 2;
    }
    this.fields = fields;
    if ((seen & HIGH) !== 0) this.usual = false;
    if (this.usual) head.addLines(this.joined(bytes, at), names);
    return at + 2;
  }

  private note(bytes: Bytes, line: number, colon: number, valueEnd: number, head: RequestHead): void {
    const name = bytes.latin1Slice(line, colon);
    const value = bytes.latin1Slice(colon + 2, valueEnd);
    if (head.keeps(name, value)) return;
    if (this.runStart < line) {
      if (this.runs === RUNS.length) {
        this.usual = false;
        return;
      }
      RUNS[this.runs++] = this.runStart;
      RUNS[this.runs++] = line;
    }
    this.runStart = valueEnd + 2;
  }

  /**
   * The text of the runs that are noted and of the one that ends at `end`. They are pushed together where they lie, since
   * one conversion costs less than several and the joining of their strings.
   */
  private joined(bytes: Bytes, end: number): string {
    const { runs, runStart } = this;
    if (runs === 0) return bytes.latin1Slice(runStart, end);
    const from = RUNS[0];
    let to = RUNS[1];
    for (let run = 2; run < runs; run += 2) to = move(bytes, to, RUNS[run], RUNS[run + 1]);
    return bytes.latin1Slice(from, move(bytes, to, runStart, end));
  }

  /** Field by field: the lines are known to be good, and names to be in lower case. */
  private readAnew(bytes: Bytes, behind: number, head: RequestHead): void {
    const { method, target, path, old, passesExpect } = head;
    head.begin(method, target, path);
    head.old = old;
    head.passesExpect = passesExpect;
    head.latin1 = !isUtf8(bytes.subarray(this.fieldsAt, behind));
    let line = this.fieldsAt;
    for (let left = this.fields; left > 0; left--) {
      const colon = bytes.indexOf(COLON, line);
      let end = bytes.indexOf(CR, colon);
      const next = end + 2;
      let start = colon + 1;
      while (start < end && isBlank(bytes[start])) start++;
      while (end > start && isBlank(bytes[end - 1])) end--;
      head.add(
        bytes.latin1Slice(line, colon),
        head.latin1 ? bytes.latin1Slice(start, end) : bytes.utf8Slice(start, end),
      );
      line = next;
    }
  }

  /** What depends on several of its parts. */
  private settle(head: RequestHead): void {
    if (head.old && head.chunked) refused(head, 'a transfer coding in HTTP/1.0');
    if (head.repeatsLength) refused(head, 'several Content-Lengths');
    if (!isPath(head) || head.method === 'CONNECT') settleTarget(head);
    // Bytes that are no UTF-8 have become a character of their own.
    if (this.highTarget && targetProblem(head.target) !== '') refused(head, targetProblem(head.target));
    if (head.problem === '') head.finish();
  }
}

function isPath(head: RequestHead): boolean {
  return head.target.charCodeAt(0) === SLASH;
}

/** The forms of RFC 9112 §3.2 but for a path. What the absolute form says wins over the Host field (§3.2.2). */
function settleTarget(head: RequestHead): void {
  const { target, method } = head;
  if (method === 'CONNECT') {
    refused(head, 'CONNECT', FAULTS.noConnect);
    return;
  }
  if (target === '*' && method === 'OPTIONS') return;
  const absolute = absoluteTarget(target, method);
  if (absolute === null) {
    refused(head, 'a target that is no path');
    return;
  }
  head.target = absolute.uri;
  head.path = pathOf(absolute.uri);
  head.replaceHost(absolute.authority);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Is a field written as `name: value`? */
function isUsual(bytes: Uint8Array, colon: number, end: number): boolean {
  if (bytes[colon + 1] !== SPACE) return false;
  return end === colon + 2 || !(isBlank(bytes[colon + 2]) || isBlank(bytes[end - 1]));
}

/** Moves `bytes[from, end)` down to `to`; returns where they end. */
function move(bytes: Uint8Array, to: number, from: number, end: number): number {
  bytes.copyWithin(to, from, end);
  return to + end - from;
}

const VERSION = Buffer.from('HTTP/');
const NO_VERSION = 'a version that is none of HTTP';
/** The problem of a first line that is of another protocol. */
export const NOT_HTTP = 'something else than HTTP';

/**
 * The last digit of `HTTP/1.1\r\n`, of which `bytes[at, end)` are there; less than 0: refused. What is higher than 1.1 is
 * served as that (RFC 9110 §2.5).
 */
function versionOf(bytes: Uint8Array, at: number, end: number, head: RequestHead): number {
  const length = end - at;
  if (length > 0 && isOtherLetter(bytes[at])) return refuseHead(head, NOT_HTTP);
  for (let i = 0; i < 5 && i < length; i++) if (bytes[at + i] !== VERSION[i]) return refuseHead(head, NO_VERSION);
  if (length > 5 && !isDigit(bytes[at + 5])) return refuseHead(head, NO_VERSION);
  if (length > 5 && bytes[at + 5] !== ZERO + 1)
    return refuseHead(head, 'a version that is not HTTP/1', FAULTS.badVersion);
  if (length > 6 && bytes[at + 6] !== 0x2e) return refuseHead(head, NO_VERSION);
  if (length > 7 && !isDigit(bytes[at + 7])) return refuseHead(head, NO_VERSION);
  if (length > 8 && bytes[at + 8] !== CR) return refuseHead(head, NO_VERSION);
  if (length > 9 && bytes[at + 9] !== LF) return refuseHead(head, 'a CR without its LF');
  return bytes[at + 7];
}

/** A letter, but no `H`. */
function isOtherLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a && lower !== 0x68;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9;
}

function refused(head: RequestHead, problem: string, fault: Fault = FAULTS.badRequest): number {
  head.problem = problem;
  head.fault = fault;
  return REFUSED;
}

/** Makes `head` one that is refused, of which there is no more than this. */
export function refuseHead(head: RequestHead, problem: string, fault: Fault = FAULTS.badRequest): number {
  head.begin('', '', '');
  return refused(head, problem, fault);
}

/** The same for one that has grown to MAX_HEAD_BYTES. `inFirstLine`: without the end of its first line. */
export function refuseLongHead(head: RequestHead, inFirstLine: boolean): void {
  refuseHead(
    head,
    `a head of more than ${MAX_HEAD_BYTES} bytes`,
    inFirstLine ? FAULTS.targetTooLong : FAULTS.headTooLarge,
  );
}
