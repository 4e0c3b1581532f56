/** Backends as a worker sees them, made by the real writer and reader of the table, with shared memory of their own. */
import { createCursors } from '../../src/shared/cursors.ts';
import { createServerState, ServerLane, ServerState } from '../../src/shared/server-state.ts';
import type { BackendPolicy } from '../../src/table/options.ts';
import { TableSections } from '../../src/table/sections.ts';
import { BackendView } from '../../src/table/views.ts';
import { writeTable } from '../../src/table/writer.ts';

/** Its servers are `http://s0`, `http://s1`, … in slots 0, 1, … */
export function backendView(weights: readonly number[], policy?: BackendPolicy): BackendView {
  const servers = weights.map((weight, slot) => ({
    name: `s${slot}`,
    slot,
    url: `http://s${slot}`,
    scheme: 'http' as const,
    host: `s${slot}`,
    port: 80,
    hostHeader: `s${slot}`,
    weight,
  }));
  const backend = { name: 'b', slot: 3, servers, pipelining: 0, ...(policy === undefined ? {} : { policy }) };
  const sections = new TableSections(writeTable({ generation: 1, backends: [backend], frontends: [] }));
  return new BackendView(sections, 0);
}

/** `lanes`: one per worker. */
export function sharedMemory(workers = 1) {
  const buffer = createServerState(workers);
  const lanes = Array.from({ length: workers }, (_, worker) => new ServerLane(buffer, worker));
  return { cursors: new Int32Array(createCursors()), serverState: new ServerState(buffer), lanes };
}
