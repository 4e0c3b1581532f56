/**
 * One WebSocket from its handshake to its end, in one worker. Every path ends in `finish`, exactly once.
 *
 *     begin ─▶ route ─▶ attempt ─▶ 101 ─▶ relay ─────────────▶ both sides closed ─▶ finish
 *                │        ▲  │      └─ other status ─▶ refusal ─▶ all passed on ─▶ finish
 *                │        └──┴─ retry                                               ▲
 *                └─▶ local reply ───────────────────────────────────────────────────┘
 *
 * It is routed, balanced and counted as every request; its code in the metrics is 101 once it is open.
 */
import type { IncomingMessage } from 'node:http';
import type { RequestHead } from '../../http/request-head.ts';
import { NO_LENGTH } from '../../http/response-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { FrontendView, ServerView } from '../../table/views.ts';
import { type Admitted, admit } from '../admission.ts';
import { Assignment } from '../balancing/assignment.ts';
import { NEXT_SERVER, retryDecision } from '../balancing/retry.ts';
import type { WorkerContext } from '../context.ts';
import type { DownstreamEvents } from '../downstream.ts';
import { type LocalReply, localReply } from '../local-reply.ts';
import type { HandshakeDownstream } from './client-socket.ts';
import { asBytes, requestFields, responseHead } from './handshake.ts';
import { Refusal, type RefusalUser } from './refusal.ts';
import { Relay } from './relay.ts';
import { type HandshakeUser, ServerSocket } from './server-socket.ts';

export class WebSocketExchange implements DownstreamEvents, HandshakeUser, RefusalUser, Admitted {
  private readonly worker: WorkerContext;
  private readonly entryPoint: number;
  private readonly startedAt = performance.now();
  /** Null once the client is a WebSocket or gone. */
  private downstream: HandshakeDownstream | null;
  private method = 'GET';
  private host = '';
  private target = '';
  private fields: Record<string, string | string[]> = {};
  frontend: FrontendView | null = null;
  readonly assignment: Assignment;
  private server: ServerSocket | null = null;
  private refusal: Refusal | null = null;
  private relay: Relay | null = null;
  private status = 0;
  private responseBytes = 0;
  /** From `begin` to `finish`. */
  private running = false;

  constructor(worker: WorkerContext, entryPoint: number, downstream: HandshakeDownstream) {
    this.worker = worker;
    this.entryPoint = entryPoint;
    this.downstream = downstream;
    this.assignment = new Assignment(worker);
  }

  /** `head` is valid only during the call. */
  begin(head: RequestHead): void {
    const { worker } = this;
    this.running = true;
    worker.openExchanges++;
    worker.webSockets.add(this);
    worker.metrics.exchangeOpened(this.entryPoint, this.method, PROTOCOL.websocket);
    const refused = admit(this, worker, this.entryPoint, head, this.downstream!);
    if (refused !== null) {
      this.reply(refused);
      return;
    }
    const { serverLine } = worker;
    this.host = asBytes(head.host);
    this.target = asBytes(head.target);
    const { secure } = this.downstream!;
    const forwarded = head.forwardedLines(this.downstream!.peerAddress(), secure, serverLine);
    this.fields = requestFields(head.fields + forwarded);
    this.attempt();
  }

  /** One try: a server and a handshake with it. */
  private attempt(): void {
    const refusal = this.assignment.next();
    if (refusal !== null) {
      this.replyFault(refusal);
      return;
    }
    const server = this.assignment.server!;
    if (server.scheme === 'h2c') this.replyFault(FAULTS.unsupportedScheme);
    else this.dial(server);
  }

  private dial(server: ServerView): void {
    const host = this.frontend!.passHostHeader ? this.host : server.hostHeader;
    const request = { target: this.target, fields: { host, ...this.fields } };
    try {
      this.server = new ServerSocket(this.worker, server, request, this);
    } catch (error) {
      // Node's http checks names and values of fields.
      if (!(error instanceof TypeError && 'code' in error)) throw error;
      log.debug('request refused', { reason: error.message });
      this.replyFault(FAULTS.badRequest);
    }
  }

