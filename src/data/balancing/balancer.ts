/** What a worker makes of a backend's policy: once per table, when the backend is first used. */
import type { BackendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import { type BackendGuard, guardOf } from './backend-guard.ts';
import { type Chooser, LeastConnections, PowerOfTwoChoices, RoundRobin } from './choosers.ts';
import { ConsistentHash, HashKey } from './hash.ts';
import type { RetryBudget } from './retry-budget.ts';
import { Rotation } from './rotation.ts';
import { Sticky } from './sticky.ts';

const ROUND_ROBIN = new RoundRobin();

export class Balancer {
  readonly rotation: Rotation;
  readonly chooser: Chooser;
  readonly hashKey: HashKey | null;
  readonly sticky: Sticky | null;
  /** null without `--retry`. */
  readonly budget: RetryBudget | null;
  /** null: it protects itself by nothing. */
  readonly guard: BackendGuard | null;
  /** The head of a request has a say in the choice. */
  readonly readsHead: boolean;
  /** Failed tries in a row after which main is asked to eject a server; 0: never. */
  readonly ejectionFailures: number;

  constructor(backend: BackendView, worker: WorkerContext) {
    const { policy } = backend;
    const hash = policy?.hash;
    this.rotation = new Rotation(backend, worker);
    this.hashKey = hash === undefined ? null : new HashKey(hash.key);
    this.sticky = policy?.sticky === undefined ? null : new Sticky(policy.sticky, backend);
    this.budget = worker.options.retryAttempts === null ? null : worker.retryBudgets.of(backend);
    this.guard = guardOf(backend, worker);
    this.readsHead = this.hashKey !== null || this.sticky !== null;
    this.ejectionFailures = policy?.ejectionFailures ?? worker.options.ejectionFailures;
    if (hash !== undefined) this.chooser = new ConsistentHash(hash.bound);
    else if (policy?.method === 'leastconn') this.chooser = new LeastConnections();
    else if (policy?.method === 'p2c') this.chooser = new PowerOfTwoChoices();
    // The weights of drr come with the rotation.
    else this.chooser = ROUND_ROBIN;
  }
}

export function balancerOf(backend: BackendView, worker: WorkerContext): Balancer {
  backend.balancer ??= new Balancer(backend, worker);
  return backend.balancer as Balancer;
}
