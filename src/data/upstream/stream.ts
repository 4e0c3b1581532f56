/**
 * One request and its response on a stream of an HTTP/2 session (RFC 9113 §8).
 *
 *     WAITING ──session ready──▶ READY ──sendHead──▶ OPEN ──both sides ended, reset, timeout, misbehaviour──▶ CLOSED
 *
 * It tells its user exactly once how a try ended: `responseEnd` or `upstreamFailed`. What a client does not take waits here,
 * a window at most, and so it may end long after its stream, or its session: a response that has come whole is given whole.
 */

import { NO_LENGTH, ResponseHead } from '../../http/response-head.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, MAX_INTERIM } from '../../http/response-parser.ts';
import { CODE, codeName, passedCode } from '../../http2/codes.ts';
import type { ResponseBlock } from '../../http2/response-block.ts';
import { ReceiveWindow, WindowGrowth } from '../../http2/windows.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { HeldBody, type HeldBodyOwner } from './held-body.ts';
import { OutgoingBody } from './outgoing-body.ts';
import type { SessionFrames } from './session-frames.ts';
import { STREAM_WINDOW_BYTES } from './session-output.ts';
import type { SessionStream } from './session-stream.ts';
import { silenceOf, type UpstreamTimeouts } from './timeouts.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

const WAITING = 0;
const READY = 1;
const OPEN = 2;
const CLOSED = 3;

/** Windows of responses do not grow. */
const NO_GROWTH = new WindowGrowth(0);

/** The session of a stream. */
export interface StreamOwner {
  readonly timeouts: UpstreamTimeouts;
  readonly wheel: TimerWheel;
  readonly budget: MemoryBudget;
  /** Once it is open. */
  readonly frames: SessionFrames;
  /** The server does not answer this request in HTTP/2. Is there another way to it? */
  needsHttp1(): boolean;
  /** As of Upstream. */
  readonly peer: string;
  /** A stream is over. */
  forget(stream: UpstreamStream): void;
}

export class UpstreamStream extends TimerEntry implements Upstream, SessionStream, HeldBodyOwner {
  readonly mayRefuse = true;
  readonly protocol = '2';
  /** 0 before it is opened. */
  id = 0;
  /** What may be sent of its body. */
  window = 0;
  /** What may come. */
  readonly receive = new ReceiveWindow(STREAM_WINDOW_BYTES);

  private readonly session: StreamOwner;
  /** Null when nobody waits for it any more. */
  user: UpstreamUser | null;
  private state = WAITING;

  private readonly outgoing = new OutgoingBody();

  private readonly head = new ResponseHead();
  private isHead = false;
  private framing = BODY_NONE;
  private answered = false;
  /** END_STREAM has come: what waits here is all of the response. */
  private whole = false;
  /** Milliseconds in which more of its body must come; 0: for ever. */
  private silenceMs = 0;
  /** Bytes of the body so far. */
  private received = 0;
  private interim = 0;
  private trailers = '';
  private paused = false;
  /** What came while the client took nothing; null for a client that takes all. */
  private held: HeldBody | null = null;
  private resuming = false;

  constructor(session: StreamOwner, user: UpstreamUser) {
    super();
    this.session = session;
    this.user = user;
  }

  /** Runs one step for the session or the timer: what it throws ends the exchange and nothing else. */
  private guard(step: (this: UpstreamStream) => void): void {
    const { user } = this;
    try {
      step.call(this);
    } catch (error) {
      this.crash(user, error);
    }
  }

  crash(user: UpstreamUser | null, error: unknown): void {
    try {
      this.destroy();
    } finally {
      user?.crash(error);
    }
  }

  /** A stream for a session that takes requests already. */
  use(): void {
    this.state = READY;
  }

  /** The session takes requests. */
  ready(): void {
    if (this.state === WAITING) this.guard(this.connected);
  }

  private connected(): void {
    this.state = READY;
    this.user!.upstreamConnected(this);
  }

  sendHead(
    head: string,
    method: string,
    _body: number,
    complete: boolean,
    latin1: boolean,
    _upgrades: boolean,
    neverIndexed: string,
  ): void {
    this.outgoing.latin1 = latin1;
    this.head.dropsDate = this.user!.writesDate;
    this.isHead = method === 'HEAD';
    this.id = this.session.frames.open(this, head, complete, latin1, neverIndexed);
    if (this.id === 0) {
      // Not now: the exchange is about to go on with the body.
      setImmediate(() => this.refuse());
      return;
    }
    this.state = OPEN;
    this.outgoing.isSent = complete;
    if (complete) this.awaitHead();
  }

  /** The request is not one for HTTP/2. */
  private refuse(): void {
    if (this.state !== CLOSED) this.failAs(FAULTS.badRequest, 'a head that HTTP/2 cannot carry');
  }

