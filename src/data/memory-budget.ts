/**
 * What waits in one worker, because the side that it is for does not take it: bodies of requests, responses for slow
 * clients, WebSocket messages. A holder says how much it holds whenever that changes; one that holds nothing never
 * comes here. Beyond the budget of the worker whoever holds most is ended; beyond that of a connection, its holder.
 */

import { tellLimit } from '../kernel/limit-log.ts';
import type { BufferLimits } from '../kernel/serving-options.ts';
import type { MetricsLane } from '../shared/metrics.ts';

/** Bytes: who holds less is not ended where memory is short, since that would help nobody. */
const WORTH_ENDING = 65_536;

/** An exchange, its client's side, a session, a WebSocket: whatever can be ended to get its memory back. */
export interface BufferHolder {
  /** 0 at first; only the budget writes it. */
  heldBytes: number;
  /** Ends it and lets go of all that it holds, within the call. Comes while another holder, or this one, asks for more. */
  endOverBudget(): void;
}

export class MemoryBudget {
  private readonly limits: BufferLimits;
  private readonly metrics: MetricsLane;
  private readonly holders = new Set<BufferHolder>();
  private total = 0;

  constructor(limits: BufferLimits, metrics: MetricsLane) {
    this.limits = limits;
    this.metrics = metrics;
  }

  /** What all of them hold, bytes. */
  get heldBytes(): number {
    return this.total;
  }

  /** It could hold `bytes` without anybody being ended for it. */
  hasRoom(holder: BufferHolder, bytes: number): boolean {
    const { worker, connection } = this.limits;
    return (
      (connection === 0 || bytes <= connection) && (worker === 0 || this.total - holder.heldBytes + bytes <= worker)
    );
  }

  /** `holder` holds `bytes` now. False: it was ended for it, within the call. */
  hold(holder: BufferHolder, bytes: number): boolean {
    const { worker, connection } = this.limits;
    if (bytes === 0) {
      this.release(holder);
      return true;
    }
    if (holder.heldBytes === 0) this.holders.add(holder);
    this.change(holder, bytes);
    if (connection > 0 && bytes > connection) this.end(holder, 'limits.connectionBuffers');
    while (worker > 0 && this.total > worker) this.end(this.largest(), 'limits.workerBuffers');
    return holder.heldBytes === bytes;
  }

  /** `holder` holds nothing any more. To be called only where it held something: that is one look at a field. */
  release(holder: BufferHolder): void {
    this.change(holder, 0);
    this.holders.delete(holder);
  }

  /** The worker is short of memory: ends whoever holds most, if that is worth it. */
  endLargest(): void {
    if (this.holders.size === 0) return;
    const largest = this.largest();
    if (largest.heldBytes >= WORTH_ENDING) this.end(largest, 'limits.workerHeap');
  }

  private change(holder: BufferHolder, bytes: number): void {
    this.total += bytes - holder.heldBytes;
    holder.heldBytes = bytes;
    this.metrics.buffered(this.total);
  }

  private largest(): BufferHolder {
    let largest: BufferHolder | null = null;
    for (const holder of this.holders) if (largest === null || holder.heldBytes > largest.heldBytes) largest = holder;
    return largest!;
  }

  private end(holder: BufferHolder, limit: string): void {
    const value = holder.heldBytes;
    // First, so that it is not ended twice, and whatever its end does is not counted against the others.
    this.release(holder);
    this.metrics.overBudget();
    tellLimit({ limit: 'memory', object: limit, value, what: 'whoever waits with most' });
    holder.endOverBudget();
  }
}
