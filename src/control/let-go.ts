/**
 * Gives back the memory that a large change has left behind. V8 collects a heap when that grows; while hardly anything is
 * allocated any more, nothing makes it look: with 100 000 frontends tsuji kept 600 MB of what it had read the keys with.
 */
import { collectGarbage } from '../kernel/collect-garbage.ts';
import { guarded } from './guarded.ts';

/** So long after it, so that whatever follows from the change is done. */
const LATER_MS = 3_000;

let isDue = false;

/** Soon, and once for all that ask until then. */
export function letGoSoon(): void {
  if (isDue) return;
  isDue = true;
  const collect = guarded('memory', () => {
    isDue = false;
    collectGarbage();
  });
  setTimeout(collect, LATER_MS).unref();
}
