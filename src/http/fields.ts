/** Field names that a proxy has to know (RFC 9110 §7.6.1, RFC 9112), and checks of their text. */

import { ASCII, CharacterSet, trimBlanks } from '../kernel/characters.ts';

/** Lower-case names that hold for one connection only and are never forwarded (shared/spec proxying §5). */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const VALUE = new CharacterSet('\x20\x7e\x80\xff', '\t');
const COLON = 0x3a;
const TOKEN = new CharacterSet('09AZaz', "!#$%&'*+.^_`|~-");
/** Beyond that a number is not exact. */
const MAX_DIGITS = 15;

/** RFC 9110 §5.5: no control characters but HTAB; bytes above 0x7F stand as latin-1 characters. */
export function isFieldValue(text: string): boolean {
  return VALUE.spans(text);
}

/** RFC 9110 §5.6.2. */
export function isToken(text: string): boolean {
  return text !== '' && TOKEN.spans(text);
}

/** The number that `text[start, end)` says in decimal digits, -1 when it does not. */
function decimal(text: string, start: number, end: number): number {
  if (start === end || end - start > MAX_DIGITS) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** The number of a Content-Length, -1 when it is none (RFC 9110 §8.6). Equal repetitions in one field are one. */
export function contentLengthOf(value: string): number {
  let comma = value.indexOf(',');
  if (comma < 0) return decimal(value, 0, value.length);
  const first = trimBlanks(value, 0, comma);
  while (comma >= 0) {
    const next = value.indexOf(',', comma + 1);
    if (trimBlanks(value, comma + 1, next < 0 ? value.length : next) !== first) return -1;
    comma = next;
  }
  return decimal(first, 0, first.length);
}

/** Transfer codings that a sender may use, but that we do not know (RFC 9112 §6.1). Anything else is no such list, or ends in two ways. */
export function isOtherCoding(value: string): boolean {
  const codings = value.split(',').map((part) => trimBlanks(part).toLowerCase());
  const chunked = codings.indexOf('chunked');
  return codings.every(isToken) && (chunked < 0 || chunked === codings.length - 1);
}

/**
 * Decoded text as one character per byte of its UTF-8. In a head that is written so, a character above U+00FF would come out
 * as its low byte, and that may be a CR or LF.
 */
export function asBytes(text: string): string {
  return ASCII.spans(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The lower-case members of a comma list, empty ones left out. */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  for (const part of value.split(',')) {
    const member = part.trim().toLowerCase();
    if (member !== '') members.push(member);
  }
  return members;
}

function restOfLine(lines: string, at: number): string {
  return lines.slice(at, lines.indexOf('\r\n', at));
}

/** Adds all values of a lower-case name in `name: value\r\n` lines. */
export function collectValues(lines: string, name: string, found: string[]): void {
  // Text that begins where lines do is searched for in fewer places than any other.
  const start = `\n${name}: `;
  if (lines.startsWith(`${name}: `)) found.push(restOfLine(lines, start.length - 1));
  for (let at = lines.indexOf(start); at >= 0; at = lines.indexOf(start, at + 1)) {
    found.push(restOfLine(lines, at + start.length));
  }
}

/** The first of them, '' for none. */
export function firstValue(lines: string, name: string): string {
  if (lines.startsWith(`${name}: `)) return restOfLine(lines, name.length + 2);
  const at = lines.indexOf(`\n${name}: `);
  return at < 0 ? '' : restOfLine(lines, at + name.length + 3);
}

/** A set of lower-case names. `length`: of all of them; absent where they differ. */
export type Names = Pick<ReadonlySet<string>, 'has'> & { readonly length?: number };

/** Lower-case name of the line `lines[start, end)`; '' when it has not that length, if one is given. */
function nameOf(lines: string, start: number, end: number, length: number | undefined): string {
  if (length !== undefined && lines.charCodeAt(start + length) !== COLON) return '';
  const line = lines.slice(start, length === undefined ? end : start + length + 1);
  return line.slice(0, line.indexOf(':')).toLowerCase();
}

/** Removes the lines of `names` from `name: value\r\n` lines. */
export function withoutFields(lines: string, names: Names): string {
  const { length } = names;
  let kept = '';
  /** What stands before it is in `kept`, or removed. */
  let from = 0;
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start) + 2;
    if (names.has(nameOf(lines, start, end, length))) {
      kept += lines.slice(from, start);
      from = end;
    }
    start = end;
  }
  return from === 0 ? lines : kept + lines.slice(from);
}

/**
 * Where the line begins, in a head `200 OK\r\nname: value\r\n…`, of the first field of this lower-case name behind `from`; -1
 * for none. It stands behind the CRLF.
 */
export function fieldLine(head: string, name: string, from = 0): number {
  for (let at = head.indexOf('\r\n', from); at >= 0; at = head.indexOf('\r\n', at + 2)) {
    const colon = at + 2 + name.length;
    if (head[colon] === ':' && head.slice(at + 2, colon).toLowerCase() === name) return at + 2;
  }
  return -1;
}

/** Value of the field whose line begins at `line`. */
export function fieldValueAt(head: string, name: string, line: number): string {
  const end = head.indexOf('\r\n', line);
  return trimBlanks(head, line + name.length + 1, end < 0 ? head.length : end);
}

/** Has a head a field of this lower-case name? */
export function hasField(head: string, name: string): boolean {
  return fieldLine(head, name) >= 0;
}

/** Value of the first field of this lower-case name, '' for none. */
export function headField(head: string, name: string): string {
  const line = fieldLine(head, name);
  return line < 0 ? '' : fieldValueAt(head, name, line);
}

/** Is it the head of a response whose end nobody waits for: events, gRPC? */
export function isEndless(head: string): boolean {
  const type = headField(head, 'content-type').toLowerCase();
  return type.startsWith('text/event-stream') || type.startsWith('application/grpc');
}
