/**
 * What follows a try that has come to nothing, or an answer that does not count. From the inside out it is asked who wants
 * another one: the retries of the backend (another server), its buffering (the same backend, as if it were the first time),
 * and what stands in for it (another backend).
 */
import { headField } from '../../http/fields.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { BackendView } from '../../table/views.ts';
import type { Assignment, Repeatable } from '../balancing/assignment.ts';
import type { Failover } from '../balancing/failover.ts';
import type { Downstream } from '../downstream.ts';
import { Pause } from './pause.ts';
import type { WrapperLink } from './wrappers.ts';

/** What an exchange needs to leave the backend that it has come to for another one. */
export type Crossroads = {
  /** As it came to the backend. */
  readonly head: RequestHead;
  /** Middlewares that it had entered before, and what it wrote to. */
  readonly depth: number;
  readonly out: Downstream;
  readonly link: WrapperLink | null;
};

/** The exchange whose tries they are. */
export interface TryingExchange extends Repeatable {
  /** Its tries count for series of backends. */
  readonly counts: boolean;
  /** Nothing of the request has gone to a server. */
  readonly isUnsent: boolean;
  /** Does the expression of the backend's buffering ask for another answer than one with `status`? As for `Repetition`. */
  asksAgain(status: number, head: string): boolean;
  /** The response with that status, whose head is here, is for nobody: nothing more is heard of it. */
  dismiss(status: number): void;
  /** No try is under way, and one will be: what comes of the body waits for it. */
  waitForTry(): void;
  /** One try: a server, a connection, the request. */
  attempt(): void;
  /** Goes back to where it came to its backend, which has come to `status`, and on from there to `backend`. */
  turn(crossroads: Crossroads, backend: BackendView, status: number): void;
  crash(error: unknown): void;
}

export class NextTry {
  /** null where nothing stands in for the backend that it has come to. */
  crossroads: Crossroads | null = null;
  private readonly exchange: TryingExchange;
  private readonly assignment: Assignment;
  private readonly wheel: TimerWheel;
  /** Before the next one; null as long as there was none. */
  private pause: Pause | null = null;

  constructor(exchange: TryingExchange, assignment: Assignment, wheel: TimerWheel) {
    this.exchange = exchange;
    this.assignment = assignment;
    this.wheel = wheel;
  }

  /** There is none any more. */
  stop(): void {
    this.pause?.stop();
    this.crossroads = null;
  }

  /** The backend has nothing to say but `fault`. True: it is asked once more, or another one in its place. */
  follows(fault: Fault): boolean {
    const { exchange } = this;
    if (this.isRepeated(fault.status, '')) return true;
    const failover = this.failoverFor(fault.status);
    if (failover === null) return false;
    if (!exchange.isUnsent && !this.isRepeatable(failover)) return false;
    this.failOver(failover, fault.status);
    return true;
  }

  /** The backend has no server. True: as for `follows`. */
  followsNoServer(): boolean {
    const { status } = FAULTS.noServer;
    if (this.isRepeated(status, '')) return true;
    const { failover } = this.assignment;
    if (failover === null || this.crossroads === null) return false;
    this.failOver(failover, status);
    return true;
  }

  /**
   * The head of a response has come, that text. True: it is for nobody, since another server, the same backend once more or
   * another backend is asked. Only where somebody judges answers.
   */
  followsAnswer(status: number, text: string): boolean {
    const { exchange, assignment } = this;
    if (status < 200) return false;
    const retryAfter = status === 503 || status === 429 ? headField(text, 'retry-after') : '';
    if (assignment.triesAgain(status, retryAfter, exchange, exchange.counts)) {
      exchange.dismiss(status);
      this.begin();
      return true;
    }
    if (exchange.asksAgain(status, text)) {
      exchange.dismiss(status);
      this.again();
      return true;
    }
    const failover = this.failoverFor(status);
    if (failover === null || !this.isRepeatable(failover)) return false;
    exchange.dismiss(status);
    this.failOver(failover, status);
    return true;
  }

  /** With another server of the same backend, now or in a while. */
  begin(): void {
    const ms = this.assignment.pauseMs();
    if (ms === 0) {
      this.exchange.attempt();
      return;
    }
    this.exchange.waitForTry();
    this.pause ??= new Pause(this.wheel, () => this.pauseOver());
    this.pause.begin(ms);
  }

  private pauseOver(): void {
    try {
      this.exchange.attempt();
    } catch (error) {
      this.exchange.crash(error);
    }
  }

  private isRepeated(status: number, text: string): boolean {
    if (!this.exchange.asksAgain(status, text)) return false;
    this.again();
    return true;
  }

  /** The same backend is asked once more, as if it were the first time. */
  private again(): void {
    this.assignment.again();
    this.exchange.attempt();
  }

  /** What stands in for the backend where that has come to `status`. */
  private failoverFor(status: number): Failover | null {
    const { failover } = this.assignment;
    return failover !== null && this.crossroads !== null && failover.takes(status) ? failover : null;
  }

  private isRepeatable({ options }: Failover): boolean {
    return this.exchange.canBeSentAgain(options.maxRequestBodyBytes, false);
  }

  private failOver({ to }: Failover, status: number): void {
    this.exchange.turn(this.crossroads!, to, status);
  }
}
