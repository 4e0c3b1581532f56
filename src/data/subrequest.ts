/**
 * A request of our own to a server: of forward auth, an error page, a mirror. It goes through the same pools, balancing and
 * retries as those of clients; its body is whole from the beginning, so that it can be sent anew.
 *
 *     begin ─▶ (dial) ─▶ sent ─▶ head ─▶ body ─▶ end      its user hears the last three, or once that it failed
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import { REQUEST_LENGTH, REQUEST_NO_BODY, type RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { log } from '../kernel/log.ts';
import { TimerEntry } from '../kernel/timer-wheel.ts';
import type { BackendView } from '../table/views.ts';
import { Assignment, QUEUED, type QueueUser } from './balancing/assignment.ts';
import { GIVE_UP, isRepeatable, NEXT_SERVER, RESEND, retryDecision } from './balancing/retry.ts';
import { standIn } from './balancing/stand-in.ts';
import type { WorkerContext } from './context.ts';
import type { Peer } from './middleware.ts';
import type { Flow, SubrequestUser } from './subrequest-user.ts';
import type { UpstreamPool } from './upstream/pool.ts';
import type { Upstream, UpstreamUser } from './upstream/upstream.ts';

export type SubrequestText = {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** The Host field; '' means that of the server's URL. */
  readonly host: string;
  /** `name: value\r\n` lines without Host, framing and hop-by-hop fields. */
  readonly lines: string;
  /** The text has one character per byte; else it is written as UTF-8. */
  readonly latin1: boolean;
  /** null: without a body. */
  readonly body: readonly Buffer[] | null;
  /** No other server is asked where one fails. */
  readonly once: boolean;
};

export class Subrequest extends TimerEntry implements UpstreamUser, Flow, QueueUser {
  readonly writesDate = true;
  private readonly worker: WorkerContext;
  private readonly user: SubrequestUser;
  private readonly text: SubrequestText;
  /** Null where it goes to a pool that was named. */
  private readonly assignment: Assignment | null;
  private pool: UpstreamPool | null;
  private connection: Upstream | null = null;
  private running = true;
  private sent = false;
  /** Of the response; 0 before its head. */
  private status = 0;
  private reused = false;
  private resends = 0;
  private readonly startedAt = performance.now();

  private constructor(worker: WorkerContext, text: SubrequestText, user: SubrequestUser, pool: UpstreamPool | null) {
    super();
    this.worker = worker;
    this.text = text;
    this.user = user;
    this.pool = pool;
    this.assignment = pool === null ? new Assignment(worker) : null;
  }

  /**
   * To a server of `backend`, chosen as for `head` of `from`. `timeoutMs`: for all of it, 0 for none. What goes wrong is told
   * within the call or later.
   */
  static toBackend(
    worker: WorkerContext,
    backend: BackendView,
    head: RequestHead,
    from: Peer,
    text: SubrequestText,
    timeoutMs: number,
    user: SubrequestUser,
  ): Subrequest {
    const subrequest = new Subrequest(worker, text, user, null);
    subrequest.begin(timeoutMs);
    const chosen = backend.isPlain ? backend : standIn(backend, head, worker);
    const refusal = subrequest.assignment!.begin(chosen, head, from);
    if (refusal === null) subrequest.takePlace();
    else subrequest.fail(refusal, 'the backend refuses it');
    return subrequest;
  }

  /** To the server of `pool`, whatever backends there are. */
  static toPool(
    worker: WorkerContext,
    pool: UpstreamPool,
    text: SubrequestText,
    timeoutMs: number,
    user: SubrequestUser,
  ): Subrequest {
    const subrequest = new Subrequest(worker, text, user, pool);
    subrequest.begin(timeoutMs);
    subrequest.connect(pool);
    return subrequest;
  }

  private begin(timeoutMs: number): void {
    if (timeoutMs > 0) this.worker.wheel.arm(this, timeoutMs);
  }

  private takePlace(): void {
    const verdict = this.assignment!.takePlace(this);
    if (verdict !== QUEUED) this.leftQueue(verdict);
  }

