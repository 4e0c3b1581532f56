/**
 * The client's side of an exchange on a stream of HTTP/2. Flow control is nghttp2's: a paused stream gives no more
 * window to its client, and a write that finds none waits.
 */
import type { X509Certificate } from 'node:crypto';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { log } from '../../../kernel/log.ts';
import type { BootOptions } from '../../../protocol/messages.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, UNKNOWN_LENGTH } from '../../downstream.ts';
import { MergedPieces } from '../../merged-pieces.ts';
import { Progress } from '../progress.ts';
import type { Http2Session } from './http2-session.ts';
import { requestTrailers } from './request.ts';
import { addFields, addLines, fieldLists, headText, ownCopy } from './response.ts';

/** RFC 9110 §15.3.6: never with a body. */
const RESET_CONTENT = '205';
/** Ends a stream with INTERNAL_ERROR. */
const BROKEN_OFF = new Error('broken off');

export class Http2Downstream implements Downstream {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly maxStatus = 599;
  readonly writesDate = false;
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  readonly events: DownstreamEvents;
  private readonly session: Http2Session;
  private readonly stream: ServerHttp2Stream;
  /** The exchange has not let go of it. */
  private live = true;
  private paused = false;
  private receiving = false;
  private patient = false;
  /** A response has begun. */
  private answering = false;
  private readonly pieces = new MergedPieces((bytes) => this.guard(() => this.body(bytes, false)));
  /** Bytes of the request's body. */
  private bodyBytes = 0;
  /** Of the response's body: bytes that were given to the stream, those that are known to be out, and about as many. */
  private written = 0;
  private counted = 0;
  /** What the session was told to wait here. */
  private waiting = 0;
  private taken = 0;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  /** What the session counts for its head. */
  headBytes = 0;
  private ending = false;
  private trailers = '';
  /** The response may have no body, whatever its server sends: it has ended with its head. */
  private mute = false;
  /** The stream asks for trailers at the end of the body, and ends with them. */
  private asksForTrailers = false;

  constructor(session: Http2Session, stream: ServerHttp2Stream, events: DownstreamEvents) {
    this.session = session;
    this.secure = session.secure;
    this.stream = stream;
    this.events = events;
    // `close` follows.
    stream.on('error', () => {});
    stream.on('aborted', () => this.guard(this.aborted));
    stream.on('close', () => this.guard(this.closed));
    stream.on('drain', () => this.guard(this.writable));
    stream.on('finish', () => this.guard(this.finished));
    stream.on('wantTrailers', () => this.guard(this.sendTrailers));
    stream.on('trailers', (_fields: unknown, _flags: unknown, raw: string[]) => {
      this.guard(() => this.trailed(raw));
    });
  }

  /** What a step throws would end the whole worker; so it ends the exchange and the stream. */
  private guard(step: (this: Http2Downstream) => void): void {
    try {
      step.call(this);
    } catch (error) {
      try {
        this.events.crash(error);
      } finally {
        this.stream.destroy(BROKEN_OFF);
      }
    }
  }

  /** The request has a body. `patient`: its client may take all the time that it likes. */
  expectBody(continues: boolean, patient: boolean): void {
    this.receiving = true;
    this.patient = patient;
    this.stream.on('data', (chunk: Buffer) => this.guard(() => this.arrived(chunk)));
    this.stream.on('end', () => this.guard(this.bodyEnded));
    if (continues) this.stream.additionalHeaders({ ':status': 100 });
  }

  private arrived(piece: Buffer): void {
    this.bodyBytes += piece.length;
    this.session.received(piece.length);
    this.pieces.add(piece);
  }

  private bodyEnded(): void {
    this.body(this.pieces.take(), true);
  }

  private body(chunk: Uint8Array, last: boolean): void {
    // A stream that was reset ends as well, but not as its client would have it.
    if (this.stream.aborted) return;
    if (last) this.receiving = false;
    if (this.live) this.events.downstreamBody(chunk, last);
  }

  /** Tells the session how much waits here: of the response, and of a body that its server does not take. */
  noteWaiting(): void {
    const { readableLength, writableLength } = this.stream;
    const bytes = writableLength + (this.paused && this.receiving ? readableLength : 0);
    this.session.hold(bytes - this.waiting);
    this.waiting = bytes;
  }

  /** Some of the response waits for its client. */
  get waits(): boolean {
    return this.stream.writableLength > 0;
  }

  /** Bytes of the response's body that are out since it was asked last. */
  countTaken(): number {
    const out = this.written - this.stream.writableLength - this.counted;
    this.counted += out;
    this.taken += out;
    return out;
  }

  /**
   * `ms` have passed since the last look, in which `share` bytes of what waits have gone out besides those counted. What
   * its client owes us, '' while there is progress.
   */
  overdue(ms: number, share: number, { uploadTimeoutMs, downloadTimeoutMs }: BootOptions): string {
    const { waits } = this;
    if (waits) this.taken += share;
    if (this.download.isOverdue(waits, this.taken, ms, downloadTimeoutMs)) return 'it does not take its response';
    const awaited = this.receiving && !this.paused && !this.answering && this.live && !this.patient;
    return this.upload.isOverdue(awaited, this.bodyBytes, ms, uploadTimeoutMs) ? 'its body does not come' : '';
  }

