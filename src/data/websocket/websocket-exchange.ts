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
import { asBytes } from '../../http/fields.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { CODE } from '../../http2/codes.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { ServerView } from '../../table/views.ts';
import { NEXT_SERVER, retryDecision } from '../balancing/retry.ts';
import type { WorkerContext } from '../context.ts';
import { type Downstream, type DownstreamEvents, sendWhole } from '../downstream.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../reply.ts';
import type { HandshakeDownstream } from './client-socket.ts';
import { requestFields, responseHead } from './handshake.ts';
import { Refusal, type RefusalUser } from './refusal.ts';
import { Relay } from './relay.ts';
import { type HandshakeUser, ServerSocket } from './server-socket.ts';

/** How a server is spoken to whose connection is to be made. */
const NOT_YET = { peer: '', protocol: '1.1' } as const;

export class WebSocketExchange extends Exchange implements DownstreamEvents, HandshakeUser, RefusalUser {
  readonly client: Downstream;
  protected out: Downstream;
  /** Null once the client is a WebSocket or gone. */
  private downstream: HandshakeDownstream | null;
  /** A handshake has no body. */
  readonly requestComplete = true;
  readonly awaitsClient = false;
  private host = '';
  private target = '';
  private fields: Record<string, string | string[]> = {};
  private server: ServerSocket | null = null;
  private refusal: Refusal | null = null;
  /** A reply of ours waits for the client. */
  private flushing = false;
  private relay: Relay | null = null;

  constructor(worker: WorkerContext, entryPoint: number, downstream: HandshakeDownstream) {
    super(worker);
    this.entryPoint = entryPoint;
    this.downstream = downstream;
    this.client = downstream;
    this.out = downstream;
  }

  /** `head` is valid only during the call. */
  begin(head: RequestHead): void {
    this.open(this.entryPoint, 'GET', PROTOCOL.websocket);
    this.worker.webSockets.add(this);
    this.admit(head);
  }

  protected admitted(head: RequestHead): void {
    const { serverLine } = this.worker;
    this.host = asBytes(head.host);
    this.target = asBytes(head.target);
    const { secure } = this.client;
    const forwarded = head.forwardedLines(this.client.peerAddress(), secure, serverLine);
    this.record?.forwards(head, forwarded, this.requestId);
    this.fields = requestFields(head.fields + forwarded);
    this.takePlace();
  }

  protected readmitted(): void {
    this.takePlace();
  }

  /** A handshake may be sent as often as one likes. */
  readonly isUnsent = true;

  canBeSentAgain(): boolean {
    return true;
  }

  dismiss(status: number): void {
    this.marks.tryFailed(this.assignment.server!, null, status);
    this.server?.destroy();
    this.server = null;
  }

  /** One try: a server and a handshake with it. */
  attempt(): void {
    const refusal = this.assignment.next();
    if (refusal !== null) {
      if (!this.nextTry.followsNoServer()) this.replyFault(refusal);
      return;
    }
    this.tries++;
    const server = this.assignment.server!;
    if (server.scheme === 'h2c') this.replyFault(FAULTS.unsupportedScheme);
    else this.dial(server);
  }

  private dial(server: ServerView): void {
    const host = this.frontend!.passHostHeader ? this.host : server.hostHeader;
    const { trace, target } = this;
    let { fields } = this;
    if (trace !== null)
      fields = { ...fields, ...requestFields(trace.tryLines(this.marks.failed.length, NOT_YET, target)) };
    const request = { target, fields: { host, ...fields } };
    this.marks.tryBegins(false);
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
    this.timer?.stop();
    this.marks.answered();
    if (this.trace !== null) this.trace.answered(101, responseHead(101, '', raw));
    const relay = new Relay(this.server!, this.worker.budget, () => this.relayEnded());
    this.relay = relay;
    this.status = 101;
    this.assignment.answered();
    const text = responseHead(101, 'Switching Protocols', raw, this.assignment.cookie);
    const seen = this.passage?.looksAtResponses ? this.passage.switching(text, true) : text;
    this.record?.answered(101, text, this.server!);
    this.record?.sends(seen);
    this.downstream!.upgrade(Buffer.from(seen, 'latin1'), relay);
    this.downstream = null;
    relay.start();
  }

  private relayEnded(): void {
    this.server = null;
    const { fault } = this.relay!;
    if (fault !== null) this.cause = this.departure(fault, true).cause;
    this.finish();
  }

  serverConnected(): void {
    this.marks.isConnected();
    if (this.trace !== null) this.trace.tryReached(this.marks.failed.length, this.server!.peer);
  }

