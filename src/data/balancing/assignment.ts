/**
 * What an exchange holds of its backend: the server that it is with, the tries that it has left, and whatever is counted
 * while it runs. One per exchange, used again with it; HTTP exchanges and WebSockets share it.
 *
 *     begin ─▶ takePlace ─▶ next ─▶ (tryFailed ─▶ retry ─▶ next)* ─▶ answered ─▶ end
 *                                   (triesAgain ─▶ next)*                             `end` follows a refusal by the first three
 *
 * A backend without a policy (weighted round robin and nothing else) costs a request one Atomics.add, two looks at shared
 * words that seldom change, and the counting in this worker's own lane.
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import type { RequestHead } from '../../http/request-head.ts';
import { retryAfterMs } from '../../http/retry-after.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { hasStatus } from '../../middlewares/status-ranges.ts';
import type { ServerEvent } from '../../protocol/messages.ts';
import { IN, TRIAL } from '../../shared/server-state.ts';
import type { BackendView, ServerView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { Peer } from '../middleware.ts';
import type { BackendGuard } from './backend-guard.ts';
import { type Balancer, balancerOf } from './balancer.ts';
import { NO_HASH } from './choosers.ts';
import type { Failover } from './failover.ts';
import { pauseBefore, triesAllowed } from './retry.ts';
import { mayTry } from './stand-in.ts';
import { Place, type Waiter } from './waiting-room.ts';

const NEVER = Number.POSITIVE_INFINITY;
const NONE: readonly ServerView[] = Object.freeze([]);

/** What speaks against the server itself: it refuses connections or breaks them. */
const BREAKDOWNS: ReadonlySet<Fault> = new Set([
  FAULTS.dnsFailed,
  FAULTS.connectRefused,
  FAULTS.connectTimeout,
  FAULTS.tlsFailed,
  FAULTS.upstreamClosed,
  FAULTS.unwritten,
  FAULTS.truncated,
]);

/** What is asked of a request that may go to a server once more. */
export interface Repeatable {
  /** Its body is all here and not longer than so many bytes, and its method, unless `anyMethod` will do, is idempotent. */
  canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean;
}

/** What `takePlace` says of a request that waits for its turn. */
export const QUEUED = Symbol('queued');

/** Whoever may wait at a backend. */
export interface QueueUser {
  /** After QUEUED, once, unless it has ended: it may go on, or why it may not. */
  leftQueue(refusal: Fault | null): void;
  crash(error: unknown): void;
}

export class Assignment implements Waiter {
  /** Null before the first try, and when there is none to be had. */
  server: ServerView | null = null;
  /** The status of an answer has a say in whether it is the last one: `triesAgain` and `failover` are to be asked. */
  judgesAnswers = false;
  /** A session stays with the server that its cookie names. Set before `begin`. */
  followsCookies = true;
  /** Tries that are left after the one under way. */
  private left = 0;
  /** In all. */
  private allowed = 1;
  /** Milliseconds of performance.now() from which on no try begins. */
  private tryBy = NEVER;
  /** The answer that came is one of those that speak against a server. */
  private isBadAnswer = false;
  /** Value of a Set-Cookie field for the response, '' for none. */
  cookie = '';
  /** This try is to find out whether an ejected server serves again. */
  isTrial = false;
  private readonly worker: WorkerContext;
  private backend: BackendView | null = null;
  private guard: BackendGuard | null = null;
  /** What `guard` has taken for it. */
  private taken = 0;
  /** Whose requests in progress are counted, where they are. */
  private token = '';
  /** It waits there, and `user` will be told. */
  private place: Place | null = null;
  private user: QueueUser | null = null;
  private balancer: Balancer | null = null;
  private tried: readonly ServerView[] = NONE;
  private pinned: ServerView | null = null;
  private hash = NO_HASH;
  private mayTry = false;
  private freeRetry = false;
  /** `server` has it in its count of what is in flight. */
  private counted = false;

  constructor(worker: WorkerContext) {
    this.worker = worker;
  }

  /**
   * The exchange comes to its backend. Returns why it may not, null when it may. `head`: as it is forwarded, valid only
   * during the call.
   */
  begin(backend: BackendView, head: RequestHead, from: Peer): Fault | null {
    const { worker } = this;
    const balancer = balancerOf(backend, worker);
    this.backend = backend;
    this.balancer = balancer;
    this.server = null;
    this.tried = NONE;
    this.cookie = '';
    this.isTrial = false;
    this.freeRetry = false;
    this.left = 0;
    this.isBadAnswer = false;
    this.judgesAnswers = balancer.judgesAnswers;
    const { budget, retry } = balancer;
    if (budget !== null) {
      this.allowed = triesAllowed(balancer.attempts, backend.servers.length);
      this.left = this.allowed - 1;
      this.tryBy = retry === null || retry.timeoutMs === 0 ? NEVER : performance.now() + retry.timeoutMs;
      budget.requested();
    }
    balancer.rotation.sync();
    this.mayTry = balancer.rotation.trial !== null && mayTry(head);
    if (balancer.readsHead) this.readHead(balancer, head, from);
    this.guard = balancer.guard;
    return this.guard === null ? null : this.enter(this.guard, head, from);
  }

