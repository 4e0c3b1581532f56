/** UUIDs of version 7 (RFC 9562 §5.7): in order of their milliseconds, and random. */
import { randomFillSync } from 'node:crypto';

/** So many are prepared at once. */
const LOT = 256;
/** Random bytes of one: one chooses the variant, the others are two digits each. */
const RANDOM = 10;
/** Characters behind the time: `7xxx-vxxx-xxxxxxxxxxxx`. */
const TAIL = 22;
const HYPHEN = 0x2d;
const VERSION = 0x37;
const VARIANTS = Buffer.from('89ab');
const DIGITS = Buffer.from('0123456789abcdef');
/** Where in a tail random digits stand. */
const PLACES = Uint8Array.from([1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);

const pool = new Uint8Array(LOT * RANDOM);
const text = Buffer.alloc(LOT * TAIL);
/** Tails, one behind the other: an id is a slice of it, so that no text is put together for each. */
let tails = '';
let used = LOT;
let lastTime = -1;
/** All that an id of `lastTime` begins with. */
let start = '';

function prepare(): void {
  randomFillSync(pool);
  for (let id = 0; id < LOT; id++) {
    const at = id * TAIL;
    let byte = id * RANDOM;
    text[at] = VERSION;
    text[at + 4] = HYPHEN;
    text[at + 5] = VARIANTS[pool[byte++] & 3];
    text[at + 9] = HYPHEN;
    for (let digit = 0; digit < PLACES.length; digit += 2, byte++) {
      text[at + PLACES[digit]] = DIGITS[pool[byte] >> 4];
      text[at + PLACES[digit + 1]] = DIGITS[pool[byte] & 15];
    }
  }
  tails = text.toString('latin1');
  used = 0;
}

/** In lower case. `now`: Unix milliseconds. */
export function uuidV7(now: number): string {
  if (used === LOT) prepare();
  if (now !== lastTime) {
    const time = now.toString(16).padStart(12, '0');
    start = `${time.slice(0, 8)}-${time.slice(8)}-`;
    lastTime = now;
  }
  const at = used++ * TAIL;
  return start + tails.slice(at, at + TAIL);
}
