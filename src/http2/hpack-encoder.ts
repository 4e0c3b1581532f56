/**
 * Writes header blocks (RFC 7541). Towards clients it refers to nothing that it has sent before: fields are literals, most
 * of their names an index of the static table. So blocks may be written in any order, and a client needs no table, which
 * the first block tells it. Text is not packed with the Huffman code, which would cost us more than it spares.
 */
import type { ByteOutput, Bytes } from '../kernel/byte-output.ts';
import { trimBlanks } from '../kernel/characters.ts';
import { STATIC_FIELDS, STATIC_NAMES } from './field.ts';

/** First bytes and masks of what is written (RFC 7541 §6). */
const INDEXED = 0x80;
const SIZE_UPDATE = 0x20;
const TEXT_MASK = 0x7f;
/** Of literals: one that goes into the table, one that does not, and one that may go into none on its way. */
export const INCREMENTAL = 0x40;
export const NOT_INDEXED = 0x00;
export const NEVER_INDEXED = 0x10;
const LITERAL_MASK = 0x0f;

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

/** A reference to an entry of either table. */
export function writeIndex(out: ByteOutput, index: number): void {
  integer(out, INDEXED, INDEXED - 1, index);
}

/** A change of the size of our table; only in front of a block. */
export function writeTableSize(out: ByteOutput, bytes: number): void {
  integer(out, SIZE_UPDATE, SIZE_UPDATE - 1, bytes);
}

/** A literal. `form`: INCREMENTAL, NOT_INDEXED or NEVER_INDEXED; `name` in lower case. */
export function writeField(out: ByteOutput, form: number, name: string, value: string): void {
  const index = STATIC_NAMES.get(name) ?? 0;
  integer(out, form, form === INCREMENTAL ? INCREMENTAL - 1 : LITERAL_MASK, index);
  if (index === 0) string(out, name);
  string(out, value);
}

/** A pseudo field, by one byte where the static table has it. */
export function writePseudo(out: ByteOutput, name: string, value: string, form: number): void {
  const index = WHOLE.get(`${name} ${value}`);
  if (index === undefined) writeField(out, form, name, value);
  else writeIndex(out, index);
}

/** Where heads lie while they are read, for all encoders of the worker. */
const scratch = Buffer.allocUnsafeSlow(MAX_QUICK) as Bytes;

export class HpackEncoder {
  /** The peer knows that we use no table. */
  private begun = false;

  /** Begins the block of a response. `status`: three digits. */
  status(out: ByteOutput, status: number): void {
    if (!this.begun) writeTableSize(out, 0);
    this.begun = true;
    writePseudo(out, ':status', String(status), NOT_INDEXED);
  }

  /**
   * Adds the fields of `name: value\r\n…` from `from` on, a character per byte; the last CRLF may be missing. Names become
   * lower case, blanks around values go, and so do fields of one connection. Of up to MAX_QUICK characters the result is
   * no longer than they are, but for a byte in 255 and a few, and is written without a break. `neverIndexed`: names between
   * blanks, of fields that go into no table on their way.
   */
  lines(out: ByteOutput, text: string, from: number, neverIndexed = ''): void {
    const length = text.length - from;
    if (length > MAX_QUICK || neverIndexed !== '') {
      this.longLines(out, text, from, neverIndexed);
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

  private longLines(out: ByteOutput, text: string, from: number, neverIndexed: string): void {
    for (const line of text.slice(from).split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const name = line.slice(0, colon).toLowerCase();
      const form = neverIndexed.includes(` ${name} `) ? NEVER_INDEXED : NOT_INDEXED;
      this.field(out, name, trimBlanks(line, colon + 1), form);
    }
  }

  /** A field by itself; `name` in lower case, `form` as of `writeField`. */
  field(out: ByteOutput, name: string, value: string, form = NOT_INDEXED): void {
    if (ONE_CONNECTION.has(name)) return;
    writeField(out, form, name, value);
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
