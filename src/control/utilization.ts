/** Which share of its time the event loop of a worker is busy. */
import type { EventLoopUtilization } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';

/** Of less it cannot be told. */
const LEAST_MS = 1_000;

export class Utilization {
  private thread: Worker | null = null;
  private last: EventLoopUtilization | null = null;
  private at = 0;
  private share = 0;

  /** Since it was asked for last, if that is a second ago. `thread`: null when there is none. */
  now(thread: Worker | null): number {
    if (thread === null) return 0;
    if (this.thread !== thread) {
      this.thread = thread;
      this.last = null;
      this.share = 0;
    }
    const now = performance.now();
    if (this.last !== null && now - this.at < LEAST_MS) return this.share;
    const { eventLoopUtilization } = thread.performance;
    const all = eventLoopUtilization();
    this.share = (this.last === null ? all : eventLoopUtilization(all, this.last)).utilization;
    this.last = all;
    this.at = now;
    return this.share;
  }
}
