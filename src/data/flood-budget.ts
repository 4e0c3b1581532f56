/**
 * What a peer of HTTP/2 may send that is of no use by itself, such as PING, SETTINGS, WINDOW_UPDATE and DATA of a few
 * bytes: so much at once, so much per second, and more for all that is useful. A peer that is served never comes near the
 * end of it: estimators of gRPC send a PING with each few messages.
 */
import { performance } from 'node:perf_hooks';

export class FloodBudget {
  private readonly most: number;
  private readonly perSecond: number;
  private left: number;
  /** Milliseconds of performance.now(). */
  private filledAt = performance.now();

  constructor(most: number, perSecond: number) {
    this.most = most;
    this.perSecond = perSecond;
    this.left = most;
  }

  /** False: it is used up. The clock is looked at only then. */
  spend(amount: number): boolean {
    this.left -= amount;
    if (this.left >= 0) return true;
    const now = performance.now();
    this.gain(((now - this.filledAt) * this.perSecond) / 1000);
    this.filledAt = now;
    return this.left >= 0;
  }

  gain(amount: number): void {
    this.left = Math.min(this.most, this.left + amount);
  }
}

/** Of the frames that one connection may send: all of this at once, as much per second, and for each useful frame. */
export const MAX_FRAMES = 10_000;
const FRAMES_PER_SECOND = 1_000;
/** What one frame with fields, or one of ours that answers, allows. */
export const USEFUL_FRAME = 10;
/** Bytes of DATA that make a frame a useful one: the start of the shortest message of gRPC is longer. */
export const TINY_DATA = 5;
/** The shortest frame that needs no answer: a WINDOW_UPDATE. */
export const FRAME_BYTES = 13;

export function frameBudget(): FloodBudget {
  return new FloodBudget(MAX_FRAMES, FRAMES_PER_SECOND);
}
