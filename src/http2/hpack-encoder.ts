/**
 * Writes header blocks (RFC 7541). Towards clients it refers to nothing that it has sent before: fields are literals, most
 * of their names an index of the static table. So blocks may be written in any order, and a client needs no table, which
 * the first block tells it. Text is not packed with the Huffman code, which would cost us more than it spares.
 */
import type { ByteOutput, Bytes } from '../kernel/byte-output.ts';
import { trimBlanks } from '../kernel/characters.ts';
import { STATIC_FIELDS, STATIC_NAMES } from './field.ts';

/** First byte and mask of what is written here (RFC 7541 §6). */
const INDEXED = 0x80;
const SIZE_UPDATE = 0x20;
const NOT_INDEXED = 0x00;
const LITERAL_MASK = 0x0f;
const TEXT_MASK = 0x7f;

const STATUS_NAME = nameIndex(':status');
const AUTHORITY_NAME = nameIndex(':authority');
const PATH_NAME = nameIndex(':path');
const METHOD_NAME = nameIndex(':method');
const SCHEME_NAME = nameIndex(':scheme');

function nameIndex(name: string): number {
  return STATIC_NAMES.get(name) ?? 0;
}

/** `name value` of those fields of the static table whose value is given as well. */
const WHOLE: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map(({ name, value }, index) => [`${name} ${value}`, index] as const).filter(
    ([, index]) => index > 0 && STATIC_FIELDS[index].value !== '',
  ),
);

/** Characters of a head that are read where they lie in one piece; longer ones are rare. */
export const MAX_QUICK = 8_192;
/** Longest integer that is written: its first byte and four more. */
const MAX_INTEGER = 5;
/** Beyond that a value is copied by the runtime, which costs a call. */
const SHORT_VALUE = 96;
/** What a head grows by at most, besides a byte for each 128: its last line may have no CRLF. */
const SLACK = 64;

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const COLON = 58;

const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte));

/** RFC 9113 §8.2.2: what is never sent. */
const ONE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What a name may be, by its length, first and last byte, which differ in most: one of the static table, or one that is left out. */
const CANDIDATES = 1_024;
const LEFT_OUT = -1;
const candidates: { readonly name: Uint8Array; readonly index: number }[][] = Array.from(
  { length: CANDIDATES },
  () => [],
);
for (const [name, index] of STATIC_NAMES) if (name[0] !== ':') addCandidate(name, index);
for (const name of ONE_CONNECTION) addCandidate(name, LEFT_OUT);

function slotOf(length: number, first: number, last: number): number {
  return (length * 31 + first * 7 + last) & (CANDIDATES - 1);
}

function addCandidate(text: string, index: number): void {
  const name = Uint8Array.from(Buffer.from(text));
  const slot = candidates[slotOf(name.length, name[0], name[name.length - 1])];
  // transfer-encoding is in the static table and of one connection.
  const at = slot.findIndex((each) => Buffer.compare(each.name, name) === 0);
  if (at >= 0) slot.splice(at, 1);
  slot.push({ name, index });
}

/** The static index of the lower-case name `bytes[start, end)`, 0 for none, LEFT_OUT for one that is not sent. */
function indexOfName(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return LEFT_OUT;
  for (const { name, index } of candidates[slotOf(end - start, bytes[start], bytes[end - 1])]) {
    let at = 0;
    while (at < name.length && name[at] === bytes[start + at]) at++;
    if (at === name.length && at === end - start) return index;
  }
  return 0;
}

