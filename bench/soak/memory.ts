/** Is memory flat? */

export type Sample = {
  /** Seconds since the traffic began. */
  readonly at: number;
  readonly bytes: number;
};

export type Growth = {
  /** Bytes per minute over the second half of the samples; NaN for fewer than four of them. */
  readonly perMinute: number;
  /** Bytes in all of the second half, by that slope. */
  readonly inAll: number;
  readonly least: number;
  readonly greatest: number;
};

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Growth over the second half: the first one warms up heaps, pools and the allocator. The slope is the median of the
 * slopes between all pairs of samples (Theil and Sen), which a garbage collection at the wrong moment does not move.
 */
export function growthOf(samples: readonly Sample[]): Growth {
  const half = samples.slice(samples.length >> 1);
  const slopes: number[] = [];
  for (let i = 0; i < half.length; i++) {
    for (let j = i + 1; j < half.length; j++) {
      slopes.push((half[j]!.bytes - half[i]!.bytes) / (half[j]!.at - half[i]!.at));
    }
  }
  const bytes = half.map((sample) => sample.bytes);
  const perSecond = samples.length < 4 ? Number.NaN : medianOf(slopes);
  return {
    perMinute: perSecond * 60,
    inAll: samples.length < 4 ? Number.NaN : perSecond * (half.at(-1)!.at - half[0]!.at),
    least: Math.min(...bytes),
    greatest: Math.max(...bytes),
  };
}
