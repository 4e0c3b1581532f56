/**
 * The client's side of an exchange on a stream of HTTP/2. Flow control is nghttp2's: a paused stream gives no more
 * window to its client, and a write that finds none waits.
 */
import type { X509Certificate } from 'node:crypto';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { type Downstream, type DownstreamEvents, NO_BODY, UNKNOWN_LENGTH } from '../../downstream.ts';
import type { Http2Session } from './http2-session.ts';
import { requestTrailers } from './request.ts';
import { addFields, addLines, headText, ownCopy } from './response.ts';

const NOTHING = new Uint8Array(0);
/** Ends a stream with INTERNAL_ERROR. */
const BROKEN_OFF = new Error('broken off');

export class Http2Downstream implements Downstream {
  readonly secure: boolean;
  readonly sendsHeads = true;
  readonly writesDate = false;
  readonly events: DownstreamEvents;
  private readonly session: Http2Session;
  private readonly stream: ServerHttp2Stream;
  /** The exchange has not let go of it. */
  private live = true;
  private paused = false;
  private receiving = false;
  private stalled = false;
  private ending = false;
  private trailers = '';
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

  /** The request has a body. */
  expectBody(continues: boolean): void {
    this.receiving = true;
    this.stream.on('data', (chunk: Buffer) => this.guard(() => this.body(chunk, false)));
    this.stream.on('end', () => this.guard(() => this.body(NOTHING, true)));
    if (continues) this.stream.additionalHeaders({ ':status': 100 });
  }

  private body(chunk: Uint8Array, last: boolean): void {
    // A stream that was reset ends as well, but not as its client would have it.
    if (this.stream.aborted) return;
    if (last) this.receiving = false;
    if (this.live) this.events.downstreamBody(chunk, last);
  }

  /** The client owes bytes that we would take, or does not take those that it asked for. */
  get isQuiet(): boolean {
    return (this.receiving && !this.paused) || this.stalled || this.stream.writableEnded;
  }

  peerAddress(): string {
    return this.session.peer;
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.session.clientCertificates();
  }

  inform(_head: string | Uint8Array): void {}

  respond(head: string | Uint8Array, length: number, body: Uint8Array | string | null, headLength: number): void {
    if (!this.isOpen) return;
    const empty = length === NO_BODY || length === 0 || body === null;
    this.sendHead(head, length === NO_BODY ? headLength : length, empty);
    if (!empty) this.stream.end(ownCopy(body));
  }

  begin(head: string | Uint8Array, length: number): void {
    if (this.isOpen) this.sendHead(head, length, false);
  }

  private get isOpen(): boolean {
    return this.live && !this.stream.destroyed && !this.stream.closed;
  }

  private sendHead(head: string | Uint8Array, length: number, endStream: boolean): void {
    const text = headText(head);
    const fields = [':status', text.slice(0, 3)];
    addFields(fields, text);
    if (length >= 0) fields.push('content-length', String(length));
    for (let i = 2; i < fields.length; i += 2) fields[i] = fields[i].toLowerCase();
    // Only a body of unknown length may have trailers, and waiting for them costs a frame.
    this.asksForTrailers = length === UNKNOWN_LENGTH && !endStream;
    this.stream.respond(fields as never, { endStream, waitForTrailers: this.asksForTrailers });
  }

  write(chunk: Uint8Array): boolean {
    if (!this.isOpen || chunk.length === 0) return true;
    if (this.stream.write(ownCopy(chunk))) return true;
    this.stalled = true;
    return false;
  }

  end(trailers: string): boolean {
    if (!this.isOpen) return true;
    this.ending = true;
    this.trailers = trailers;
    this.stream.end();
    return false;
  }

  private sendTrailers(): void {
    const raw: string[] = [];
    addLines(raw, this.trailers);
    const fields: Record<string, string[]> = Object.create(null);
    for (let i = 0; i < raw.length; i += 2) {
      const name = raw[i].toLowerCase();
      fields[name] ??= [];
      fields[name].push(raw[i + 1]);
    }
    this.stream.sendTrailers(fields);
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
    this.stalled = false;
    if (this.live) this.events.downstreamWritable();
  }

  private finished(): void {
    if (this.live && this.ending && !this.asksForTrailers) this.events.downstreamWritable();
  }

  private aborted(): void {
    if (!this.live) return;
    this.live = false;
    this.session.takenBack();
    this.events.downstreamAborted();
  }

  private closed(): void {
    this.session.left(this);
    if (!this.live) return;
    this.live = false;
    this.events.downstreamAborted();
  }
}
