/**
 * The client's side of one exchange over HTTP/1. Answers go out in the order of the requests: what is written before its
 * turn has come is held here.
 *
 *     OPEN ──respond──▶ WHOLE          nothing of it waits for anybody any more, but its turn
 *       └─────end─────▶ ENDING ──out──▶ told
 */

import type { X509Certificate } from 'node:crypto';
import { fieldLine } from '../../../http/fields.ts';
import { dateLine } from '../../../http/http-date.ts';
import type { RequestHead } from '../../../http/request-head.ts';
import { ByteOutput } from '../../../kernel/byte-output.ts';
import type { Fault } from '../../../kernel/errors.ts';
import type { TlsTraits } from '../../../kernel/tls-traits.ts';
import { type Downstream, type DownstreamEvents, NO_BODY, TUNNEL, UNKNOWN_LENGTH } from '../../downstream.ts';
import type { TlsFacts } from '../../socket/tls-facts.ts';
import type { BodyUser } from './http1-body.ts';
import type { Http1Connection } from './http1-connection.ts';

export const OPEN = 0;
export const WHOLE = 1;
export const ENDING = 2;

/** Of an answer whose turn has not come, bytes. */
const MAX_HELD = 65_536;
/** Bodies up to so many bytes have the end of their head ready. */
const TAILS = 4_096;

const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const CLOSE = 'Connection: close\r\n';
const KEEP_ALIVE = 'Connection: keep-alive\r\n';

/** The end of a head, by the length of its body. */
const tails: string[] = new Array(TAILS).fill('');

function tailOf(length: number): string {
  if (length >= TAILS) return `\r\nContent-Length: ${length}\r\n\r\n`;
  let tail = tails[length];
  if (tail === '') {
    // In one piece, as it is copied often.
    tail = Buffer.from(`\r\nContent-Length: ${length}\r\n\r\n`).toString('latin1');
    tails[length] = tail;
  }
  return tail;
}

/** By far the most servers write it so. */
function hasDate(head: string): boolean {
  return head.includes('\r\nDate: ') || fieldLine(head, 'date') >= 0;
}

/** As text with one character per byte. */
function headText(head: string | Uint8Array): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

/** What this needs of an exchange. */
export interface Http1Exchange extends DownstreamEvents {
  begin(entryPoint: number, head: RequestHead): void;
}

/** Where a pair goes when it may be used again. */
export interface PairPool {
  give(pair: Http1Downstream): void;
}

export class Http1Downstream implements Downstream, BodyUser {
  readonly sendsHeads = true;
  readonly maxStatus = 999;
  readonly writesDate = false;
  readonly httpVersion = '1.1';
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  secure = false;
  readonly events: Http1Exchange;
  /** OPEN, WHOLE or ENDING. */
  state = OPEN;
  /** More of the request's body is to come. */
  receiving = false;
  /** Something of the response has gone out, or waits to. */
  begun = false;
  private readonly pairs: PairPool;
  private connection: Http1Connection | null = null;
  /** The exchange has not let go of it. */
  private live = false;
  /** It stands among those that the connection answers. */
  private queued = false;
  /** The exchange may be used again. */
  private reusable = false;
  private old = false;
  private asksForTunnel = false;
  private keepsAlive = false;
  private isGrpc = false;
  /** The client waits for an interim response before it sends its body. */
  private expects = false;
  private paused = false;
  private chunked = false;
  private tunnels = false;
  /** `write` has returned false. */
  private stalled = false;
  /** What is written before its turn; null once that has come. */
  private held: ByteOutput | null = null;

  /** `events`: the exchange of this pair. */
  constructor(pairs: PairPool, events: Http1Exchange) {
    this.pairs = pairs;
    this.events = events;
  }

  /** A request has come; `waits`: others are to be answered before it. */
  attach(connection: Http1Connection, head: RequestHead, waits: boolean): void {
    this.connection = connection;
    this.secure = connection.socket.secure;
    this.state = OPEN;
    this.begun = false;
    this.live = true;
    this.queued = true;
    this.reusable = false;
    this.old = head.old;
    this.asksForTunnel = head.tunnel;
    // Behind an upgrade stands what may be of another protocol: without it nothing there is served.
    this.keepsAlive = !head.close && !head.tunnel && (!head.old || head.keepAlive);
    this.receiving = head.bodyFollows && head.problem === '';
    this.isGrpc = this.receiving && head.isGrpc;
    this.expects = this.receiving && head.passesExpect && head.expectsContinue;
    this.paused = false;
    this.chunked = false;
    this.tunnels = false;
    this.stalled = false;
    this.held = waits ? new ByteOutput() : null;
  }

  get isPaused(): boolean {
    return this.receiving && this.paused;
  }

  get isAwaited(): boolean {
    return this.receiving && !this.paused && !this.isGrpc && !(this.live && this.begun);
  }

  /** Memory of what waits for its turn. */
  get heldBytes(): number {
    return this.held === null ? 0 : this.held.heldBytes;
  }

  peerAddress(): string {
    return this.connection!.socket.peerAddress();
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.connection!.socket.clientCertificates();
  }

  peerPort(): number {
    return this.connection!.socket.peerPort();
  }

  tlsFacts(): TlsFacts | null {
    return this.connection!.socket.tlsFacts();
  }

  get tls(): TlsTraits | null {
    return this.connection?.socket.tls ?? null;
  }

  private get out(): ByteOutput {
    return this.held ?? this.connection!.socket.out;
  }

