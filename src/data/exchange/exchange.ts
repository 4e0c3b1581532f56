/**
 * What every exchange has in common, HTTP or WebSocket: its way through the middlewares to its backend, and its end, exactly
 * once, with one outcome.
 *
 *     open ─▶ middlewares of the entrypoint ─▶ route ─▶ middlewares of the frontend ─▶ backend ─▶ admitted ─▶ … ─▶ finish
 *               │   ▲                                     │   ▲                          │                        ▲
 *               ▼   └─ proceed ◀─ WAITS                   ▼   └─ proceed ◀─ WAITS        ▼                        │
 *            a reply ────────────────────────────────▶ a reply ──────────────────────▶ a refusal ─────────────────┘
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import { headField } from '../../http/fields.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import { Assignment, QUEUED, type QueueUser, type Repeatable } from '../balancing/assignment.ts';
import { balancerOf } from '../balancing/balancer.ts';
import type { Failover } from '../balancing/failover.ts';
import type { Repetition } from '../balancing/repetition.ts';
import { standIn } from '../balancing/stand-in.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import {
  type Middleware,
  type Peer,
  type Plan,
  type Scope,
  WAITS,
  type Waiting,
  type Wrapper,
  type WrapperEvents,
} from '../middleware.ts';
import { backendPlan, frontendPlan } from '../plan.ts';
import { localReply, type Reply, slashRedirect } from '../reply.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import { ExchangeTimer, type TimedExchange } from './exchange-timer.ts';
import { countsForBackend, Outcome } from './outcome.ts';
import { Passage } from './passage.ts';
import { Pause } from './pause.ts';
import { Wait } from './wait.ts';

/** Of the worker: filled at the end of each exchange. */
const outcome = new Outcome();
/** How far an exchange has come on its way to a backend. */
const ENTRY_POINT = 0;
const FRONTEND = 1;
const BACKEND = 2;

/** What an exchange needs to leave the backend that it has come to for another one. */
type Crossroads = {
  /** As it came to the backend. */
  readonly head: RequestHead;
  /** Middlewares that it had entered before, and what it wrote to. */
  readonly depth: number;
  readonly out: Downstream;
  readonly link: WrapperLink | null;
};

/** A client behind proxies, by another address than that of its connection. */
class OtherPeer implements Peer {
  readonly secure: boolean;
  private readonly address: string;

  constructor({ secure }: Peer, address: string) {
    this.secure = secure;
    this.address = address;
  }

  peerAddress(): string {
    return this.address;
  }
}

/** Where a wrapper tells that it can take more: to the next one, or to the exchange that writes. */
class WrapperLink implements WrapperEvents {
  next: Wrapper | null = null;
  private readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  downstreamWritable(): void {
    if (this.next === null) this.exchange.outWritable();
    else this.next.innerWritable();
  }

  crash(error: unknown): void {
    this.exchange.crash(error);
  }
}

export abstract class Exchange implements Scope, TimedExchange, Repeatable, QueueUser {
  readonly worker: WorkerContext;
  readonly assignment: Assignment;
  entryPoint = 0;
  frontend: FrontendView | null = null;
  /** That of the frontend, unless a middleware has chosen another. */
  protected backend: BackendView | null = null;
  private waiting: Wait | null = null;
  clientAddress: string | null = null;
  clientTarget = '';
  protected method = '';
  protected protocol: number = PROTOCOL.http;
  protected status = 0;
  protected cause = 'ok';
  protected tries = 0;
  protected requestBytes = 0;
  protected responseBytes = 0;
  private startedAt = 0;
  /** null as long as no timeout is set. */
  protected timer: ExchangeTimer | null;
  /** From `open` to `finish`. */
  protected running = false;
  private stage = ENTRY_POINT;
  /** null as long as there was no middleware. */
  protected passage: Passage | null = null;
  /** Of this exchange and all that it serves later; null until there is a middleware. */
  private ownPassage: Passage | null = null;
  /** The wrapper that writes to the client's side itself, null for none. */
  protected firstWrapper: Wrapper | null = null;
  /** Of the wrapper that we write to. */
  private lastLink: WrapperLink | null = null;
  /** null where nothing stands in for its backend. */
  private crossroads: Crossroads | null = null;
  /** `admitted` was called. */
  private wasAdmitted = false;
  /** Before the next try; null as long as there was none. */
  private pause: Pause | null = null;

  constructor(worker: WorkerContext) {
    this.worker = worker;
    this.assignment = new Assignment(worker);
    this.timer = ExchangeTimer.for(worker, this);
  }

