/**
 * The life of one request with its response, in one worker. Every path ends in `finish`, exactly once.
 *
 *     begin ─▶ admit ─▶ attempt ─▶ (dial) ─▶ send ─▶ response head ─▶ body ─▶ end ─▶ finish
 *                │          ▲         │         │
 *                │          └──retry──┴─────────┘      nothing has gone downstream yet
 *                └─▶ reply ───────────────────────────────────────────────────▶ finish
 * Exchanges are reused from their engine's free list: every field is set anew by `begin`.
 */
import { ANY_NAMES } from '../../http/name-bits.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { NO_LENGTH, type ResponseHead } from '../../http/response-head.ts';
import { BODY_LENGTH, BODY_NONE } from '../../http/response-parser.ts';
import { ASCII } from '../../kernel/characters.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { PROTOCOL } from '../../shared/metrics-layout.ts';
import type { BackendView } from '../../table/views.ts';
import type { Repetition } from '../balancing/repetition.ts';
import { GIVE_UP, isIdempotent, NEXT_SERVER, RESEND, retryDecision } from '../balancing/retry.ts';
import type { WorkerContext } from '../context.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, sendWhole, TUNNEL, UNKNOWN_LENGTH } from '../downstream.ts';
import { localReply, type Reply, reasonPhrase } from '../reply.ts';
import { Spool, type SpoolUser } from '../spool.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import type { Upstream, UpstreamUser } from '../upstream/upstream.ts';
import { BodyPolicy } from './body-policy.ts';
import { Exchange } from './exchange.ts';
import { countsForBackend } from './outcome.ts';
import { OutgoingRequest } from './outgoing-request.ts';

/** Middlewares have it; the request's body is queued. */
const ADMITTING = 0;
/** All of the request's body is awaited before it is sent. */
const HOLDING = 1;
/** The next try is put off; the request's body is queued. */
const PAUSING = 2;
/** Waiting for a connection; the request's body is queued. */
const CONNECTING = 3;
/** The request is on its way; its body follows as it comes. */
const SENT = 4;
/** A response head has come, but nothing went downstream. */
const ANSWERED = 5;
/** The response's head went downstream. */
const RESPONDING = 6;
/** The server is through, the client still reads. */
const FLUSHING = 7;

/** Of a request's body, bytes that are read while it waits for anything but a connection. */
const READ_WHILE_WAITING = 65_536;

function protocolOf(head: RequestHead): number {
  if (head.tunnel && head.webSocket) return PROTOCOL.websocket;
  return head.wantsEvents ? PROTOCOL.sse : PROTOCOL.http;
}

/** The text of a head as a downstream takes it. `nonAscii`: it has characters above 0x7F. */
function sendable(text: string, nonAscii: boolean): string | Uint8Array {
  return nonAscii ? Buffer.from(text, 'latin1') : text;
}

export class HttpExchange extends Exchange implements DownstreamEvents, UpstreamUser, SpoolUser, SubrequestUser {
  /** Set once by the engine that owns this pair. */
  downstream!: Downstream;

  protected out!: Downstream;
  private phase = ADMITTING;
  private readonly request: OutgoingRequest;
  private bodyPaused = false;
  /** Of the request's body, for a server that is slow or not yet there. */
  heldBytes = 0;
  private connection: Upstream | null = null;
  private reused = false;
  private resends = 0;
  private responseText: string | Uint8Array = '';
  private responseLength = UNKNOWN_LENGTH;
  private framing = BODY_NONE;
  private policy: BodyPolicy | null = null;
  /** Some of it has gone to a server. */
  private wasSent = false;
  /** Heads of interim responses, while it is not known whether the answer counts. */
  private readonly interims: (string | Uint8Array)[] = [];
  /** Its response comes in the place of the server's, or of ours. */
  private substitute: Flow | null = null;

  constructor(worker: WorkerContext) {
    super(worker);
    this.request = new OutgoingRequest(worker.heldBodies);
  }

  get writesDate(): boolean {
    return this.downstream.writesDate;
  }

  get client(): Downstream {
    return this.downstream;
  }

