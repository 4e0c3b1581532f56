/** p50, p90 and p99 of counts by the buckets of src/shared/latency.ts, without making anything: they are asked for thousands of owners. */
import { latencyMiddle } from '../../shared/latency.ts';
import type { Latency } from '../admin/ui-api/shapes.ts';

const WANTED = [0.5, 0.9, 0.99] as const;

/** Milliseconds, at most 1/32 off; null when all counts are 0. Those before `from` and from `to` on are not looked at. */
export function quantilesOf(counts: Uint32Array, from = 0, to = counts.length): Latency | null {
  let total = 0;
  for (let bucket = from; bucket < to; bucket++) total += counts[bucket];
  if (total === 0) return null;
  const found: [number, number, number] = [0, 0, 0];
  let next = 0;
  let sum = 0;
  for (let bucket = from; next < WANTED.length; bucket++) {
    sum += counts[bucket];
    while (next < WANTED.length && sum >= Math.ceil(WANTED[next] * total))
      found[next++] = latencyMiddle(bucket) / 1_000;
  }
  return found;
}