  abstract get client(): Downstream;
  /** Where responses are written to: the client's side, or the last wrapper around it. */
  protected abstract out: Downstream;
  /** All that was written to `out` has gone out. */
  abstract outWritable(): void;
  abstract crash(error: unknown): void;
  abstract readonly requestComplete: boolean;
  abstract readonly awaitsClient: boolean;
  abstract breakOff(fault: Fault, detail: string): void;
  /** It may go to a server of `frontend`; `head` is as it is forwarded, and valid only during the call. */
  protected abstract admitted(head: RequestHead): void;
  /** The same again, for another backend. */
  protected abstract readmitted(head: RequestHead): void;
  /** One try: a server, a connection, the request. */
  protected abstract attempt(): void;
  /** Nothing of the request has gone to a server. */
  protected abstract readonly isUnsent: boolean;
  abstract canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean;
  /** The response whose head is here is for nobody: nothing more is heard of it. */
  protected abstract dismiss(): void;
  /** No try is under way, and one will be: what comes of the body waits for it. */
  protected abstract putOff(): void;
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
    this.startedAt = performance.now();
    this.status = 0;
    this.cause = 'ok';
    this.tries = 0;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.frontend = null;
    this.backend = null;
    this.clientAddress = null;
    this.stage = ENTRY_POINT;
    this.passage = null;
    this.crossroads = null;
    this.wasAdmitted = false;
  }

  protected admit(head: RequestHead): void {
    if (head.problem !== '') {
      log.debug('request refused', { reason: head.problem });
      this.replyFault(head.fault);
      return;
    }
    this.clientTarget = head.target;
    const plan = this.worker.plans[this.entryPoint];
    if (plan !== null) this.walk(plan);
    this.advance(head);
  }

  private walk(plan: Plan): void {
    this.ownPassage ??= new Passage(this);
    this.passage = this.ownPassage;
    this.passage.begin(plan);
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
    const { client, clientAddress } = this;
    const from = clientAddress === null || clientAddress === '' ? client : new OtherPeer(client, clientAddress);
    const fault = this.assignment.begin(this.backend!, head, from);
    if (fault !== null) {
      if (!this.failsOver(fault)) this.replyFault(fault);
    } else if (this.wasAdmitted) {
      this.readmitted(head);
    } else {
      this.wasAdmitted = true;
      this.admitted(head);
    }
  }

  /** It has come to `backend`, which has options: to that one, or to what stands in for it. Returns its plan. */
  private chosen(backend: BackendView, head: RequestHead): Plan | null {
    const { worker } = this;
    const chosen = standIn(backend, head, worker);
    this.backend = chosen;
    const hasFailover = balancerOf(chosen, worker).failover !== null;
    this.crossroads = hasFailover
      ? {
          head: head === this.crossroads?.head ? head : head.detached(),
          depth: this.passage?.depth ?? 0,
          out: this.out,
          link: this.lastLink,
        }
      : null;
    return chosen.isPlain ? null : backendPlan(chosen);
  }

  /** The backend has nothing to say but `fault`. True: it is asked once more, or another one in its place. */
  protected failsOver(fault: Fault): boolean {
    const { failover } = this.assignment;
    if (this.asksAgain(fault.status, '')) {
      this.again();
      return true;
    }
    if (failover === null || this.crossroads === null || !failover.takes(fault.status)) return false;
    if (!this.isUnsent && !this.canBeSentAgain(failover.options.maxRequestBodyBytes, false)) return false;
    this.failOver(failover, fault.status);
    return true;
  }

  /** The backend has no server. True: as for `failsOver`. */
  protected failsOverWithoutServer(): boolean {
    const { failover } = this.assignment;
    if (this.asksAgain(FAULTS.noServer.status, '')) {
      this.again();
      return true;
    }
    if (failover === null || this.crossroads === null) return false;
    this.failOver(failover, FAULTS.noServer.status);
    return true;
  }

  /**
   * The head of a response has come, that text. True: it is for nobody, since another server, the same backend once more or
   * another backend is asked. Only where somebody judges answers.
   */
  protected passesOver(status: number, text: string): boolean {
    const { assignment } = this;
    const { failover } = assignment;
    if (status < 200) return false;
    const retryAfter = status === 503 || status === 429 ? headField(text, 'retry-after') : '';
    if (assignment.triesAgain(status, retryAfter, this, countsForBackend(this.frontend))) {
      this.dismiss();
      this.tryAgain();
      return true;
    }
    if (this.asksAgain(status, text)) {
      this.dismiss();
      this.again();
      return true;
    }
    if (failover === null || this.crossroads === null || !failover.takes(status)) return false;
    if (!this.canBeSentAgain(failover.options.maxRequestBodyBytes, false)) return false;
    this.dismiss();
    this.failOver(failover, status);
    return true;
  }

  /** Does the expression of the backend's buffering ask for another answer than one with `status`? As for `Repetition`. */
  protected asksAgain(_status: number, _head: string): boolean {
    return false;
  }

  /** What its buffering says holds no more. */
  protected leavesBackend(): void {}

  /** The same backend is asked once more, as if it were the first time. */
  private again(): void {
    this.assignment.again();
    this.attempt();
  }

  /** On to the backend that stands in for this one, which has come to `status`. */
  private failOver({ to }: Failover, status: number): void {
    const { head, depth, out, link } = this.crossroads!;
    this.assignment.end(status, this.seconds);
    // What the backend that is left has put around the client's side goes with it.
    this.passage?.leave(depth);
    this.leavesBackend();
    this.out = out;
    this.lastLink = link;
    if (link === null) this.firstWrapper = null;
    else link.next = null;
    this.backend = to;
    this.stage = FRONTEND;
    this.putOff();
    this.advance(head);
  }

  /** What must be here of the request is here: the first try, when the backend has a place for it. */
  protected takePlace(): void {
    const verdict = this.assignment.takePlace(this);
    if (verdict === QUEUED) this.putOff();
    else this.leftQueue(verdict);
  }

  leftQueue(refusal: Fault | null): void {
    if (refusal === null) this.attempt();
    else if (!this.failsOver(refusal)) this.replyFault(refusal);
  }

  /** The next try, now or in a while. */
  protected tryAgain(): void {
    const ms = this.assignment.pauseMs();
    if (ms === 0) {
      this.attempt();
      return;
    }
    this.putOff();
    this.pause ??= new Pause(this.worker.wheel, () => this.pauseOver());
    this.pause.begin(ms);
  }

  private pauseOver(): void {
    try {
      this.attempt();
    } catch (error) {
      this.crash(error);
    }
  }

  /** Since its head was here. */
  private get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
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
    const link = new WrapperLink(this);
    const wrapper = step.wrap!(this, this.out, link);
    if (wrapper === null) return;
    if (this.lastLink === null) this.firstWrapper = wrapper;
    else this.lastLink.next = wrapper;
    this.lastLink = link;
    this.out = wrapper;
  };

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
    this.timer.limit(this.startedAt, totalMs, bodyMs);
  }

  // An upgrade and a handshake have no body to speak of.
  limitRequest(_bytes: number): void {}
  limitResponse(_bytes: number): void {}
  holdRequest(_memoryBytes: number, _repetition: Repetition | null): void {}
  limitHeldResponse(_bytes: number): void {}
  fail(fault: Fault): void {
    this.replyFault(fault);
  }
  copyRequest(_bytes: number): void {}
  replace(_start: (user: SubrequestUser) => Flow): boolean {
    return false;
  }

  protected replyFault(fault: Fault): void {
    this.reply(localReply(fault));
  }

  /** The end, however it came to it; does nothing the second time. Where this is done more than once nothing is lost. */
  protected finish(): void {
    if (!this.running) return;
    this.timer?.stop();
    this.pause?.stop();
    this.running = false;
    this.waiting?.end();
    this.waiting = null;
    const { worker } = this;
    try {
      this.settle();
    } finally {
      this.frontend = null;
      this.backend = null;
      this.firstWrapper = null;
      this.lastLink = null;
      this.passage?.reset();
      this.passage = null;
      this.crossroads = null;
      worker.openExchanges--;
      worker.metrics.exchangeClosed(this.entryPoint, this.method, this.protocol);
      worker.exchangeEnded();
      this.released();
    }
  }

  private settle(): void {
    const { assignment, frontend, worker, passage } = this;
    outcome.entryPoint = this.entryPoint;
    outcome.frontend = frontend;
    outcome.backend = this.backend ?? (frontend === null ? null : frontend.backend);
    outcome.server = assignment.server;
    outcome.protocol = this.protocol;
    outcome.method = this.method;
    outcome.status = this.status;
    outcome.cause = this.cause;
    outcome.tries = this.tries;
    // Durations of a millisecond need a better clock than the coarse one: two calls.
    outcome.seconds = this.seconds;
    outcome.requestBytes = this.requestBytes;
    outcome.responseBytes = this.responseBytes;
    // First: what is in flight must be given back even where counting fails.
    assignment.end(outcome.status, outcome.seconds);
    outcome.count(worker.metrics);
    passage?.ended(outcome);
  }
}
