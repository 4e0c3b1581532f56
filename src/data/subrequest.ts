/**
 * A request of our own to a server: of forward auth, an error page, a mirror. It goes through the same pools, balancing,
 * retries and failover as those of clients; its body is whole from the beginning, so that it can be sent anew. Of buffering the
 * expression alone counts: what comes is passed on as it comes.
 *
 *     begin ─▶ (dial) ─▶ sent ─▶ head ─▶ body ─▶ end      its user hears the last three, or once that it failed
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import { headField } from '../http/fields.ts';
import { REQUEST_LENGTH, REQUEST_NO_BODY } from '../http/request-framing.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { tellOwnError } from '../kernel/own-error.ts';
import { TimerEntry } from '../kernel/timer-wheel.ts';
import type { BufferingOptions } from '../middlewares/buffering.ts';
import type { BackendView, ServerView } from '../table/views.ts';
import { Assignment, QUEUED, type QueueUser, type Repeatable } from './balancing/assignment.ts';
import { balancerOf } from './balancing/balancer.ts';
import { Repetition } from './balancing/repetition.ts';
import { GIVE_UP, isIdempotent, isRepeatable, NEXT_SERVER, RESEND, retryDecision } from './balancing/retry.ts';
import { standIn } from './balancing/stand-in.ts';
import type { WorkerContext } from './context.ts';
import { Pause } from './exchange/pause.ts';
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
  /** A copy of a client's request: no other server is asked where one fails, and none is kept to by a cookie. */
  readonly isCopy: boolean;
};

export class Subrequest extends TimerEntry implements UpstreamUser, Flow, QueueUser, Repeatable {
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
  /** The backend that it is with has been tried. */
  private wasTried = false;
  /** Some of it has gone to a server. */
  private wasSent = false;
  /** What a backend that stands in for this one chooses its server by; null where nothing does. */
  private origin: { readonly head: RequestHead; readonly from: Peer } | null = null;
  private repetition: Repetition | null = null;
  /** Before the next try; null as long as there was none. */
  private delay: Pause | null = null;

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
    subrequest.enter(backend, head, from);
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

  private enter(backend: BackendView, head: RequestHead, from: Peer): void {
    const { worker, text } = this;
    const assignment = this.assignment!;
    const known = this.origin?.head;
    const chosen = backend.isPlain ? backend : standIn(backend, head, worker);
    this.wasTried = false;
    this.resends = 0;
    this.repetition = null;
    this.origin = null;
    if (!chosen.isPlain && !text.isCopy) {
      const buffering = chosen.policy?.options?.buffering as BufferingOptions | undefined;
      const retry = buffering?.retry ?? null;
      this.repetition = retry === null ? null : new Repetition(retry, text.method);
      const hasFailover = balancerOf(chosen, worker).failover !== null;
      this.origin = hasFailover ? { head: head === known ? head : head.detached(), from } : null;
    }
    assignment.followsCookies = !text.isCopy;
    const refusal = assignment.begin(chosen, head, from);
    const verdict = refusal === null ? assignment.takePlace(this) : refusal;
    if (verdict !== QUEUED) this.leftQueue(verdict);
  }

  leftQueue(refusal: Fault | null): void {
    if (refusal === null) this.attempt();
    else if (!this.goesOn(refusal.status, '', false)) this.fail(refusal, 'the backend refuses it');
  }

