/** UUIDs of version 7 (RFC 9562 §5.7): in order of their milliseconds, and random. */
import { randomFillSync } from 'node:crypto';

/** Random bytes are taken in so large a lot. */
const POOL = 4_096;
/** Of one id. */
const RANDOM = 10;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const pool = new Uint8Array(POOL);
let used = POOL;

/** In lower case. `now`: Unix milliseconds. */
export function uuidV7(now: number): string {
  if (used + RANDOM > POOL) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += RANDOM;
  const time = now.toString(16).padStart(12, '0');
  const tail = HEX[pool[at + 1]] + HEX[pool[at + 2]].slice(1);
  let node = '';
  for (let i = 4; i < RANDOM; i++) node += HEX[pool[at + i]];
  const variant = HEX[0x80 | (pool[at + 3] & 0x3f)] + HEX[pool[at]];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail}-${variant}-${node}`;
}
