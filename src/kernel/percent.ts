/**
 * Percent-encoding (RFC 3986 §2.1) as Go's net/url has it. Decoded text is UTF-8; a byte that is none becomes the lone
 * surrogate U+DC00 + byte, so that encoding gives it back.
 */
import { isUtf8 } from 'node:buffer';

const PERCENT = 0x25;
const NEEDS_DECODING = /[%+]/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** What Go encodes in a path. */
const ENCODED_IN_PATH = /[^A-Za-z0-9\-_.~$&+,/:;=@]+/g;
/** What a path may consist of to be left as it was sent. */
const VALID_PATH = /^[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]*$/;
const LONE_BYTE = /[\udc80-\udcff]/;

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

/** Text → bytes. */
function bytesOf(text: string): Buffer {
  if (!LONE_BYTE.test(text)) return Buffer.from(text);
  return Buffer.concat(
    Array.from(text, (character) => {
      const code = character.charCodeAt(0);
      return character.length === 1 && LONE_BYTE.test(character) ? Buffer.of(code & 0xff) : Buffer.from(character);
    }),
  );
}

/** null when an escape is invalid. */
function decoded(text: string): string | null {
  if (!text.includes('%')) return text;
  if (BAD_ESCAPE.test(text)) return null;
  const bytes = Buffer.from(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const isEscape = bytes[i] === PERCENT;
    bytes[length++] = isEscape ? Number.parseInt(bytes.toString('latin1', i + 1, i + 3), 16) : bytes[i];
    if (isEscape) i += 2;
  }
  return textOf(bytes.subarray(0, length));
}

/** null when an escape is invalid. */
export function decodedPath(path: string): string | null {
  return decoded(path);
}

/** A name or value of a query, in which `+` is a blank. null when an escape is invalid. */
export function decodedQuery(text: string): string | null {
  return NEEDS_DECODING.test(text) ? decoded(text.replaceAll('+', ' ')) : text;
}

/** Every byte of the text as an escape. */
export function escapedBytes(text: string): string {
  return bytesOf(text).toString('hex').toUpperCase().replaceAll(/../g, '%$&');
}

export function encodedPath(path: string): string {
  return path.replaceAll(ENCODED_IN_PATH, escapedBytes);
}

/** May this encoded path be sent as it stands? */
export function isEncodedPath(path: string): boolean {
  return VALID_PATH.test(path);
}
