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
import type { RequestHead } from '../../http/request-head.ts';
import { ResponseText } from '../../http/response-text.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import { Assignment } from '../balancing/assignment.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import { ELSEWHERE, type Middleware, type Scope, WAITS, type Wrapper, type WrapperEvents } from '../middleware.ts';
import { frontendPlan, type Plan } from '../plan.ts';
import { localReply, type Reply, slashRedirect } from '../reply.ts';
import type { Subrequest, SubrequestUser } from '../subrequest.ts';
import { Outcome } from './outcome.ts';

/** Of the worker: filled at the end of each exchange. */
const outcome = new Outcome();
/** Of the worker: the head that middlewares look at. */
const responseText = new ResponseText();

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

export abstract class Exchange implements Scope {
  readonly worker: WorkerContext;
  readonly assignment: Assignment;
  entryPoint = 0;
  frontend: FrontendView | null = null;
  /** That of the frontend, unless a middleware has chosen another. */
  protected backend: BackendView | null = null;
  waiting: RequestHead | null = null;
  protected method = '';
  protected protocol: number = PROTOCOL.http;
  protected status = 0;
  protected cause = 'ok';
  protected tries = 0;
  protected requestBytes = 0;
  protected responseBytes = 0;
  private startedAt = 0;
  /** From `open` to `finish`. */
  protected running = false;
  private entryPlan: Plan | null = null;
  private plan: Plan | null = null;
  /** Of both plans: how many steps were entered. */
  private entered = 0;
  private routeEntered = 0;
  /** Steps that have not seen the response, from the first on. */
  private unlooked = 0;
  private entryUnlooked = 0;
  /** The last step that was entered has answered: it does not look at its own reply. */
  private answered = false;
  /** A middleware, then what it keeps. */
  private keeps: unknown[] | null = null;
  /** The wrapper that writes to the client's side itself, null for none. */
  protected firstWrapper: Wrapper | null = null;
  /** Of the wrapper that we write to. */
  private lastLink: WrapperLink | null = null;

  constructor(worker: WorkerContext) {
    this.worker = worker;
    this.assignment = new Assignment(worker);
  }

