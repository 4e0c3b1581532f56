/**
 * What every exchange has in common, HTTP or WebSocket: its way through the middlewares to its backend, and its end, exactly
 * once, with one outcome.
 *
 *     open ─▶ middlewares of the entrypoint ─▶ route ─▶ middlewares of the frontend ─▶ backend ─▶ admitted ─▶ … ─▶ finish
 *               │   ▲                                     │   ▲                          │                        ▲
 *               ▼   └─ proceed ◀─ WAITS                   ▼   └─ proceed ◀─ WAITS        ▼                        │
 *            a reply ────────────────────────────────▶ a reply ──────────────────────▶ a refusal ─────────────────┘
 */
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import type { ExchangeRecord } from '../access-log/exchange-record.ts';
import { Assignment, QUEUED, type QueueUser } from '../balancing/assignment.ts';
import { balancerOf } from '../balancing/balancer.ts';
import { standIn } from '../balancing/stand-in.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import { type Middleware, type Plan, WAITS, type Waiting } from '../middleware.ts';
import type { Observers } from '../observers.ts';
import { backendPlan, frontendPlan } from '../plan.ts';
import { localReply, type Reply, slashRedirect } from '../reply.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import type { Trace } from '../tracing/trace.ts';
import { BodyPolicy } from './body-policy.ts';
import { ExchangeTimer, type TimedExchange } from './exchange-timer.ts';
import { Marks } from './marks.ts';
import { type Crossroads, NextTry, type TryingExchange } from './next-try.ts';
import { OtherPeer } from './other-peer.ts';
import { countsForBackend, Outcome } from './outcome.ts';
import { Passage } from './passage.ts';
import { Wait } from './wait.ts';
import { type WrappedExchange, Wrappers } from './wrappers.ts';

/** Of the worker: filled at the end of each exchange. */
const outcome = new Outcome();
/** How far an exchange has come on its way to a backend. */
const ENTRY_POINT = 0;
const FRONTEND = 1;
const BACKEND = 2;

export abstract class Exchange implements WrappedExchange, TimedExchange, TryingExchange, QueueUser {
  readonly worker: WorkerContext;
  readonly assignment: Assignment;
  entryPoint = 0;
  frontend: FrontendView | null = null;
  /** That of the frontend, unless a middleware has chosen another. */
  protected backend: BackendView | null = null;
  private waiting: Wait | null = null;
  clientAddress: string | null = null;
  clientTarget = '';
  user = '';
  authWasKnown: boolean | null = null;
  requestId = '';
  replacedIds: readonly string[] | null = null;
  trace: Trace | null = null;
  /** Of this exchange and all that it serves later; null without tracing. */
  private readonly ownTrace: Trace | null;
  protected method = '';
  protected protocol: number = PROTOCOL.http;
  protected status = 0;
  protected cause = 'ok';
  protected tries = 0;
  /** What its server says of it by gRPC; -1 for nothing. */
  protected grpcStatus = -1;
  private headers: readonly string[] | null = null;
  protected requestBytes = 0;
  protected responseBytes = 0;
  readonly marks = new Marks();
  /** null where nobody has asked for it. */
  record: ExchangeRecord | null = null;
  /** Of this exchange and all that it serves later; null until somebody asks. */
  private ownRecord: ExchangeRecord | null = null;
  /** null as long as no timeout is set. */
  timer: ExchangeTimer | null;
  /** From `open` to `finish`. */
  running = false;
  private stage = ENTRY_POINT;
  /** null as long as there was no middleware. */
  protected passage: Passage | null = null;
  /** null where no middleware has asked for anything; a handshake has no body to speak of, so that nobody looks at it. */
  protected policy: BodyPolicy | null = null;
  /** Of this exchange and all that it serves later; null until there is a middleware. */
  private ownPassage: Passage | null = null;
  /** null for none. */
  private wrappers: Wrappers | null = null;
  protected readonly nextTry: NextTry;
  /** `admitted` was called. */
  private wasAdmitted = false;
  /** Where it counts as in progress with its backend; -1 where that is not counted. */
  private openPlace = -1;

