/**
 * Percent-encoding (RFC 3986 §2.1) as Go's net/url has it. Decoded text is UTF-8; a byte that is none becomes the lone
 * surrogate U+DC00 + byte, so that encoding gives it back.
 */
import { isUtf8 } from 'node:buffer';
import { CharacterSet } from './characters.ts';

const PERCENT = 0x25;
/** What Go does not encode in a path. */
const IN_PATH = new CharacterSet('09AZaz', '-_.~$&+,/:;=@');
/** What a path may consist of to be left as it was sent. */
const VALID_PATH = new CharacterSet('09AZaz', "-_.~$&+,/:;=@!'()*[]%");
/** What may stand anywhere in a URI, escapes, a fragment and brackets apart (RFC 3986 §2). */
const IN_URI = new CharacterSet('09AZaz', "-._~:/?@!$&'()*+,;=");

const FIRST_BYTE = 0xdc80;
const LAST_BYTE = 0xdcff;
const ESCAPES = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const encoder = new TextEncoder();

/** Bytes → text. */
export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString();
  let text = '';
  for (let i = 0; i < buffer.length; ) {
    const byte = buffer[i];
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0x80 ? 2 : 1;
    const character = buffer.subarray(i, i + length);
    const valid = isUtf8(character);
    text += valid ? character.toString() : String.fromCharCode(0xdc00 + byte);
    i += valid ? length : 1;
  }
  return text;
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Do two hexadecimal digits follow the percent sign at `at`? */
export function isValidEscape(text: string, at: number): boolean {
  return hexValue(text.charCodeAt(at + 1)) >= 0 && hexValue(text.charCodeAt(at + 2)) >= 0;
}

/** null when an escape is invalid. */
function decoded(text: string): string | null {
  let next = text.indexOf('%');
  if (next < 0) return text;
  for (; next >= 0; next = text.indexOf('%', next + 3)) if (!isValidEscape(text, next)) return null;
  const bytes = encoder.encode(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== PERCENT) {
      bytes[length++] = bytes[i];
    } else {
      bytes[length++] = hexValue(bytes[i + 1]) * 16 + hexValue(bytes[i + 2]);
      i += 2;
    }
  }
  return textOf(bytes.subarray(0, length));
}

/** null when an escape is invalid. */
export function decodedPath(path: string): string | null {
  return decoded(path);
}

/** A name or value of a query, in which `+` is a blank. null when an escape is invalid. */
export function decodedQuery(text: string): string | null {
  return decoded(text.replaceAll('+', ' '));
}

function escapedCharacter(code: number): string {
  if (code >= FIRST_BYTE && code <= LAST_BYTE) return ESCAPES[code & 0xff];
  let escapes = '';
  for (const byte of encoder.encode(String.fromCodePoint(code))) escapes += ESCAPES[byte];
  return escapes;
}

/** With all that is not in `kept` as escapes, bytes that are no text among it. */
export function escapedBut(kept: CharacterSet, text: string): string {
  let escaped = '';
  let start = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!;
    const next = at + (code > 0xffff ? 2 : 1);
    if (!kept.has(code) || (code >= FIRST_BYTE && code <= LAST_BYTE)) {
      escaped += text.slice(start, at) + escapedCharacter(code);
      start = next;
    }
    at = next;
  }
  return start === 0 ? text : escaped + text.slice(start);
}

export function encodedPath(path: string): string {
  return escapedBut(IN_PATH, path);
}

/** May this encoded path be sent as it stands? */
export function isEncodedPath(path: string): boolean {
  return VALID_PATH.spans(path);
}

/**
 * A URI or a part of one, with everything as escapes that may not stand there. `authorityEnd`: up to there brackets may.
 */
export function uriText(text: string, authorityEnd = 0): string {
  let uri = '';
  let fragment = false;
  for (let at = 0; at < text.length; ) {
    const end = IN_URI.skip(text, at);
    uri += text.slice(at, end);
    if (end === text.length) break;
    const code = text.codePointAt(end)!;
    const character = String.fromCodePoint(code);
    const kept =
      (character === '%' && isValidEscape(text, end)) ||
      (character === '#' && !fragment) ||
      ((character === '[' || character === ']') && end < authorityEnd);
    if (character === '#') fragment = true;
    uri += kept ? character : escapedCharacter(code);
    at = end + character.length;
  }
  return uri;
}