  serverRefused(response: IncomingMessage): void {
    this.marks.answered();
    if (
      this.assignment.judgesAnswers &&
      this.nextTry.followsAnswer(response.statusCode!, response.headers['retry-after'] ?? '')
    ) {
      response.destroy();
      return;
    }
    this.assignment.answered();
    this.refusal = new Refusal(response, this.assignment.cookie, this);
    this.status = this.refusal.status;
    this.record?.answered(this.status, this.refusal.head, this.server!);
    if (this.trace !== null) this.trace.answered(this.status, this.refusal.head);
    if (this.passage?.looksAtResponses) {
      this.refusal.head = this.passage.response(this.status, this.refusal.head, this.refusal.length, false)!;
    }
    this.record?.sends(this.refusal.head);
    this.refusal.start(this.out, this.worker.draining);
  }

  refusalEnded(complete: boolean): void {
    const begun = this.refusal!.begun;
    this.responseBytes = this.refusal!.responseBytes;
    if (complete) this.finish();
    else this.breakOff(FAULTS.truncated, begun ? 'in the body' : '');
  }

  serverFailed(fault: Fault, detail: string, sent: boolean): void {
    this.server = null;
    log.debug(fault.text, { backend: this.backend!.name, server: this.assignment.server!.url, detail });
    const { triesLeft } = this.assignment;
    const trial = this.assignment.isTrial;
    this.marks.tryFailed(this.assignment.server!, fault, 0);
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
    if (decision === NEXT_SERVER && this.assignment.retry(this.counts)) {
      this.nextTry.begin();
    } else if (!this.nextTry.follows(fault)) {
      this.replyFault(fault);
    }
  }

  /** A handshake has no body. */
  downstreamTrailers(): void {}

  downstreamBody(): void {}

  outWritable(): void {
    if (this.flushing) this.finish();
    else this.refusal?.writable();
  }

  downstreamAborted(why = FAULTS.clientClosed): void {
    const begun = this.refusal?.begun === true || this.flushing;
    const fault = this.departure(why, begun);
    this.cause = fault.cause;
    if (!begun) this.status = fault.status;
    this.finish();
  }

  downstreamFailed(fault: Fault): void {
    this.breakOff(fault, '');
  }

  /** The worker ends: both sides are told. What has not come so far is broken off when its listener closes. */
  shutDown(): void {
    this.relay?.shutDown();
  }

  /** Ends it now, whatever either side is doing. */
  destroy(): void {
    if (this.relay === null) {
      this.abort(this.worker.ending ?? FAULTS.internal);
      return;
    }
    // Half way from a response to a WebSocket.
    this.downstream?.abort(CODE.internal);
    this.relay.destroy();
  }

  /** An error of ours: whatever state this is in, it ends, and nothing else suffers. */
  crash(error: unknown): void {
    tellOwnError('WebSocket', error);
    if (this.status === 0) this.status = FAULTS.internal.status;
    this.cause = 'internal';
    this.destroy();
  }

  breakOff(fault: Fault, detail: string): void {
    log.debug(fault.text, { backend: this.backend?.name ?? '', server: this.assignment.server?.url ?? '', detail });
    this.server?.destroy();
    this.server = null;
    if (this.refusal?.begun) this.abort(fault);
    else this.replyFault(fault);
  }

  private abort(fault: Fault): void {
    this.cause = fault.cause;
    this.downstream?.abort(CODE.internal);
    this.finish();
  }

  protected reply(reply: Reply): void {
    this.marks.admitted();
    this.status = reply.status;
    this.cause = reply.cause;
    this.responseBytes = reply.length;
    const close = this.worker.draining || reply.closes;
    const head = this.passage?.looksAtResponses
      ? this.passage.response(reply.status, reply.head, reply.length, true)!
      : reply.head;
    this.record?.sends(head);
    if (sendWhole(this.out, head, reply.length, reply.body, '', close)) this.finish();
    else this.flushing = true;
  }

  protected override finish(): void {
    if (!this.running) return;
    // First what may be done twice: should it fail, `crash` comes here again.
    this.refusal?.destroy();
    this.server?.destroy();
    this.server = null;
    if (this.relay !== null) {
      this.requestBytes = this.relay.requestBytes;
      this.responseBytes = this.relay.responseBytes;
    }
    this.worker.webSockets.delete(this);
    super.finish();
  }

  protected override released(): void {
    super.released();
    // A client that has become a WebSocket is no downstream any more.
    if (this.downstream !== null) this.out.release(true);
    this.downstream = null;
  }
}
