/**
 * Text from outside as it stands in a line of the access log (shared/spec logs §2.8): whatever a peer sends, it stays in its
 * field and in its line, moves no cursor and turns no direction. What has nothing to escape costs one look.
 */
import { textOf } from '../kernel/percent.ts';

/** Of one value with its escapes; longer ones end in `…`. */
export const VALUE_BYTES = 8_192;
const CUT = '…';
const CUT_BYTES = 3;

const PLAIN_QUOTED = /^[ !#-[\]-~]*$/;
const PLAIN_BARE = /^[!#-[\]-~]*$/;
/** Nothing in it is escaped in a string of JSON. */
export const PLAIN_JSON = /^[ !#-%'-;=?-[\]-~]*$/;

/** Bytes that are no UTF-8 are lone surrogates in our texts (kernel/percent.ts). */
const FIRST_BYTE = 0xdc80;
const LAST_BYTE = 0xdcff;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/** What ends lines, or turns the direction of text, beyond ASCII. */
function isFormatting(code: number): boolean {
  return code >= 0x2028 && (code <= 0x2029 || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069));
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

function byteEscapes(character: string): string {
  let escapes = '';
  for (const byte of Buffer.from(character)) escapes += `\\x${hex(byte, 2)}`;
  return escapes;
}

function textEscape(character: string, code: number, isQuoted: boolean): string {
  if (code === 0x22) return '\\"';
  if (code === 0x5c) return '\\\\';
  if (code === 0x20) return isQuoted ? ' ' : '\\x20';
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  if (code >= 0x80 && code <= 0x9f) return byteEscapes(character);
  if (isFormatting(code)) return `\\u${hex(code, 4)}`;
  if (code >= FIRST_BYTE && code <= LAST_BYTE) return `\\x${hex(code & 0xff, 2)}`;
  return code >= FIRST_SURROGATE && code <= LAST_SURROGATE ? '\\xef\\xbf\\xbd' : character;
}

/** As Go's encoding/json has it, and what ends lines or turns text. */
function jsonEscape(character: string, code: number): string {
  if (code === 0x22) return '\\"';
  if (code === 0x5c) return '\\\\';
  if (code === 0x0a) return '\\n';
  if (code === 0x0d) return '\\r';
  if (code === 0x09) return '\\t';
  const isMarkup = code === 0x3c || code === 0x3e || code === 0x26;
  if (code < 0x20 || isMarkup || (code >= 0x7f && code <= 0x9f) || isFormatting(code)) return `\\u${hex(code, 4)}`;
  if ((code >= FIRST_SURROGATE && code <= LAST_SURROGATE) || code === 0xfffd) return '\\ufffd';
  return character;
}

/** Escapes character by character, and cuts. */
function escapedBy(text: string, escapeOf: (character: string, code: number) => string): string {
  let shown = '';
  let bytes = 0;
  /** As much of `shown` as leaves room for the mark. */
  let safe = 0;
  for (const character of text) {
    const piece = escapeOf(character, character.codePointAt(0)!);
    bytes += Buffer.byteLength(piece);
    if (bytes > VALUE_BYTES) return shown.slice(0, safe) + CUT;
    shown += piece;
    if (bytes <= VALUE_BYTES - CUT_BYTES) safe = shown.length;
  }
  return shown;
}

/** `latin1`: it has one character per byte, else it is decoded UTF-8. */
function decodedText(text: string, latin1: boolean): string {
  return latin1 ? textOf(Buffer.from(text, 'latin1')) : text;
}

function quotedEscape(character: string, code: number): string {
  return textEscape(character, code, true);
}

function bareEscape(character: string, code: number): string {
  return textEscape(character, code, false);
}

/** For a field in quotes, which are the caller's. */
export function quotedField(text: string, latin1: boolean): string {
  if (text.length <= VALUE_BYTES && PLAIN_QUOTED.test(text)) return text;
  return escapedBy(decodedText(text, latin1), quotedEscape);
}

/** For a field without quotes: no blank is left. */
export function bareField(text: string, latin1: boolean): string {
  if (text.length <= VALUE_BYTES && PLAIN_BARE.test(text)) return text;
  return escapedBy(decodedText(text, latin1), bareEscape);
}

/** For a string of JSON; the quotes are the caller's. */
export function jsonField(text: string, latin1: boolean): string {
  if (text.length <= VALUE_BYTES && PLAIN_JSON.test(text)) return text;
  return escapedBy(decodedText(text, latin1), jsonEscape);
}

/** The same with its quotes, of text in UTF-8. */
export function jsonString(text: string): string {
  return `"${jsonField(text, false)}"`;
}
