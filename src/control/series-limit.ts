/** Tells the log when metrics have no room for more series, and how often something was counted as `(other)` since. */
import { tellLimit } from '../kernel/limit-log.ts';
import { LabelReader, OTHER } from '../shared/label-counts.ts';
import { MetricsReader } from '../shared/metrics-reader.ts';
import type { SharedMemory } from './workers/shared-memory.ts';

const LOOK_MS = 10_000;

type Folds = { readonly object: string; readonly folded: () => number; told: number };

export class SeriesLimit {
  private readonly all: readonly Folds[];
  private timer: NodeJS.Timeout | null = null;

  constructor({ lanes, counts }: Pick<SharedMemory, 'lanes' | 'counts'>) {
    const reader = new MetricsReader(() => lanes);
    const labels = new LabelReader(() => counts.map((buffers) => buffers.labels));
    this.all = [
      { object: 'requests', folded: () => reader.folded(), told: 0 },
      { object: 'labels', folded: () => labels.folded(), told: 0 },
    ];
  }

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  private look(): void {
    for (const folds of this.all) {
      const value = folds.folded();
      const times = value - folds.told;
      folds.told = value;
      if (times <= 0) continue;
      tellLimit({ limit: 'series', object: folds.object, value, what: `counts that went to ${OTHER}` }, {}, times);
    }
  }
}