  get requestComplete(): boolean {
    return this.request.complete;
  }

  get awaitsClient(): boolean {
    return !this.request.complete && !this.bodyPaused && this.phase < RESPONDING;
  }

  /** A request has come; `head` is valid only during the call. */
  begin(entryPoint: number, head: RequestHead): void {
    this.phase = ADMITTING;
    this.out = this.downstream;
    this.open(entryPoint, head.method, protocolOf(head));
    this.request.begin(head);
    this.timer?.start();
    this.bodyPaused = false;
    this.connection = null;
    this.reused = false;
    this.resends = 0;
    this.policy = null;
    this.substitute = null;
    this.wasSent = false;
    if (this.interims.length > 0) this.interims.length = 0;
    this.admit(head);
  }

  protected admitted(head: RequestHead): void {
    this.request.takeText(head, this.downstream, this.worker.serverLine);
    this.readmitted(head);
  }

  protected readmitted(head: RequestHead): void {
    const { policy, request } = this;
    const { keptBodyBytes } = this.assignment;
    if (keptBodyBytes > 0 && head.contentLength <= keptBodyBytes) request.keep(keptBodyBytes);
    this.resends = 0;
    if (policy === null) {
      this.takePlace();
    } else if (head.contentLength > policy.maxRequest) {
      this.replyFault(FAULTS.bodyTooLarge);
    } else if (policy.holds && !request.isHeld && (!request.complete || request.bodyIsHere)) {
      this.hold(policy.heldInMemory);
    } else {
      if (policy.holds) request.isWhole();
      this.takePlace();
    }
  }

  /** Reads the body to its end first. */
  private hold(memoryBytes: number): void {
    const { request } = this;
    this.phase = HOLDING;
    const spool = new Spool(this.worker, this, memoryBytes);
    request.hold(spool);
    // What is here of it may have been too much.
    if (!this.isHolding) return;
    if (request.complete) {
      spool.end();
      return;
    }
    this.goOn();
    this.resumeBody();
  }

  private get isHolding(): boolean {
    return this.running && this.phase === HOLDING;
  }

  spoolWritable(): void {
    if (this.isHolding) this.resumeBody();
  }

  spoolWhole(): void {
    this.request.isWhole();
    this.takePlace();
  }

  spoolPiece(chunk: Buffer): boolean {
    // A try that has ended takes no more; the next one begins anew.
    return this.phase >= SENT && this.connection !== null && this.connection.write(chunk);
  }

  spoolThrough(): void {
    if (this.phase < SENT || this.connection === null) return;
    this.connection.endBody('');
    if (this.passage?.hearsOfSent) this.sentWhole();
    if (this.phase >= ANSWERED) this.request.holdNoMore();
  }

  spoolFailed(fault: Fault, detail: string): void {
    this.breakOff(fault, detail);
  }

  private policies(): BodyPolicy {
    this.policy ??= new BodyPolicy();
    return this.policy;
  }

  override limitRequest(bytes: number): void {
    const policy = this.policies();
    policy.maxRequest = Math.min(policy.maxRequest, bytes);
  }

  override limitResponse(bytes: number): void {
    const policy = this.policies();
    policy.maxResponse = Math.min(policy.maxResponse, bytes);
  }

  override holdRequest(memoryBytes: number, repetition: Repetition | null): void {
    const policy = this.policies();
    policy.holds = true;
    policy.heldInMemory = memoryBytes;
    policy.repetition = repetition;
  }

  override limitHeldResponse(bytes: number): void {
    this.policies().maxHeldResponse = bytes;
  }

  protected override leavesBackend(): void {
    if (this.policy === null) return;
    this.policy.repetition = null;
    this.policy.maxHeldResponse = Number.POSITIVE_INFINITY;
  }

  protected override asksAgain(status: number, head: string): boolean {
    const repetition = this.policy?.repetition ?? null;
    if (repetition === null || this.phase < CONNECTING || !repetition.asksAgain(status, head)) return false;
    return this.assignment.mayRepeat(countsForBackend(this.frontend));
  }

