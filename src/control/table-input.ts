/** Model → what the table writer is given: names become numbers. */
import { TsujiError } from '../kernel/errors.ts';
import type { Backend, Frontend, Model } from '../model/model.ts';
import { type SlotRegistry, serverKey } from '../shared/slots.ts';
import type { TableBackend, TableFrontend, TableInput } from '../table/input.ts';
import type { BackendPolicy } from '../table/options.ts';

/** An entrypoint is a bit of one word. */
export const MAX_ENTRY_POINTS = 32;

function policyOf({ circuitBreaker, maxConn }: Backend): BackendPolicy {
  const isLimited = maxConn !== undefined && maxConn.amount !== 0;
  return {
    ...(circuitBreaker === undefined ? {} : { breaker: circuitBreaker }),
    ...(isLimited ? { maxConn: { amount: maxConn.amount, source: maxConn.source, header: maxConn.header } } : {}),
  };
}

function toTableBackend(
  backend: Backend,
  backendSlots: SlotRegistry,
  serverSlots: SlotRegistry,
  generation: number,
): TableBackend {
  return {
    name: backend.name,
    slot: backendSlots.slotOf(backend.name, generation),
    pipelining: backend.pipelining,
    policy: policyOf(backend),
    servers: backend.servers.map((server) => ({
      ...server,
      slot: serverSlots.slotOf(serverKey(backend.name, server.url), generation),
    })),
  };
}

function toTableFrontend(
  frontend: Frontend,
  backendIndexes: ReadonlyMap<string, number>,
  entryPoints: readonly string[],
): TableFrontend {
  let bits = 0;
  for (const name of frontend.entryPoints) {
    const index = entryPoints.indexOf(name);
    if (index >= 0) bits |= 1 << index;
  }
  const backend = backendIndexes.get(frontend.backend);
  if (backend === undefined) {
    throw new TsujiError('UNKNOWN_BACKEND', `frontend ${frontend.name} has no backend ${frontend.backend}`);
  }
  return {
    name: frontend.name,
    backend,
    rank: frontend.rank,
    entryPoints: bits,
    passHostHeader: frontend.passHostHeader,
    terms: frontend.terms,
    options: {
      ...(frontend.whiteList === undefined ? {} : { whiteList: frontend.whiteList }),
      ...(frontend.redirect === undefined ? {} : { redirect: frontend.redirect }),
    },
    ...(frontend.modifiers === undefined ? {} : { modifiers: frontend.modifiers }),
  };
}

/**
 * `entryPoints`: names, whose index is their bit, as in the boot record of a worker. Throws TsujiError SLOTS_FULL when
 * there is no slot for a backend or server, and TOO_MANY_ENTRY_POINTS beyond 32.
 */
export function toTableInput(
  model: Model,
  entryPoints: readonly string[],
  backendSlots: SlotRegistry,
  serverSlots: SlotRegistry,
  generation: number,
): TableInput {
  if (entryPoints.length > MAX_ENTRY_POINTS) {
    throw new TsujiError(
      'TOO_MANY_ENTRY_POINTS',
      `there are ${entryPoints.length} entrypoints; a routing table has room for ${MAX_ENTRY_POINTS}`,
    );
  }
  const backends: TableBackend[] = [];
  const backendIndexes = new Map<string, number>();
  for (const backend of model.backends.values()) {
    backendIndexes.set(backend.name, backends.length);
    backends.push(toTableBackend(backend, backendSlots, serverSlots, generation));
  }
  const frontends: TableFrontend[] = [];
  for (const frontend of model.frontends.values()) {
    frontends.push(toTableFrontend(frontend, backendIndexes, entryPoints));
  }
  return { generation, backends, frontends };
}