  private enter(guard: BackendGuard, head: RequestHead, from: Peer): Fault | null {
    const refusal = guard.enter();
    this.taken = guard.taken;
    this.token = guard.tokenOf(head, from);
    return refusal;
  }

  /** The request is to be sent. Returns why it may not, null when it may, QUEUED when `user` will be told. */
  takePlace(user: QueueUser): Fault | typeof QUEUED | null {
    const { guard } = this;
    if (guard === null) return null;
    const refusal = guard.takePlace(this.token, this);
    this.taken = guard.taken;
    if (!(refusal instanceof Place)) return refusal;
    this.place = refusal;
    this.user = user;
    return QUEUED;
  }

  slotGranted(cell: number): void {
    this.taken = cell;
    this.balancer!.rotation.sync();
    this.hasWaited(null);
  }

  waitedTooLong(): void {
    this.guard!.refused();
    this.hasWaited(FAULTS.queueTimeout);
  }

  private hasWaited(refusal: Fault | null): void {
    const user = this.user!;
    this.place = null;
    this.user = null;
    try {
      user.leftQueue(refusal);
    } catch (error) {
      user.crash(error);
    }
  }

  private readHead({ sticky, hashKey }: Balancer, head: RequestHead, from: Peer): void {
    this.pinned = sticky === null || !this.followsCookies ? null : sticky.find(head);
    this.hash = hashKey === null ? NO_HASH : hashKey.of(head, from);
  }

  /** Takes a server for the next try: `server`. Returns why there is none, null when there is one. */
  next(): Fault | null {
    const { balancer, worker } = this;
    const server = this.choose(balancer!);
    this.server = server;
    if (server === null) return this.backend!.allWeightsZero ? FAULTS.allWeightsZero : FAULTS.noServer;
    worker.serverLane.begin(server.slot);
    this.counted = true;
    return null;
  }

  private choose(balancer: Balancer): ServerView | null {
    const { rotation, chooser, sticky, failover } = balancer;
    if (sticky !== null) {
      const { pinned } = this;
      // A session stays with its server until that fails it.
      this.pinned = null;
      if (pinned !== null && rotation.keeps(pinned)) return pinned;
    }
    let server: ServerView | null = null;
    if (this.mayTry) server = this.claimTrial(rotation.trial);
    const isLeft = rotation.scheduleLength > 0 && (failover === null || rotation.up > 0);
    if (server === null && isLeft && this.tried.length > 0) server = rotation.reserved(this.tried);
    if (server === null && isLeft) server = chooser.choose(rotation, this.tried, this.hash);
    if (sticky !== null) this.cookie = server === null ? '' : sticky.cookieOf(server);
    return server;
  }

  private claimTrial(server: ServerView | null): ServerView | null {
    this.mayTry = false;
    if (server === null || !this.worker.serverState.claimTrial(server.slot)) return null;
    // The client is not to suffer from our curiosity: should it fail, there is one try more.
    this.isTrial = true;
    this.freeRetry = true;
    this.left++;
    return server;
  }

  /**
   * The try with `server` has failed, and it is not sent to it anew. `reused`: the connection had served before, so that
   * its end says nothing of the server. `detail`: the words of the system, '' for none.
   */
  tryFailed(fault: Fault, reused: boolean, detail: string): void {
    const { server } = this;
    if (server === null || !this.counted) return;
    this.uncount(true);
    // The end of a connection that had served before says nothing of the server.
    if (!reused || !BREAKDOWNS.has(fault)) {
      this.worker.failureReports.failed(fault, this.backend!.slot, server.slot, detail);
    }
    this.tried = [...this.tried, server];
    if (BREAKDOWNS.has(fault) && !reused) this.hasFailed(server);
    else if (this.isTrial) this.postponeTrial(server);
    this.isTrial = false;
  }

  /** That speaks against it, and enough of it takes it out. */
  private hasFailed(server: ServerView): void {
    if (this.isTrial) {
      this.isTrial = false;
      this.report('trialFailed', server);
      return;
    }
    const failures = this.worker.serverState.addFailure(server.slot);
    const limit = this.balancer!.ejectionFailures;
    if (limit > 0 && failures % limit === 0) this.report('failing', server);
  }

