/** Random digits of the ids of traces and spans (W3C Trace Context §3.2.2.3). */
import { randomFillSync } from 'node:crypto';

/** Bytes that are fetched at once. */
const LOT = 4_096;

const pool = Buffer.alloc(LOT);
let digits = '';
let used = 0;

/** In lower case, never all zeros. `length`: 16 for a span, 32 for a trace. */
export function randomHex(length: number): string {
  if (used + length > digits.length) {
    digits = randomFillSync(pool).toString('hex');
    used = 0;
  }
  const text = digits.slice(used, used + length);
  used += length;
  return isZero(text) ? randomHex(length) : text;
}

/** Not an id: all of its digits are 0. */
export function isZero(id: string): boolean {
  for (let at = 0; at < id.length; at++) if (id.charCodeAt(at) !== 0x30) return false;
  return true;
}