  write(chunk: Uint8Array): boolean {
    // A server that answers early may have ended it: nobody reads the rest.
    return this.state !== OPEN || chunk.length === 0 || this.outgoing.send(chunk, this, this.session.frames);
  }

  get peer(): string {
    return this.session.peer;
  }

  get backlog(): number {
    return this.outgoing.backlog;
  }

  pump(): void {
    const { outgoing } = this;
    if (outgoing.backlog === 0 || this.state !== OPEN || !outgoing.pump(this, this.session.frames)) return;
    if (outgoing.isSent) this.bothEnded();
    else this.user?.upstreamWritable();
  }

  endBody(trailers: string): void {
    if (this.state !== OPEN) return;
    this.outgoing.end(trailers, this, this.session.frames);
    this.bothEnded();
    if (!this.answered) this.awaitHead();
  }

  /** Are both sides through? */
  private bothEnded(): void {
    if (this.whole && this.outgoing.isSent) this.release();
  }

  private awaitHead(): void {
    const { headMs } = this.session.timeouts;
    if (headMs > 0) this.session.wheel.arm(this, headMs);
  }

  headArrived(): void {
    const { wheel, timeouts } = this.session;
    wheel.cancel(this);
    this.silenceMs = silenceOf(timeouts, this.head);
    this.watchSilence();
  }

  private watchSilence(): void {
    if (this.silenceMs > 0 && !this.paused && this.state === OPEN) this.session.wheel.arm(this, this.silenceMs);
  }

  pause(): void {
    this.paused = true;
    if (this.silenceMs > 0) this.session.wheel.hold(this);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.watchSilence();
    if (!this.holds || this.resuming) return;
    // Not now: the user is within a step of its own.
    this.resuming = true;
    setImmediate(goOn, this);
  }

  /** The client takes more. */
  goOn(): void {
    this.resuming = false;
    this.guard(this.giveHeld);
  }

  private giveHeld(): void {
    this.held?.give();
    // Also when the last of it has made the user pause: nothing else would come to go on with.
    if (this.whole && !this.holds && this.user !== null) this.finish();
  }

  private get holds(): boolean {
    return this.held !== null && !this.held.isEmpty;
  }

  get takesMore(): boolean {
    return !this.paused && this.user !== null;
  }

  done(requestSent: boolean): void {
    this.letGo();
    // The rest of the request is of no use to the server.
    if (this.state !== CLOSED && (!requestSent || !this.outgoing.isSent)) this.reset(CODE.cancel);
  }

  discard(): void {
    this.destroy();
  }

  abandon(_user: UpstreamUser): void {
    this.destroy();
  }

  /** Gives the stream up. The user hears nothing more of it. */
  destroy(): void {
    this.letGo();
    if (this.state !== CLOSED) this.reset(CODE.cancel);
  }

  /** Nobody waits for it any more. */
  private letGo(): void {
    this.user = null;
    this.silenceMs = 0;
    this.held?.clear();
    this.session.wheel.cancel(this);
  }

  private reset(code: number): void {
    if (this.state === OPEN) this.session.frames.sendReset(this.id, code);
    this.release();
  }

  override expired(): void {
    this.guard(this.timedOut);
  }

  private timedOut(): void {
    if (this.answered) this.fail(FAULTS.bodyTimeout, 'nothing more of the response comes');
    else this.fail(FAULTS.headerTimeout, 'response header timeout');
  }

  headForBlock(): ResponseHead | null {
    return this.answered ? null : this.head;
  }

  blockCame(block: ResponseBlock, endStream: boolean): boolean {
    if (this.user === null || this.state !== OPEN) return false;
    if (this.answered) {
      this.trailed(block, endStream);
      return false;
    }
    const { head } = this;
    block.finish(head);
    if (head.problem !== '') this.fail(FAULTS.badResponse, head.problem);
    else if (head.status < 200) this.informed(endStream);
    else return this.responded(block.announcesTrailers, endStream);
    return false;
  }

  /** An interim response. */
  private informed(endStream: boolean): void {
    const { head } = this;
    if (head.status === 101) this.fail(FAULTS.badResponse, 'the status 101 in HTTP/2');
    else if (endStream) this.fail(FAULTS.badResponse, 'an interim response that ends the stream');
    else if (++this.interim > MAX_INTERIM) this.fail(FAULTS.badResponse, 'too many interim responses');
    else this.user!.responseInterim(head);
  }

  private responded(announcesTrailers: boolean, endStream: boolean): boolean {
    this.answered = true;
    this.framing = this.framingOf(endStream, announcesTrailers);
    this.user!.responseHead(this.head, this.framing);
    if (endStream) this.ended();
    return !endStream && this.framing !== BODY_NONE;
  }

