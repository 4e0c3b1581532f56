/** UUIDs of version 7 (RFC 9562 §5.7): in order of their milliseconds, and random. */
import { randomFillSync } from 'node:crypto';

/** Random bytes are taken in so large a lot. */
const POOL = 4_096;
/** Of one id: 74 bits are random. */
const RANDOM = 10;
const VARIANTS = '89ab';

const pool = Buffer.alloc(POOL);
/** `pool` in hexadecimal. */
let digits = '';
let used = POOL;
let lastTime = -1;
/** All that an id of `lastTime` begins with. */
let start = '';

/** In lower case. `now`: Unix milliseconds. */
export function uuidV7(now: number): string {
  if (used + RANDOM > POOL) {
    randomFillSync(pool);
    digits = pool.toString('hex');
    used = 0;
  }
  if (now !== lastTime) {
    const time = now.toString(16).padStart(12, '0');
    start = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    lastTime = now;
  }
  const at = 2 * used;
  const variant = VARIANTS[pool[used] & 3];
  used += RANDOM;
  // The digits of the first byte are not used again.
  return `${start}${digits.slice(at + 2, at + 5)}-${variant}${digits.slice(at + 5, at + 8)}-${digits.slice(at + 8, at + 20)}`;
}
