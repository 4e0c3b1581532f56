/** What each worker is asked and how busy it is. */

import { SUMMARY_SUMS } from '../../shared/metrics-layout.ts';
import { MetricsReader } from '../../shared/metrics-reader.ts';
import type { ControlView } from '../view.ts';
import { Utilization } from '../workers/utilization.ts';
import { countSummary } from './counted.ts';
import { COUNTS, Rates, recentRequests } from './rates.ts';

type WorkerRow = { readonly reader: MetricsReader; readonly rates: Rates; readonly busy: Utilization; share: number };

export class WorkerRows {
  private readonly view: ControlView;
  private readonly rows: readonly WorkerRow[];
  private readonly sums = new Float64Array(SUMMARY_SUMS);
  private readonly counts = new Float64Array(COUNTS.length);
  private readonly all = new Float64Array(COUNTS.length);

  constructor(view: ControlView) {
    this.view = view;
    this.rows = view.metricsLanes().map((lane) => ({
      reader: new MetricsReader(() => [lane]),
      rates: new Rates(),
      busy: new Utilization(),
      share: 0,
    }));
  }

  look(look: number): void {
    const entryPoints = this.view.entryPoints().length;
    const workers = this.view.workers();
    for (const [index, row] of this.rows.entries()) {
      this.all.fill(0);
      for (let entryPoint = 0; entryPoint < entryPoints; entryPoint++) {
        row.reader.sums(entryPoint, this.sums);
        countSummary(this.sums, this.counts);
        for (let i = 0; i < this.all.length; i++) this.all[i] += this.counts[i];
      }
      row.rates.take(look, this.all);
      row.share = row.busy.now(workers[index]?.loop() ?? null);
    }
  }

  /** Requests of the last 10 s, and the share of its time that its event loop was busy lately. */
  of(index: number, look: number): { readonly requests: number; readonly busy: number } {
    const row = this.rows[index];
    return row === undefined
      ? { requests: 0, busy: 0 }
      : { requests: recentRequests(row.rates, look), busy: row.share };
  }
}
