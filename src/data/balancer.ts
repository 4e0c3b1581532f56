/**
 * Which server of a backend has its turn. Weighted round robin that is exact over all workers: the schedule stands in
 * the table, the cursor is one word in shared memory (DESIGN §5, shared/spec kv-schema §4.1).
 */
import { takeTurn } from '../shared/cursors.ts';
import type { BackendView, ServerView } from '../table/views.ts';

/** Null when the schedule is empty: no server, or all weights 0. */
export function nextServer(backend: BackendView, cursors: Int32Array): ServerView | null {
  if (backend.scheduleLength === 0) return null;
  const turn = takeTurn(cursors, backend.slot) % backend.scheduleLength;
  return backend.servers[backend.schedule[turn]];
}