  override fail(fault: Fault): void {
    this.phase = ANSWERED;
    this.breakOff(fault, '');
  }

  override copyRequest(bytes: number): void {
    this.policies().copyRequest(bytes);
  }

  protected get isUnsent(): boolean {
    return !this.wasSent;
  }

  canBeSentAgain(maxBodyBytes: number, anyMethod: boolean): boolean {
    const { request } = this;
    return request.bodyHeld && this.requestBytes <= maxBodyBytes && (anyMethod || isIdempotent(request.method));
  }

  protected attempt(): void {
    const backend = this.backend!;
    this.phase = CONNECTING;
    const refusal = this.assignment.next();
    if (refusal !== null) {
      if (!this.failsOverWithoutServer()) this.replyFault(refusal);
      return;
    }
    this.tries++;
    const server = this.assignment.server!;
    if (this.request.tunnel && server.scheme === 'h2c') {
      this.breakOff(FAULTS.unsupportedScheme, 'an upgrade is for HTTP/1.1');
      return;
    }
    const pool = this.worker.pools.of(server);
    if (this.mayPipeline(backend)) {
      const shared = pool.takeForTurn(backend.pipelining || this.worker.options.upstreamPipelining);
      if (shared !== null) {
        this.reused = true;
        this.connection = shared;
        this.phase = SENT;
        this.wasSent = true;
        shared.enqueue(this, this.request.headFor(this.frontend!, server), this.request.method);
        if (this.passage?.hearsOfSent) this.sentWhole();
        return;
      }
    }
    const idle = pool.take(this, this.request.tunnel);
    if (idle === null) {
      this.reused = false;
      this.connection = pool.dial(this, this.request.tunnel);
    } else {
      this.reused = true;
      this.connection = idle;
      this.send();
    }
  }

  /** Only what may be sent twice, and nothing with a body: it may be sent anew when it is held up or lost. */
  private mayPipeline(backend: BackendView): boolean {
    const depth = backend.pipelining === 0 ? this.worker.options.upstreamPipelining : backend.pipelining;
    return depth > 1 && this.request.pipelinable;
  }

  upstreamConnected(upstream: Upstream): void {
    if (this.phase !== CONNECTING) throw new Error('a connection came for an exchange that does not wait for one');
    this.connection = upstream;
    this.send();
  }

  private send(): void {
    const { request } = this;
    this.phase = SENT;
    this.wasSent = true;
    if (request.send(this.connection!, request.headFor(this.frontend!, this.assignment.server!))) this.bodyFlows();
    else this.bodyWaits();
    if (request.handedOver && this.passage?.hearsOfSent) this.sentWhole();
  }

  /** The request has gone out to its end: once, however often it is sent. */
  private sentWhole(): void {
    const { policy } = this;
    if (policy?.copies === true && !this.request.tunnel) this.passage!.sent(policy.takeCopies());
  }

  downstreamTrailers(trailers: string): void {
    this.request.trailers = trailers;
  }

  downstreamBody(chunk: Uint8Array, last: boolean): void {
    if (!this.running || this.phase === FLUSHING) return;
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
    if (this.phase <= CONNECTING) {
      if (this.phase === HOLDING) {
        this.keepsPiece(copy);
        return;
      }
      this.request.queue(copy);
      this.bodyWaits();
      return;
    }
    this.request.sending(copy);
    if (copy.length > 0 && !this.connection!.write(copy)) this.bodyWaits();
    // What the write failed with may have ended the try.
    if (!last) return;
    this.connection?.endBody(this.request.trailers);
    if (this.passage?.hearsOfSent) this.sentWhole();
  }

  /** One piece more of a body that is read to its end first. */
  private keepsPiece(chunk: Buffer): void {
    const flows = this.request.keepPiece(chunk);
    if (!flows && this.isHolding && !this.request.complete) this.pauseBody();
  }

