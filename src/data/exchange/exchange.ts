/**
 * What every exchange has in common, HTTP or WebSocket: its way through the middlewares to its backend. What is counted and
 * told of it is `CountedExchange`.
 *
 *     open ─▶ middlewares of the entrypoint ─▶ route ─▶ middlewares of the frontend ─▶ backend ─▶ admitted ─▶ … ─▶ finish
 *               │   ▲                                     │   ▲                          │                        ▲
 *               ▼   └─ proceed ◀─ WAITS                   ▼   └─ proceed ◀─ WAITS        ▼                        │
 *            a reply ────────────────────────────────▶ a reply ──────────────────────▶ a refusal ─────────────────┘
 */
import type { RequestHead } from '../../http/request-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import { QUEUED, type QueueUser } from '../balancing/assignment.ts';
import { balancerOf } from '../balancing/balancer.ts';
import { standIn } from '../balancing/stand-in.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import { type Middleware, type Plan, WAITS, type Waiting } from '../middleware.ts';
import { backendPlan, frontendPlan } from '../plan.ts';
import { localReply, type Reply, slashRedirect } from '../reply.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import { BodyPolicy } from './body-policy.ts';
import { CountedExchange } from './counted-exchange.ts';
import { ExchangeTimer, type TimedExchange } from './exchange-timer.ts';
import { type Crossroads, NextTry, type TryingExchange } from './next-try.ts';
import { OtherPeer } from './other-peer.ts';
import { Passage } from './passage.ts';
import { Wait } from './wait.ts';
import { type WrappedExchange, Wrappers } from './wrappers.ts';

/** How far an exchange has come on its way to a backend. */
const ENTRY_POINT = 0;
const FRONTEND = 1;
const BACKEND = 2;

export abstract class Exchange
  extends CountedExchange
  implements WrappedExchange, TimedExchange, TryingExchange, QueueUser
{
  private waiting: Wait | null = null;
  /** null as long as no timeout is set. */
  timer: ExchangeTimer | null;
  private stage = ENTRY_POINT;
  /** null where no middleware has asked for anything; a handshake has no body to speak of, so that nobody looks at it. */
  protected policy: BodyPolicy | null = null;
  /** Of this exchange and all that it serves later; null until there is a middleware. */
  private ownPassage: Passage | null = null;
  /** null for none. */
  private wrappers: Wrappers | null = null;
  protected readonly nextTry: NextTry;
  /** `admitted` was called. */
  private wasAdmitted = false;

  constructor(worker: WorkerContext) {
    super(worker);
    this.nextTry = new NextTry(this, this.assignment, worker.wheel);
    this.timer = ExchangeTimer.for(worker, this);
  }

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

  /** A request has come. */
  protected override open(entryPoint: number, method: string, protocol: number): void {
    super.open(entryPoint, method, protocol);
    this.stage = ENTRY_POINT;
    this.policy = null;
    this.wasAdmitted = false;
  }

  protected admit(head: RequestHead): void {
    const { worker, entryPoint } = this;
    worker.trusts[entryPoint]?.judge(this.client, head);
    const fields = worker.observers === null ? '' : head.fields;
    worker.requestIds.name(this, head);
    this.clientTarget = head.target;
    this.begins(head, fields);
    if (head.problem !== '') {
      log.debug('request refused', { reason: head.problem });
      this.replyFault(head.fault);
      return;
    }
    if (worker.requestCounts.wantsHeaders) this.headers = worker.requestCounts.headersOf(head);
    const plan = worker.plans[entryPoint];
    if (plan !== null) this.walk(plan);
    this.advance(head);
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
    if (this.worker.requestCounts.countsOpen && this.counts) this.enterBackend(this.backend!);
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

  asksAgain(_status: number, _head: string): boolean {
    return false;
  }

  turn({ head, depth, out, link }: Crossroads, backend: BackendView, status: number): void {
    this.assignment.end(status, this.marks.sinceBegun() / 1_000);
    this.trace?.leaves(this.backend!.name, this.marks.failed.length);
    if (this.openPlace >= 0) this.leaveBackend();
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

  /** What it ends with when its client is gone, as its engine says for `why`. `begun`: the head of a response is out. */
  protected departure(why: Fault, begun: boolean): Fault {
    const { ending } = this.worker;
    if (ending !== null) return ending;
    return begun && why === FAULTS.clientClosed ? FAULTS.clientReset : why;
  }

  protected replyFault(fault: Fault): void {
    this.reply(localReply(fault));
  }

  protected override finish(): void {
    if (!this.running) return;
    this.timer?.stop();
    this.nextTry.stop();
    this.waiting?.end();
    this.waiting = null;
    super.finish();
  }

  protected released(): void {
    this.wrappers = null;
    this.passage?.reset();
    this.passage = null;
  }
}
