/**
 * One request and its response on a stream of an HTTP/2 session (RFC 9113 §8).
 *
 *     WAITING ──session ready──▶ READY ──sendHead──▶ OPEN ──response's end, reset, timeout, misbehaviour──▶ CLOSED
 *
 * It tells its user exactly once how a try ended: `responseEnd` or `upstreamFailed`. Whether a response is complete is
 * taken from END_STREAM alone: node:http2 ends its stream in the same way when the server resets it without an error or
 * closes the connection.
 */
import { type ClientHttp2Stream, type ClientSessionRequestOptions, constants } from 'node:http2';
import {
  type Http2Fields,
  readResponseFields,
  requestFields,
  trailerFields,
  trailerLines,
} from '../../http/http2-head.ts';
import { REQUEST_CHUNKED } from '../../http/request-head.ts';
import { NO_LENGTH, ResponseHead } from '../../http/response-head.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, MAX_INTERIM } from '../../http/response-parser.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import { MergedPieces } from '../merged-pieces.ts';
import { codeName, type EndWatch, isOfBrokenSession, watchEnd } from './stream-end.ts';
import { silenceOf, type UpstreamTimeouts } from './timeouts.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

const WAITING = 0;
const READY = 1;
const OPEN = 2;
const CLOSED = 3;

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

/** The session of a stream. */
export interface StreamOwner {
  readonly timeouts: UpstreamTimeouts;
  readonly wheel: TimerWheel;
  readonly scheme: string;
  /** For requests with an empty Host. */
  readonly authority: string;
  /** Why it was lost, '' while it was not. */
  readonly lost: string;
  /** @throws Error when the fields are not such as HTTP/2 takes */
  request(fields: Http2Fields, options: ClientSessionRequestOptions): ClientHttp2Stream;
  /** Was the stream opened after the last one that the server has seen? `id`: undefined when it was never opened. */
  neverSaw(id: number | undefined): boolean;
  /** The head of a response has come, or bytes of a body. */
  answered(): void;
  received(bytes: number): void;
  /** A stream is over. */
  forget(stream: UpstreamStream): void;
}

export class UpstreamStream extends TimerEntry implements Upstream, EndWatch {
  readonly mayRefuse = true;
  /** The server has sent END_STREAM: what was read and what still waits to be read is the whole response. */
  endStream = false;
  private readonly session: StreamOwner;
  private user: UpstreamUser | null;
  private state = WAITING;
  private stream: ClientHttp2Stream | null = null;
  private readonly head = new ResponseHead();
  private isHead = false;
  private framing = BODY_NONE;
  private answered = false;
  /** Milliseconds in which more of its body must come; 0: for ever. */
  private silenceMs = 0;
  /** Bytes of the body so far. */
  private received = 0;
  private readonly pieces = new MergedPieces((bytes) => this.guard(() => this.body(bytes)));
  private interim = 0;
  private trailers = '';
  private requestTrailers = '';
  private chunked = false;
  /** The request's text has a character per byte. */
  private latin1 = false;
  private detail = '';
  private sessionBroken = false;
  /** Whom the step under way is for; in it `user` may be let go already. */
  private current: UpstreamUser | null = null;

  constructor(session: StreamOwner, user: UpstreamUser) {
    super();
    this.session = session;
    this.user = user;
  }

  /** Runs one step for the stream, its session or the timer: what it throws would end the whole worker. */
  private guard(step: (this: UpstreamStream) => void): void {
    this.current = this.user;
    try {
      step.call(this);
    } catch (error) {
      this.crash(error);
    }
  }

  private crash(error: unknown): void {
    const user = this.current;
    try {
      this.destroy();
    } finally {
      user?.crash(error);
    }
  }

