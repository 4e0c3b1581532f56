/** The limits of tsuji as a whole, and what of each is used. */
import { monotonicMs } from '../kernel/monotonic-clock.ts';
import { QUEUE, type QueueOptions } from '../middlewares/queue.ts';
import type { Model } from '../model/model.ts';
import type { Settings } from '../settings/settings.ts';
import { LabelReader } from '../shared/label-counts.ts';
import { MetricsReader } from '../shared/metrics-reader.ts';
import { RATE_BUCKETS } from '../shared/rate-buckets.ts';
import { SLOT_CAPACITY } from '../shared/slots.ts';
import type { Balancing } from './balancing/balancing.ts';
import type { LimitUse } from './view.ts';
import type { SharedMemory } from './workers/shared-memory.ts';

type Limited = {
  readonly settings: Settings;
  readonly memory: SharedMemory;
  readonly balancing: Pick<Balancing, 'backendSlots' | 'serverSlots'>;
  /** As file descriptors allow; 0: no limit is known. */
  readonly mostConnections: number;
};

export function limitUses(limited: Limited, model: Model): LimitUse[] {
  const { settings, memory, mostConnections } = limited;
  const { backendSlots, serverSlots } = limited.balancing;
  const reader = new MetricsReader(() => memory.lanes);
  const uses: LimitUse[] = [
    { name: 'open_files', value: mostConnections, used: memory.descriptors() },
    { name: 'series', value: 1, used: reader.fullness() },
    { name: 'labels', value: 1, used: new LabelReader(() => memory.counts.map(({ labels }) => labels)).used() },
    { name: 'worker_buffers', value: settings.bufferLimits.worker * settings.workers, used: reader.bufferedBytes() },
    { name: 'disk', value: settings.bufferDisk.most, used: reader.bytesOnDisk() },
    { name: 'backend_slots', value: SLOT_CAPACITY, used: backendSlots.size },
    { name: 'server_slots', value: SLOT_CAPACITY, used: serverSlots.size },
    { name: 'ratelimit', value: RATE_BUCKETS, used: memory.rateBuckets.used(monotonicMs()) },
    { name: 'queue', ...fullestQueue(limited, model) },
  ];
  // Of what has none there is nothing to tell.
  return uses.filter(({ value }) => value > 0);
}

/** Of the requests that may wait for a place of their backend's. */
function fullestQueue({ balancing, memory }: Limited, { backends }: Model): { value: number; used: number } {
  let fullest = { value: 0, used: 0 };
  for (const { name, options } of backends.values()) {
    const queue = options?.[QUEUE.name] as QueueOptions | undefined;
    const slot = queue === undefined ? -1 : balancing.backendSlots.find(name);
    if (queue === undefined || slot < 0) continue;
    const used = memory.tokenCounts.waiting(slot);
    const isFuller = used / queue.places > fullest.used / fullest.value;
    if (isFuller || fullest.value === 0) fullest = { value: queue.places, used };
  }
  return fullest;
}
