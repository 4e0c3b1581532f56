/**
 * Log-linear latency buckets: 16 of equal width per power of two, so every bucket is at most 1/16 of its value wide.
 *
 *     µs      0 1 … 15 │ 16 17 … 31 │ 32 34 … 62 │ 64 68 … 124 │ … │ 2^26 … 2^27-1
 *     bucket  0 1 … 15 │ 16 17 … 31 │ 32 33 … 47 │ 48 49 …  63 │ … │ 368 … 383
 */

const SUB_BUCKETS = 16;
/** 2^27 µs are 134 s; whatever took longer counts as that. */
const TOP_MICROSECONDS = 2 ** 27 - 1;
export const LATENCY_BUCKETS = 384;

/** The bucket of a duration in seconds. Negative or not a number counts as 0. */
export function latencyBucket(seconds: number): number {
  const exact = seconds * 1e6;
  if (!(exact > 0)) return 0;
  const microseconds = exact < TOP_MICROSECONDS ? exact | 0 : TOP_MICROSECONDS;
  if (microseconds < SUB_BUCKETS) return microseconds;
  const shift = 27 - Math.clz32(microseconds);
  return (shift + 1) * SUB_BUCKETS + ((microseconds >>> shift) & (SUB_BUCKETS - 1));
}

/** The middle of a bucket in whole microseconds. */
export function latencyMiddle(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = (bucket >> 4) - 1;
  return ((SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) << shift) + ((1 << shift) >> 1);
}