  /** undefined before it is opened. */
  get id(): number | undefined {
    return this.stream?.id;
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

  sendHead(head: string, method: string, body: number, complete: boolean, latin1: boolean): void {
    const { session } = this;
    const fields = requestFields(head, session.scheme, session.authority, latin1);
    if (fields === null) {
      // Not now: the exchange is about to go on with the body.
      setImmediate(() => this.refuse());
      return;
    }
    this.latin1 = latin1;
    this.head.dropsDate = this.user!.writesDate;
    this.isHead = method === 'HEAD';
    this.chunked = body === REQUEST_CHUNKED;
    const options = { endStream: complete, waitForTrailers: this.chunked };
    const stream = session.request(fields, options);
    this.stream = stream;
    this.state = OPEN;
    // The callbacks are made once per stream, which serves one request.
    watchEnd(stream, this);
    stream.on('response', (_, flags, raw) => this.guard(() => this.responded(flags, raw!)));
    stream.on('headers', (_, __, raw) => this.guard(() => this.informed(raw!)));
    stream.on('trailers', (_, __, raw) => this.guard(() => this.trailed(raw!)));
    stream.on('drain', () => this.guard(this.writable));
    stream.on('wantTrailers', () => this.guard(this.sendTrailers));
    stream.on('error', (error: Error) => {
      this.detail = error.message;
      this.sessionBroken = isOfBrokenSession(error);
    });
    stream.on('close', () => this.guard(this.closed));
    if (complete) this.awaitHead();
  }

  /** The request is not one for HTTP/2. */
  private refuse(): void {
    if (this.state !== CLOSED) this.failAs(FAULTS.badRequest, 'a head that HTTP/2 cannot carry');
  }

  write(chunk: Uint8Array): boolean {
    const { stream } = this;
    // A server that answers early may have ended it: nobody reads the rest.
    return stream === null || stream.closed || stream.write(chunk);
  }

  get backlog(): number {
    return this.stream?.writableLength ?? 0;
  }

  endBody(trailers: string): void {
    const { stream } = this;
    this.requestTrailers = trailers;
    if (stream !== null && !stream.closed) stream.end();
    if (!this.answered && this.state === OPEN) this.awaitHead();
  }

  private sendTrailers(): void {
    const { stream } = this;
    if (stream !== null && !stream.closed) stream.sendTrailers(trailerFields(this.requestTrailers, this.latin1));
  }

  private awaitHead(): void {
    const { headMs } = this.session.timeouts;
    if (headMs > 0) this.session.wheel.arm(this, headMs);
  }

  headArrived(): void {
    const { wheel, timeouts } = this.session;
    wheel.cancel(this);
    this.silenceMs = silenceOf(timeouts, this.head);
    if (this.silenceMs > 0) wheel.arm(this, this.silenceMs);
  }

  pause(): void {
    this.stream?.pause();
    if (this.silenceMs > 0) this.session.wheel.hold(this);
  }

  resume(): void {
    this.stream?.resume();
    if (this.silenceMs > 0 && this.state === OPEN) this.session.wheel.arm(this, this.silenceMs);
  }

  done(requestSent: boolean): void {
    this.user = null;
    this.silenceMs = 0;
    this.session.wheel.cancel(this);
    // The rest of the request is of no use to the server, and what waits of it would keep the stream.
    if (!requestSent || this.backlog > 0) this.reset();
    this.resume();
  }

  discard(): void {
    this.destroy();
  }

  abandon(_user: UpstreamUser): void {
    this.destroy();
  }

  /** Gives the stream up. The user hears nothing more of it. */
  destroy(): void {
    this.user = null;
    if (this.state === CLOSED) return;
    if (this.stream === null) this.release();
    else this.reset();
  }

  private reset(): void {
    this.silenceMs = 0;
    this.session.wheel.cancel(this);
    this.stream?.close(NGHTTP2_CANCEL);
    // A paused one would never come to its end.
    this.stream?.resume();
  }

  override expired(): void {
    this.guard(this.timedOut);
  }

  private timedOut(): void {
    if (this.answered) this.fail(FAULTS.bodyTimeout, 'nothing more of the response comes');
    else this.fail(FAULTS.headerTimeout, 'response header timeout');
  }

  private writable(): void {
    this.user?.upstreamWritable();
  }

  /** An interim response. */
  private informed(raw: readonly string[]): void {
    const { head } = this;
    if (this.user === null || this.answered) return;
    readResponseFields(head, raw);
    if (head.problem !== '') this.fail(FAULTS.badResponse, head.problem);
    else if (head.status === 101) this.fail(FAULTS.badResponse, 'the status 101 in HTTP/2');
    else if (++this.interim > MAX_INTERIM) this.fail(FAULTS.badResponse, 'too many interim responses');
    else this.user.responseInterim(head);
  }

  private trailed(raw: readonly string[]): void {
    this.trailers = trailerLines(raw);
  }

  private responded(flags: number, raw: readonly string[]): void {
    const { head, stream } = this;
    if (this.user === null) return;
    if (this.answered) {
      this.fail(FAULTS.badResponse, 'a second head');
      return;
    }
    const announcesTrailers = readResponseFields(head, raw);
    if (head.problem !== '') {
      this.fail(FAULTS.badResponse, head.problem);
      return;
    }
    this.answered = true;
    this.session.answered();
    const ended = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
    this.framing = this.framingOf(ended, announcesTrailers);
    // Without a user nobody wants it any more; the stream is read to its end all the same, or it would not close.
    stream!.on('data', (chunk: Buffer) => this.guard(() => this.arrived(chunk)));
    stream!.on('end', () => this.guard(this.ended));
    this.user.responseHead(head, this.framing);
    if (!ended && this.framing !== BODY_NONE) setImmediate(showHead, this);
  }

  private framingOf(ended: boolean, announcesTrailers: boolean): number {
    const { head } = this;
    if (this.isHead || head.status === 204 || head.status === 304) return BODY_NONE;
    if (ended && head.contentLength === NO_LENGTH) head.contentLength = 0;
    // HTTP/1.1 has trailers only where the end is not known before.
    return head.contentLength === NO_LENGTH || (announcesTrailers && !ended) ? BODY_CHUNKED : BODY_LENGTH;
  }

  /** Nothing of the body has come with the head: whoever can shows it to the client. */
  showHead(): void {
    this.guard(this.waits);
  }

  private waits(): void {
    if (this.received === 0 && !this.endStream) this.user?.responseWaits();
  }

  private arrived(chunk: Buffer): void {
    if (this.user === null) return;
    if (this.silenceMs > 0 && !this.stream!.isPaused()) this.session.wheel.arm(this, this.silenceMs);
    this.received += chunk.length;
    this.session.received(chunk.length);
    // A body in one piece has nothing to wait for.
    if (chunk.length === this.received && chunk.length === this.head.contentLength) this.body(chunk);
    else this.pieces.add(chunk);
  }

  private body(chunk: Buffer): void {
    if (this.user === null) return;
    if (this.framing === BODY_NONE) {
      this.fail(FAULTS.badResponse, 'a body where there can be none');
    } else if (this.head.contentLength !== NO_LENGTH && this.received > this.head.contentLength) {
      this.fail(FAULTS.badResponse, 'a body that is longer than its Content-Length');
    } else {
      this.user.responseBody(chunk);
    }
  }

  private ended(): void {
    if (!this.endStream) return;
    this.pieces.flush();
    if (this.user === null) return;
    const { contentLength } = this.head;
    if (this.framing !== BODY_NONE && contentLength !== NO_LENGTH && this.received !== contentLength) {
      this.fail(FAULTS.truncated, 'a body that is shorter than its Content-Length');
      return;
    }
    this.user.responseEnd(this.framing === BODY_CHUNKED ? this.trailers : '');
  }

  /** The stream is over, in whatever way. */
  private closed(): void {
    if (this.user !== null && this.endStream && this.answered) this.readRest();
    this.pieces.flush();
    this.release();
    if (this.user !== null) this.failClosed();
  }

  /** The connection ended behind a whole response of which the client has not taken all. */
  private readRest(): void {
    for (let chunk = this.stream!.read(); chunk !== null && this.user !== null; chunk = this.stream!.read()) {
      this.arrived(chunk as Buffer);
    }
    if (this.user !== null) this.ended();
  }

  private failClosed(): void {
    const { rstCode, id } = this.stream!;
    const detail = this.session.lost === '' ? `stream reset: ${codeName(rstCode)}` : this.session.lost;
    if (this.session.neverSaw(id) && !this.answered) this.fail(FAULTS.sessionEnded, detail);
    else if (this.sessionBroken) this.fail(FAULTS.badResponse, `the connection broke: ${this.detail}`);
    // nghttp2 resets by it whatever breaks the rules for a response, and does not say which.
    else if (rstCode === NGHTTP2_PROTOCOL_ERROR) this.fail(FAULTS.badResponse, 'no response of HTTP/2: PROTOCOL_ERROR');
    else if (this.answered) this.fail(FAULTS.truncated, detail);
    else if (rstCode === NGHTTP2_REFUSED_STREAM) this.fail(FAULTS.streamRefused, detail);
    else if (this.session.lost !== '') this.fail(FAULTS.upstreamClosed, detail);
    else this.fail(FAULTS.streamReset, this.detail === '' ? detail : this.detail);
  }

  private fail(fault: Fault, detail: string): void {
    const { user } = this;
    this.destroy();
    user?.upstreamFailed(fault, detail);
  }

  /** The session is gone. */
  orphaned(detail: string): void {
    if (this.stream === null) this.failAs(FAULTS.sessionEnded, detail);
  }

  /** As `fail`, for the session: there is no stream to be had. */
  failAs(fault: Fault, detail: string): void {
    this.guard(() => this.fail(fault, detail));
  }

  /** The place on the session is free again. */
  private release(): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.session.wheel.cancel(this);
    this.session.forget(this);
  }
}

function showHead(stream: UpstreamStream): void {
  stream.showHead();
}
