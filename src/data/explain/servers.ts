/** What the servers of a backend are to a request: who may get it, who does not and why. Takes no turn. */
import type { RequestHead } from '../../http/request-head.ts';
import type { ExplainedServer } from '../../protocol/explanation.ts';
import { DOWN, EJECTED, IN } from '../../shared/server-state.ts';
import type { ServerView } from '../../table/views.ts';
import type { Balancer } from '../balancing/balancer.ts';
import { NO_HASH } from '../balancing/choosers.ts';
import { mayTry } from '../balancing/stand-in.ts';
import type { Peer } from '../middleware.ts';

function stateOf(server: ServerView, index: number, { rotation }: Balancer): ExplainedServer['state'] {
  const { state, backend } = rotation;
  if (state.health(server.slot) === DOWN) return 'down';
  if (backend.policy?.draining?.includes(index) === true) return 'draining';
  if (server.weight === 0) return 'not used';
  const ejection = state.ejection(server.slot);
  if (ejection !== IN) return ejection === EJECTED ? 'ejected' : 'on trial';
  if (backend.policy?.suspects?.includes(index) === true) return 'suspect';
  return state.failures(server.slot) > 0 ? 'failing' : 'in rotation';
}

/** Why a server in that state gets nothing new. */
const WHY_NOT: Readonly<Record<ExplainedServer['state'], string>> = {
  'in rotation': 'another one is chosen for it',
  failing: 'another one is chosen for it',
  'not used': 'its weight is 0',
  draining: 'it keeps its sessions, and gets nothing new',
  suspect: 'its lease ran out: it is for when no other can be had, or all others have failed a request',
  down: 'its health check fails',
  ejected: 'it has failed too many requests in a row',
  'on trial': 'one request finds out whether it serves again',
};

/** Whoever is asked although it has failed. */
function whyFailing(failures: number, { rotation, ejectionFailures }: Balancer): string {
  const tries = failures === 1 ? 'its last try has' : `its last ${failures} tries have`;
  const last = rotation.servers.length === 1 ? ', and the last server of a backend is never taken out for that' : '';
  const soon = ejectionFailures > failures ? `, after ${ejectionFailures} in a row it is ejected` : '';
  return `: ${tries} failed${last === '' ? soon : last}`;
}

/** Of each server that gets it, that it does, and why. */
function chancesOf(balancer: Balancer, head: RequestHead, from: Peer): Map<ServerView, readonly [number, string]> {
  const { rotation, sticky, hashKey, chooser, failover } = balancer;
  const pinned = sticky?.find(head) ?? null;
  if (pinned !== null && rotation.keeps(pinned)) return new Map([[pinned, [1, 'the cookie of its session names it']]]);
  if (mayTry(head) && rotation.trial !== null && rotation.awaitsTrial(rotation.trial)) {
    return new Map([[rotation.trial, [1, 'the next request tries it']]]);
  }
  if (rotation.scheduleLength === 0 || (failover !== null && rotation.up === 0)) return new Map();
  const hash = hashKey === null ? NO_HASH : hashKey.of(head, from);
  const why =
    hash !== NO_HASH
      ? 'by the hash of the request'
      : rotation.up === 0
        ? 'it is ejected, but there is no other'
        : rotation.servers.length === 1
          ? 'there is no other'
          : 'by its turn or load';
  const chances = chooser.chances(rotation, hash);
  return new Map(rotation.servers.map((server, i) => [server, [chances[i], why]]));
}

export function explainServers(balancer: Balancer, head: RequestHead, from: Peer): ExplainedServer[] {
  const { rotation } = balancer;
  rotation.sync();
  const chances = chancesOf(balancer, head, from);
  return rotation.backend.servers.map((server, index) => {
    const state = stateOf(server, index, balancer);
    const at = rotation.servers.indexOf(server);
    const [chance, why] = chances.get(server) ?? [0, ''];
    const failures = rotation.state.failures(server.slot);
    return {
      name: server.name,
      url: server.url,
      weight: server.weight,
      effectiveWeight: at < 0 ? 0 : rotation.weights[at],
      state,
      inFlight: rotation.state.inFlight(server.slot),
      failures,
      chance,
      why: chance > 0 ? why + (state === 'failing' ? whyFailing(failures, balancer) : '') : WHY_NOT[state],
    };
  });
}
