/**
 * One client's HTTP/2 connection: its beginning, its streams, what it holds, and its end. Frames are `http2-frames.ts`.
 *
 *     preface ─▶ SETTINGS ─▶ frames … ─┬─ drain ─▶ GOAWAY(2^31−1), PING ─▶ GOAWAY(last) ─┐
 *                                      ├─ idle ──────────────────────────▶ GOAWAY(last) ─┴─▶ no stream left ─▶ end
 *                                      └─ connection error ─▶ GOAWAY(code), every stream ended ──────────────▶ end
 */
import { performance } from 'node:perf_hooks';
import type { RequestHead } from '../../../http/request-head.ts';
import { CODE, DEFAULT_WINDOW, MAX_STREAM_ID, MAX_WINDOW, PREFACE, SETTING } from '../../../http2/codes.ts';
import { MAX_LIST } from '../../../http2/request-block.ts';
import { type ReceiveWindow, WindowGrowth } from '../../../http2/windows.ts';
import { FAULTS, type Fault } from '../../../kernel/errors.ts';
import { log } from '../../../kernel/log.ts';
import { TimerEntry } from '../../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../../context.ts';
import type { HttpExchange } from '../../exchange/http-exchange.ts';
import type { BufferHolder } from '../../memory-budget.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { LINGER_MS } from '../linger.ts';
import type { WatchedClient } from './client-watch.ts';
import { Http2Bounds } from './http2-bounds.ts';
import type { Http2Downstream } from './http2-downstream.ts';
import { Http2Frames } from './http2-frames.ts';
import * as limits from './http2-limits.ts';
import { Http2Output } from './http2-output.ts';
import { type Http2Pool, poolOf } from './http2-pool.ts';
import { Http2Scheduler } from './http2-scheduler.ts';
import { Http2Streams } from './http2-streams.ts';
import type { ClientConnection, EngineOwner } from './owner.ts';

const SETTINGS: readonly number[] = [
  SETTING.maxConcurrentStreams,
  limits.MAX_STREAMS,
  SETTING.initialWindowSize,
  limits.STREAM_WINDOW,
  SETTING.maxHeaderListSize,
  MAX_LIST,
  SETTING.enableConnectProtocol,
  1,
  SETTING.noRfc7540Priorities,
  1,
];
/** Of our PING. */
const GOING_AWAY = Buffer.from('going...', 'latin1');

/** How far it has come on its way to its end. */
const SERVES = 0;
/** Streams that the client had begun when it heard of it are served. */
const ANNOUNCED = 1;
/** No new ones are. */
const LEAVING = 2;
/** GOAWAY is on its way, and nothing runs. */
const OVER = 3;

export class Http2Connection extends TimerEntry implements ClientConnection, WatchedClient, BufferHolder {
  readonly socket: ByteSocket;
  readonly peer: string;
  readonly worker: WorkerContext;
  readonly streams = new Http2Streams();
  readonly scheduler: Http2Scheduler;
  readonly growth = new WindowGrowth(limits.WINDOW_GROWTH);
  heldBytes = 0;
  /** The client has acknowledged our SETTINGS. */
  isSettled = false;
  readonly owner: EngineOwner;
  readonly pool: Http2Pool;
  readonly frames = new Http2Frames(this);
  readonly output: Http2Output;
  readonly bounds: Http2Bounds;
  /** Its streams end with it for this. */
  why: Fault = FAULTS.clientClosed;
  /** Of a stream, at first, towards the client. */
  initialWindow = DEFAULT_WINDOW;
  private startedAt: number;
  private roundTripMs = 0;
  private prefaceAt = 0;
  private state = SERVES;
  private headBytes = 0;
  private waitingBytes = 0;
  /** Only names with a certificate are served. */
  private readonly checksNames: boolean;
  /** It is not read until its answers are out. */
  private choked = false;

  constructor(owner: EngineOwner, socket: ByteSocket) {
    super();
    this.owner = owner;
    this.worker = owner.worker;
    this.socket = socket;
    this.peer = socket.peerAddress();
    this.pool = poolOf(owner.worker);
    this.checksNames = socket.secure && (owner.worker.entryPoints[owner.index].tls?.sniStrict ?? false);
    this.scheduler = new Http2Scheduler(socket);
    this.output = new Http2Output(socket);
    this.bounds = new Http2Bounds(this);
    this.startedAt = performance.now();
    this.output.settings(SETTINGS);
    this.output.windowUpdate(0, MAX_WINDOW - DEFAULT_WINDOW);
    owner.watch.add(this);
    const { wheel, options } = owner.worker;
    if (options.headerTimeoutMs > 0) wheel.arm(this, options.headerTimeoutMs);
    socket.begin(this);
  }

