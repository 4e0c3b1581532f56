/**
 * What a worker counts of itself: how late its timers are, the memory of its JavaScript, and the time that the garbage
 * collector took. Once in a tenth of a second, so that it costs nothing to speak of.
 */
import { constants, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import type { LabelCounts } from '../shared/label-counts.ts';
import { FAMILY } from '../shared/label-families.ts';

const LOOK_MS = 100;
/** Looks between two at the memory, which cost more. */
const LOOKS_PER_HEAP = 10;
const KINDS: readonly (readonly [kind: number, name: string])[] = [
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak_callbacks'],
];

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

export class SelfCounts {
  private readonly labels: LabelCounts;
  private readonly lag: number;
  private readonly heap: readonly number[];
  private readonly interval: NodeJS.Timeout;
  private readonly observer: PerformanceObserver;
  private dueAt = performance.now() + LOOK_MS;
  private looks = 0;

  constructor(labels: LabelCounts, worker: number) {
    const name = String(worker);
    this.labels = labels;
    this.lag = labels.at(FAMILY.lag, [name]);
    this.heap = ['used', 'total', 'external', 'array_buffers'].map((kind) => labels.at(FAMILY.heap, [name, kind]));
    const places = new Map(KINDS.map(([kind, text]) => [kind, labels.at(FAMILY.collections, [name, text])]));
    this.observer = new PerformanceObserver((list) => {
      for (const { duration, detail } of list.getEntries() as GcEntry[]) {
        const place = places.get(detail.kind);
        if (place !== undefined) labels.add(place, duration / 1_000);
      }
    });
    this.observer.observe({ entryTypes: ['gc'] });
    this.interval = setInterval(() => this.look(), LOOK_MS);
    this.interval.unref();
    this.lookAtHeap();
  }

  stop(): void {
    clearInterval(this.interval);
    this.observer.disconnect();
  }

  private look(): void {
    const now = performance.now();
    this.labels.observe(this.lag, FAMILY.lag.bounds!, Math.max(now - this.dueAt, 0) / 1_000);
    this.dueAt = now + LOOK_MS;
    if (++this.looks % LOOKS_PER_HEAP === 0) this.lookAtHeap();
  }

  private lookAtHeap(): void {
    const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    for (const [i, bytes] of [heapUsed, heapTotal, external, arrayBuffers].entries())
      this.labels.set(this.heap[i], bytes);
  }
}
