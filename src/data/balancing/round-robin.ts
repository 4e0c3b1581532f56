/**
 * Which server of a backend has its turn. Weighted round robin that is exact over all workers: the schedule stands in
 * the table, the cursor is one word in shared memory (DESIGN §5, shared/spec kv-schema §4.1).
 */
import { takeTurn } from '../../shared/cursors.ts';
import type { BackendView, ServerView } from '../../table/views.ts';

/**
 * Null when the schedule is empty: no server, or all weights 0. `failedUrl`: of the server that has just failed this
 * request, '' for a first try. It gets no second try while there is another server; without that, the turns that other
 * requests take in between can lead all tries of one request to the same dead server.
 */
export function nextServer(backend: BackendView, cursors: Int32Array, failedUrl: string): ServerView | null {
  const { schedule, scheduleLength, servers, slot } = backend;
  if (scheduleLength === 0) return null;
  let server = servers[schedule[takeTurn(cursors, slot) % scheduleLength]];
  for (let turns = 1; server.url === failedUrl && turns < scheduleLength; turns++) {
    server = servers[schedule[takeTurn(cursors, slot) % scheduleLength]];
  }
  return server;
}
