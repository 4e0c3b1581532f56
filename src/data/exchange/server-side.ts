/**
 * The server's side of an exchange, one try after the other: the connection that it takes or dials, the request that goes over
 * it, and what may be done when it fails. One per exchange, used again with it.
 *
 *     start ─▶ (dial ─▶ connected) ─▶ sent ─▶ done, dismiss or abandon
 *       ▲                  │            │
 *       └──── resend ◀─────┴─ failed ◀──┘
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { BackendView, FrontendView, ServerView } from '../../table/views.ts';
import type { Assignment } from '../balancing/assignment.ts';
import { RESEND, retryDecision } from '../balancing/retry.ts';
import type { WorkerContext } from '../context.ts';
import type { Trace } from '../tracing/trace.ts';
import type { Upstream, UpstreamUser } from '../upstream/upstream.ts';
import type { Marks } from './marks.ts';
import type { OutgoingRequest } from './outgoing-request.ts';
import { ANSWERED, CONNECTING, SENT } from './phase.ts';
import type { RequestFlow } from './request-flow.ts';

/** The exchange, which hears itself what comes of its server. */
export interface ServedExchange extends UpstreamUser {
  readonly worker: WorkerContext;
  readonly assignment: Assignment;
  readonly marks: Marks;
  readonly trace: Trace | null;
  readonly frontend: FrontendView | null;
  /** One of phase.ts. */
  phase: number;
  /** The request has gone out to its end. */
  sentWhole(): void;
}

export class ServerSide {
  /** From the dial to the end of the try; null for none. */
  connection: Upstream | null = null;
  /** Some of the request has gone to a server. */
  wasSent = false;
  /** Times that it was sent once more to the same server, whose connection was lost before it was looked at. */
  resends = 0;
  private isReused = false;
  private readonly exchange: ServedExchange;
  private readonly request: OutgoingRequest;
  private readonly flow: RequestFlow;

  constructor(exchange: ServedExchange, request: OutgoingRequest, flow: RequestFlow) {
    this.exchange = exchange;
    this.request = request;
    this.flow = flow;
  }

  /** There was no try yet. */
  reset(): void {
    this.connection = null;
    this.wasSent = false;
    this.resends = 0;
    this.isReused = false;
  }

  start(backend: BackendView, server: ServerView): void {
    const { exchange, request } = this;
    const { pools, options } = exchange.worker;
    const pool = pools.of(server);
    const depth = backend.pipelining || options.upstreamPipelining;
    // Nothing with a body: it may be sent anew when it is held up or lost.
    if (depth > 1 && request.pipelinable) {
      const shared = pool.takeForTurn(depth);
      if (shared !== null) {
        this.isReused = true;
        // What was taken is kept before anything else: an error in between would lose it.
        this.connection = shared;
        exchange.marks.tryBegins(true);
        exchange.phase = SENT;
        this.wasSent = true;
        shared.enqueue(exchange, this.headFor(shared), request.method);
        exchange.sentWhole();
        return;
      }
    }
    const idle = pool.take(exchange, request.tunnel);
    this.isReused = idle !== null;
    this.connection = idle;
    exchange.marks.tryBegins(this.isReused);
    if (idle === null) this.connection = pool.dial(exchange, request.tunnel);
    else this.send(idle);
  }

  /** As for `UpstreamUser`. */
  connected(upstream: Upstream): void {
    if (this.exchange.phase !== CONNECTING)
      throw new Error('a connection came for an exchange that does not wait for one');
    this.connection = upstream;
    this.exchange.marks.isConnected();
    this.send(upstream);
  }

  private send(upstream: Upstream): void {
    const { exchange } = this;
    exchange.phase = SENT;
    this.wasSent = true;
    this.flow.send(upstream, this.headFor(upstream));
  }

  private headFor(upstream: Upstream): string {
    const { exchange, request } = this;
    const { trace } = exchange;
    const server = exchange.assignment.server!;
    if (trace === null) return request.headFor(exchange.frontend!, server);
    const lines = trace.tryLines(exchange.marks.failed.length, upstream, request.target);
    return request.headWith(lines, exchange.frontend!, server);
  }

  /** The try has failed. Returns what may follow, as `retryDecision`. */
  failed(fault: Fault, detail: string): number {
    const { exchange, request, isReused } = this;
    const { assignment, phase } = exchange;
    const decision = retryDecision(fault, {
      sent: phase !== CONNECTING && fault !== FAULTS.unwritten,
      reused: isReused,
      bodyHeld: request.bodyHeld,
      repeatable: request.repeatable,
      answered: phase >= ANSWERED || fault === FAULTS.truncated,
      resends: this.resends,
      trial: assignment.isTrial,
      triesLeft: assignment.triesLeft,
    });
    this.connection = null;
    exchange.marks.tryFailed(assignment.server!, fault, 0);
    if (decision !== RESEND) assignment.tryFailed(fault, isReused, detail);
    return decision;
  }

  /** The same server once more, on a connection of its own. */
  resend(): void {
    const { exchange } = this;
    exchange.phase = CONNECTING;
    this.resends++;
    this.isReused = false;
    exchange.marks.tryBegins(false);
    this.connection = exchange.worker.pools.of(exchange.assignment.server!).dial(exchange, this.request.tunnel);
  }

  /** The response whose head is here is for nobody. */
  dismiss(): void {
    const connection = this.connection!;
    this.connection = null;
    if (this.request.handedOver) connection.discard(this.exchange);
    else connection.abandon(this.exchange);
  }

  /** Nobody waits for the response. */
  abandon(): void {
    // Where that fails it is tried once more, by `crash`.
    this.connection?.abandon(this.exchange);
    this.connection = null;
  }
}
