/** Which share of its time the event loop of a worker is busy, for one who asks for it now and then. */
import type { EventLoopUtilization } from 'node:perf_hooks';

/** Of less it cannot be told. */
const LEAST_MS = 1_000;

export class Utilization {
  private last: EventLoopUtilization | null = null;
  private share = 0;

  /** Since the last time, if that is a second ago, 0 to 1. `all`: since the thread began; null when there is none. */
  now(all: EventLoopUtilization | null): number {
    if (all === null) return 0;
    const before = this.last === null || sum(all) < sum(this.last) ? NOTHING : this.last;
    const spent = sum(all) - sum(before);
    if (before !== NOTHING && spent < LEAST_MS) return this.share;
    this.share = spent > 0 ? (all.active - before.active) / spent : 0;
    this.last = all;
    return this.share;
  }
}

const NOTHING: EventLoopUtilization = { active: 0, idle: 0, utilization: 0 };

function sum({ active, idle }: EventLoopUtilization): number {
  return active + idle;
}
