/**
 * The life of one request with its response, in one worker. Every path ends in `finish`, exactly once.
 *
 *     begin ─▶ admit ─▶ attempt ─▶ (dial) ─▶ send ─▶ response head ─▶ body ─▶ end ─▶ finish
 *                │          ▲         │         │
 *                │          └──retry──┴─────────┘      nothing has gone downstream yet
 *                └─▶ reply ───────────────────────────────────────────────────▶ finish
 * What comes next is decided here. Of the request's way `RequestFlow` and `ServerSide` take care, of the response's
 * `OutgoingResponse`.
 * Exchanges are reused from their engine's free list: every field is set anew by `begin`.
 */

import { GRPC_WEB, grpcStatusOf } from '../../http/grpc.ts';
import { ANY_NAMES } from '../../http/name-bits.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { BODY_LENGTH } from '../../http/response-parser.ts';
import { CODE } from '../../http2/codes.ts';
import { ASCII } from '../../kernel/characters.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import { isIdempotent, NEXT_SERVER, RESEND } from '../balancing/retry.ts';
import type { WorkerContext } from '../context.ts';
import type { Downstream, DownstreamEvents } from '../downstream.ts';
import type { Reply } from '../reply.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import type { Upstream, UpstreamUser } from '../upstream/upstream.ts';
import { Exchange } from './exchange.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import { OutgoingResponse, sendable } from './outgoing-response.ts';
import { ADMITTING, ANSWERED, CONNECTING, HOLDING, PAUSING } from './phase.ts';
import { type FlowingExchange, RequestFlow } from './request-flow.ts';
import { type ServedExchange, ServerSide } from './server-side.ts';
import { type SubstitutedExchange, SubstitutePage } from './substitute-page.ts';

function protocolOf(head: RequestHead): number {
  if (head.tunnel && head.webSocket) return PROTOCOL.websocket;
  if (head.wantsEvents) return PROTOCOL.sse;
  // Every call is a POST.
  if (head.method !== 'POST' || !head.isGrpc) return PROTOCOL.http;
  return head.grpcKind === GRPC_WEB ? PROTOCOL.grpcWeb : PROTOCOL.grpc;
}

