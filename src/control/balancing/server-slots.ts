/** The servers of a backend with their slots, as the main thread looks at them in shared memory. */
import type { Backend, Model, Server } from '../../model/model.ts';
import { serversChanged } from '../../shared/cursors.ts';
import { DOWN, EJECTED, type ServerState } from '../../shared/server-state.ts';
import { type SlotRegistry, serverKey } from '../../shared/slots.ts';

export type SlottedServer = { readonly server: Server; readonly slot: number };

export type SharedServers = {
  readonly state: ServerState;
  readonly cursors: Int32Array;
  readonly backendSlots: SlotRegistry;
  readonly serverSlots: SlotRegistry;
  /** The newest one. */
  readonly model: () => Model;
  /** As in server-log.ts. */
  readonly frontendsNaming: (backend: string) => Iterable<string>;
  /** What is known of servers of that backend has changed. Absent: nobody wants to know. */
  readonly onServers?: (backend: Backend) => void;
};

/** Those that were in a table before; others have no slot yet. */
export function slottedServers({ serverSlots }: SharedServers, backend: Backend): SlottedServer[] {
  const found: SlottedServer[] = [];
  for (const server of backend.servers) {
    const slot = serverSlots.find(serverKey(backend.name, server.url));
    if (slot >= 0) found.push({ server, slot });
  }
  return found;
}

/** After a change of a server's words: the workers look at them. */
export function tellWorkers({ cursors, backendSlots, onServers }: SharedServers, backend: Backend): void {
  const slot = backendSlots.find(backend.name);
  if (slot >= 0) serversChanged(cursors, slot);
  onServers?.(backend);
}

/** Nothing that is known of it keeps requests away. */
export function isUsable({ serverSlots, state }: SharedServers, backend: Backend, server: Server): boolean {
  if (server.weight === 0 || server.draining === true) return false;
  const slot = serverSlots.find(serverKey(backend.name, server.url));
  return slot < 0 || (state.health(slot) !== DOWN && state.ejection(slot) !== EJECTED);
}