  constructor(worker: WorkerContext) {
    this.worker = worker;
    this.assignment = new Assignment(worker);
    this.nextTry = new NextTry(this, this.assignment, worker.wheel);
    this.timer = ExchangeTimer.for(worker, this);
    this.ownTrace = worker.tracer === null ? null : worker.tracer.makeTrace();
  }

  abstract get client(): Downstream;
  /** Where responses are written to: the client's side, or the last wrapper around it. */
  protected abstract out: Downstream;
  abstract outWritable(): void;
  abstract crash(error: unknown): void;
  abstract readonly requestComplete: boolean;
  abstract readonly awaitsClient: boolean;
  abstract breakOff(fault: Fault, detail: string): void;
  /** It may go to a server of `frontend`; `head` is as it is forwarded, and valid only during the call. */
  protected abstract admitted(head: RequestHead): void;
  /** The same again, for another backend. */
  protected abstract readmitted(head: RequestHead): void;
  abstract attempt(): void;
  abstract readonly isUnsent: boolean;
  abstract canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean;
  abstract dismiss(status: number): void;
  /** It is answered by us. */
  protected abstract reply(reply: Reply): void;
  /** Nothing more is to come: gives back what it holds. */
  protected abstract released(): void;

  /** A request has come; `head` is valid only during the call. What was opened under a method is closed under it. */
  protected open(entryPoint: number, method: string, protocol: number): void {
    const { worker } = this;
    this.running = true;
    this.entryPoint = entryPoint;
    this.method = method;
    this.protocol = protocol;
    worker.openExchanges++;
    worker.metrics.exchangeOpened(entryPoint, method, protocol);
    this.marks.begin();
    this.status = 0;
    this.cause = 'ok';
    this.tries = 0;
    this.grpcStatus = -1;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.frontend = null;
    this.backend = null;
    this.clientAddress = null;
    this.user = '';
    this.authWasKnown = null;
    this.requestId = '';
    this.replacedIds = null;
    this.trace = null;
    this.headers = null;
    this.stage = ENTRY_POINT;
    this.passage = null;
    this.policy = null;
    this.wasAdmitted = false;
  }

  protected admit(head: RequestHead): void {
    const { worker, entryPoint } = this;
    worker.trusts[entryPoint]?.judge(this.client, head);
    worker.requestIds.name(this, head);
    if (worker.observers !== null) this.observe(worker.observers, head);
    const { ownTrace } = this;
    if (ownTrace !== null) {
      worker.tracer!.begin(ownTrace, this, head);
      // Not before it has begun: an exchange that ends without has no span.
      this.trace = ownTrace;
    }
    if (head.problem !== '') {
      log.debug('request refused', { reason: head.problem });
      this.replyFault(head.fault);
      return;
    }
    this.clientTarget = head.target;
    if (this.worker.requestCounts.wantsHeaders) this.headers = this.worker.requestCounts.headersOf(head);
    const plan = worker.plans[entryPoint];
    if (plan !== null) this.walk(plan);
    this.advance(head);
  }

  private observe(observers: Observers, head: RequestHead): void {
    this.ownRecord ??= observers.record();
    observers.begins(this.ownRecord, this.client, head);
    this.record = this.ownRecord;
  }

  private walk(plan: Plan): void {
    this.ownPassage ??= new Passage(this);
    this.passage = this.ownPassage;
    this.passage.begin(plan);
    this.marks.waits();
  }

  private advance(head: RequestHead): void {
    while (this.passage === null || this.pass(this.passage, head)) {
      let plan: Plan | null = null;
      if (this.stage === ENTRY_POINT) {
        const frontend = this.route(head);
        if (frontend === null) return;
        this.stage = FRONTEND;
        if (!frontend.isPlain) plan = frontendPlan(frontend, this.worker, this.entryPoint);
      } else if (this.stage === FRONTEND) {
        this.backend ??= this.frontend!.backend;
        this.stage = BACKEND;
        if (!this.backend.isPlain) plan = this.chosen(this.backend, head);
      } else {
        this.enter(head);
        return;
      }
      if (plan !== null) this.walk(plan);
    }
  }

