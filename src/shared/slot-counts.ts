/**
 * Numbers per slot (slots.ts) in a buffer per worker: that worker alone writes it, main adds the buffers up. Records are dense, so
 * that counting costs an add at a place that is known; a page of memory is committed when it is first written.
 *
 *     buffer of a worker   [ slot 0: stride × f64 ][ slot 1 ]…
 */
import { SLOT_CAPACITY } from './slots.ts';

/** `stride`: doubles of a record. */
export function createSlotCounts(stride: number, capacity: number = SLOT_CAPACITY): SharedArrayBuffer {
  return new SharedArrayBuffer(capacity * stride * Float64Array.BYTES_PER_ELEMENT);
}

/** The sums of the record of `slot` over all workers, added to `sums`. */
export function sumOfSlot(
  buffers: readonly Float64Array[],
  stride: number,
  slot: number,
  sums: Float64Array = new Float64Array(stride),
): Float64Array {
  const start = slot * stride;
  for (const doubles of buffers) for (let i = 0; i < stride; i++) sums[i] += doubles[start + i];
  return sums;
}

/** Main only: the slot has a new name. What an exchange of the old one still adds is one too many. */
export function forgetSlot(buffers: readonly Float64Array[], stride: number, slot: number): void {
  for (const doubles of buffers) {
    const start = slot * stride;
    // Reading an untouched page costs no memory, writing does.
    for (let at = start; at < start + stride; at++) if (doubles[at] !== 0) doubles[at] = 0;
  }
}

/** The place of `value` among ascending upper bounds; their number for what lies above all. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0;
  while (bucket < bounds.length && value > bounds[bucket]) bucket++;
  return bucket;
}
