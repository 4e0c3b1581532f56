/**
 * What is counted and told of every exchange, HTTP or WebSocket: that it is open, that a backend has it, and how it ended,
 * exactly once, with one outcome.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import type { ExchangeRecord } from '../access-log/exchange-record.ts';
import { Assignment } from '../balancing/assignment.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream } from '../downstream.ts';
import type { Observers } from '../observers.ts';
import type { Trace } from '../tracing/trace.ts';
import { Marks } from './marks.ts';
import { countsForBackend, Outcome } from './outcome.ts';
import type { Passage } from './passage.ts';

/** Of the worker: filled at the end of each exchange. */
const outcome = new Outcome();

export abstract class CountedExchange {
  readonly worker: WorkerContext;
  readonly assignment: Assignment;
  entryPoint = 0;
  frontend: FrontendView | null = null;
  /** That of the frontend, unless a middleware has chosen another. */
  protected backend: BackendView | null = null;
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
  /** Those that are labels; null where there are none. */
  protected headers: readonly string[] | null = null;
  protected requestBytes = 0;
  protected responseBytes = 0;
  readonly marks = new Marks();
  /** null where nobody has asked for it. */
  record: ExchangeRecord | null = null;
  /** Of this exchange and all that it serves later; null until somebody asks. */
  private ownRecord: ExchangeRecord | null = null;
  /** From `open` to `finish`. */
  running = false;
  /** null as long as there was no middleware. */
  protected passage: Passage | null = null;
  /** Where it counts as in progress with its backend; -1 where that is not counted. */
  protected openPlace = -1;

  constructor(worker: WorkerContext) {
    this.worker = worker;
    this.assignment = new Assignment(worker);
    this.ownTrace = worker.tracer === null ? null : worker.tracer.makeTrace();
  }

  abstract get client(): Downstream;
  /** Nothing more is to come: gives back what it holds. */
  protected abstract released(): void;

  /** What was opened under a method is closed under it. */
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
    this.passage = null;
  }

  /** Who wants to know of it looks. `fields`: those of `head` before it had a name. */
  protected begins(head: RequestHead, fields: string): void {
    const { worker, ownTrace } = this;
    if (worker.observers !== null) this.observe(worker.observers, head, fields);
    if (ownTrace !== null) {
      worker.tracer!.begin(ownTrace, this, head);
      // Not before it has begun: an exchange that ends without has no span.
      this.trace = ownTrace;
    }
  }

  private observe(observers: Observers, head: RequestHead, fields: string): void {
    this.ownRecord ??= observers.record();
    observers.begins(this.ownRecord, this.client, head, fields, this.requestId);
    this.record = this.ownRecord;
  }

  /** Its tries count for series of backends. */
  get counts(): boolean {
    return countsForBackend(this.frontend);
  }

  protected enterBackend(backend: BackendView): void {
    this.openPlace = this.worker.requestCounts.opened(backend, this.method, this.protocol);
  }

  protected leaveBackend(): void {
    this.worker.requestCounts.closed(this.openPlace);
    this.openPlace = -1;
  }

  /** The response to this request, or with this status, has no body (RFC 9110 §6.4.1). */
  get isBodiless(): boolean {
    return this.method === 'HEAD' || this.status === 204 || this.status === 304;
  }

  /** The end, however it came to it; does nothing the second time. Where this is done more than once nothing is lost. */
  protected finish(): void {
    if (!this.running) return;
    this.running = false;
    const { worker } = this;
    try {
      this.settle();
    } finally {
      this.frontend = null;
      this.backend = null;
      if (this.openPlace >= 0) this.leaveBackend();
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
