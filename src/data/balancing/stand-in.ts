/** Which backend a request goes to: the one that it is meant for, or one that stands in for it. */
import { REQUEST_NO_BODY } from '../../http/request-framing.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { MAX_FAILOVERS } from '../../middlewares/failover.ts';
import type { BackendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import { balancerOf } from './balancer.ts';
import { isRepeatable } from './retry.ts';

/** An ejected server may be tried with it: whatever comes of that, it can be sent to another one. */
export function mayTry(head: RequestHead): boolean {
  return head.body === REQUEST_NO_BODY && isRepeatable(head.method) && head.upgrade === '';
}

/** The first that can serve of `backend`, what stands in for it, what stands in for that, …; the last when none can. */
export function standIn(backend: BackendView, head: RequestHead, worker: WorkerContext): BackendView {
  for (let steps = 0; steps < MAX_FAILOVERS; steps++) {
    const { failover, rotation, guard } = balancerOf(backend, worker);
    if (failover === null || !failover.isNeeded(rotation, guard, mayTry(head))) break;
    backend = failover.to;
  }
  return backend;
}

/** As `standIn`, for a request that nobody has sent: those that it passes over, and the one that it comes to. */
export function foreseenStandIn(backend: BackendView, head: RequestHead, worker: WorkerContext): BackendView[] {
  const way = [backend];
  while (way.length <= MAX_FAILOVERS) {
    const { failover, rotation, guard } = balancerOf(way.at(-1)!, worker);
    if (failover === null || !failover.wouldBeNeeded(rotation, guard, mayTry(head))) break;
    way.push(failover.to);
  }
  return way;
}