  private attempt(): void {
    this.wasTried = true;
    const refusal = this.assignment!.next();
    if (refusal !== null) {
      if (!this.goesOn(refusal.status, '', true)) this.fail(refusal, '');
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
    const length = body === null ? '' : `content-length: ${this.bodyBytes}\r\n`;
    const head = `${text.method} ${text.target} HTTP/1.1\r\nhost: ${host}\r\n${text.lines}${length}\r\n`;
    this.sent = true;
    this.wasSent = true;
    const framing = body === null ? REQUEST_NO_BODY : REQUEST_LENGTH;
    connection!.sendHead(head, text.method, framing, body === null, text.latin1, false, '');
    if (body === null) return;
    for (const chunk of body) this.connection?.write(chunk);
    this.connection?.endBody('');
  }

  /** The server that it is with; null for none, and where it goes to a pool that was named. */
  get server(): ServerView | null {
    return this.assignment?.server ?? null;
  }

  get peer(): string {
    return this.connection?.peer ?? '';
  }

  get protocol(): Upstream['protocol'] {
    return this.connection?.protocol ?? '1.1';
  }

  private get answered(): boolean {
    return this.status > 0;
  }

  upstreamWritable(): void {}

  responseInterim(): void {}

  responseHead(head: ResponseHead, framing: number): void {
    this.connection!.headArrived();
    if (this.passesOver(head)) return;
    this.status = head.status;
    this.assignment?.answered();
    this.user.subrequestAnswered(head, framing);
  }

  /** The response is for nobody: another server, the same backend once more or another backend is asked. */
  private passesOver({ status, text }: ResponseHead): boolean {
    const { assignment } = this;
    if (assignment === null || this.text.isCopy) return false;
    const retryAfter = status === 503 || status === 429 ? headField(text, 'retry-after') : '';
    if (assignment.triesAgain(status, retryAfter, this, true)) {
      this.dismiss();
      this.tryAgain();
      return true;
    }
    return this.goesOn(status, text, false);
  }

  /**
   * The backend has come to `status`, in a response with the head `text`, '' for none. True: it is asked once more, or another
   * one in its place. `lacksServer`: it has none.
   */
  private goesOn(status: number, text: string, lacksServer: boolean): boolean {
    const { assignment, origin } = this;
    if (assignment === null) return false;
    if (this.wasTried && this.repetition?.asksAgain(status, text) === true && assignment.mayRepeat(true)) {
      this.dismiss();
      assignment.again();
      this.attempt();
      return true;
    }
    const { failover } = assignment;
    if (origin === null || failover === null) return false;
    if (!lacksServer && !failover.takes(status)) return false;
    if (this.wasSent && !this.canBeSentAgain(failover.options.maxRequestBodyBytes, false)) return false;
    this.dismiss();
    assignment.end(status, this.seconds);
    this.enter(failover.to, origin.head, origin.from);
    return true;
  }

  canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean {
    return this.bodyBytes <= maxBodyBytes && (anyMethod || isIdempotent(this.text.method));
  }

  private get bodyBytes(): number {
    return this.text.body?.reduce((sum, { byteLength }) => sum + byteLength, 0) ?? 0;
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
      triesLeft: this.text.isCopy ? 0 : (assignment?.triesLeft ?? 0),
    });
    if (decision === RESEND) {
      this.resends++;
      this.sent = false;
      this.reused = false;
      this.connection = this.pool!.dial(this, false);
      return;
    }
    assignment?.tryFailed(fault, this.reused, detail);
    if (decision === GIVE_UP || (decision === NEXT_SERVER && assignment?.retry(true) !== true)) {
      if (this.answered || !this.goesOn(fault.status, '', false)) this.fail(fault, detail);
    } else this.tryAgain();
  }

  private tryAgain(): void {
    const ms = this.assignment!.pauseMs();
    if (ms === 0) {
      this.attempt();
      return;
    }
    this.delay ??= new Pause(this.worker.wheel, () => this.delayOver());
    this.delay.begin(ms);
  }

  private delayOver(): void {
    try {
      this.attempt();
    } catch (error) {
      this.crash(error);
    }
  }

  /** The response that has begun is for nobody. */
  private dismiss(): void {
    const { connection } = this;
    this.connection = null;
    connection?.discard(this);
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
    this.delay?.stop();
    this.assignment?.end(status, this.seconds);
  }

  private get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** An error of ours. */
  crash(error: unknown): void {
    tellOwnError('request of our own', error);
    this.fail(FAULTS.internal, '');
  }
}
