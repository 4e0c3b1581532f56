/** The few statistics that the reports use. Everything takes samples in any order and leaves them untouched. */

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** NaN for no samples. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median with the least and the greatest sample: with three to seven rounds these say more than a deviation. */
export function spreadOf(samples: readonly number[]): Spread {
  if (samples.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples) };
}

/**
 * Ratio of two interleaved series, round by round: `a[i] / b[i]`. Both samples of a round were taken within seconds of
 * one another, so what disturbs the machine for longer than that falls out of the quotient.
 */
export function ratioOf(a: readonly number[], b: readonly number[]): Spread {
  const rounds = Math.min(a.length, b.length);
  const ratios: number[] = [];
  for (let i = 0; i < rounds; i++) ratios.push(a[i]! / b[i]!);
  return spreadOf(ratios);
}

export type Mean = {
  readonly mean: number /** Standard error of the mean; NaN for less than two samples. */;
  readonly error: number;
};

/** What many samples say together, and how sure it is: for what is smaller than the spread of single ones. */
export function meanOf(samples: readonly number[]): Mean {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const squares = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (samples.length - 1) / samples.length) };
}

export type Verdict = 'less' | 'more' | 'within the noise' | 'too few rounds';

/** With five rounds, equal series agree on a direction by chance once in sixteen times; with fewer far too often. */
const FEWEST_ROUNDS = 5;

/** A ratio counts as a difference only if every single round agrees on its direction. */
export function verdictOf(ratio: Spread, rounds: number): Verdict {
  if (rounds < FEWEST_ROUNDS) return 'too few rounds';
  if (ratio.max < 1) return 'less';
  if (ratio.min > 1) return 'more';
  return 'within the noise';
}
