/** Metrics of the process and of the main thread, named as the usual clients of Prometheus name them. */
import { readdirSync } from 'node:fs';
import { getHeapSpaceStatistics } from 'node:v8';
import { family, labelText, type Parts, type Row, single } from './exposition.ts';

function openFiles(): number | null {
  try {
    // One of them is the directory that is being read.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null; // no /proc: not Linux
  }
}

function* heapSpaces(): Generator<Row> {
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    yield [labelText([['space', space_name.replace(/_space$/, '')]]), space_used_size];
  }
}

/** `startedAt`: Unix milliseconds. `lag`: seconds that a timer of the main thread was late. */
export function* processMetrics(startedAt: number, lag: number): Parts {
  const { user, system } = process.cpuUsage();
  yield* single('process_cpu_seconds_total', 'counter', 'CPU time of all threads.', (user + system) / 1e6);
  yield* single('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.memoryUsage.rss());
  yield* single('process_start_time_seconds', 'gauge', 'Start of the process, Unix time.', startedAt / 1000);
  const files = openFiles();
  if (files !== null) yield* single('process_open_fds', 'gauge', 'Open file descriptors.', files);
  yield* single('nodejs_eventloop_lag_seconds', 'gauge', 'Lateness of the last timer of the main thread.', lag);
  const heap = 'Heap of the main thread in use, by space.';
  yield* family('nodejs_heap_space_size_used_bytes', 'gauge', heap, heapSpaces());
  const handles = process.getActiveResourcesInfo().length;
  yield* single('nodejs_active_resources', 'gauge', 'What keeps the event loop of the main thread going.', handles);
  const version: Row = [labelText([['version', process.version]]), 1];
  yield* family('nodejs_version_info', 'gauge', 'Version of Node.js.', [version]);
}
