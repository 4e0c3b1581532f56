/**
 * Figures of charts in 16 bits: the logarithm of what is above 0, so that every one is within 0.03 % of what it was, from
 * 10⁻⁴ to 10¹⁰.
 *
 *     0 not known · 1 nothing · 2 … 65535 → 10⁻⁴ … 10¹⁰
 */

/** Not known. */
export const GAP = 0;
export const ZERO = 1;
const FIRST = 2;
const LEAST = 1e-4;
const MOST = 1e10;
const STEPS = 65_535 - FIRST;
const PER_STEP = Math.log(MOST / LEAST) / STEPS;

/** null for what is not known; below 0 counts as 0. */
export function encode(value: number | null): number {
  if (value === null || Number.isNaN(value)) return GAP;
  if (value <= 0) return ZERO;
  const step = Math.round(Math.log(value / LEAST) / PER_STEP);
  return FIRST + Math.min(Math.max(step, 0), STEPS);
}

/** Four digits, so that it is short as text. */
export function decode(code: number): number | null {
  if (code === GAP) return null;
  if (code === ZERO) return 0;
  return Number((LEAST * Math.exp((code - FIRST) * PER_STEP)).toPrecision(4));
}
