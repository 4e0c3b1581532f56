/**
 * Gives back the memory that a large change has left behind. V8 collects a heap when that grows; while hardly anything is
 * allocated any more, nothing makes it look: with 100 000 frontends tsuji kept 600 MB of what it had read the keys with.
 */
import { getHeapStatistics } from 'node:v8';
import { collectGarbage } from '../kernel/collect-garbage.ts';
import { guarded } from './guarded.ts';

/** So long after it, so that whatever follows from the change is done. */
const LATER_MS = 3_000;
/** Up to such a heap, bytes, it may be thorough. */
const SMALL = 64 * 1_048_576;

let isDue = false;

/** Soon, and once for all that ask until then. */
export function letGoSoon(): void {
  if (isDue) return;
  isDue = true;
  const collect = guarded('memory', () => {
    isDue = false;
    collectGarbage(getHeapStatistics().used_heap_size < SMALL);
  });
  setTimeout(collect, LATER_MS).unref();
}
