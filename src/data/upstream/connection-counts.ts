/** Counts the connections of one pool for its backend, sessions as well. */
import type { BackendCounts } from '../../shared/backend-counts.ts';
import type { MetricsLane } from '../../shared/metrics.ts';

/** In the place of a slot: for a server that stands in no backend. */
export const NO_BACKEND = -1;

export class ConnectionCounts {
  private readonly metrics: MetricsLane;
  private readonly counts: BackendCounts;
  private readonly slot: number;

  constructor(metrics: MetricsLane, counts: BackendCounts, slot: number) {
    this.metrics = metrics;
    this.counts = counts;
    this.slot = slot;
  }

  /** One is being dialed. */
  opened(): void {
    this.metrics.upstreamOpened();
    this.counts.opened(this.slot);
  }

  /** It takes requests, `ms` after it was dialed. */
  connected(ms: number): void {
    this.counts.connected(this.slot, ms / 1_000);
  }

  dialFailed(cause: string): void {
    this.counts.dialFailed(this.slot, cause);
  }

  closed(): void {
    this.metrics.upstreamClosed();
    this.counts.closed(this.slot);
  }

  /** A request goes over one that had served before. */
  reused(): void {
    this.counts.reused(this.slot);
  }

  rests(): void {
    this.counts.idle(this.slot, 1);
  }

  /** One that rested serves again. */
  awakes(): void {
    this.counts.idle(this.slot, -1);
  }

  /** One that rested is closed; `closed` is owed as well. */
  closedIdle(byServer: boolean): void {
    this.counts.idle(this.slot, -1);
    this.counts.closedIdle(this.slot, byServer);
  }
}
