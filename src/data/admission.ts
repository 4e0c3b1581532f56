/**
 * What stands between the head of a request and its first try: the guards of its entrypoint, its route, the guards of
 * its frontend, the path modifiers, and what the backend says. HTTP exchanges and WebSockets share it.
 */
import type { RequestHead } from '../http/request-head.ts';
import { FAULTS } from '../kernel/errors.ts';
import { log } from '../kernel/log.ts';
import type { FrontendView } from '../table/views.ts';
import type { Assignment } from './balancing/assignment.ts';
import type { WorkerContext } from './context.ts';
import type { Peer } from './guards/entrypoint-guard.ts';
import { checkFrontend } from './guards/frontend-guard.ts';
import { type LocalReply, localReply, slashRedirect } from './local-reply.ts';
import { modifyRequest } from './modifiers.ts';

export interface Admitted {
  /** Set as soon as it is known, since it is counted for its backend from then on. */
  frontend: FrontendView | null;
  readonly assignment: Assignment;
}

/** null: it may go to a server of `exchange.frontend`. Otherwise what is answered. `head` is as it is forwarded then. */
export function admit(
  exchange: Admitted,
  worker: WorkerContext,
  entryPoint: number,
  head: RequestHead,
  from: Peer,
): LocalReply | null {
  if (head.problem !== '') {
    log.debug('request refused', { reason: head.problem });
    return localReply(FAULTS.badRequest);
  }
  const guard = worker.guards[entryPoint];
  const refused = guard === null ? null : guard.check(head, from);
  if (refused !== null) return refused;
  const { table } = worker;
  if (table === null) return localReply(FAULTS.notReady);
  const frontend = table.route(entryPoint, head.method, head.host, head.path, head);
  exchange.frontend = frontend;
  if (frontend === null) return localReply(FAULTS.noRoute);
  if (table.redirectSlash) return slashRedirect(head.method, head.path, head.target);
  const guarded = frontend.options === null ? null : checkFrontend(frontend, worker, entryPoint, head, from);
  if (guarded !== null) return guarded;
  const fault = modifyRequest(frontend.modifiers, head) ?? exchange.assignment.begin(frontend.backend, head, from);
  return fault === null ? null : localReply(fault);
}