  /** GOAWAY is out, and nothing runs. */
  get isOver(): boolean {
    return this.state === OVER || this.socket.closed;
  }

  // The socket.

  socketRead(bytes: Buffer, start: number, end: number): number {
    if (this.state === OVER) return end;
    this.bounds.received(end - start);
    let at = start;
    if (this.prefaceAt < PREFACE.length) {
      at = this.readPreface(bytes, at, end);
      if (this.isOver) return end;
    }
    at = this.frames.read(bytes, at, end);
    if (this.isOver) return end;
    if (at < end) this.socket.rest();
    if (this.output.isChoked) this.choke();
    return at;
  }

  private readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end && this.prefaceAt < PREFACE.length; at++) {
      if (bytes[at] !== PREFACE[this.prefaceAt++]) {
        this.fail(CODE.protocol, 'another preface than that of HTTP/2');
        return end;
      }
    }
    if (this.prefaceAt === PREFACE.length && this.state === SERVES) this.worker.wheel.cancel(this);
    return at;
  }

  private choke(): void {
    this.bounds.protects('unread_answers');
    this.choked = true;
    this.socket.pause();
  }

  socketEnded(): void {
    // HTTP/2 knows no half-closed connections: whoever ends one without a word has left.
    if (!this.isOver) this.close();
  }

  socketDrained(): void {
    this.output.drained();
    this.scheduler.run();
    if (!this.choked) return;
    this.choked = false;
    this.socket.resume();
  }

  socketClosed(): void {
    this.letGo();
  }

  socketCrashed(error: unknown): void {
    for (const stream of [...this.streams.all]) stream.events.crash(error);
    this.letGo();
  }

  private letGo(): void {
    this.state = OVER;
    this.endStreams();
    this.worker.wheel.cancel(this);
    this.owner.watch.delete(this);
    if (this.heldBytes > 0) this.worker.budget.release(this);
    this.owner.left(this);
  }

  private endStreams(): void {
    this.frames.close();
    for (const stream of [...this.streams.all]) stream.aborted(this.why);
  }

  // Its end.

  /** An error of the connection, or the client has cost too much: nothing more is served on it. */
  fail(code: number, reason: string): void {
    if (this.isOver) return;
    log.debug('a connection is ended', { reason, client: this.peer });
    this.output.goaway(this.streams.lastBegun, code);
    this.finish();
  }

  /** Nothing is served any more; what was written goes out, and what still comes is read past for a moment. */
  private finish(): void {
    this.state = OVER;
    this.endStreams();
    this.socket.end();
    if (this.choked) this.socket.resume();
    this.worker.wheel.arm(this, LINGER_MS);
  }

  override expired(): void {
    if (this.state === SERVES) this.bounds.saidNothing();
    else if (this.state === ANNOUNCED) this.leave();
    // A slow client still gets what was written, or the watch ends it.
    else if (this.socket.backlog > 0) this.worker.wheel.arm(this, LINGER_MS);
    else this.socket.close();
  }

  drain(): void {
    if (this.state !== SERVES) return;
    this.state = ANNOUNCED;
    this.output.goaway(MAX_STREAM_ID, CODE.noError);
    this.output.ping(false, GOING_AWAY, 0);
    this.worker.wheel.arm(this, limits.GOAWAY_MS);
  }

  /** It is idle. */
  goAway(): void {
    if (this.state < LEAVING) this.leave();
  }

  private leave(): void {
    this.worker.wheel.cancel(this);
    this.state = LEAVING;
    this.output.goaway(this.streams.highest, CODE.noError);
    this.finishWhenIdle();
  }

  private finishWhenIdle(): void {
    if (this.state === LEAVING && this.streams.running === 0) this.finish();
  }

  get isBusy(): boolean {
    return !this.isOver && (this.streams.size > 0 || this.socket.backlog > 0);
  }

  close(): void {
    this.socket.close();
    this.letGo();
  }

  endOverBudget(): void {
    this.why = FAULTS.overBudget;
    this.output.goaway(this.streams.lastBegun, CODE.enhanceYourCalm);
    this.socket.flush();
    this.close();
  }

  look(ms: number): void {
    try {
      this.bounds.look(ms);
      this.tellBudget();
    } catch (error) {
      this.socketCrashed(error);
      this.socket.close();
    }
  }

  // Frames.

  /** The client has acknowledged our SETTINGS. */
  settled(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.roundTripMs = performance.now() - this.startedAt;
  }

  /** The answer to a PING of ours, or to none. */
  answered(bytes: Buffer, at: number): void {
    if (this.state === ANNOUNCED && GOING_AWAY.equals(bytes.subarray(at, at + 8))) this.leave();
  }

  /** Streams that are opened from now on are not served. */
  get takesNoMore(): boolean {
    return this.state >= LEAVING;
  }

  hasRoomForHead(bytes: number): boolean {
    return this.headBytes + bytes <= limits.CONNECTION_HEADS;
  }

  /**
   * A handshake for its host would have failed, so that it came by a connection for another one (RFC 9110 §15.5.20). What is
   * not routed at all is told that.
   */
  private isMisdirected(head: RequestHead): boolean {
    const { worker, owner, socket } = this;
    const port = head.host.lastIndexOf(':');
    const name = (port > head.host.lastIndexOf(']') ? head.host.slice(0, port) : head.host).toLowerCase();
    if (name === socket.serverName.toLowerCase() || worker.certificates.find(owner.index, name) !== undefined)
      return false;
    return (worker.table?.route(owner.index, head.method, head.host, head.path, head) ?? null) !== null;
  }

  /** The request whose head is filled. */
  begin(id: number, endStream: boolean): void {
    const { streams, owner } = this;
    const { block } = this.pool;
    const stream = this.pool.take();
    const exchange = stream.events as HttpExchange;
    if (this.checksNames && owner.head.problem === '' && this.isMisdirected(owner.head)) {
      owner.head.problem = 'a host that is none of the connection';
      owner.head.fault = FAULTS.misdirected;
    }
    if (block.oversized) this.bounds.protects('fields');
    if (block.oversized || block.malformed) this.bounds.wasted();
    if (this.isOver) return;
    streams.lastBegun = id;
    streams.running++;
    stream.headBytes = block.size;
    this.headBytes += block.size;
    if (this.headBytes > limits.FREE_HEADS) this.tellBudget();
    stream.open(this, id, endStream, owner.head, block.malformed);
    if (block.priority !== '') stream.outbox.prioritize(block.priority);
    streams.add(stream);
    try {
      exchange.begin(owner.index, owner.head);
    } catch (error) {
      exchange.crash(error);
      stream.abort(CODE.internal);
    }
  }

  // What streams ask for.

  sendHead(id: number, status: number, text: string, more: string, sealed: string, endStream: boolean): void {
    this.bounds.useful();
    this.output.head(id, status, text, more, sealed, endStream);
  }

  sendTrailers(id: number, lines: string): void {
    this.bounds.useful();
    this.output.trailers(id, lines);
  }

  sendReset(id: number, code: number): void {
    this.streams.remember(id);
    this.output.reset(id, code);
  }

  openWindow(id: number, window: ReceiveWindow): void {
    const increment = window.update(performance.now(), this.roundTripMs, this.growth);
    if (increment > 0 && !this.isOver) this.output.windowUpdate(id, increment);
  }

  useful(): void {
    this.bounds.useful();
  }

  noteWaiting(stream: Http2Downstream): void {
    const change = stream.waitingBytes - stream.notedBytes;
    if (change === 0) return;
    stream.notedBytes += change;
    this.waitingBytes += change;
    this.tellBudget();
  }

  private tellBudget(): void {
    const { budget } = this.worker;
    const waiting = this.waitingBytes + this.frames.heldBytes + this.socket.backlog;
    const bytes = waiting + (this.headBytes > limits.FREE_HEADS ? this.headBytes : 0);
    if (bytes > 0 && !this.socket.closed) budget.hold(this, bytes);
    else if (this.heldBytes > 0) budget.release(this);
  }

  /** It is closed on both sides. */
  closed(stream: Http2Downstream): void {
    this.streams.delete(stream.id);
  }

  /** Its exchange has let go of it, too: another one may take its place. */
  freed(stream: Http2Downstream, reusable: boolean): void {
    this.streams.running--;
    this.noteWaiting(stream);
    this.headBytes -= stream.headBytes;
    if (this.heldBytes > 0) this.tellBudget();
    if (reusable) this.pool.give(stream);
    if (this.state === LEAVING) this.finishWhenIdle();
  }
}
