/**
 * Rates and percentiles of the last few seconds: what was counted since a mark that is 5 to 10 s old. Marks are set
 * by `tick`, which the admin server calls every second.
 *
 *     ── previous mark ───── 5 s ───── latest mark ── 0…5 s ── now
 *        └───────────────── the window ─────────────────────────┘
 */
import { type MetricsOwner, type MetricsReader, ownerOf, type SummaryTotal } from '../../shared/metrics-reader.ts';
import { type Percentiles, percentilesOf } from './percentiles.ts';

const MARK_INTERVAL_MS = 5000;

export type LiveNumbers = {
  /** Since start. */
  readonly requests: number;
  readonly retries: number;
  readonly requestsPerSecond: number;
  /** Answers with a code from 500 on. */
  readonly errorsPerSecond: number;
  /** Null when the window saw no request. */
  readonly latency: Percentiles | null;
};

export const NO_NUMBERS: LiveNumbers = Object.freeze({
  requests: 0,
  retries: 0,
  requestsPerSecond: 0,
  errorsPerSecond: 0,
  latency: null,
});

type Counted = { readonly summary: SummaryTotal; readonly latency: Uint32Array };
type Mark = { readonly at: number; readonly counted: ReadonlyMap<number, Counted> };

export class LiveWindow {
  private readonly reader: MetricsReader;
  private previous: Mark;
  private latest: Mark;

  /** `now`: milliseconds of a clock that never goes back, here and below. */
  constructor(reader: MetricsReader, now: number) {
    this.reader = reader;
    this.previous = { at: now, counted: new Map() };
    this.latest = this.previous;
  }

  tick(now: number): void {
    if (now - this.latest.at < MARK_INTERVAL_MS) return;
    const counted = new Map<number, Counted>();
    for (const [owner, summary] of this.reader.summaries()) {
      const last = this.latest.counted.get(owner);
      // The counts of an idle owner have not moved: no second copy of 1.5 kB.
      const latency = last?.summary.count === summary.count ? last.latency : this.reader.latency(owner);
      counted.set(owner, { summary, latency });
    }
    this.previous = this.latest;
    this.latest = { at: now, counted };
  }

  seconds(now: number): number {
    return Math.max(now - this.previous.at, 1) / 1000;
  }

  /** By owner number of src/shared/metrics-reader.ts, all of this kind that ever had a request; worked out one by one. */
  *numbers(now: number, kind: MetricsOwner['kind']): Generator<[owner: number, numbers: LiveNumbers]> {
    const seconds = this.seconds(now);
    const { counted } = this.previous;
    for (const [owner, summary] of this.reader.summaries()) {
      if (ownerOf(owner).kind !== kind) continue;
      const before = counted.get(owner);
      const requests = summary.count - (before?.summary.count ?? 0);
      const numbers = {
        requests: summary.count,
        retries: summary.retries,
        requestsPerSecond: requests / seconds,
        errorsPerSecond: (summary.errors - (before?.summary.errors ?? 0)) / seconds,
        latency: requests === 0 ? null : this.latencySince(owner, before),
      };
      yield [owner, numbers];
    }
  }

  private latencySince(owner: number, before: Counted | undefined): Percentiles | null {
    const counts = this.reader.latency(owner);
    // Both are modulo 2^32, and so is their difference.
    if (before !== undefined) for (let i = 0; i < counts.length; i++) counts[i] -= before.latency[i];
    return percentilesOf(counts);
  }
}
