/**
 * Flow control (RFC 9113 §5.2, §6.9): what a peer may send before we have passed it on. A window is opened again when half
 * of it has gone to whom it is for, never on receipt: that is what holds a fast sender back.
 *
 *     size ├── used, and not yet told ──┼── has come, not yet used ──┼── may still come (left) ──┤
 */
import { MAX_WINDOW } from './codes.ts';

/** An increment of a window that is at `left` would make it larger than it may be. `left` may be negative. */
export function overflows(left: number, increment: number): boolean {
  return left + increment > MAX_WINDOW;
}

/** What the windows of one connection may grow by, together, bytes. */
export class WindowGrowth {
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  /** As much of `bytes` as there is. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.left);
    this.left -= taken;
    return taken;
  }

  give(bytes: number): void {
    this.left += bytes;
  }
}

export class ReceiveWindow {
  private readonly first: number;
  private readonly most: number;
  private size: number;
  private left: number;
  private used = 0;
  private toldAt = 0;

  /** Begins with `first` bytes and grows up to `most`. */
  constructor(first: number, most: number = first) {
    this.first = first;
    this.most = most;
    this.size = first;
    this.left = first;
  }

  /** For another stream. `now`: milliseconds, of the clock that `update` is given. */
  begin(now: number): void {
    this.left = this.size;
    this.used = 0;
    this.toldAt = now;
  }

  /** It is over: what it has grown by goes back to `growth`. */
  end(growth: WindowGrowth): void {
    growth.give(this.size - this.first);
    this.size = this.first;
  }

  /** False: the peer has sent more than it may. */
  receive(bytes: number): boolean {
    this.left -= bytes;
    return this.left >= 0;
  }

  /** Bytes that have come were passed on, or are for nobody. */
  use(bytes: number): void {
    this.used += bytes;
  }

  /**
   * The increment that is to be told now, 0 for none. A peer that has sent half of it within one round trip is held back by
   * the window, and gets a larger one.
   */
  update(now: number, roundTripMs: number, growth: WindowGrowth): number {
    if (2 * this.used < this.size) return 0;
    let increment = this.used;
    if (this.size < this.most && now - this.toldAt < roundTripMs) {
      const more = growth.take(Math.min(this.size, this.most - this.size));
      this.size += more;
      increment += more;
    }
    this.toldAt = now;
    this.used = 0;
    this.left += increment;
    return increment;
  }
}
