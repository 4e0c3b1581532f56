/** A clock that never goes back and that all threads of the process share: what one writes down, another may compare. */
import { performance } from 'node:perf_hooks';

// performance.now() counts from the start of its thread. Both read the same clock of the system.
const [seconds, nanoseconds] = process.hrtime();
const OFFSET_MS = seconds * 1000 + nanoseconds / 1e6 - performance.now();

/** Milliseconds since some moment before the start of the process. */
export function monotonicMs(): number {
  return OFFSET_MS + performance.now();
}
