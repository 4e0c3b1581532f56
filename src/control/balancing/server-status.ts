/** What the admin pages say of a server: one word for how it stands, and what it is doing. */
import type { Backend, Server } from '../../model/model.ts';
import { DOWN, EJECTED, IN } from '../../shared/server-state.ts';
import { serverKey } from '../../shared/slots.ts';
import type { Ejector } from './ejector.ts';
import type { SharedServers } from './server-slots.ts';
import type { EffectiveWeights } from './weights.ts';

export type ServerStatus = {
  readonly state: 'in rotation' | 'slow start' | 'not used' | 'draining' | 'down' | 'ejected' | 'on trial' | 'suspect';
  /** New requests are sent to it; to a suspect one, when the backend has no other at all. */
  readonly up: boolean;
  /** Exchanges that all workers have with it. */
  readonly inFlight: number;
  /** As it counts now: slow start and drr change it. In proportion to the other servers only. */
  readonly effectiveWeight: number;
  /** Since start. */
  readonly ejections: number;
};

const NEW: ServerStatus = Object.freeze({
  state: 'in rotation',
  up: true,
  inFlight: 0,
  effectiveWeight: 0,
  ejections: 0,
});

function isLastResort({ servers }: Backend): boolean {
  return servers.every(({ suspect }) => suspect === true);
}

export function serverStatus(
  shared: SharedServers,
  ejector: Ejector,
  weights: EffectiveWeights,
  backend: Backend,
  server: Server,
): ServerStatus {
  const slot = shared.serverSlots.find(serverKey(backend.name, server.url));
  // Its first table is still being made.
  if (slot < 0) return { ...NEW, effectiveWeight: server.weight };
  const { state } = shared;
  const ejection = state.ejection(slot);
  let word: ServerStatus['state'] = 'in rotation';
  if (state.health(slot) === DOWN) word = 'down';
  else if (server.draining === true) word = 'draining';
  else if (server.weight === 0) word = 'not used';
  else if (ejection !== IN) word = ejection === EJECTED ? 'ejected' : 'on trial';
  else if (server.suspect === true) word = 'suspect';
  else if (weights.percent(backend, slot) < 100) word = 'slow start';
  return {
    state: word,
    up: word === 'in rotation' || word === 'slow start' || (word === 'suspect' && isLastResort(backend)),
    inFlight: state.inFlight(slot),
    effectiveWeight: state.weight(slot) || server.weight,
    ejections: ejector.count(slot),
  };
}