  /** Its client makes no progress. */
  giveUp(reason: string): void {
    log.debug('a stream is ended', { reason, client: this.session.peer });
    this.guard(this.givenUp);
  }

  private givenUp(): void {
    const { live } = this;
    this.live = false;
    this.stream.close(constants.NGHTTP2_CANCEL);
    // Else it would wait for what its client does not take.
    this.stream.destroy();
    if (live) this.events.downstreamAborted();
  }

  peerAddress(): string {
    return this.session.peer;
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.session.clientCertificates();
  }

  inform(head: string | Uint8Array): void {
    if (!this.isOpen || this.answering) return;
    const text = headText(head);
    const lines: string[] = [];
    addFields(lines, text);
    this.session.answered(text.length);
    this.stream.additionalHeaders({ ':status': Number(text.slice(0, 3)), ...fieldLists(lines) });
  }

  respond(head: string | Uint8Array, length: number, body: Uint8Array | string | null, headLength: number): void {
    if (!this.isOpen) return;
    const empty = length === NO_BODY || length === 0 || body === null;
    this.sendHead(head, length === NO_BODY ? headLength : length, empty);
    if (empty || this.mute) return;
    const bytes = ownCopy(body);
    this.written += bytes.length;
    this.stream.end(bytes);
    this.noteWaiting();
  }

  begin(head: string | Uint8Array, length: number): void {
    if (this.isOpen) this.sendHead(head, length, false);
  }

  private get isOpen(): boolean {
    return this.live && !this.stream.destroyed && !this.stream.closed;
  }

  private sendHead(head: string | Uint8Array, length: number, endStream: boolean): void {
    const text = headText(head);
    const status = text.slice(0, 3);
    const fields = [':status', status];
    addFields(fields, text);
    this.mute = status === RESET_CONTENT;
    if (length >= 0 && !this.mute) fields.push('content-length', String(length));
    for (let i = 2; i < fields.length; i += 2) fields[i] = fields[i].toLowerCase();
    // Only a body of unknown length may have trailers, and waiting for them costs a frame.
    this.asksForTrailers = length === UNKNOWN_LENGTH && !endStream && !this.mute;
    this.answering = true;
    this.session.answered(text.length);
    this.stream.respond(fields as never, { endStream: endStream || this.mute, waitForTrailers: this.asksForTrailers });
  }

  write(chunk: Uint8Array): boolean {
    if (!this.isOpen || chunk.length === 0 || this.mute) return true;
    this.written += chunk.length;
    const flows = this.stream.write(ownCopy(chunk));
    if (!flows) this.noteWaiting();
    return flows;
  }

  end(trailers: string): boolean {
    if (!this.isOpen || this.mute) return true;
    this.ending = true;
    this.trailers = trailers;
    this.stream.end();
    return false;
  }

  private sendTrailers(): void {
    const lines: string[] = [];
    addLines(lines, this.trailers);
    this.session.answered(this.trailers.length);
    this.stream.sendTrailers(fieldLists(lines));
    // node:http2 sends them at the end of this turn: closed before, the stream would lose them.
    setImmediate(() => this.guard(this.trailersSent));
  }

  private trailersSent(): void {
    if (this.live) this.events.downstreamWritable();
  }

  private trailed(raw: readonly string[]): void {
    if (this.live) this.events.downstreamTrailers(requestTrailers(raw));
  }

  abort(): void {
    this.live = false;
    // Not by `close`: it ends the body properly before it resets the stream.
    this.stream.destroy(BROKEN_OFF);
  }

  pauseBody(): void {
    this.paused = true;
    this.stream.pause();
  }

  resumeBody(): void {
    this.paused = false;
    if (this.waiting > 0) this.noteWaiting();
    this.stream.resume();
  }

  release(requestComplete: boolean): void {
    this.live = false;
    if (requestComplete || this.stream.destroyed) return;
    // The answer does not need the rest of the upload (RFC 9113 §8.1): the stream ends when the answer is out.
    this.stream.resume();
    this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  private writable(): void {
    this.noteWaiting();
    if (this.live) this.events.downstreamWritable();
  }

  private finished(): void {
    this.noteWaiting();
    if (this.live && this.ending && !this.asksForTrailers) this.events.downstreamWritable();
  }

  private aborted(): void {
    if (!this.live) return;
    this.live = false;
    this.session.takenBack();
    this.events.downstreamAborted();
  }

  private closed(): void {
    this.session.hold(-this.waiting);
    this.waiting = 0;
    this.session.left(this);
    if (this.stream.writableFinished) this.session.completed();
    if (!this.live) return;
    this.live = false;
    this.events.downstreamAborted();
  }
}