export class HttpExchange
  extends Exchange
  implements DownstreamEvents, UpstreamUser, FlowingExchange, ServedExchange, SubstitutedExchange
{
  /** Set once by the engine that owns this pair. */
  downstream!: Downstream;
  /** One of phase.ts. */
  phase = ADMITTING;
  readonly response: OutgoingResponse;
  protected out!: Downstream;
  private readonly request: OutgoingRequest;
  private readonly flow: RequestFlow;
  private readonly serverSide: ServerSide;
  /** Its response comes in the place of the server's, or of ours. */
  private substitute: SubstitutePage | null = null;

  constructor(worker: WorkerContext) {
    super(worker);
    this.request = new OutgoingRequest(worker.heldBodies);
    this.flow = new RequestFlow(worker, this, this.request);
    this.serverSide = new ServerSide(this, this.request, this.flow);
    this.response = new OutgoingResponse(worker);
  }

  get writesDate(): boolean {
    return this.downstream.writesDate;
  }

  get client(): Downstream {
    return this.downstream;
  }

  get connection(): Upstream | null {
    return this.serverSide.connection;
  }

  get requestComplete(): boolean {
    return this.request.complete;
  }

  get awaitsClient(): boolean {
    return !this.request.complete && !this.flow.isPaused && !this.response.isBegun;
  }

  /** A request has come; `head` is valid only during the call. */
  begin(entryPoint: number, head: RequestHead): void {
    this.phase = ADMITTING;
    this.out = this.downstream;
    this.open(entryPoint, head.method, protocolOf(head));
    this.request.begin(head);
    this.timer?.start();
    this.flow.isPaused = false;
    this.response.reset();
    this.serverSide.reset();
    this.substitute = null;
    this.admit(head);
  }

  protected admitted(head: RequestHead): void {
    this.request.takeText(head, this.downstream, this.worker.serverLine);
    // Its server is not asked by its client any more.
    if (this.request.expectsContinue && head.expect === '') this.flow.goOn();
    this.record?.forwards(head, this.request.forwarded, this.requestId);
    this.readmitted(head);
  }

  protected readmitted(head: RequestHead): void {
    const { policy, request } = this;
    const { keptBodyBytes } = this.assignment;
    if (keptBodyBytes > 0 && head.contentLength <= keptBodyBytes) request.keep(keptBodyBytes);
    this.serverSide.resends = 0;
    if (policy === null) {
      this.takePlace();
    } else if (head.contentLength > policy.maxRequest) {
      this.replyFault(FAULTS.bodyTooLarge);
    } else if (policy.holds && !request.isHeld && (!request.complete || request.bodyIsHere)) {
      this.phase = HOLDING;
      this.marks.waits();
      this.flow.hold(policy.heldInMemory);
    } else {
      if (policy.holds) request.isWhole();
      this.takePlace();
    }
  }

  override asksAgain(status: number, head: string): boolean {
    const repetition = this.policy?.repetition ?? null;
    if (repetition === null || this.phase < CONNECTING || !repetition.asksAgain(status, head)) return false;
    return this.assignment.mayRepeat(this.counts);
  }

  override fail(fault: Fault): void {
    this.phase = ANSWERED;
    // What has gone to the wrapper is not with the client.
    this.response.reset();
    this.breakOff(fault, '');
  }

  get isUnsent(): boolean {
    return !this.serverSide.wasSent;
  }

  canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean {
    return this.request.bodyHeld && this.requestBytes <= maxBodyBytes && (anyMethod || isIdempotent(this.method));
  }

  attempt(): void {
    this.phase = CONNECTING;
    const refusal = this.assignment.next();
    if (refusal !== null) {
      if (!this.nextTry.followsNoServer()) this.replyFault(refusal);
      return;
    }
    this.tries++;
    const server = this.assignment.server!;
    if (this.request.tunnel && server.scheme === 'h2c') {
      this.breakOff(FAULTS.unsupportedScheme, 'an upgrade is for HTTP/1.1');
      return;
    }
    this.serverSide.start(this.backend!, server);
  }

  upstreamConnected(upstream: Upstream): void {
    this.serverSide.connected(upstream);
  }

  sentWhole(): void {
    const { passage, policy } = this;
    if (passage === null || !passage.hearsOfSent) return;
    // Once, however often it is sent.
    if (policy?.copies === true && !this.request.tunnel) passage.sent(policy.takeCopies());
  }

  downstreamTrailers(trailers: string): void {
    this.request.trailers = trailers;
  }

  downstreamBody(chunk: Uint8Array, last: boolean): void {
    if (!this.running || this.response.isWhole) return;
    if (this.connection === null && this.phase > PAUSING) return;
    this.requestBytes += chunk.length;
    this.timer?.progressed();
    if (last) this.request.complete = true;
    const { policy } = this;
    if (policy !== null && this.requestBytes > policy.maxRequest) {
      this.breakOff(FAULTS.bodyTooLarge, '');
      return;
    }
    // The listener takes its memory back after this call, and libuv may write later: the one copy that an upload costs.
    const copy = Buffer.from(chunk);
    policy?.copy(copy);
    this.flow.add(copy);
  }

  upstreamWritable(): void {
    this.flow.serverWritable();
  }

  responseInterim(head: ResponseHead): void {
    // Of any try: whichever server is next gets the same body.
    if (head.status === 100) this.flow.goOn();
    else this.response.inform(this.out, head, this.assignment.judgesAnswers);
  }

  override waitForTry(): void {
    super.waitForTry();
    this.phase = PAUSING;
  }

  dismiss(status: number): void {
    this.marks.tryFailed(this.assignment.server!, null, status);
    this.serverSide.dismiss();
    this.response.forgetInterims();
  }

  responseHead(head: ResponseHead, framing: number): void {
    const upstream = this.connection!;
    upstream.headArrived();
    this.marks.answered();
    if (this.record !== null) this.record.answered(head.status, head.text, upstream);
    if (this.trace !== null) this.trace.answered(head.status, head.text);
    const isJudged = this.assignment.judgesAnswers || (this.policy !== null && this.policy.repetition !== null);
    if (isJudged) {
      if (this.nextTry.followsAnswer(head.status, head.text)) return;
      this.response.tellInterims(this.out);
    }
    this.request.holdNoMore();
    this.status = head.status;
    if (this.protocol >= PROTOCOL.grpc) this.grpcStatus = grpcStatusOf(head.text);
    this.assignment.answered();
    const { cookie } = this.assignment;
    let { text, nonAscii } = head;
    if (cookie !== '') {
      text = `${text}\r\nSet-Cookie: ${cookie}`;
      nonAscii ||= !ASCII.spans(cookie);
    }
    if (head.status === 101) {
      this.switchesProtocols(head, text);
      return;
    }
    if (this.passage?.looksAtResponses) {
      const names = cookie === '' ? head.names : ANY_NAMES;
      const seen = this.passage.response(head.status, text, head.contentLength, false, names);
      if (seen === null) {
        this.cause = 'error_page';
        this.serverSide.abandon();
        return;
      }
      text = seen;
      nonAscii ||= this.passage.addedNonAscii;
    }
    this.record?.sends(text);
    this.hasAnswer(head, sendable(text, nonAscii), framing);
    if (head.status > this.out.maxStatus) {
      this.breakOff(FAULTS.badResponse, `the status ${head.status}, which the protocol of the client does not have`);
    }
  }

  hasAnswer(head: ResponseHead, text: string | Uint8Array, framing: number): void {
    if (head.neverIndexed !== '') this.out.sealFields?.(head.neverIndexed);
    this.response.take(text, head, framing);
    this.phase = ANSWERED;
    const { policy } = this;
    if (policy === null || framing !== BODY_LENGTH) return;
    if (head.contentLength > policy.maxResponse) this.breakOff(FAULTS.responseTooLarge, '');
    else if (head.contentLength > policy.maxHeldResponse) this.breakOff(FAULTS.responseOverBuffer, '');
  }

  override replace(start: (user: SubrequestUser) => Flow): boolean {
    const page = new SubstitutePage(this, this.passage!, this.status);
    page.begin(start);
    // It may have failed at once, which ends this exchange.
    if (this.running) this.substitute = page;
    return true;
  }

  /** The server agrees: from now on both bodies are what either side sends, until it ends. `text`: its head. */
  private switchesProtocols(head: ResponseHead, text: string): void {
    this.phase = ANSWERED;
    const problem = this.request.tunnel ? this.request.upgradeProblem(head) : 'an upgrade that was not asked for';
    if (problem !== '') {
      this.breakOff(FAULTS.badResponse, problem);
      return;
    }
    const { passage } = this;
    const seen = passage?.looksAtResponses ? passage.switching(text, this.protocol === PROTOCOL.websocket) : text;
    this.record?.sends(seen);
    this.timer?.stop();
    // Limits are for bodies, and what flows now is none.
    this.policy = null;
    this.request.becomeTunnel();
    this.response.tunnel(this.out, `${seen}\r\nConnection: upgrade\r\nUpgrade: ${head.upgrade}`);
  }

  responseBody(chunk: Uint8Array): void {
    this.responseBytes += chunk.length;
    if (this.policy !== null && this.responseBytes > this.policy.maxResponse) {
      this.breakOff(FAULTS.responseTooLarge, '');
      return;
    }
    if (!this.response.write(this.out, chunk)) (this.substitute ?? this.connection)?.pause();
  }

  responseWaits(): void {
    if (this.phase === ANSWERED) this.response.showHead(this.out);
  }

  responseEnd(trailers: string): void {
    const { connection } = this;
    if (trailers !== '' && this.protocol >= PROTOCOL.grpc) this.grpcStatus = grpcStatusOf(`\r\n${trailers}`);
    this.serverSide.connection = null;
    // An upload that the server did not wait for is still coming: let the listener read it to its end.
    this.flow.resume();
    connection?.done(this.request.handedOver);
    if (this.response.end(this.out, trailers)) this.finish();
  }

  outWritable(): void {
    if (this.response.isWhole) this.finish();
    else (this.substitute ?? this.connection)?.resume();
  }

  downstreamAborted(why = FAULTS.clientClosed): void {
    if (!this.running) return;
    this.abandon();
    this.broken(this.departure(why, this.response.isBegun));
    this.finish();
  }

  downstreamFailed(fault: Fault, detail: string): void {
    if (this.running) this.breakOff(fault, detail);
  }

  upstreamFailed(fault: Fault, detail: string, code: number): void {
    const decision = this.serverSide.failed(fault, detail);
    this.response.forgetInterims();
    if (decision === RESEND) this.serverSide.resend();
    else if (decision === NEXT_SERVER && this.assignment.retry(this.counts)) this.nextTry.begin();
    else if (this.phase >= ANSWERED || !this.nextTry.follows(fault)) this.breakOff(fault, detail, code);
  }

  /** The response cannot be had: a local reply, or a broken connection when its head is out, `code` as of `abort`. */
  breakOff(fault: Fault, detail: string, code: number = CODE.internal): void {
    this.abandon();
    const { frontend, assignment } = this;
    log.debug(fault.text, { backend: frontend?.backend.name ?? '', server: assignment.server?.url ?? '', detail });
    if (this.response.isBegun || fault === FAULTS.overBudget) {
      // A client that sends more than we can keep would not read an answer, and go on.
      this.broken(fault);
      this.out.abort(code);
      this.finish();
    } else {
      this.flow.resume();
      this.replyFault(fault);
    }
  }

  protected reply(reply: Reply): void {
    this.marks.admitted();
    this.status = reply.status;
    this.cause = reply.cause;
    // Of a client that was let wait: what it still sends is read past.
    this.flow.resume();
    const head = this.passage?.looksAtResponses
      ? this.passage.response(reply.status, reply.head, reply.length, true)
      : reply.head;
    if (head !== null) this.sendReply(head, reply.body, reply.length, reply.closes);
  }

  sendReply(text: string, body: string | Uint8Array, length: number, closes: boolean): void {
    this.record?.sends(text);
    this.responseBytes = this.isBodiless ? 0 : length;
    if (this.response.reply(this.out, text, body, length, this.isBodiless, closes)) this.finish();
    else this.phase = ANSWERED;
  }

  /** Whoever still works at the response hears that nobody waits for it. */
  private abandon(): void {
    this.serverSide.abandon();
    this.substitute?.cancel();
    this.substitute = null;
  }

  /** Why there is no whole response. What was sent of it has its status already. */
  private broken(fault: Fault): void {
    this.cause = fault.cause;
    if (!this.response.isBegun) this.status = fault.status;
  }

  /** An error of ours: whatever state this is in, it ends, and nothing else suffers. */
  crash(error: unknown): void {
    tellOwnError('exchange', error);
    if (!this.running) return;
    this.cause = 'internal';
    this.status = FAULTS.internal.status;
    // Something may still hold on to this pair: it is not used again.
    this.request.complete = false;
    try {
      this.abandon();
      this.out.abort(CODE.internal);
    } finally {
      this.finish();
    }
  }

  protected override finish(): void {
    if (!this.running) return;
    this.flow.end();
    super.finish();
  }

  protected override released(): void {
    super.released();
    try {
      this.request.forget();
    } finally {
      this.out.release(this.request.complete);
    }
  }
}