  /** Some of the body waits for the server: the client is stopped, as far as its engine can do that. */
  private bodyWaits(): void {
    // None when the write that failed has ended the try, and maybe all of it.
    const bytes = this.phase <= CONNECTING ? this.request.queuedBytes : (this.connection?.backlog ?? 0);
    if (bytes > 0 && !this.worker.budget.hold(this, bytes)) return;
    if (this.bodyPaused || this.request.complete || !this.running) return;
    // Who is not read from is not seen to leave, and here it may have to wait for long.
    if (this.phase < CONNECTING && bytes < READ_WHILE_WAITING) return;
    this.pauseBody();
  }

  private pauseBody(): void {
    if (this.bodyPaused) return;
    this.bodyPaused = true;
    this.downstream.pauseBody();
  }

  private bodyFlows(): void {
    // What is held for further tries stays.
    if (this.heldBytes > 0 && !this.request.isHeld) this.worker.budget.release(this);
    this.resumeBody();
  }

  endOverBudget(): void {
    this.breakOff(FAULTS.overBudget, '');
  }

  private resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.timer?.progressed();
    this.downstream.resumeBody();
  }

  upstreamWritable(): void {
    this.bodyFlows();
    this.request.resume();
  }

  /** Asks the client for its body, if it waits for that. */
  private goOn(): void {
    if (!this.request.expectsContinue) return;
    this.request.expectsContinue = false;
    this.downstream.inform('100 Continue');
  }

  responseInterim(head: ResponseHead): void {
    if (head.status === 100) {
      // Of any try: whichever server is next gets the same body.
      this.goOn();
      return;
    }
    const text = sendable(head.text, head.nonAscii);
    // Those of a try that does not count are for nobody.
    if (this.assignment.judgesAnswers) this.interims.push(text);
    else this.out.inform(text);
  }

  /** The answer of this server counts, or (false) another one is asked. */
  private isAccepted({ status, text }: ResponseHead): boolean {
    if (this.passesOver(status, text)) return false;
    for (const interim of this.interims) this.out.inform(interim);
    this.interims.length = 0;
    return true;
  }

  protected putOff(): void {
    this.phase = PAUSING;
  }

  protected dismiss(): void {
    const connection = this.connection!;
    this.connection = null;
    this.interims.length = 0;
    if (this.request.handedOver) connection.discard(this);
    else connection.abandon(this);
  }

  responseHead(head: ResponseHead, framing: number): void {
    this.connection!.headArrived();
    const isJudged = this.assignment.judgesAnswers || (this.policy !== null && this.policy.repetition !== null);
    if (isJudged && !this.isAccepted(head)) return;
    this.request.holdNoMore();
    this.status = head.status;
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
        this.connection!.abandon(this);
        this.connection = null;
        return;
      }
      text = seen;
      nonAscii ||= this.passage.addedNonAscii;
    }
    this.hasAnswer(head, sendable(text, nonAscii), framing);
    if (head.status > this.out.maxStatus) {
      this.breakOff(FAULTS.badResponse, `the status ${head.status}, which the protocol of the client does not have`);
    }
  }

  /** `text`: its head as it goes to the client. */
  private hasAnswer(head: ResponseHead, text: string | Uint8Array, framing: number): void {
    this.responseText = text;
    this.framing = framing;
    // A 205 has no content (RFC 9110 §15.3.6), but on HTTP/1.1 a length all the same: without one its client would wait for
    // the end of the connection.
    if (head.status === 205 && framing !== BODY_NONE) this.responseLength = 0;
    else if (framing === BODY_LENGTH) this.responseLength = head.contentLength;
    else if (framing !== BODY_NONE) this.responseLength = UNKNOWN_LENGTH;
    // What another request, or a change, would have brought (§8.6); with 204 it would be wrong.
    else this.responseLength = head.status === 204 ? NO_LENGTH : head.contentLength;
    this.phase = ANSWERED;
    if (this.policy !== null && head.contentLength > this.policy.maxResponse && framing === BODY_LENGTH) {
      this.breakOff(FAULTS.responseTooLarge, '');
    } else if (this.policy !== null && head.contentLength > this.policy.maxHeldResponse && framing === BODY_LENGTH) {
      this.breakOff(FAULTS.responseOverBuffer, '');
    }
  }

  override replace(start: (user: SubrequestUser) => Flow): boolean {
    // It may fail at once, which ends this exchange.
    const substitute = start(this);
    if (this.running) this.substitute = substitute;
    return true;
  }

  subrequestAnswered(head: ResponseHead, framing: number): void {
    const { status } = this;
    const end = head.text.indexOf('\r\n');
    const text = `${status} ${reasonPhrase(status)}${end < 0 ? '' : head.text.slice(end)}`;
    const seen = this.passage!.substitute(status, text, head.contentLength, false);
    this.hasAnswer(head, sendable(seen, head.nonAscii || this.passage!.addedNonAscii), framing);
  }

  subrequestBody(chunk: Uint8Array): void {
    this.responseBody(chunk);
  }

  subrequestEnded(): void {
    this.responseEnd('');
  }

  /** Its own answer goes out under the status of the one that it was to stand for. */
  subrequestFailed(fault: Fault): void {
    if (this.phase >= RESPONDING) {
      this.breakOff(fault, 'an error page');
      return;
    }
    const { status } = this;
    const { body, length, head } = localReply(fault);
    const text = `${status} ${reasonPhrase(status)}${head.slice(head.indexOf('\r\n'))}`;
    this.sendReply(this.passage!.substitute(status, text, length, true), body, length, false);
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
    this.timer?.stop();
    this.phase = RESPONDING;
    // Limits are for bodies, and what flows now is none.
    this.policy = null;
    this.request.becomeTunnel();
    const whole = `${seen}\r\nConnection: upgrade\r\nUpgrade: ${head.upgrade}`;
    this.out.begin(sendable(whole, !ASCII.spans(whole)), TUNNEL, false);
  }

  responseBody(chunk: Uint8Array): void {
    this.responseBytes += chunk.length;
    if (this.policy !== null && this.responseBytes > this.policy.maxResponse) {
      this.breakOff(FAULTS.responseTooLarge, '');
      return;
    }
    if (this.phase === ANSWERED) {
      if (this.responseLength === 0) return;
      const { length } = chunk;
      if (this.framing === BODY_LENGTH && length === this.responseLength && length <= this.out.respondsUpTo) {
        this.out.respond(this.responseText, length, chunk, NO_LENGTH, this.worker.draining);
        this.phase = FLUSHING;
        return;
      }
      this.beginResponse();
    }
    if (!this.out.write(chunk)) (this.substitute ?? this.connection)?.pause();
  }

  responseWaits(): void {
    if (this.phase === ANSWERED && this.out.sendsHeads && this.responseLength !== 0) this.beginResponse();
  }

  private beginResponse(): void {
    this.phase = RESPONDING;
    this.out.begin(this.responseText, this.responseLength, this.worker.draining);
  }

  responseEnd(trailers: string): void {
    const { connection } = this;
    this.connection = null;
    // An upload that the server did not wait for is still coming: let the listener read it to its end.
    this.resumeBody();
    connection?.done(this.request.handedOver);
    if (trailers !== '' && this.phase === ANSWERED && this.responseLength !== 0) this.beginResponse();
    if (this.phase === ANSWERED) {
      const none = this.framing === BODY_NONE;
      this.out.respond(this.responseText, none ? NO_BODY : 0, null, this.responseLength, this.worker.draining);
      this.finish();
    } else if (this.phase === FLUSHING) {
      this.finish();
    } else {
      this.phase = FLUSHING;
      if (this.out.end(trailers)) this.finish();
    }
  }

  downstreamWritable(): void {
    if (this.firstWrapper === null) this.outWritable();
    else this.firstWrapper.innerWritable();
  }

  /** All that was written to `out` has gone out. */
  outWritable(): void {
    if (this.phase === FLUSHING) this.finish();
    else (this.substitute ?? this.connection)?.resume();
  }

  downstreamAborted(): void {
    if (!this.running) return;
    this.abandon();
    this.broken(FAULTS.clientClosed);
    this.finish();
  }

  downstreamFailed(fault: Fault, detail: string): void {
    if (this.running) this.breakOff(fault, detail);
  }

  upstreamFailed(fault: Fault, detail: string): void {
    const sent = this.phase !== CONNECTING && fault !== FAULTS.unwritten;
    const decision = retryDecision(fault, {
      sent,
      reused: this.reused,
      bodyHeld: this.request.bodyHeld,
      repeatable: this.request.repeatable,
      answered: this.phase >= ANSWERED || fault === FAULTS.truncated,
      resends: this.resends,
      trial: this.assignment.isTrial,
      triesLeft: this.assignment.triesLeft,
    });
    this.connection = null;
    if (decision !== RESEND) this.assignment.tryFailed(fault, this.reused, detail);
    if (this.phase < ANSWERED) this.interims.length = 0;
    if (decision === GIVE_UP || (decision === NEXT_SERVER && !this.assignment.retry(countsForBackend(this.frontend)))) {
      if (this.phase >= ANSWERED || !this.failsOver(fault)) this.breakOff(fault, detail);
      return;
    }
    if (decision === RESEND) {
      this.phase = CONNECTING;
      this.resends++;
      this.reused = false;
      this.connection = this.worker.pools.of(this.assignment.server!).dial(this, this.request.tunnel);
    } else if (decision === NEXT_SERVER) {
      this.tryAgain();
    }
  }

  /** The response cannot be had: a local reply, or a broken connection when its head is out. */
  breakOff(fault: Fault, detail: string): void {
    this.abandon();
    log.debug(fault.text, {
      backend: this.frontend?.backend.name ?? '',
      server: this.assignment.server?.url ?? '',
      detail,
    });
    if (this.phase >= RESPONDING || fault === FAULTS.overBudget) {
      // A client that sends more than we can keep would not read an answer, and go on.
      this.broken(fault);
      this.out.abort();
      this.finish();
    } else {
      this.resumeBody();
      this.replyFault(fault);
    }
  }

  protected reply(reply: Reply): void {
    const { status } = reply;
    this.status = status;
    this.cause = reply.cause;
    // Of a client that was let wait: what it still sends is read past.
    this.resumeBody();
    const head = this.passage?.looksAtResponses
      ? this.passage.response(status, reply.head, reply.length, true)
      : reply.head;
    if (head !== null) this.sendReply(head, reply.body, reply.length, reply.closes);
  }

  private sendReply(text: string, body: string | Uint8Array, length: number, closes: boolean): void {
    const head = sendable(text, !ASCII.spans(text));
    const isHead = this.method === 'HEAD';
    this.responseBytes = isHead ? 0 : length;
    // A refused upload of known length is read to its end: a reset would take the refusal from the client.
    const close = this.worker.draining || closes;
    if (isHead) this.out.respond(head, NO_BODY, null, length, close);
    else if (!sendWhole(this.out, head, length, body, '', close)) {
      this.phase = FLUSHING;
      return;
    }
    this.finish();
  }

  /** Whoever still works at the response hears that nobody waits for it. */
  private abandon(): void {
    // Where that fails it is tried once more, by `crash`.
    this.connection?.abandon(this);
    this.connection = null;
    this.substitute?.cancel();
    this.substitute = null;
  }

  /** Why there is no whole response. What was sent of it has its status already. */
  private broken(fault: Fault): void {
    this.cause = fault.code.toLowerCase();
    if (this.phase < RESPONDING) this.status = fault.status;
  }

  /** An error of ours: whatever state this is in, it ends, and nothing else suffers. */
  crash(error: unknown): void {
    log.error('an exchange failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if (!this.running) return;
    this.cause = 'internal';
    this.status = FAULTS.internal.status;
    // Something may still hold on to this pair: it is not used again.
    this.request.complete = false;
    try {
      this.abandon();
      this.out.abort();
    } finally {
      this.finish();
    }
  }

  protected override finish(): void {
    if (!this.running) return;
    if (this.heldBytes > 0) this.worker.budget.release(this);
    super.finish();
  }

  protected released(): void {
    try {
      this.request.forget();
    } finally {
      this.out.release(this.request.complete);
    }
  }
}