  private enter(head: RequestHead): void {
    const { requestCounts } = this.worker;
    if (requestCounts.countsOpen && this.counts) {
      this.openPlace = requestCounts.opened(this.backend!, this.method, this.protocol);
    }
    const { client, clientAddress } = this;
    const from = clientAddress === null || clientAddress === '' ? client : new OtherPeer(client, clientAddress);
    const fault = this.assignment.begin(this.backend!, head, from);
    this.marks.admitted();
    if (fault !== null) {
      if (!this.nextTry.follows(fault)) this.replyFault(fault);
    } else if (this.wasAdmitted) {
      this.readmitted(head);
    } else {
      this.wasAdmitted = true;
      this.admitted(head);
    }
  }

  /** It has come to `backend`, which has options: to that one, or to what stands in for it. Returns its plan. */
  private chosen(backend: BackendView, head: RequestHead): Plan | null {
    const { worker, nextTry } = this;
    const chosen = standIn(backend, head, worker);
    this.backend = chosen;
    const hasFailover = balancerOf(chosen, worker).failover !== null;
    nextTry.crossroads = hasFailover
      ? {
          head: head === nextTry.crossroads?.head ? head : head.detached(),
          depth: this.passage?.depth ?? 0,
          out: this.out,
          link: this.wrappers?.last ?? null,
        }
      : null;
    return chosen.isPlain ? null : backendPlan(chosen);
  }

  get counts(): boolean {
    return countsForBackend(this.frontend);
  }

  asksAgain(_status: number, _head: string): boolean {
    return false;
  }

  turn({ head, depth, out, link }: Crossroads, backend: BackendView, status: number): void {
    this.assignment.end(status, this.marks.sinceBegun() / 1_000);
    this.trace?.leaves(this.backend!.name, this.marks.failed.length);
    if (this.openPlace >= 0) this.leftBackend();
    // What the backend that is left has put around the client's side goes with it.
    this.passage?.leave(depth);
    this.policy?.leaveBackend();
    this.out = out;
    this.wrappers?.leave(link);
    this.backend = backend;
    this.stage = FRONTEND;
    this.waitForTry();
    this.advance(head);
  }

  private leftBackend(): void {
    this.worker.requestCounts.closed(this.openPlace);
    this.openPlace = -1;
  }

  waitForTry(): void {
    this.marks.waits();
  }

  /** What must be here of the request is here: the first try, when the backend has a place for it. */
  takePlace(): void {
    const verdict = this.assignment.takePlace(this);
    if (verdict === QUEUED) this.waitForTry();
    else this.leftQueue(verdict);
  }

  leftQueue(refusal: Fault | null): void {
    if (refusal === null) this.attempt();
    else if (!this.nextTry.follows(refusal)) this.replyFault(refusal);
  }

  /** null: it has been answered. */
  private route(head: RequestHead): FrontendView | null {
    const { table } = this.worker;
    if (table === null) {
      this.replyFault(FAULTS.notReady);
      return null;
    }
    const frontend = table.route(this.entryPoint, head.method, head.host, head.path, head);
    // As soon as it is known, since it is counted for its backend from then on.
    this.frontend = frontend;
    if (frontend === null) {
      this.replyFault(FAULTS.noRoute);
    } else if (table.redirectSlash) {
      this.reply(slashRedirect(head.method, head.path, head.target));
      return null;
    }
    return frontend;
  }

  /** False: one of them has answered, or lets it wait. */
  private pass(passage: Passage, head: RequestHead): boolean {
    const verdict = passage.go(head, this.wrap);
    if (verdict === null) return true;
    if (verdict === WAITS) this.waiting!.begin(head.detached());
    else this.reply(verdict);
    return false;
  }

  wait(): Waiting {
    this.waiting = new Wait(this);
    return this.waiting;
  }

  /** What has waited goes on. */
  resume(head: RequestHead, reply: Reply | null): void {
    const { passage } = this;
    this.waiting = null;
    try {
      const step = passage!.resumed(reply !== null);
      if (reply !== null) {
        this.reply(reply);
        return;
      }
      if (step.wrap !== undefined) this.wrap(step);
      this.advance(head);
    } catch (error) {
      this.crash(error);
    }
  }

