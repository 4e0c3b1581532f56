/** The fields of W3C Trace Context (w3c/trace-context spec/20-http_request_header_format.md), read without an expression over them. */
import { CharacterSet, trimBlanks } from '../kernel/characters.ts';

/** What a peer says of the trace that its request belongs to. */
export type RemoteContext = {
  /** 32 digits, '' where it only says what is to be done. */
  readonly traceId: string;
  /** 16 digits, '' with `traceId`. */
  readonly spanId: string;
  /** null: it leaves that to us. */
  readonly sampled: boolean | null;
  /** The trace is to be kept, whatever there are (B3 alone). */
  readonly debug: boolean;
};

const HEX = new CharacterSet('09af');
/** `00-<32>-<16>-<2>`; a later version may have more behind it, with a hyphen. */
const LENGTH = 55;
const HYPHEN = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const MAX_MEMBERS = 32;
const MAX_KEY = 256;
const MAX_VALUE = 256;
const KEY_START = new CharacterSet('az09');
const KEY = new CharacterSet('az09', '_-*/@');
/** Visible characters and blanks, but for `,` and `=`. */
const VALUE = new CharacterSet('\x20\x2b\x2d\x3c\x3e\x7e');

/** `text[start, end)` are lower-case hexadecimal digits, and not all of them 0. */
function isId(text: string, start: number, end: number): boolean {
  let bits = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (!HEX.has(code)) return false;
    bits |= code ^ ZERO;
  }
  return bits !== 0;
}

/** All of `text[start, end)` are lower-case hexadecimal digits. */
export function isHex(text: string, start: number, end: number): boolean {
  return HEX.skip(text, start) >= end;
}

/** Of a `traceparent`; null for one that is none. */
export function parseTraceparent(text: string): RemoteContext | null {
  if (text.length < LENGTH) return null;
  if (text.charCodeAt(2) !== HYPHEN || text.charCodeAt(35) !== HYPHEN || text.charCodeAt(52) !== HYPHEN) return null;
  if (!isHex(text, 0, 2) || !isId(text, 3, 35) || !isId(text, 36, 52) || !isHex(text, 53, 55)) return null;
  if (text.startsWith('ff')) return null;
  if (text.length > LENGTH && (text.startsWith('00') || text.charCodeAt(LENGTH) !== HYPHEN)) return null;
  // Of `0` to `9` and of `a` to `f` every other one is odd, beginning with an even and an odd code.
  const flags = text.charCodeAt(LENGTH - 1);
  const sampled = (flags & 1) === (flags <= NINE ? 1 : 0);
  return { traceId: text.slice(3, 35), spanId: text.slice(36, 52), sampled, debug: false };
}

function isMember(member: string, keys: Set<string>): boolean {
  const equals = member.indexOf('=');
  if (equals < 1 || equals > MAX_KEY || !KEY_START.has(member.charCodeAt(0)) || KEY.skip(member) !== equals)
    return false;
  const key = member.slice(0, equals);
  if (keys.has(key)) return false;
  keys.add(key);
  const length = member.length - equals - 1;
  return length > 0 && length <= MAX_VALUE && VALUE.skip(member, equals + 1) === member.length;
}

/** `tracestate` as it may be sent on; several lines are one list. '' for none, and for one that is none. */
export function joinedTracestate(lines: readonly string[]): string {
  const text = lines.length === 1 ? lines[0] : lines.join(',');
  const keys = new Set<string>();
  for (let start = 0, members = 0; start <= text.length; ) {
    const comma = text.indexOf(',', start);
    const end = comma < 0 ? text.length : comma;
    const member = trimBlanks(text, start, end);
    if (member !== '' && (++members > MAX_MEMBERS || !isMember(member, keys))) return '';
    start = end + 1;
  }
  return text;
}

/** As sent on. `sampled`: what we have decided; all other flags are 0. */
export function traceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
