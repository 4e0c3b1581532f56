/** Which backends have had requests lately, as far as somebody asks. */
import { type MetricsReader, ownerOf } from '../../shared/metrics-reader.ts';

/** What counts as lately: from one to two of these. */
const SPAN_MS = 30_000;

export class BackendTraffic {
  private readonly reader: MetricsReader;
  private readonly nameOf: (slot: number) => string;
  private older: ReadonlyMap<string, number> = new Map();
  private newer: ReadonlyMap<string, number> = new Map();
  private timer: NodeJS.Timeout | null = null;

  constructor(reader: MetricsReader, nameOf: (slot: number) => string) {
    this.reader = reader;
    this.nameOf = nameOf;
  }

  /** Costs something every half a minute from now on. */
  start(): void {
    this.timer ??= setInterval(() => {
      this.older = this.newer;
      this.newer = this.counts();
    }, SPAN_MS).unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  has(backend: string): boolean {
    return (this.counts().get(backend) ?? 0) > (this.older.get(backend) ?? 0);
  }

  private counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { owner: number, count } of this.reader.summaries().values()) {
      const owner = ownerOf(number);
      if (owner.kind === 'backend') counts.set(this.nameOf(owner.slot), count);
    }
    return counts;
  }
}