  private framingOf(ended: boolean, announcesTrailers: boolean): number {
    const { head } = this;
    if (this.isHead || head.status === 204 || head.status === 304) return BODY_NONE;
    if (ended && head.contentLength === NO_LENGTH) head.contentLength = 0;
    // HTTP/1.1 has trailers only where the end is not known before.
    return head.contentLength === NO_LENGTH || (announcesTrailers && !ended) ? BODY_CHUNKED : BODY_LENGTH;
  }

  private trailed(block: ResponseBlock, endStream: boolean): void {
    if (block.problem !== '') this.fail(FAULTS.badResponse, block.problem);
    else if (!endStream) this.fail(FAULTS.badResponse, 'a second head');
    else {
      this.trailers = block.lines;
      this.ended();
    }
  }

  /** Nothing of the body has come with the head: whoever can shows it to the client. */
  waits(): void {
    if (this.received === 0 && !this.whole) this.user?.responseWaits();
  }

  arrived(bytes: Buffer, start: number, end: number): void {
    if (this.user === null) return;
    const length = end - start;
    if (!this.answered) {
      this.fail(FAULTS.badResponse, 'a body before the head');
      return;
    }
    this.watchSilence();
    this.received += length;
    if (this.framing === BODY_NONE) {
      this.fail(FAULTS.badResponse, 'a body where there can be none');
    } else if (this.head.contentLength !== NO_LENGTH && this.received > this.head.contentLength) {
      this.fail(FAULTS.badResponse, 'a body that is longer than its Content-Length');
    } else if (this.paused || this.holds) {
      this.held ??= new HeldBody(this, this.session.budget);
      this.held.add(bytes, start, end);
    } else {
      this.give(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length));
    }
  }

  /** A piece that the client is given. Its room is the server's again, half of a window at a time. */
  give(piece: Uint8Array): void {
    this.receive.use(piece.length);
    const increment = this.whole ? 0 : this.receive.update(0, 0, NO_GROWTH);
    if (increment > 0 && this.state === OPEN) this.session.frames.out.windowUpdate(this.id, increment);
    this.user!.responseBody(piece);
  }

  ended(): void {
    this.whole = true;
    this.bothEnded();
    if (this.user === null) return;
    if (!this.answered) this.fail(FAULTS.badResponse, 'a body before the head');
    else if (!this.holds) this.finish();
  }

  private finish(): void {
    const user = this.user!;
    const { contentLength } = this.head;
    if (this.framing !== BODY_NONE && contentLength !== NO_LENGTH && this.received !== contentLength) {
      this.fail(FAULTS.badResponse, 'a body that is shorter than its Content-Length');
      return;
    }
    this.silenceMs = 0;
    this.session.wheel.cancel(this);
    user.responseEnd(this.framing === BODY_CHUNKED ? this.trailers : '');
  }

  /** The server has reset it: it is over for both sides. */
  wasReset(code: number): void {
    this.release();
    // It wants no more of the request; its answer is whole.
    if (this.user === null || this.whole) return;
    const detail = `stream reset: ${codeName(code)}`;
    if (this.answered) this.fail(FAULTS.truncated, detail, passedCode(code));
    else if (code === CODE.refusedStream) this.fail(FAULTS.streamRefused, detail);
    else if (code === CODE.http11Required && this.session.needsHttp1()) this.fail(FAULTS.streamRefused, detail);
    else this.fail(FAULTS.streamReset, detail);
  }

  /** The connection is over, or will be without a look at this. `seen`: the server may have seen it. */
  orphaned(seen: boolean, isBroken: boolean, detail: string): void {
    const answered = this.answered;
    this.release();
    if (this.user === null || this.whole) return;
    if (!seen && !answered) this.failAs(FAULTS.sessionEnded, detail);
    else if (isBroken) this.failAs(FAULTS.badResponse, `the connection broke: ${detail}`);
    else this.failAs(answered ? FAULTS.truncated : FAULTS.upstreamClosed, detail);
  }

  private fail(fault: Fault, detail: string, code: number = CODE.internal): void {
    const { user } = this;
    this.letGo();
    if (this.state !== CLOSED) this.reset(fault === FAULTS.badResponse ? CODE.protocol : CODE.cancel);
    user?.upstreamFailed(fault, detail, code);
  }

  /** As `fail`, for the session. */
  failAs(fault: Fault, detail: string): void {
    const { user } = this;
    try {
      this.fail(fault, detail);
    } catch (error) {
      this.crash(user, error);
    }
  }

  /** The place on the session is free again. */
  private release(): void {
    if (this.state === CLOSED) return;
    if (this.state === OPEN) this.session.frames.forget(this.id);
    this.state = CLOSED;
    this.outgoing.clear();
    this.session.forget(this);
  }
}

function goOn(stream: UpstreamStream): void {
  stream.goOn();
}
