/**
 * What an exchange holds of its backend: the server that it is with, the tries that it has left, and whatever is counted
 * while it runs. One per exchange, used again with it; HTTP exchanges and WebSockets share it.
 *
 *     begin ─▶ next ─▶ (tryFailed ─▶ next)* ─▶ end           `begin` and `next` may refuse: then only `end` follows
 *
 * A backend without a policy (weighted round robin and nothing else) costs a request one Atomics.add and no more.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { BackendView, ServerView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { Peer } from '../guards/entrypoint-guard.ts';
import { type BackendGuard, guardOf } from './backend-guard.ts';
import { triesAllowed } from './retry.ts';
import { nextServer } from './round-robin.ts';

export class Assignment {
  /** Null before the first try, and when there is none to be had. */
  server: ServerView | null = null;
  /** Tries that `--retry` leaves after the one under way. */
  triesLeft = 0;
  private readonly worker: WorkerContext;
  private backend: BackendView | null = null;
  private guard: BackendGuard | null = null;
  /** What `guard` has taken for it. */
  private taken = 0;

  constructor(worker: WorkerContext) {
    this.worker = worker;
  }

  /**
   * The exchange comes to its backend. Returns why it may not, null when it may. `head`: as it is forwarded, valid only
   * during the call.
   */
  begin(backend: BackendView, head: RequestHead, from: Peer): Fault | null {
    this.backend = backend;
    this.server = null;
    this.triesLeft = triesAllowed(this.worker.options.retryAttempts, backend.servers.length) - 1;
    this.guard = backend.policy === null ? null : guardOf(backend, this.worker);
    return this.guard === null ? null : this.enter(this.guard, head, from);
  }

  private enter(guard: BackendGuard, head: RequestHead, from: Peer): Fault | null {
    const refusal = guard.enter(head, from);
    this.taken = guard.taken;
    return refusal;
  }

  /** Takes a server for the next try: `server`. Returns why there is none, null when there is one. */
  next(): Fault | null {
    const backend = this.backend!;
    const server = nextServer(backend, this.worker.cursors, this.server === null ? '' : this.server.url);
    this.server = server;
    if (server !== null) return null;
    return backend.allWeightsZero ? FAULTS.allWeightsZero : FAULTS.noServer;
  }

  /** The try with `server` has failed. Another one may follow. */
  tryFailed(_fault: Fault): void {}

  /** One more try is made: `next` follows. */
  retry(): void {
    this.triesLeft--;
    this.worker.metrics.retries(this.backend!.slot);
  }

  /** The exchange is over, also when `begin` never came: gives everything back. `status`: as counted; `seconds`: its duration. */
  end(status: number, seconds: number): void {
    this.guard?.leave(this.taken, status, seconds);
    this.guard = null;
    this.backend = null;
    this.server = null;
  }
}
