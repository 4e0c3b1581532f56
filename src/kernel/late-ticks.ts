/** Notices by a timer when a thread was kept from its turn, or the clock of the system was set. */

const TICK_MS = 500;
/** What is below is nothing to tell of, milliseconds. */
const LATE_MS = 1_000;

export type LateTicksOptions = {
  /** The thread came to its turn so many milliseconds late. */
  readonly onLate?: (ms: number) => void;
  /** The wall clock went by so many milliseconds more than the time that has passed. */
  readonly onJump?: (ms: number) => void;
};

export class LateTicks {
  private readonly interval: NodeJS.Timeout;

  constructor({ onLate, onJump }: LateTicksOptions) {
    let due = performance.now() + TICK_MS;
    let offset = Date.now() - performance.now();
    this.interval = setInterval(() => {
      const now = performance.now();
      const late = Math.round(now - due);
      const nowOffset = Date.now() - now;
      const jump = Math.round(nowOffset - offset);
      due = now + TICK_MS;
      offset = nowOffset;
      if (late >= LATE_MS) onLate?.(late);
      if (Math.abs(jump) >= LATE_MS) onJump?.(jump);
    }, TICK_MS);
    this.interval.unref();
  }

  stop(): void {
    clearInterval(this.interval);
  }
}