  leftQueue(refusal: Fault | null): void {
    if (refusal === null) this.attempt();
    else this.fail(refusal, '');
  }

  private attempt(): void {
    const refusal = this.assignment!.next();
    if (refusal !== null) {
      this.fail(refusal, '');
      return;
    }
    this.connect(this.worker.pools.of(this.assignment!.server!));
  }

  private connect(pool: UpstreamPool): void {
    this.pool = pool;
    this.sent = false;
    const idle = pool.take(this, false);
    this.reused = idle !== null;
    this.connection = idle ?? pool.dial(this, false);
    if (idle !== null) this.send();
  }

  upstreamConnected(upstream: Upstream): void {
    this.connection = upstream;
    this.send();
  }

  private send(): void {
    const { text, connection, assignment } = this;
    const host = text.host !== '' ? text.host : (assignment?.server?.hostHeader ?? this.pool!.target.authority);
    const { body } = text;
    const length =
      body === null ? '' : `content-length: ${body.reduce((sum, { byteLength }) => sum + byteLength, 0)}\r\n`;
    const head = `${text.method} ${text.target} HTTP/1.1\r\nhost: ${host}\r\n${text.lines}${length}\r\n`;
    this.sent = true;
    const framing = body === null ? REQUEST_NO_BODY : REQUEST_LENGTH;
    connection!.sendHead(head, text.method, framing, body === null, text.latin1, false);
    if (body === null) return;
    for (const chunk of body) this.connection?.write(chunk);
    this.connection?.endBody('');
  }

  private get answered(): boolean {
    return this.status > 0;
  }

  upstreamWritable(): void {}

  responseInterim(): void {}

  responseHead(head: ResponseHead, framing: number): void {
    this.connection!.headArrived();
    this.status = head.status;
    this.assignment?.answered();
    this.user.subrequestAnswered(head, framing);
  }

  responseWaits(): void {}

  responseBody(chunk: Uint8Array): void {
    if (this.running) this.user.subrequestBody(chunk);
  }

  responseEnd(): void {
    if (!this.running) return;
    const { connection } = this;
    this.connection = null;
    this.end(this.status);
    connection!.done(true);
    this.user.subrequestEnded();
  }

  upstreamFailed(fault: Fault, detail: string): void {
    this.connection = null;
    const { assignment } = this;
    const decision = retryDecision(fault, {
      sent: this.sent && fault !== FAULTS.unwritten,
      reused: this.reused,
      bodyHeld: true,
      repeatable: this.text.body === null && isRepeatable(this.text.method),
      answered: this.answered,
      resends: this.resends,
      trial: assignment?.isTrial ?? false,
      triesLeft: this.text.once ? 0 : (assignment?.triesLeft ?? 0),
    });
    if (decision === RESEND) {
      this.resends++;
      this.sent = false;
      this.reused = false;
      this.connection = this.pool!.dial(this, false);
      return;
    }
    assignment?.tryFailed(fault, this.reused, detail);
    if (decision === GIVE_UP || (decision === NEXT_SERVER && assignment?.retry(true) !== true))
      this.fail(fault, detail);
    else this.attempt();
  }

  pause(): void {
    this.connection?.pause();
  }

  resume(): void {
    this.connection?.resume();
  }

  cancel(): void {
    if (!this.running) return;
    this.connection?.abandon(this);
    this.connection = null;
    this.end(FAULTS.clientClosed.status);
  }

  override expired(): void {
    try {
      this.fail(this.answered ? FAULTS.responseTimeout : FAULTS.headerTimeout, 'the time for it is over');
    } catch (error) {
      this.crash(error);
    }
  }

  private fail(fault: Fault, detail: string): void {
    if (!this.running) return;
    this.connection?.abandon(this);
    this.connection = null;
    this.end(fault.status);
    this.user.subrequestFailed(fault, detail);
  }

  private end(status: number): void {
    this.running = false;
    this.worker.wheel.cancel(this);
    this.assignment?.end(status, (performance.now() - this.startedAt) / 1000);
  }

  /** An error of ours. */
  crash(error: unknown): void {
    log.error('a request of our own failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    this.fail(FAULTS.internal, '');
  }
}