  /** Tries that may follow one that has failed without an answer, or before it. */
  get triesLeft(): number {
    const { retry } = this.balancer!;
    if (retry === null) return this.left;
    if (retry.disableRetryOnNetworkError && !this.isTrial) return 0;
    return performance.now() < this.tryBy ? this.left : 0;
  }

  /** What stands in for the backend, null for nothing. */
  get failover(): Failover | null {
    return this.balancer?.failover ?? null;
  }

  /** Of a request's body, bytes that are to be kept while it is sent. */
  get keptBodyBytes(): number {
    return this.balancer!.keptBodyBytes;
  }

  /**
   * A head with that status has come from `server`. True: the response is for nobody, one more try is to be made, and `next`
   * follows. `retryAfter`: value of that field; `counts`: as for `retry`.
   */
  triesAgain(status: number, retryAfter: string, request: Repeatable, counts: boolean): boolean {
    const { retry } = this.balancer!;
    if (retry === null || !hasStatus(retry.status, status)) return false;
    this.isBadAnswer = true;
    if (this.left <= 0 || !request.canBeSentAgain(retry.maxRequestBodyBytes, retry.retryNonIdempotentMethod))
      return false;
    const now = performance.now();
    if (now + retryAfterMs(retryAfter, Date.now()) >= this.tryBy || !this.retry(counts)) return false;
    const server = this.server!;
    this.isBadAnswer = false;
    this.uncount(true);
    this.tried = [...this.tried, server];
    this.hasFailed(server);
    return true;
  }

  /** Milliseconds to wait before `next`, after `retry` or `triesAgain`. */
  pauseMs(): number {
    const interval = this.balancer!.retry?.initialIntervalMs ?? 0;
    return pauseBefore(this.allowed - this.left, this.allowed, interval, Math.random());
  }

  /** One more try is to be made: `next` follows. False: the budget of retries is used up. `counts`: for the metrics. */
  retry(counts: boolean): boolean {
    if (this.freeRetry) this.freeRetry = false;
    else if (!this.spends(counts)) return false;
    this.left--;
    this.balancer!.rotation.sync();
    if (counts) this.worker.metrics.retries(this.backend!.slot);
    return true;
  }

  private spends(counts: boolean): boolean {
    if (this.balancer!.budget!.take(performance.now())) return true;
    if (counts) this.worker.metrics.retryRefused(this.backend!.slot);
    const { name: object } = this.backend!;
    tellLimit({ limit: 'retry_budget', object, value: this.balancer!.budget!.allowed, what: 'more tries' });
    return false;
  }

  /** The whole backend is to be asked once more: `again` follows. False: as for `retry`. */
  mayRepeat(counts: boolean): boolean {
    if (!this.spends(counts)) return false;
    if (counts) this.worker.metrics.retries(this.backend!.slot);
    return true;
  }

  /** The response of `server` is for nobody, and another try is to be made, as if it were the first: `next` follows. */
  again(): void {
    if (this.counted) this.uncount(false);
    this.balancer!.rotation.sync();
  }

  /** The head of a response has come from `server`. */
  answered(): void {
    const server = this.server!;
    if (this.isBadAnswer) {
      this.hasFailed(server);
      return;
    }
    const { serverState } = this.worker;
    serverState.forgetFailures(server.slot);
    if (!this.isTrial) return;
    this.isTrial = false;
    if (!serverState.settleTrial(server.slot, IN)) return;
    this.balancer!.rotation.changed();
    this.report('recovered', server);
  }

  /** The exchange is over, also when `begin` never came: gives everything back. `status`: as counted; `seconds`: its duration. */
  end(status: number, seconds: number): void {
    if (this.place !== null) this.worker.waitingRoom.leave(this.place);
    this.place = null;
    this.user = null;
    this.guard?.leave(this.taken, status, seconds);
    this.guard = null;
    if (this.counted) this.uncount(status >= 500 && status <= 504);
    if (this.isTrial) this.postponeTrial(this.server!);
    this.isTrial = false;
    this.judgesAnswers = false;
    this.backend = null;
    this.balancer = null;
    this.server = null;
    this.pinned = null;
    this.tried = NONE;
  }

  private uncount(bad: boolean): void {
    this.counted = false;
    this.worker.serverLane.end(this.server!.slot, bad);
  }

  /** It ended without a word about the server: the next request tries it. */
  private postponeTrial(server: ServerView): void {
    if (this.worker.serverState.settleTrial(server.slot, TRIAL)) this.balancer!.rotation.changed();
  }

  private report(event: ServerEvent, server: ServerView): void {
    this.worker.report({ kind: 'server', event, backend: this.backend!.slot, server: server.slot });
  }
}
