/** Metrics of the process and of the main thread's event loop. */
import { readdirSync } from 'node:fs';
import { head, labelText, sample, single } from './exposition.ts';

function openFiles(): string {
  try {
    // One of them is the directory that is being read.
    const count = readdirSync('/proc/self/fd').length - 1;
    return single('process_open_fds', 'gauge', 'Open file descriptors.', count);
  } catch {
    return ''; // no /proc: not Linux
  }
}

/** `startedAt`: Unix milliseconds. `lag`: seconds that a timer of the main thread was late. */
export function processMetrics(startedAt: number, lag: number): string {
  const { user, system } = process.cpuUsage();
  return (
    single('process_cpu_seconds_total', 'counter', 'CPU time of all threads.', (user + system) / 1e6) +
    single('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.memoryUsage.rss()) +
    single('process_start_time_seconds', 'gauge', 'Start of the process, Unix time.', startedAt / 1000) +
    openFiles() +
    single('nodejs_eventloop_lag_seconds', 'gauge', 'Lateness of the last timer of the main thread.', lag) +
    head('nodejs_version_info', 'gauge', 'Version of Node.js.') +
    sample('nodejs_version_info', labelText([['version', process.version]]), 1)
  );
}
