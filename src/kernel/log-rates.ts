/** How many lines the log may have: of each event about one object, and of everything together (shared/spec logs §3.4). */

/** Buckets that are remembered. */
const MOST_BUCKETS = 10_000;
/** A bucket that was not asked for so long is full again, whatever its rate, and goes first. */
const FORGET_MS = 300_000;

type Bucket = { tokens: number; at: number; suppressed: number };

/** Token buckets by name. Times are milliseconds of performance.now(). */
export class LineRates {
  private readonly buckets = new Map<string, Bucket>();

  /**
   * One line of that name may come each `perMs`, and `burst` at once. `before`: lines that were left out elsewhere
   * since the last one. Gives how many were left out in all, or -1 where this one is to be left out as well.
   */
  take(name: string, perMs: number, burst: number, before: number, now: number): number {
    if (perMs <= 0) return before;
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      if (this.buckets.size >= MOST_BUCKETS) this.forgetSome(now);
      bucket = { tokens: burst, at: now, suppressed: 0 };
      this.buckets.set(name, bucket);
    }
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / perMs);
    bucket.at = now;
    bucket.suppressed += before;
    if (bucket.tokens < 1) {
      bucket.suppressed++;
      return -1;
    }
    bucket.tokens--;
    const { suppressed } = bucket;
    bucket.suppressed = 0;
    return suppressed;
  }

  /** What was let through did not come all the same, for another reason: so many lines go into the number of the next one. */
  putBack(name: string, lines: number): void {
    const bucket = this.buckets.get(name);
    if (bucket !== undefined) bucket.suppressed += lines;
  }

  private forgetSome(now: number): void {
    for (const [name, { at }] of this.buckets) if (now - at > FORGET_MS) this.buckets.delete(name);
    for (const name of this.buckets.keys()) {
      if (this.buckets.size <= MOST_BUCKETS / 2) return;
      this.buckets.delete(name);
    }
  }
}

/**
 * So many lines in each second. `tell` is called at the end of one that had more, with how many more; false: that could not
 * be told either, and is said with the next.
 */
export class LineBudget {
  private readonly perSecond: number;
  private readonly tell: (held: number) => boolean;
  private second = Number.NEGATIVE_INFINITY;
  private used = 0;
  private held = 0;

  constructor(perSecond: number, tell: (held: number) => boolean) {
    this.perSecond = perSecond;
    this.tell = tell;
  }

  take(now: number): boolean {
    if (now - this.second >= 1_000) {
      this.second = now;
      this.used = 0;
    }
    if (this.used < this.perSecond) {
      this.used++;
      return true;
    }
    this.hold();
    return false;
  }

  /** Lines that do not come, for whatever reason. */
  hold(lines = 1): void {
    const isFirst = this.held === 0;
    this.held += lines;
    if (isFirst) this.tellLater();
  }

  private tellLater(): void {
    setTimeout(() => {
      const { held } = this;
      this.held = 0;
      if (this.tell(held)) return;
      this.held += held;
      this.tellLater();
    }, 1_000).unref();
  }
}
