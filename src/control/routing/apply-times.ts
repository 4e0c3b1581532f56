/** How long changes of keys take until every worker routes by them. */
import { bucketOf } from '../../shared/slot-counts.ts';

/** Upper bounds, seconds. */
export const APPLY_BOUNDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class ApplyTimes {
  /** Seconds. */
  sum = 0;
  /** Not cumulative. */
  readonly buckets = new Float64Array(APPLY_BOUNDS.length + 1);

  observe(seconds: number): void {
    this.sum += seconds;
    this.buckets[bucketOf(APPLY_BOUNDS, seconds)]++;
  }
}
