/** How much JavaScript heap a worker may have. */
import { totalmem } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';

const MIB = 1_048_576;
const LEAST_MB = 256;
/** What V8 takes by itself where there is plenty. */
const MOST_MB = 4_096;
/** Of V8: three times a semi-space of a power of two. The largest is its default. */
const YOUNG_MB = 192;
const SMALL_YOUNG_MB = 48;
const SMALLEST_YOUNG_MB = 24;

/** Of this host, or what a container leaves us, MiB. */
function memoryMb(): number {
  const constrained = process.constrainedMemory();
  return Math.min(totalmem(), constrained > 0 ? constrained : Number.POSITIVE_INFINITY) / MIB;
}

/** `askedMb`: of `--limits.workerHeap`; 0: half of the memory, shared by all workers, but 256 MiB to 4 GiB. */
export function workerHeap(askedMb: number, workers: number, memory: number = memoryMb()): ResourceLimits {
  const shared = Math.min(Math.max(Math.floor(memory / 2 / workers), LEAST_MB), MOST_MB);
  const maxOldGenerationSizeMb = askedMb > 0 ? askedMb : shared;
  let maxYoungGenerationSizeMb = YOUNG_MB;
  if (maxOldGenerationSizeMb < 8 * YOUNG_MB) maxYoungGenerationSizeMb = SMALL_YOUNG_MB;
  if (maxOldGenerationSizeMb < 8 * SMALL_YOUNG_MB) maxYoungGenerationSizeMb = SMALLEST_YOUNG_MB;
  return { maxOldGenerationSizeMb, maxYoungGenerationSizeMb };
}
