/** The memory that main shares with its workers for as long as they live, and main's views of it. */

import type { CountBuffers } from '../../kernel/metrics-options.ts';
import type { Boot } from '../../protocol/messages.ts';
import { BACKEND_STRIDE, forgetConnections } from '../../shared/backend-counts.ts';
import { createCountBuffers } from '../../shared/count-buffers.ts';
import { createCursors, forgetTurns } from '../../shared/cursors.ts';
import { createDescriptorCounts, descriptorsInUse } from '../../shared/descriptor-counts.ts';
import { createDiskUse, forgetDiskUse } from '../../shared/disk-use.ts';
import { HistogramOwner, HistogramReader } from '../../shared/histograms.ts';
import { forgetLabelled } from '../../shared/label-counts.ts';
import { FAMILY } from '../../shared/label-families.ts';
import { createLiveNodes, LiveNodes } from '../../shared/live-nodes.ts';
import { createMetricsLane } from '../../shared/metrics-layout.ts';
import { forgetBackend, MetricsReader } from '../../shared/metrics-reader.ts';
import { createMirrorCounts, MirrorCounts } from '../../shared/mirror-counts.ts';
import { createNonceCounts, NonceCounts } from '../../shared/nonce-counts.ts';
import { createRateBuckets, RateBuckets } from '../../shared/rate-buckets.ts';
import { SERVER_STRIDE } from '../../shared/server-counts.ts';
import { createServerState, ServerState } from '../../shared/server-state.ts';
import { forgetSlot } from '../../shared/slot-counts.ts';
import { createTokenCounts, TokenCounts } from '../../shared/token-counts.ts';
import { createTraceBudget } from '../../shared/trace-budget.ts';

/** What all workers get alike. */
export type SharedBuffers = Pick<
  Boot,
  | 'cursors'
  | 'serverState'
  | 'tokenCounts'
  | 'rateBuckets'
  | 'liveNodes'
  | 'descriptorCounts'
  | 'diskUse'
  | 'nonceCounts'
  | 'mirrorCounts'
  | 'traceBudget'
>;

export class SharedMemory {
  readonly buffers: SharedBuffers;
  /** Of metrics, one per worker. */
  readonly lanes: readonly SharedArrayBuffer[];
  /** One per worker as well. */
  readonly counts: readonly CountBuffers[];
  readonly cursors: Int32Array;
  readonly serverState: ServerState;
  readonly tokenCounts: TokenCounts;
  readonly liveNodes: LiveNodes;
  readonly mirrorCounts: MirrorCounts;
  readonly rateBuckets: RateBuckets;
  readonly histograms: HistogramReader;
  private readonly nonceCounts: NonceCounts;

  /** `metricsBuckets`: upper bounds in seconds. `traces`: there are any. */
  constructor(workers: number, metricsBuckets: readonly number[], traces: boolean) {
    const cursors = createCursors();
    const serverState = createServerState(workers);
    const tokenCounts = createTokenCounts(workers);
    const rateBuckets = createRateBuckets();
    const liveNodes = createLiveNodes();
    const descriptorCounts = createDescriptorCounts(workers);
    const diskUse = createDiskUse(workers);
    const nonceCounts = createNonceCounts();
    const mirrorCounts = createMirrorCounts();
    this.buffers = {
      cursors,
      serverState,
      tokenCounts,
      rateBuckets,
      liveNodes,
      descriptorCounts,
      diskUse,
      nonceCounts,
      mirrorCounts,
      traceBudget: createTraceBudget(),
    };
    this.lanes = Array.from({ length: workers }, () => createMetricsLane(metricsBuckets));
    const exemplarBounds = traces ? metricsBuckets.length : null;
    this.counts = Array.from({ length: workers }, () => createCountBuffers(exemplarBounds));
    this.histograms = new HistogramReader(this.counts.map(({ histograms }) => histograms));
    this.cursors = new Int32Array(cursors);
    this.serverState = new ServerState(serverState);
    this.tokenCounts = new TokenCounts(tokenCounts);
    this.liveNodes = new LiveNodes(liveNodes);
    this.rateBuckets = new RateBuckets(rateBuckets, workers);
    this.nonceCounts = new NonceCounts(nonceCounts, workers);
    this.mirrorCounts = new MirrorCounts(mirrorCounts);
  }

  /** Exchanges that are open in one worker, or in all. */
  openExchanges(worker?: number): number {
    const lanes = worker === undefined ? this.lanes : [this.lanes[worker]];
    return new MetricsReader(() => lanes).openExchanges().reduce((sum, { value }) => sum + value, 0);
  }

  /** File descriptors of connections and bodies. */
  descriptors(): number {
    return descriptorsInUse(this.buffers.descriptorCounts);
  }

  /** The slot has a new name. */
  forgetBackend(slot: number): void {
    forgetTurns(this.cursors, slot);
    this.tokenCounts.forget(slot);
    forgetBackend(
      this.lanes,
      this.counts.map(({ exemplars }) => exemplars),
      slot,
    );
    forgetSlot(
      this.counts.map(({ backends }) => new Float64Array(backends)),
      BACKEND_STRIDE,
      slot,
    );
  }

  /** As `forgetBackend`, of a server. */
  forgetServer(slot: number): void {
    forgetSlot(
      this.counts.map(({ servers }) => new Float64Array(servers)),
      SERVER_STRIDE,
      slot,
    );
    this.histograms.forget(HistogramOwner.ofServer(slot));
  }

  /**
   * A worker has ended, however it did: what it counted and held is given back. `backendSlots`: those below were ever given out.
   */
  workerEnded(index: number, backendSlots: number): void {
    forgetConnections(new Float64Array(this.counts[index].backends), backendSlots);
    forgetLabelled(this.counts[index].labels, FAMILY.backendOpen);
    this.tokenCounts.laneDied(index);
    this.rateBuckets.laneDied(index);
    this.nonceCounts.laneDied(index);
    forgetDiskUse(this.buffers.diskUse, index);
  }
}
