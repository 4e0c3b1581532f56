/**
 * What a backend asks of a request before it gets a server: its circuit breaker and, when all of it is here that has to
 * be, its limit of requests in progress per source (shared/spec kv-schema §4, frontend-options §1.2). A refusal by the
 * limit is a response that the breaker counts.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault, maxConnectionsFault } from '../../kernel/errors.ts';
import { EVENTS, type LogEvent } from '../../kernel/events.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { log } from '../../kernel/log.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { shownSource } from '../../middlewares/header-keys.ts';
import type { QueueOptions } from '../../middlewares/queue.ts';
import { RECOVERING, STANDBY, TRIPPED } from '../../shared/breaker-state.ts';
import type { MaxConnPolicy } from '../../table/options.ts';
import type { BackendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { Peer } from '../middleware.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Place, Waiter } from './waiting-room.ts';

/** By the states of src/shared/breaker-state.ts. */
const CHANGES: Readonly<Record<number, LogEvent>> = {
  [TRIPPED]: EVENTS.breakerTripped,
  [RECOVERING]: EVENTS.breakerRecovering,
  [STANDBY]: EVENTS.breakerStandby,
};

/** What was taken, for `leave`: the cell of TokenCounts, or one of these. */
const UNCOUNTED = 0;
const REFUSED_BY_BREAKER = -1;
const NO_QUEUE: QueueOptions = { places: 0, timeoutMs: 0 };

/** What a request that nobody has sent would find at the limit. */
export type ForeseenPlace = {
  /** Of the request, as far as it may be shown: whose requests in progress are counted together with it. */
  readonly source: string;
  readonly most: number;
  /** Of that source. */
  readonly inProgress: number;
  /** Of all sources, and how many may. */
  readonly waiting: number;
  readonly places: number;
  readonly timeoutMs: number;
  /** It would wait for a place. */
  readonly waits: boolean;
  /** null: it is let in, or waits. */
  readonly refusal: Fault | null;
};

export class BackendGuard {
  private readonly worker: WorkerContext;
  private readonly backend: BackendView;
  private readonly breaker: CircuitBreaker | null;
  /** The breaker was asked before, since another backend may stand in for this one. */
  private readonly isAsked: boolean;
  private readonly limit: MaxConnPolicy | null;
  /** Of the limit: its text has the number in it. */
  private readonly refusal: Fault | null;
  private readonly queue: QueueOptions | null;
  /** Of the last `enter` or `takePlace`: hand it to `leave`. */
  taken = UNCOUNTED;

  constructor(worker: WorkerContext, backend: BackendView, isAsked: boolean) {
    const { breaker, maxConn } = backend.policy!;
    const buffer = breaker === undefined ? undefined : worker.breakers.get(backend.name);
    this.worker = worker;
    this.backend = backend;
    this.breaker =
      breaker === undefined || buffer === undefined
        ? null
        : new CircuitBreaker(buffer, breaker.condition, worker.index, monotonicMs, (state, refused) =>
            log.event(CHANGES[state], backend.name, { backend: backend.name, expression: breaker.expression, refused }),
          );
    this.isAsked = isAsked;
    this.queue = (backend.policy!.options?.queue as QueueOptions | undefined) ?? null;
    this.limit = maxConn ?? null;
    this.refusal = maxConn === undefined ? null : maxConnectionsFault(maxConn.amount);
  }

  /** The breaker keeps some or all requests out. */
  get isBroken(): boolean {
    return this.breaker?.isOpen === true;
  }

  /** null: there is none. Changes nothing. */
  get breakerState(): 'standby' | 'tripped' | 'recovering' | null {
    if (this.breaker === null) return null;
    const state = this.breaker.stateNow;
    return state === STANDBY ? 'standby' : state === TRIPPED ? 'tripped' : 'recovering';
  }

  /** Asked before `enter`, and instead of it, where another backend may stand in for this one. */
  breakerAdmits(): boolean {
    return this.breaker === null || this.breaker.admits();
  }

