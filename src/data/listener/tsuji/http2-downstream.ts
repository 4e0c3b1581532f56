/**
 * The client's side of an exchange on a stream of HTTP/2 (RFC 9113 §5.1). It is used again for another stream when both
 * sides are closed and its exchange has let go of it.
 *
 *     the client's side    open ──END_STREAM, RST_STREAM──▶ closed
 *     ours                 open ──head ─▶ body ─▶ END_STREAM ──▶ closed     what the client does not take waits here
 */

import type { X509Certificate } from 'node:crypto';
import { hasField, headField, withoutFields } from '../../../http/fields.ts';
import { httpDate } from '../../../http/http-date.ts';
import { REQUEST_LENGTH } from '../../../http/request-framing.ts';
import type { RequestHead } from '../../../http/request-head.ts';
import { CODE, MAX_FRAME } from '../../../http2/codes.ts';
import { FAULTS, type Fault } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import type { TlsTraits } from '../../../kernel/tls-traits.ts';
import type { BootOptions } from '../../../protocol/messages.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, TUNNEL, UNKNOWN_LENGTH } from '../../downstream.ts';
import type { TlsFacts } from '../../socket/tls-facts.ts';
import { Http2Care } from './http2-care.ts';
import type { Http2Connection } from './http2-connection.ts';
import { Http2Outbox, type OutboxUser } from './http2-outbox.ts';
import { statusOf, textOf } from './http2-output.ts';
import { Http2Upload } from './http2-upload.ts';

const NOTHING = Buffer.alloc(0);
/** RFC 9110 §15.3.6: never with a body. */
const RESET_CONTENT = 205;
/** What says how a WebSocket was agreed to on HTTP/1.1 (RFC 8441 §5). */
const HANDSHAKE: ReadonlySet<string> = new Set(['sec-websocket-accept']);

export class Http2Downstream implements Downstream, OutboxUser {
  readonly sendsHeads = true;
  readonly maxStatus = 599;
  readonly writesDate = false;
  readonly httpVersion = '2.0';
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  secure = false;
  readonly events: DownstreamEvents;
  id = 0;
  readonly outbox = new Http2Outbox(this);
  /** What its head counts for, bytes. */
  headBytes = 0;
  /** What its connection has noted that waits here. */
  notedBytes = 0;
  private connection!: Http2Connection;
  private readonly upload = new Http2Upload();
  /** The exchange has not let go of it, and hears of it. */
  private live = false;
  private released = false;
  /** Nobody may hold on to it or to its exchange. */
  private reusable = false;
  /** The sides that may still send. */
  private remoteOpen = false;
  private localOpen = false;
  /** The exchange awaits a body. */
  private awaitsBody = false;
  private latin1 = false;
  /** The request is refused for its head; where it breaks a rule it is told so, and reset. */
  private refused = false;
  private malformed = false;
  /** An upgrade is asked for, and what comes waits until it is agreed to. */
  private asksForTunnel = false;
  private tunnel = false;
  private answering = false;
  /** The response may have no body, whatever its server sends: it has ended with its head. */
  private mute = false;
  /** Of a body of known length, what is to come; below 0 for others. */
  private left = UNKNOWN_LENGTH;
  /** All of the response is with the outbox. */
  private ending = false;
  private passing = false;
  /** Names of fields, see `sealFields`. */
  private sealed = '';
  private readonly care = new Http2Care();

  constructor(events: DownstreamEvents) {
    this.events = events;
  }

  /** A request has come on a stream; `head` is its own, and `endStream` says that this is all of it. */
  open(connection: Http2Connection, id: number, endStream: boolean, head: RequestHead, malformed: boolean): void {
    const awaits = head.problem === '' && (head.bodyFollows || head.tunnel);
    this.connection = connection;
    this.id = id;
    this.secure = connection.socket.secure;
    this.outbox.begin(connection, id);
    this.live = true;
    this.released = false;
    this.remoteOpen = !endStream;
    this.localOpen = true;
    this.awaitsBody = awaits;
    this.latin1 = head.latin1;
    this.refused = head.problem !== '';
    this.malformed = malformed;
    this.asksForTunnel = head.tunnel;
    this.tunnel = false;
    this.answering = false;
    this.mute = false;
    this.left = UNKNOWN_LENGTH;
    this.ending = false;
    this.sealed = '';
    this.care.begin();
    if (endStream) return;
    const length = head.problem === '' && head.body === REQUEST_LENGTH ? head.contentLength : -1;
    this.upload.begin(awaits, length, performance.now());
    this.upload.patient = head.tunnel || (awaits && head.isGrpc);
    this.upload.paused = head.tunnel;
  }

  /** The client has not ended its side. */
  get isReceiving(): boolean {
    return this.remoteOpen;
  }

  // What the client sends.