/** Writes an integer (RFC 7541 §5.1) that begins in the byte `first`. Returns where it ends. */
function putInteger(bytes: Uint8Array, at: number, first: number, mask: number, value: number): number {
  if (value < mask) {
    bytes[at] = first | value;
    return at + 1;
  }
  bytes[at++] = first | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

function integer(out: ByteOutput, first: number, mask: number, value: number): void {
  out.reserve(MAX_INTEGER);
  out.at = putInteger(out.piece, out.at, first, mask, value);
}

/** A character per byte. */
function string(out: ByteOutput, text: string): void {
  integer(out, 0, TEXT_MASK, text.length);
  out.text(text);
}

/** A field whose name is in the static table. */
function literal(out: ByteOutput, index: number, value: string): void {
  integer(out, NOT_INDEXED, LITERAL_MASK, index);
  string(out, value);
}

/** Where heads lie while they are read, for all encoders of the worker. */
const scratch = Buffer.allocUnsafeSlow(MAX_QUICK) as Bytes;

export class HpackEncoder {
  /** The peer knows that we use no table. */
  private begun = false;

  /** Begins the block of a response. `status`: three digits. */
  status(out: ByteOutput, status: number): void {
    this.begin(out);
    const index = WHOLE.get(`:status ${status}`);
    if (index === undefined) literal(out, STATUS_NAME, String(status));
    else integer(out, INDEXED, TEXT_MASK, index);
  }

  /** Begins the block of a request. All have a character per byte. */
  request(out: ByteOutput, method: string, scheme: string, authority: string, path: string): void {
    this.begin(out);
    this.pseudo(out, METHOD_NAME, method);
    this.pseudo(out, SCHEME_NAME, scheme);
    this.pseudo(out, AUTHORITY_NAME, authority);
    this.pseudo(out, PATH_NAME, path);
  }

  /** The first block tells that the table may go. */
  private begin(out: ByteOutput): void {
    if (this.begun) return;
    this.begun = true;
    integer(out, SIZE_UPDATE, SIZE_UPDATE - 1, 0);
  }

  private pseudo(out: ByteOutput, name: number, value: string): void {
    const index = WHOLE.get(`${STATIC_FIELDS[name].name} ${value}`);
    if (index === undefined) literal(out, name, value);
    else integer(out, INDEXED, TEXT_MASK, index);
  }

  /**
   * Adds the fields of `name: value\r\n…` from `from` on, a character per byte; the last CRLF may be missing. Names become
   * lower case, blanks around values go, and so do fields of one connection. Of up to MAX_QUICK characters the result is
   * no longer than they are, but for a byte in 255 and a few, and is written without a break.
   */
  lines(out: ByteOutput, text: string, from: number): void {
    const length = text.length - from;
    if (length > MAX_QUICK) {
      this.longLines(out, text, from);
      return;
    }
    out.reserve(length + (length >> 7) + SLACK);
    scratch.latin1Write(from === 0 ? text : text.slice(from), 0, length);
    let { at } = out;
    for (let line = 0; line < length; ) {
      let colon = line;
      while (colon < length && scratch[colon] !== COLON && scratch[colon] !== CR && scratch[colon] !== LF) colon++;
      let end = colon;
      while (end < length && scratch[end] !== CR && scratch[end] !== LF) end++;
      if (colon < end) at = putLine(out.piece, at, line, colon, end);
      line = end;
      while (line < length && (scratch[line] === CR || scratch[line] === LF)) line++;
    }
    out.at = at;
  }

  private longLines(out: ByteOutput, text: string, from: number): void {
    for (const line of text.slice(from).split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) this.field(out, line.slice(0, colon).toLowerCase(), trimBlanks(line, colon + 1));
    }
  }

  /** A field by itself; `name` in lower case. */
  field(out: ByteOutput, name: string, value: string): void {
    if (ONE_CONNECTION.has(name)) return;
    const index = STATIC_NAMES.get(name) ?? 0;
    integer(out, NOT_INDEXED, LITERAL_MASK, index);
    if (index === 0) string(out, name);
    string(out, value);
  }
}

/** Writes the field of a line in `scratch`. Returns where it ends. */
function putLine(piece: Bytes, at: number, line: number, colon: number, lineEnd: number): number {
  let start = colon + 1;
  let end = lineEnd;
  while (start < end && (scratch[start] === SPACE || scratch[start] === TAB)) start++;
  while (end > start && (scratch[end - 1] === SPACE || scratch[end - 1] === TAB)) end--;

  piece[at] = NOT_INDEXED;
  const nameStart = putInteger(piece, at + 1, 0, TEXT_MASK, colon - line);
  let to = nameStart;
  for (let from = line; from < colon; from++) piece[to++] = LOWER[scratch[from]];
  const index = indexOfName(piece, nameStart, to);
  if (index === LEFT_OUT) return at;
  if (index > 0) to = putInteger(piece, at, NOT_INDEXED, LITERAL_MASK, index);

  to = putInteger(piece, to, 0, TEXT_MASK, end - start);
  if (end - start > SHORT_VALUE) return to + scratch.copy(piece, to, start, end);
  for (let from = start; from < end; from++) piece[to++] = scratch[from];
  return to;
}
