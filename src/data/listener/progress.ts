/** Whether one direction of a connection makes progress. */

/** Least that must move within a timeout, bytes; less is none. */
export const LEAST_BYTES = 1_024;

export class Progress {
  private readonly least: number;
  private waits = false;
  private moved = 0;
  private quietMs = 0;

  /** `least`: fewer bytes are none. */
  constructor(least: number = LEAST_BYTES) {
    this.least = least;
  }

  /**
   * One look. `waits`: something is to move. `moved`: all that ever has, bytes, and LEAST_BYTES for each message that was
   * done. `ms`: since the last look. True: less than the least has moved for `timeoutMs` (0: for ever).
   */
  isOverdue(waits: boolean, moved: number, ms: number, timeoutMs: number): boolean {
    if (!waits || !this.waits || moved - this.moved >= this.least) {
      this.waits = waits;
      this.moved = moved;
      this.quietMs = 0;
      return false;
    }
    this.quietMs += ms;
    return timeoutMs > 0 && this.quietMs >= timeoutMs;
  }

  /** Something else begins. */
  reset(): void {
    this.waits = false;
  }
}