  /** Null: it may go on. In either case `leave` follows, with `taken`. */
  enter(): Fault | null {
    this.taken = REFUSED_BY_BREAKER;
    if (!this.isAsked && !this.breakerAdmits()) return FAULTS.circuitOpen;
    this.taken = UNCOUNTED;
    return null;
  }

  /** Whose requests in progress the limit counts together with that one; '' without a limit. `head` as it is forwarded. */
  tokenOf(head: RequestHead, from: Peer): string {
    if (this.limit === null) return '';
    const { source, header } = this.limit;
    if (source === 'ip') return from.peerAddress();
    return source === 'host' ? head.host : (head.values(header)[0] ?? '');
  }

  /**
   * After `enter`. Null: it may go on; a place: `waiter` waits for its slot, and is told. In any case `leave` follows, with `taken`
   * or the slot.
   */
  takePlace(token: string, waiter: Waiter): Fault | Place | null {
    this.taken = UNCOUNTED;
    const { limit } = this;
    if (limit === null) return null;
    if (this.queue !== null && limit.amount > 0) return this.enterQueue(this.queue, token, waiter);
    const { tokenCounts, index } = this.worker;
    this.taken = tokenCounts.take(index, this.backend.slot, token, limit.amount);
    if (this.taken !== UNCOUNTED) return null;
    const what = 'requests of sources that have as many in progress';
    tellLimit({ limit: 'maxconn', object: this.backend.name, value: limit.amount, what });
    return this.refusal;
  }

  /** What `takePlace` would say of that request. Takes nothing. */
  foreseePlace(head: RequestHead, from: Peer): ForeseenPlace | null {
    const { limit, worker, queue } = this;
    if (limit === null) return null;
    const token = this.tokenOf(head, from);
    const { inProgress, othersWait } = worker.tokenCounts.look(worker.index, this.backend.slot, token);
    const waiting = worker.tokenCounts.waiting(this.backend.slot);
    const { places, timeoutMs } = queue !== null && limit.amount > 0 ? queue : NO_QUEUE;
    const isFree = inProgress < limit.amount && !othersWait;
    const waits = !isFree && waiting < places;
    const refusal = isFree || waits ? null : places > 0 ? FAULTS.queueFull : this.refusal;
    return {
      source: shownSource(limit, token),
      most: limit.amount,
      inProgress,
      waiting,
      places,
      timeoutMs,
      waits,
      refusal,
    };
  }

  private enterQueue({ places, timeoutMs }: QueueOptions, token: string, waiter: Waiter): Fault | Place | null {
    const { tokenCounts, waitingRoom, index } = this.worker;
    const taken = tokenCounts.takeOrWait(index, this.backend.slot, token, this.limit!.amount, places);
    if (taken < 0) return waitingRoom.enter(-taken, timeoutMs, waiter);
    this.taken = taken;
    if (taken !== UNCOUNTED) return null;
    const what = 'requests for which there is no place left';
    tellLimit({ limit: 'queue', object: this.backend.name, value: places, what });
    return FAULTS.queueFull;
  }

  /** Somebody has waited too long, which is a refusal as well. */
  refused(): void {
    this.worker.tokenCounts.refuse(this.backend.slot);
  }

  /** Exactly once for each `enter`. `taken`: its, `status`: as counted, `seconds`: from the head to the end. */
  leave(taken: number, status: number, seconds: number): void {
    if (taken > UNCOUNTED) this.worker.tokenCounts.release(this.worker.index, taken);
    if (taken === REFUSED_BY_BREAKER || this.breaker === null) return;
    this.breaker.record(status, seconds);
  }
}

/**
 * Made with the balancer of its backend, once per table. Null for a backend that asks for neither. `isAsked`: whether its
 * breaker lets a request in is asked before it enters (stand-in.ts).
 */
export function guardOf(backend: BackendView, worker: WorkerContext, isAsked: boolean): BackendGuard | null {
  const { policy } = backend;
  if (policy === null || (policy.breaker === undefined && policy.maxConn === undefined)) return null;
  return new BackendGuard(worker, backend, isAsked);
}