  inform(head: string | Uint8Array): void {
    // One of HTTP/1.0 would take it for the answer; behind the answer to another request it would come too late to help.
    if (!this.live || this.old || this.begun || this.held !== null) return;
    const text = headText(head);
    if (text.startsWith('100')) this.expects = false;
    this.out.text(`HTTP/1.1 ${text}\r\n\r\n`);
    this.connection!.socket.flushSoon();
  }

  respond(
    head: string | Uint8Array,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    if (!this.live) return;
    this.writeHead(head, length === NO_BODY ? headLength : length, close);
    if (length > 0 && body !== null) this.writeBody(length, body);
    this.state = WHOLE;
    this.connection!.responded(this);
  }

  private writeBody(length: number, body: Uint8Array | string): void {
    const { out } = this;
    if (typeof body !== 'string') out.bytes(body, 0, body.length);
    else if (body.length === length) out.text(body);
    else out.bytes(Buffer.from(body), 0, length);
  }

  begin(head: string | Uint8Array, length: number, close: boolean): void {
    if (!this.live) return;
    if (length === TUNNEL) {
      this.tunnels = true;
      this.begun = true;
      this.out.text(`HTTP/1.1 ${headText(head)}\r\n\r\n`);
      this.connection!.switched(this);
    } else {
      this.writeHead(head, length, close);
    }
    this.connection!.socket.flushSoon();
  }

  /** `length`: of the body, less than 0 where it is not known, or not announced. */
  private writeHead(head: string | Uint8Array, length: number, close: boolean): void {
    this.begun = true;
    const text = headText(head);
    const date = hasDate(text) ? '' : dateLine();
    // What has no length ends with the connection where chunks are not known, or where that ends anyhow.
    const unframed = length === UNKNOWN_LENGTH && (this.old || this.asksForTunnel);
    this.chunked = length === UNKNOWN_LENGTH && !unframed;
    // A body that was not asked for may never come, and nothing tells.
    const ends = this.connection!.answers(this, close || !this.keepsAlive || unframed || this.expects);
    if (length >= 0 && !ends && !this.old) {
      this.out.text(`HTTP/1.1 ${text}${date}${tailOf(length)}`);
      return;
    }
    const framing = length >= 0 ? `Content-Length: ${length}\r\n` : this.chunked ? CHUNKED : '';
    const stays = ends ? CLOSE : this.old ? KEEP_ALIVE : '';
    this.out.text(`HTTP/1.1 ${text}${date}\r\n${framing}${stays}\r\n`);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.live || chunk.length === 0) return true;
    const { out } = this;
    if (this.chunked) out.text(`${chunk.length.toString(16)}\r\n`);
    out.bytes(chunk, 0, chunk.length);
    if (this.chunked) out.text('\r\n');
    this.stalled = this.held === null ? !this.connection!.wrote() : this.held.length >= MAX_HELD;
    if (this.stalled) this.connection!.care.noteWaiting();
    return !this.stalled;
  }

  end(trailers: string): boolean {
    if (!this.live) return true;
    const connection = this.connection!;
    if (this.tunnels) return connection.tunnel!.end();
    if (this.chunked) this.out.text(`0\r\n${trailers}\r\n`);
    this.state = ENDING;
    return this.held === null && connection.ended(this);
  }

  abort(): void {
    this.live = false;
    this.connection!.breakOff();
  }

  pauseBody(): void {
    this.paused = true;
    if (this.tunnels) this.connection!.tunnel!.pause();
    else if (this.receiving) this.connection!.socket.pause();
  }

  resumeBody(): void {
    this.paused = false;
    if (this.tunnels) this.connection!.tunnel!.resume();
    else if (this.receiving) this.connection!.socket.resume();
  }

  release(requestComplete: boolean): void {
    this.live = false;
    this.reusable = requestComplete;
    if (this.tunnels) this.connection!.tunnel?.release();
    // What is left of an upload is read past: the next request stands behind it.
    else if (this.isPaused) this.resumeBody();
    this.recycle();
  }

  body(chunk: Uint8Array, last: boolean): void {
    if (last) this.receiving = false;
    this.expects = false;
    if (this.live) this.events.downstreamBody(chunk, last);
    if (last) this.recycle();
  }

  bodyTrailers(trailers: string): void {
    if (this.live) this.events.downstreamTrailers(trailers);
  }

  fail(fault: Fault, detail: string): boolean {
    if (!this.live) return false;
    this.events.downstreamFailed(fault, detail);
    return true;
  }

  /** Its turn has come: what was held goes out. */
  isNext(out: ByteOutput): void {
    const { held } = this;
    if (held === null) return;
    this.held = null;
    out.append(held);
  }

  /** All that was written has gone out. */
  writable(): void {
    if (!this.stalled) return;
    this.stalled = false;
    if (this.live) this.events.downstreamWritable();
  }

  /** It is answered, and out. */
  answered(): void {
    this.queued = false;
    if (this.state === ENDING && this.live) this.events.downstreamWritable();
    else this.recycle();
  }

  /** The connection is gone, `why`. */
  closed(why: Fault): void {
    this.queued = false;
    this.receiving = false;
    this.held?.clear();
    this.held = null;
    if (!this.live) {
      this.recycle();
      return;
    }
    this.events.downstreamAborted(why);
  }

  /** As `closed`, after an error of ours. */
  crashed(error: unknown): void {
    this.queued = false;
    this.receiving = false;
    this.events.crash(error);
  }

  private recycle(): void {
    if (this.live || this.queued || this.receiving || !this.reusable) return;
    this.reusable = false;
    this.connection = null;
    this.pairs.give(this);
  }
}
