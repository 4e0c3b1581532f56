/**
 * Keys as text. A name that is no UTF-8 has no text of its own: many would be the same one. It is called by its escaped
 * bytes, behind a mark that no UTF-8 can give, so that it is told of and can never be taken for another name.
 */
import { isUtf8 } from 'node:buffer';

/** Half of a surrogate pair. */
const MARK = '\udfff';
/** What a decoder puts in the place of bytes that are no UTF-8. */
const LOST = '\ufffd';

function escaped(bytes: Buffer): string {
  // Byte by byte; a backslash as well, so that no two names are escaped to the same text.
  return bytes.toString('latin1').replace(/[^\x20-\x5b\x5d-\x7e]/g, (byte) => {
    return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Of the one that stands there in `bytes`. `prefix`: of the key, UTF-8, without a slash at its end. */
export function keyText(bytes: Buffer, start: number, end: number, prefix: string): string {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes(LOST)) return text;
  return `${prefix}/${textOf(bytes, start + Buffer.byteLength(prefix) + 1, end)}`;
}

/** What `keyText` makes of the part of a key behind its prefix. A text of its own, no view of a longer one. */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes(LOST)) return text;
  const part = bytes.subarray(start, end);
  return isUtf8(part) ? text : MARK + escaped(part);
}

/** For a store that gives names as text: where that has lost bytes, they cannot be told from others. */
export function decodedKeyText(key: string, prefix: string): string {
  return key.includes(LOST) ? `${prefix}/${MARK}${key.slice(prefix.length + 1)}` : key;
}

/** The escaped name of a key that is no UTF-8, null for any other key. Relative keys. */
export function escapedName(key: string): string | null {
  return key.startsWith(MARK) ? key.slice(MARK.length) : null;
}
