/** Waits between attempts: they double from the first to the longest, each shortened at random by up to a half. */

export const BACKOFF_FIRST_MS = 200;
export const BACKOFF_LONGEST_MS = 10_000;

export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #failures = 0;

  /** `random` gives numbers in [0, 1), as Math.random does. */
  constructor(firstMs = BACKOFF_FIRST_MS, longestMs = BACKOFF_LONGEST_MS, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt: between a half and the whole of the doubled wait. */
  next(): number {
    const whole = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#failures);
    if (whole < this.#longestMs) this.#failures++;
    return whole * (0.5 + this.#random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