  private readonly wrap = (step: Middleware): void => {
    this.wrappers ??= new Wrappers(this);
    this.out = this.wrappers.add(step, this.out);
  };

  downstreamWritable(): void {
    if (this.wrappers === null) this.outWritable();
    else this.wrappers.clientWritable();
  }

  keep(middleware: Middleware, value: object): void {
    this.passage!.keep(middleware, value);
  }

  kept(middleware: Middleware): object | undefined {
    return this.passage!.kept(middleware);
  }

  sendTo(backend: BackendView): void {
    this.backend = backend;
  }

  limitTime(totalMs: number | null, bodyMs: number | null): void {
    if (this.timer === null) {
      this.timer = new ExchangeTimer(this.worker, this);
      this.timer.start();
    }
    this.timer.limit(this.marks.begun, totalMs, bodyMs);
  }

  get bodies(): BodyPolicy {
    this.policy ??= new BodyPolicy();
    return this.policy;
  }

  fail(fault: Fault): void {
    this.replyFault(fault);
  }

  replace(_start: (user: SubrequestUser) => Flow): boolean {
    return false;
  }

  /** The response to this request, or with this status, has no body (RFC 9110 §6.4.1). */
  get isBodiless(): boolean {
    return this.method === 'HEAD' || this.status === 204 || this.status === 304;
  }

  /** What it ends with when its client is gone, as its engine says for `why`. `begun`: the head of a response is out. */
  protected departure(why: Fault, begun: boolean): Fault {
    const { ending } = this.worker;
    if (ending !== null) return ending;
    return begun && why === FAULTS.clientClosed ? FAULTS.clientReset : why;
  }

  protected replyFault(fault: Fault): void {
    this.reply(localReply(fault));
  }

  /** The end, however it came to it; does nothing the second time. Where this is done more than once nothing is lost. */
  protected finish(): void {
    if (!this.running) return;
    this.timer?.stop();
    this.nextTry.stop();
    this.running = false;
    this.waiting?.end();
    this.waiting = null;
    const { worker } = this;
    try {
      this.settle();
    } finally {
      this.frontend = null;
      this.backend = null;
      this.wrappers = null;
      this.passage?.reset();
      this.passage = null;
      if (this.openPlace >= 0) this.leftBackend();
      worker.openExchanges--;
      worker.metrics.exchangeClosed(this.entryPoint, this.method, this.protocol);
      worker.exchangeEnded();
      this.released();
    }
  }

  private settle(): void {
    const { assignment, frontend, worker, passage } = this;
    outcome.entryPoint = this.entryPoint;
    outcome.requestId = this.requestId;
    outcome.trace = this.trace;
    outcome.frontend = frontend;
    outcome.backend = this.backend ?? (frontend === null ? null : frontend.backend);
    outcome.server = assignment.server;
    outcome.tls = this.client.tls ?? null;
    outcome.headers = this.headers;
    outcome.protocol = this.protocol;
    outcome.method = this.method;
    outcome.status = this.status;
    outcome.grpcStatus = this.grpcStatus;
    outcome.cause = this.cause;
    outcome.tries = this.tries;
    this.marks.end();
    outcome.marks = this.marks;
    outcome.seconds = this.marks.total / 1_000;
    outcome.requestBytes = this.requestBytes;
    outcome.responseBytes = this.responseBytes;
    // First: what is in flight must be given back even where counting fails.
    assignment.end(outcome.status, outcome.seconds);
    worker.requestCounts.count(outcome);
    passage?.ended(outcome);
    if (this.record !== null || this.trace !== null) this.tell();
  }

  /** An error in what is told of it is none of the exchange, which is over. */
  private tell(): void {
    const { worker, record, trace } = this;
    try {
      try {
        // Who has looked when it began may have left.
        if (record !== null) worker.observers?.ended(outcome, this, record);
        if (trace !== null) worker.tracer!.finish(trace, outcome);
      } finally {
        record?.forget();
        this.record = null;
      }
    } catch (error) {
      tellOwnError('access log, live tail or trace', error);
    }
  }
}
