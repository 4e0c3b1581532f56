/** What a worker makes of a backend's policy: once per table, when the backend is first used. */
import type { BufferingOptions } from '../../middlewares/buffering.ts';
import type { RetryOptions } from '../../middlewares/retry.ts';
import type { BackendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import { type BackendGuard, guardOf } from './backend-guard.ts';
import { type Chooser, LeastConnections, PowerOfTwoChoices, RoundRobin } from './choosers.ts';
import { Failover } from './failover.ts';
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
  /** null: as the flags say. */
  readonly retry: RetryOptions | null;
  /** Tries in all; 0: as many as there are servers; null: one. */
  readonly attempts: number | null;
  /** null where nothing is tried again. */
  readonly budget: RetryBudget | null;
  /** null: nothing stands in for it. */
  readonly failover: Failover | null;
  /** The status of an answer has a say in whether it is the last one. */
  readonly judgesAnswers: boolean;
  /** Of a request's body, bytes that are kept while it is sent, since it may have to be sent again for its answer. */
  readonly keptBodyBytes: number;
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
    this.retry = (policy?.options?.retry as RetryOptions | undefined) ?? null;
    const { retryAttempts } = worker.options;
    // Who says anything about retries means to have some.
    this.attempts = this.retry === null ? retryAttempts : (this.retry.attempts ?? retryAttempts ?? 0);
    const repeats = ((policy?.options?.buffering as BufferingOptions | undefined)?.retry ?? null) !== null;
    this.budget = this.attempts === null && !repeats ? null : worker.retryBudgets.of(backend);
    this.failover = Failover.of(backend, worker.cursors);
    this.guard = guardOf(backend, worker, this.failover !== null);
    const judging = [this.retry, this.failover?.options].filter((each) => each != null && each.status.length > 0);
    this.judgesAnswers = judging.length > 0;
    this.keptBodyBytes = Math.max(0, ...judging.map((each) => each!.maxRequestBodyBytes));
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