  abstract get client(): Downstream;
  /** Where responses are written to: the client's side, or the last wrapper around it. */
  protected abstract out: Downstream;
  /** All that was written to `out` has gone out. */
  abstract outWritable(): void;
  abstract crash(error: unknown): void;
  /** It may go to a server of `frontend`; `head` is as it is forwarded, and valid only during the call. */
  protected abstract admitted(head: RequestHead): void;
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
    this.entryPlan = null;
    this.plan = null;
    this.answered = false;
  }

  protected admit(head: RequestHead): void {
    if (head.problem !== '') {
      log.debug('request refused', { reason: head.problem });
      this.replyFault(head.oversized ? FAULTS.headTooLarge : FAULTS.badRequest);
      return;
    }
    this.entryPlan = this.worker.plans[this.entryPoint];
    this.entered = 0;
    this.routeEntered = 0;
    this.advance(head);
  }

  private advance(head: RequestHead): void {
    if (this.frontend === null) {
      const { entryPlan } = this;
      if (entryPlan !== null && !this.pass(entryPlan, head, false)) return;
      const frontend = this.route(head);
      if (frontend === null) return;
      this.plan = frontend.isPlain ? null : frontendPlan(frontend, this.worker, this.entryPoint);
    }
    if (this.plan !== null && !this.pass(this.plan, head, true)) return;
    this.backend ??= this.frontend!.backend;
    const fault = this.assignment.begin(this.backend, head, this.client);
    if (fault === null) this.admitted(head);
    else this.replyFault(fault);
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
  private pass({ steps }: Plan, head: RequestHead, routed: boolean): boolean {
    for (let at = routed ? this.routeEntered : this.entered; at < steps.length; at++) {
      const step = steps[at];
      if (routed) this.routeEntered = at + 1;
      else this.entered = at + 1;
      const verdict = step.request === undefined ? null : step.request(this, head);
      if (verdict === null) {
        if (step.wrap !== undefined) this.wrap(step);
      } else if (verdict === WAITS) {
        this.waiting = head === this.waiting ? head : head.detached();
        return false;
      } else {
        this.answered = true;
        this.reply(verdict);
        return false;
      }
    }
    return true;
  }

  proceed(reply: Reply | null): void {
    const head = this.waiting;
    if (head === null || !this.running) return;
    this.waiting = null;
    try {
      if (reply === null) {
        this.advance(head);
      } else {
        this.answered = true;
        this.reply(reply);
      }
    } catch (error) {
      this.crash(error);
    }
  }

  private wrap(step: Middleware): void {
    const link = new WrapperLink(this);
    const wrapper = step.wrap!(this, this.out, link);
    if (wrapper === null) return;
    if (this.lastLink === null) this.firstWrapper = wrapper;
    else this.lastLink.next = wrapper;
    this.lastLink = link;
    this.out = wrapper;
  }

  keep(middleware: Middleware, value: object): void {
    this.keeps ??= [];
    this.keeps.push(middleware, value);
  }

  kept(middleware: Middleware): object | undefined {
    const { keeps } = this;
    if (keeps === null) return undefined;
    for (let i = 0; i < keeps.length; i += 2) if (keeps[i] === middleware) return keeps[i + 1] as object;
    return undefined;
  }

  sendTo(backend: BackendView): void {
    this.backend = backend;
  }

  // An upgrade and a handshake have no body to speak of.
  limitRequest(_bytes: number): void {}
  limitResponse(_bytes: number): void {}
  holdRequest(): void {}
  copyRequest(_bytes: number): void {}
  replace(_start: (user: SubrequestUser) => Subrequest): boolean {
    return false;
  }

  /** Some middleware that was entered looks at responses. */
  protected get looksAtResponses(): boolean {
    return this.plan?.responds === true || this.entryPlan?.responds === true;
  }

  /**
   * The head as the middlewares leave it, one character per byte; null when another response comes in its place. `length`: of
   * the body, below 0 where it is not known.
   */
  protected responseThrough(status: number, text: string, length: number, isLocal: boolean): string | null {
    const { plan, entryPlan } = this;
    const skipped = this.answered ? 1 : 0;
    const own = plan === null ? 0 : this.routeEntered;
    this.unlooked = own === 0 ? 0 : own - skipped;
    this.entryUnlooked = own === 0 ? this.entered - skipped : this.entered;
    return this.lookOn(plan, entryPlan, status, text, length, isLocal);
  }

  /** The same for the response that came in the place of another: those that have seen the first do not see it. */
  protected substituteThrough(status: number, text: string, length: number): string {
    return this.lookOn(this.plan, this.entryPlan, status, text, length, true) ?? text;
  }

  private lookOn(
    plan: Plan | null,
    entryPlan: Plan | null,
    status: number,
    text: string,
    length: number,
    isLocal: boolean,
  ): string | null {
    responseText.status = status;
    responseText.text = text;
    responseText.length = length;
    responseText.isLocal = isLocal;
    while (this.unlooked > 0) {
      if (plan!.steps[--this.unlooked].response?.(this, responseText) === ELSEWHERE) return null;
    }
    while (this.entryUnlooked > 0) {
      if (entryPlan!.steps[--this.entryUnlooked].response?.(this, responseText) === ELSEWHERE) return null;
    }
    return responseText.text;
  }

  /** Some middleware hears when the request is with its server. */
  protected get hearsOfSent(): boolean {
    return this.plan?.hearsOfSent === true;
  }

  protected tellSent(body: readonly Buffer[] | null): void {
    for (const step of this.plan!.steps) step.sent?.(this, body);
  }

  protected replyFault(fault: Fault): void {
    this.reply(localReply(fault));
  }

  /** The end, however it came to it; does nothing the second time. Where this is done more than once nothing is lost. */
  protected finish(): void {
    if (!this.running) return;
    this.running = false;
    this.waiting = null;
    const { worker } = this;
    try {
      this.settle();
    } finally {
      this.frontend = null;
      this.backend = null;
      this.firstWrapper = null;
      this.lastLink = null;
      this.keeps = null;
      worker.openExchanges--;
      worker.metrics.exchangeClosed(this.entryPoint, this.method, this.protocol);
      worker.exchangeEnded();
      this.released();
    }
  }

  private settle(): void {
    const { assignment, frontend, worker, plan, entryPlan } = this;
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
    outcome.seconds = (performance.now() - this.startedAt) / 1000;
    outcome.requestBytes = this.requestBytes;
    outcome.responseBytes = this.responseBytes;
    // First: what is in flight must be given back even where counting fails.
    assignment.end(outcome.status, outcome.seconds);
    outcome.count(worker.metrics);
    if (entryPlan !== null) this.tell(entryPlan, this.entered);
    if (plan !== null) this.tell(plan, this.routeEntered);
  }

  private tell({ steps }: Plan, entered: number): void {
    for (let at = entered - 1; at >= 0; at--) steps[at].ended?.(this, outcome);
  }
}
