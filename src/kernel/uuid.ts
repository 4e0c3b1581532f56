/** UUIDs of version 7 (RFC 9562 §5.7): in order of their milliseconds, and random. */
import { randomFillSync } from 'node:crypto';

/** So many are prepared at once. */
const LOT = 256;
/** Random bytes of one: one chooses the variant, the others are two digits each. */
const RANDOM = 10;
/** Characters: `tttttttt-tttt-7xxx-vxxx-xxxxxxxxxxxx`. */
const LENGTH = 36;
const HYPHEN = 0x2d;
const VERSION = 0x37;
const VARIANTS = Buffer.from('89ab');
const DIGITS = Buffer.from('0123456789abcdef');
/** Where digits of the time stand, and its hyphens. */
const TIME_PLACES = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]);
const TIME_HYPHENS = Uint8Array.from([8, 13]);
/** All in front of the version. */
const TIME_LENGTH = 14;
/** Where random digits stand. */
const PLACES = Uint8Array.from([15, 16, 17, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]);
/** A text of them is kept as long as one of them is. */
const MOST_AT_ONCE = 64;

const pool = new Uint8Array(LOT * RANDOM);
/** One behind the other; those up to `made` have a time. */
const bytes = Buffer.alloc(LOT * LENGTH);
let made = LOT;
let lastTime = -1;
const time = new Uint8Array(TIME_LENGTH);
for (const at of TIME_HYPHENS) time[at] = HYPHEN;
/** Those of `lastTime`: an id is a slice of it, so that each is in one piece and none is put together by itself. */
let ids = '';
let taken = 0;
let ready = 0;
/** In `lastTime`. */
let given = 0;

function prepare(): void {
  randomFillSync(pool);
  for (let id = 0; id < LOT; id++) {
    const at = id * LENGTH;
    let byte = id * RANDOM;
    bytes[at + 14] = VERSION;
    bytes[at + 18] = HYPHEN;
    bytes[at + 19] = VARIANTS[pool[byte++] & 3];
    bytes[at + 23] = HYPHEN;
    for (let digit = 0; digit < PLACES.length; digit += 2, byte++) {
      bytes[at + PLACES[digit]] = DIGITS[pool[byte] >> 4];
      bytes[at + PLACES[digit + 1]] = DIGITS[pool[byte] & 15];
    }
  }
  made = 0;
}

function setTime(now: number): void {
  lastTime = now;
  let rest = now;
  for (let i = TIME_PLACES.length - 1; i >= 0; i--) {
    const above = Math.floor(rest / 16);
    time[TIME_PLACES[i]] = DIGITS[rest - above * 16];
    rest = above;
  }
}

/** As many as were wanted in the millisecond before, or so far in this one. */
function make(now: number): void {
  let wanted = given;
  if (now !== lastTime) {
    setTime(now);
    given = 0;
    // Nobody has seen what is left.
    made -= ready - taken;
  }
  if (made === LOT) prepare();
  wanted = Math.min(Math.max(wanted, 1), MOST_AT_ONCE, LOT - made);
  const start = made * LENGTH;
  const end = start + wanted * LENGTH;
  for (let at = start; at < end; at += LENGTH) {
    for (let i = 0; i < TIME_LENGTH; i++) bytes[at + i] = time[i];
  }
  ids = bytes.toString('latin1', start, end);
  made += wanted;
  ready = wanted;
  taken = 0;
}

/** In lower case. `now`: Unix milliseconds. */
export function uuidV7(now: number): string {
  if (now !== lastTime || taken === ready) make(now);
  given++;
  const at = taken++ * LENGTH;
  return ids.slice(at, at + LENGTH);
}
