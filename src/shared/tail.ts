/**
 * What workers give of the requests that live tails look at: a ring of records per worker (byte-ring.ts), and a buffer per worker
 * with how many each tail has matched.
 *
 *     record   version u32 · tails u8 (bit n: number n) · three bytes · JSON
 *     counts   f64 × MOST_TAILS matched
 */
import { createByteRing } from './byte-ring.ts';

export const RECORD_HEAD = 8;
const MATCHED = 8;
/** Half a second of what eight tails may show. */
const RING_BYTES = 262_144;
const MOST_RECORDS = 4_096;
/** A longer one is not shown. */
const LONGEST_RECORD = 65_536;

export type TailBuffers = { readonly ring: SharedArrayBuffer; readonly matched: SharedArrayBuffer };

export function createTailBuffers(): TailBuffers {
  return {
    ring: createByteRing(RING_BYTES, MOST_RECORDS, LONGEST_RECORD),
    matched: new SharedArrayBuffer(MATCHED * Float64Array.BYTES_PER_ELEMENT),
  };
}
