/**
 * Looks at how full the JavaScript heap of this worker is. A worker that runs out of it cannot end in order: V8 stops it
 * wherever it stands, and with handles of uWebSockets open that ends the whole process. So it has to give up before: first
 * what is new is refused and whoever holds most is ended, and when that does not help, the worker is replaced.
 *
 *     |── serves ──────────────────── SHORT ── refuses ── SPENT ── ends, is replaced ──| limit
 *
 * What looks full may be garbage, which V8 does not hurry to collect where nothing new is asked for: it is collected first.
 */
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { resourceLimits } from 'node:worker_threads';
import { collectGarbage } from '../kernel/collect-garbage.ts';

const LOOK_MS = 50;
/** Shares of the limit of the old generation. */
const SHORT = 0.75;
const SPENT = 0.88;
/** Looks between two collections while the heap is short: one stops the worker for a moment. */
const COLLECT_EVERY = 40;
const MIB = 1_048_576;

export interface HeapOwner {
  /** At each look while the heap is short. `limit`: bytes. */
  heapIsShort(limit: number): void;
  /** It is no longer. */
  heapHasRoom(): void;
  heapIsSpent(): void;
}

/** Bytes that have outlived the young generation. */
function oldBytes(): number {
  let bytes = 0;
  for (const space of getHeapSpaceStatistics())
    if (!space.space_name.startsWith('new_')) bytes += space.space_used_size;
  return bytes;
}

export class HeapWatch {
  private readonly owner: HeapOwner;
  private readonly limit: number;
  private readonly interval: NodeJS.Timeout;
  private short = false;
  private looksToCollection = 0;

  constructor(owner: HeapOwner) {
    this.owner = owner;
    // Not that of `resourceLimits`: --max-old-space-size has the last word.
    this.limit = getHeapStatistics().heap_size_limit - (resourceLimits.maxYoungGenerationSizeMb ?? 0) * MIB;
    this.interval = setInterval(() => this.look(), LOOK_MS);
    this.interval.unref();
  }

  stop(): void {
    clearInterval(this.interval);
  }

  private look(): void {
    if (this.looksToCollection > 0) this.looksToCollection--;
    if (oldBytes() >= SHORT * this.limit && this.looksToCollection === 0) {
      this.looksToCollection = COLLECT_EVERY;
      collectGarbage();
    }
    const share = oldBytes() / this.limit;
    if (share >= SPENT) {
      this.stop();
      this.owner.heapIsSpent();
    } else if (share >= SHORT) {
      this.short = true;
      this.owner.heapIsShort(this.limit);
    } else if (this.short) {
      this.short = false;
      this.owner.heapHasRoom();
    }
  }
}
