/**
 * The steps in which the board looks: one every 2 s, and which of them begin and end a point of each range. All owners share
 * them, so that an owner without requests costs nothing: where a step was made and it has no point, it had none.
 */

export type Range = {
  readonly name: '5m' | '1h' | '24h';
  /** Milliseconds of a point. */
  readonly step: number;
  readonly points: number;
  /** Points that are kept: lines in tables show a little more. */
  readonly kept: number;
};

export const STEP_MS = 2_000;
export const RANGES: readonly Range[] = [
  { name: '5m', step: STEP_MS, points: 150, kept: 170 },
  { name: '1h', step: 15_000, points: 240, kept: 240 },
  { name: '24h', step: 300_000, points: 288, kept: 288 },
];

/** A point that is filled now, or has just been: `index` × `step` is its beginning. */
export type Point = {
  readonly index: number;
  /** Unix milliseconds of the looks at its ends. */
  readonly from: number;
  readonly to: number;
  /** False: much more time than its own has passed, because the process slept. What was counted is of no point. */
  readonly isWhole: boolean;
};

export class Steps {
  /** Unix milliseconds of the last look, 0 before the first. */
  at = 0;
  /** Looks since the start. */
  count = 0;
  /** Of each range, the point that this look has ended, or null. */
  readonly ended: (Point | null)[] = RANGES.map(() => null);
  private readonly open: (Point | null)[] = RANGES.map(() => null);
  /** Of each range, the index at each place that was looked at. */
  private readonly seen = RANGES.map(({ kept }) => new Float64Array(kept).fill(-1));
  /** When the looks before this one were, the newest at `count` % length. */
  private readonly times = new Float64Array(RANGES[0].kept);

  /** False when no time has passed, or the clock was set back: then nothing has changed. */
  next(now: number): boolean {
    if (now <= this.at) {
      // The clock was set back: what was counted since is of no time that there was.
      if (this.at - now > STEP_MS) this.restart(now);
      return false;
    }
    const isFirst = this.at === 0;
    for (const [i, { step, kept }] of RANGES.entries()) {
      const index = Math.floor(now / step);
      const open = this.open[i];
      // Long gaps belong to no point: the process has slept.
      const slept = open === null || now - this.at > 2 * step + STEP_MS;
      this.ended[i] = null;
      if (open !== null && open.index === index) continue;
      if (open !== null) {
        this.ended[i] = { ...open, to: now, isWhole: !slept };
        if (!slept) this.seen[i][open.index % kept] = open.index;
      }
      this.open[i] = { index, from: now, to: now, isWhole: true };
    }
    this.at = now;
    this.count++;
    this.times[this.count % this.times.length] = now;
    return !isFirst;
  }

  private restart(now: number): void {
    this.at = now;
    for (const [i, { step }] of RANGES.entries())
      this.open[i] = { index: Math.floor(now / step), from: now, to: now, isWhole: true };
  }

  /** Was the point at `index` looked at, from its beginning to its end? */
  wasSeen(range: number, index: number): boolean {
    return index >= 0 && this.seen[range][index % RANGES[range].kept] === index;
  }

  /** The point that is being filled. */
  openIndex(range: number): number {
    return this.open[range]?.index ?? 0;
  }

  /** When its filling began, Unix milliseconds. */
  openSince(range: number): number {
    return this.open[range]?.from ?? 0;
  }

  /** Seconds from the look that was `looks` before this one, or the first, to this one. */
  secondsOf(looks: number): number {
    const back = Math.min(looks, this.count - 1, this.times.length - 1);
    return back <= 0 ? 0 : (this.at - this.times[(this.count - back) % this.times.length]) / 1_000;
  }
}