  /** DATA of so many bytes begins, `content` of them no padding. False: the stream has failed. */
  announced(length: number, content: number): boolean {
    const { upload } = this;
    if (!upload.window.receive(length)) return this.failed(CODE.flowControl, 'more than its window');
    const problem = upload.announce(content);
    if (problem !== '') return this.failed(CODE.protocol, problem);
    upload.window.use(length - content);
    return true;
  }

  received(bytes: Buffer, start: number, end: number, last: boolean): void {
    const { upload } = this;
    upload.bytes += end - start;
    if (last) {
      const problem = upload.complete();
      if (problem !== '') {
        this.failed(CODE.protocol, problem);
        return;
      }
      this.remoteOpen = false;
    }
    if (this.live && this.awaitsBody) {
      if (upload.keeps) {
        if (end > start) upload.keep(bytes, start, end);
        if (last) upload.keepEnd();
        this.connection.noteWaiting(this);
      } else {
        upload.window.use(end - start);
        this.pass(start === end ? NOTHING : bytes.subarray(start, end), last);
        this.openWindow();
      }
    } else {
      upload.window.use(end - start);
      this.openWindow();
    }
    if (last) this.settle();
  }

  trailed(lines: string): void {
    if (this.live && this.awaitsBody && lines !== '') this.guard(() => this.events.downstreamTrailers(lines));
    this.received(NOTHING, 0, 0, true);
  }

  get hasLatin1(): boolean {
    return this.latin1;
  }

  private readonly pass = (chunk: Uint8Array, last: boolean): void => {
    if (!this.live) return;
    try {
      this.events.downstreamBody(chunk, last);
    } catch (error) {
      this.crash(error);
    }
  };

