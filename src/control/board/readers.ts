/** Where the board reads what workers have counted, without making anything: it does so for thousands of owners every 2 s. */
import { HistogramOwner, HistogramReader } from '../../shared/histograms.ts';
import { FIRST_BACKEND, SUMMARY_SUMS } from '../../shared/metrics-layout.ts';
import { MetricsReader } from '../../shared/metrics-reader.ts';
import { SERVER_STRIDE } from '../../shared/server-counts.ts';
import { sumOfSlot } from '../../shared/slot-counts.ts';
import type { ControlView } from '../view.ts';
import { countServer, countSummary } from './counted.ts';
import type { ReadLatency } from './history.ts';

const NONE: ReadLatency = () => {};

export class Readers {
  readonly metrics: MetricsReader;
  readonly histograms: HistogramReader;
  private readonly servers: readonly Float64Array[];
  private readonly sums = new Float64Array(SUMMARY_SUMS);
  private readonly record = new Float64Array(SERVER_STRIDE);

  constructor(view: ControlView) {
    this.metrics = new MetricsReader(() => view.metricsLanes());
    const buffers = view.countBuffers();
    this.histograms = new HistogramReader(buffers.map(({ histograms }) => histograms));
    this.servers = buffers.map(({ servers }) => new Float64Array(servers));
  }

  entryPoint(index: number, counts: Float64Array): void {
    this.metrics.sums(index, this.sums);
    countSummary(this.sums, counts);
  }

  /** Requests of a backend that were ever answered: much less to read than `backend`. */
  answered(slot: number): number {
    return slot < 0 ? 0 : this.metrics.count(FIRST_BACKEND + slot);
  }

  /** Slots below 0 have counted nothing, here and below. */
  backend(slot: number, counts: Float64Array): void {
    if (slot < 0) {
      counts.fill(0);
      return;
    }
    this.metrics.sums(FIRST_BACKEND + slot, this.sums);
    countSummary(this.sums, counts);
  }

  server(slot: number, counts: Float64Array): void {
    this.record.fill(0);
    if (slot >= 0) sumOfSlot(this.servers, SERVER_STRIDE, slot, this.record);
    countServer(this.record, counts);
  }

  latencyOf(owner: number): ReadLatency {
    return (sums) => void this.metrics.latency(owner, sums);
  }

  latencyOfBackend(slot: number): ReadLatency {
    return slot < 0 ? NONE : this.latencyOf(FIRST_BACKEND + slot);
  }

  latencyOfServer(slot: number): ReadLatency {
    return slot < 0 ? NONE : this.latencyOfOwner(HistogramOwner.ofServer(slot));
  }

  latencyOfOwner(owner: HistogramOwner): ReadLatency {
    return (sums) => this.histograms.latency(owner, sums);
  }
}