  serverOpened(raw: readonly string[]): void {
    const relay = new Relay(this.server!, this.worker.budget, () => this.relayEnded());
    this.relay = relay;
    this.status = 101;
    this.assignment.answered();
    this.downstream!.upgrade(responseHead(101, 'Switching Protocols', raw, this.assignment.cookie), relay);
    this.downstream = null;
    relay.start();
  }

  private relayEnded(): void {
    this.server = null;
    this.finish();
  }

  serverRefused(response: IncomingMessage): void {
    this.assignment.answered();
    this.refusal = new Refusal(response, this.downstream!, this.assignment.cookie, this);
    this.status = this.refusal.status;
    this.refusal.start(this.worker.draining);
  }

  refusalEnded(complete: boolean): void {
    const begun = this.refusal!.begun;
    this.responseBytes = this.refusal!.responseBytes;
    if (complete) this.finish();
    else if (begun) this.breakOff();
    else this.replyFault(FAULTS.truncated);
  }

  serverFailed(fault: Fault, detail: string, sent: boolean): void {
    this.server = null;
    const backend = this.frontend!.backend;
    log.debug(fault.text, { backend: backend.name, server: this.assignment.server!.url, detail });
    const { triesLeft } = this.assignment;
    const trial = this.assignment.isTrial;
    this.assignment.tryFailed(fault, false, detail);
    const decision = retryDecision(fault, {
      sent,
      trial,
      triesLeft,
      bodyHeld: true,
      reused: false,
      repeatable: true,
      answered: fault === FAULTS.badResponse,
      resends: 0,
    });
    if (decision === NEXT_SERVER && this.assignment.retry()) {
      this.attempt();
    } else {
      this.replyFault(fault);
    }
  }

  /** A handshake has no body. */
  downstreamTrailers(): void {}

  downstreamBody(): void {}

  downstreamWritable(): void {
    this.refusal?.writable();
  }

  downstreamAborted(): void {
    if (this.refusal === null || !this.refusal.begun) this.status = FAULTS.clientClosed.status;
    this.finish();
  }

  /** The worker ends: both sides are told. What has not come so far is broken off when its listener closes. */
  shutDown(): void {
    this.relay?.shutDown();
  }

  /** Ends it now, whatever either side is doing. */
  destroy(): void {
    if (this.relay === null) {
      this.breakOff();
      return;
    }
    // Half way from a response to a WebSocket.
    this.downstream?.abort();
    this.relay.destroy();
  }

  /** An error of ours: whatever state this is in, it ends, and nothing else suffers. */
  crash(error: unknown): void {
    log.error('a WebSocket failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if (this.status === 0) this.status = FAULTS.internal.status;
    this.destroy();
  }

  private breakOff(): void {
    this.downstream?.abort();
    this.finish();
  }

  private replyFault(fault: Fault): void {
    this.reply(localReply(fault));
  }

  private reply(reply: LocalReply): void {
    const { status } = reply;
    this.status = status;
    this.responseBytes = reply.length;
    const close = this.worker.draining || status === FAULTS.badRequest.status;
    this.downstream!.respond(reply.head, reply.length, reply.body, NO_LENGTH, close);
    this.finish();
  }

  private finish(): void {
    if (!this.running) return;
    // First what may be done twice: should it fail, `crash` comes here again.
    this.refusal?.destroy();
    this.server?.destroy();
    this.server = null;
    this.running = false;
    const { worker } = this;
    try {
      this.count();
    } finally {
      worker.openExchanges--;
      worker.webSockets.delete(this);
      worker.metrics.exchangeClosed(this.entryPoint, this.method, PROTOCOL.websocket);
      worker.exchangeEnded();
      this.downstream?.release(true);
      this.downstream = null;
    }
  }

  private count(): void {
    const { metrics } = this.worker;
    const { entryPoint, frontend, method, status, relay } = this;
    const seconds = (performance.now() - this.startedAt) / 1000;
    const sent = relay === null ? 0 : relay.requestBytes;
    const received = relay === null ? this.responseBytes : relay.responseBytes;
    // First: what is in flight must be given back even where counting fails.
    this.assignment.end(status, seconds);
    metrics.entryPointDone(entryPoint, method, status, PROTOCOL.websocket, seconds, sent, received);
    if (frontend === null) return;
    metrics.backendDone(frontend.backend.slot, method, status, PROTOCOL.websocket, seconds, sent, received);
  }
}