  /** What a step throws would end the whole connection; so it ends the exchange and the stream. */
  private guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.crash(error);
    }
  }

  private crash(error: unknown): void {
    try {
      this.events.crash(error);
    } finally {
      this.reset(CODE.internal);
    }
  }

  /** Half of the window was taken by the server: more may come. */
  private openWindow(): void {
    if (!this.remoteOpen || this.upload.paused) return;
    this.connection.openWindow(this.id, this.upload.window);
  }

  /** The client breaks a rule of this stream. */
  failed(code: number, reason: string): false {
    this.connection.bounds.wasted();
    if (this.connection.isOver) return false;
    const { live } = this;
    log.debug('a stream is reset', { reason, client: this.connection.peer });
    this.reset(code);
    if (live) this.guard(() => this.events.downstreamFailed(FAULTS.badRequest, reason));
    return false;
  }

  /** The client has reset it, or is gone, `why`. */
  aborted(why: Fault): void {
    const { live } = this;
    this.live = false;
    this.remoteOpen = false;
    this.localOpen = false;
    this.upload.receiving = false;
    this.drop();
    if (live) this.guard(() => this.events.downstreamAborted(why));
    this.settle();
  }

  /** Its response has not begun. */
  get isUnanswered(): boolean {
    return this.live && !this.answering;
  }

  // What the exchange sends.

  inform(head: string | Uint8Array): void {
    if (this.isOpen && !this.answering) this.connection.sendHead(this.id, statusOf(head), textOf(head), '', '', false);
  }

  sealFields(names: string): void {
    this.sealed = names;
  }

  respond(head: string | Uint8Array, length: number, body: Uint8Array | string | null, headLength: number): void {
    if (!this.isOpen) return;
    const empty = length === NO_BODY || length === 0 || body === null;
    this.ending = true;
    this.sendHead(head, length === NO_BODY ? headLength : length, empty);
    if (empty || this.mute) return;
    this.outbox.push(typeof body === 'string' ? Buffer.from(body) : body, true);
  }

  begin(head: string | Uint8Array, length: number): void {
    if (!this.isOpen) return;
    if (length === TUNNEL) this.beginTunnel(head);
    else this.sendHead(head, length, false);
  }

  private get isOpen(): boolean {
    return this.live && this.localOpen;
  }

  private sendHead(head: string | Uint8Array, length: number, endStream: boolean): void {
    const text = textOf(head);
    let status = statusOf(head);
    // To a client that asks for a WebSocket any 2xx would be a yes.
    if (this.asksForTunnel && status < 300) status = FAULTS.badResponse.status;
    this.mute = status === RESET_CONTENT;
    const ends = endStream || this.mute;
    let more = length >= 0 && !this.mute ? `content-length: ${length}\r\n` : '';
    if (!hasField(text, 'date')) more += `date: ${httpDate()}\r\n`;
    this.answering = true;
    this.left = length;
    if (!ends && (length < 0 || length > MAX_FRAME)) {
      const priority = headField(text, 'priority');
      if (priority !== '') this.outbox.prioritize(priority);
    }
    this.connection.sendHead(this.id, status, text, more, this.sealed, ends);
    if (ends) this.bodyEnded();
  }

  /** The server agrees: from now on DATA frames are the bytes of either side (RFC 8441 §5). */
  private beginTunnel(head: string | Uint8Array): void {
    const text = textOf(head);
    const lineEnd = text.indexOf('\r\n');
    const lines = lineEnd < 0 ? '' : withoutFields(`${text.slice(lineEnd + 2)}\r\n`, HANDSHAKE);
    this.answering = true;
    this.tunnel = true;
    this.connection.sendHead(this.id, 200, `200 OK\r\n${lines}`, '', '', false);
    this.upload.paused = false;
    this.passLater();
  }

  write(chunk: Uint8Array): boolean {
    if (!this.isOpen || this.mute || chunk.length === 0) return true;
    if (this.left < 0) return this.outbox.push(chunk, false);
    this.left -= chunk.length;
    // Its end can go with it, as nothing may follow.
    this.ending = this.left <= 0;
    return this.outbox.push(chunk, this.ending);
  }

  end(trailers: string): boolean {
    if (!this.isOpen || this.mute) return true;
    this.ending = true;
    return this.outbox.end(trailers);
  }

  waitingChanged(): void {
    this.connection.noteWaiting(this);
  }

  bodyDrained(): void {
    if (this.live) this.guard(() => this.events.downstreamWritable());
  }

  bodyEnded(): void {
    if (!this.localOpen) return;
    this.localOpen = false;
    if (!this.refused) this.connection.bounds.completed();
    if (this.malformed) this.reset(CODE.protocol);
    else this.settle();
  }

  abort(code: number): void {
    this.live = false;
    if (this.localOpen || this.remoteOpen) this.reset(this.tunnel ? CODE.cancel : code);
  }

  /** Ends both sides. The exchange is not told. */
  private reset(code: number): void {
    this.live = false;
    this.localOpen = false;
    this.remoteOpen = false;
    this.malformed = false;
    this.upload.receiving = false;
    this.drop();
    this.connection.sendReset(this.id, code);
    this.settle();
  }

  private drop(): void {
    this.upload.drop();
    this.outbox.drop();
    this.connection.noteWaiting(this);
  }

  pauseBody(): void {
    this.upload.paused = true;
  }

  resumeBody(): void {
    if (this.asksForTunnel && !this.tunnel) return;
    this.care.resumes++;
    this.upload.paused = false;
    this.passLater();
  }

  /** Not within a call of the exchange's. */
  private passLater(): void {
    if (this.passing) return;
    this.passing = true;
    setImmediate(passOn, this);
  }

  /** What has waited for the exchange. */
  passOn(): void {
    this.passing = false;
    if (this.live) {
      this.upload.passOn(this.pass);
      this.connection.noteWaiting(this);
      this.openWindow();
    } else if (this.released) {
      this.settle();
    }
  }

  release(requestComplete: boolean): void {
    this.live = false;
    this.released = true;
    this.reusable = requestComplete;
    if (this.localOpen && !this.ending) this.reset(CODE.internal);
    else this.settle();
  }

  /** Closed on both sides it is gone for the client; and it is free when its exchange has let go of it too. */
  private settle(): void {
    if (this.released && !this.localOpen && this.remoteOpen) {
      // The answer does not need the rest of the upload (RFC 9113 §8.1).
      this.reset(CODE.noError);
      return;
    }
    if (this.localOpen || this.remoteOpen) return;
    this.connection.closed(this);
    if (!this.released || this.passing) return;
    this.released = false;
    this.upload.end(this.connection.growth);
    this.connection.freed(this, this.reusable);
  }

  peerAddress(): string {
    return this.connection.peer;
  }

  get tls(): TlsTraits | null {
    return this.connection.socket.tls ?? null;
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.connection.socket.clientCertificates();
  }

  peerPort(): number {
    return this.connection.socket.peerPort();
  }

  tlsFacts(): TlsFacts | null {
    return this.connection.socket.tlsFacts();
  }

  // What the watch asks.

  /** What waits here, bytes. */
  get waitingBytes(): number {
    return this.outbox.heldBytes + this.upload.waitingBytes;
  }

  /** `ms` have passed since the last look. What its client owes us, '' while there is progress. */
  overdue(ms: number, options: BootOptions): string {
    const { upload } = this;
    const awaited = upload.receiving && !upload.paused && !this.answering && this.live && !upload.patient;
    return this.care.overdue(ms, options, awaited, this.tunnel && upload.paused, upload, this.outbox);
  }

  /** Its client makes no progress: `reason` is for the log. */
  giveUp(reason: string): void {
    log.debug('a stream is ended', { reason, client: this.connection.peer });
    const { live } = this;
    this.reset(CODE.cancel);
    const why = this.care.isSlow ? FAULTS.clientSlow : FAULTS.clientClosed;
    if (live) this.guard(() => this.events.downstreamAborted(why));
  }
}

function passOn(stream: Http2Downstream): void {
  stream.passOn();
}
