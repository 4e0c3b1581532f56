/**
 * One client's HTTP/2 connection: frames against the states of its streams (RFC 9113 §5.1, §6), its settings, and its end.
 *
 *     preface ─▶ SETTINGS ─▶ frames … ─┬─ drain ─▶ GOAWAY(2^31−1), PING ─▶ GOAWAY(last) ─┐
 *                                      ├─ idle ──────────────────────────▶ GOAWAY(last) ─┴─▶ no stream left ─▶ end
 *                                      └─ connection error ─▶ GOAWAY(code), every stream ended ──────────────▶ end
 */
import { performance } from 'node:perf_hooks';
import {
  CODE,
  DEFAULT_WINDOW,
  MAX_FRAME,
  MAX_STREAM_ID,
  MAX_WINDOW,
  MOST_FRAME,
  PREFACE,
  SETTING,
} from '../../../http2/codes.ts';
import { CutSpace, FrameReader, type FrameSink } from '../../../http2/frame-reader.ts';
import { type FieldSink, HpackDecoder } from '../../../http2/hpack-decoder.ts';
import { MAX_LIST, NO_FIELDS } from '../../../http2/request-block.ts';
import { overflows, ReceiveWindow, WindowGrowth } from '../../../http2/windows.ts';
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
import * as limits from './http2-limits.ts';
import { Http2Output } from './http2-output.ts';
import { SmallPieces } from './http2-pieces.ts';
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
const SETTING_BYTES = 6;
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

/** Of the worker. */
const cutSpace = new CutSpace(limits.WORKER_CUT);

export class Http2Connection extends TimerEntry implements ClientConnection, FrameSink, WatchedClient, BufferHolder {
  readonly socket: ByteSocket;
  readonly peer: string;
  readonly worker: WorkerContext;
  readonly streams = new Http2Streams();
  readonly scheduler: Http2Scheduler;
  readonly growth = new WindowGrowth(limits.WINDOW_GROWTH);
  heldBytes = 0;
  /** Header blocks that have come. */
  blocks = 0;
  /** The client has acknowledged our SETTINGS. */
  isSettled = false;
  private readonly owner: EngineOwner;
  private readonly pool: Http2Pool;
  private readonly reader: FrameReader;
  private readonly decoder = new HpackDecoder();
  private readonly output: Http2Output;
  private readonly bounds: Http2Bounds;
  private readonly pieces = new SmallPieces();
  private readonly window = new ReceiveWindow(MAX_WINDOW);
  /** Of a stream, at first, towards the client. */
  private initialWindow = DEFAULT_WINDOW;
  private settledAt: number;
  private roundTripMs = 0;
  private prefaceAt = 0;
  /** Its first frame, which has to be SETTINGS, has come. */
  private begun = false;
  private state = SERVES;
  private newStreams = 0;
  /** Of the DATA frame that is under way, null where it is for nobody. */
  private receiver: Http2Downstream | null = null;
  private receiverEnds = false;
  private headBytes = 0;
  private waitingBytes = 0;
  /** It is not read until its answers are out. */
  private choked = false;

  constructor(owner: EngineOwner, socket: ByteSocket) {
    super();
    this.owner = owner;
    this.worker = owner.worker;
    this.socket = socket;
    this.peer = socket.peerAddress();
    this.pool = poolOf(owner.worker);
    this.reader = new FrameReader(this, cutSpace);
    this.scheduler = new Http2Scheduler(socket);
    this.output = new Http2Output(socket);
    this.bounds = new Http2Bounds(this);
    this.settledAt = performance.now();
    this.output.settings(SETTINGS);
    this.output.windowUpdate(0, MAX_WINDOW - DEFAULT_WINDOW);
    owner.watch.add(this);
    socket.begin(this);
  }

  /** GOAWAY is out, and nothing runs. */
  get isOver(): boolean {
    return this.state === OVER || this.socket.closed;
  }

  /** Part of a frame or of a header block has come. */
  get isCut(): boolean {
    return this.reader.isCut || !this.begun;
  }

  // The socket.

  socketRead(bytes: Buffer, start: number, end: number): number {
    if (this.state === OVER) return end;
    this.newStreams = 0;
    this.bounds.received(end - start);
    let at = start;
    if (this.prefaceAt < PREFACE.length) {
      at = this.readPreface(bytes, at, end);
      if (this.isOver) return end;
    }
    at = this.reader.read(bytes, at, end);
    this.pieces.flush();
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
    this.reader.close();
    this.worker.wheel.cancel(this);
    this.owner.watch.delete(this);
    if (this.heldBytes > 0) this.worker.budget.release(this);
    this.owner.left(this);
  }

  private endStreams(): void {
    this.pieces.drop();
    this.receiver = null;
    for (const stream of [...this.streams.all]) stream.aborted();
  }

  // Its end.

  /** An error of the connection, or the client has cost too much: nothing more is served on it. */
  fail(code: number, reason: string): void {
    if (this.isOver) return;
    log.debug('a connection is ended', { reason, client: this.peer });
    this.output.goaway(this.streams.lastBegun, code);
    this.finish();
  }

  framesFailed(code: number, reason: string): void {
    if (code === CODE.enhanceYourCalm) this.bounds.protects('header_block');
    this.fail(code, reason);
  }

  /** Nothing is served any more; what was written goes out, and what still comes is read past for a moment. */
  private finish(): void {
    this.state = OVER;
    this.endStreams();
    this.reader.close();
    this.socket.end();
    if (this.choked) this.socket.resume();
    this.worker.wheel.arm(this, LINGER_MS);
  }

  override expired(): void {
    if (this.state === ANNOUNCED) this.leave();
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

  /** A frame of no use by itself. The first one has to be SETTINGS. */
  private controlled(cost = 1): boolean {
    if (!this.begun) this.fail(CODE.protocol, 'a connection that does not begin with SETTINGS');
    else this.bounds.controlled(cost);
    return !this.isOver;
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.begun = true;
    if (!this.controlled(limits.SETTINGS_COST + (end - start) / SETTING_BYTES)) return;
    for (let at = start; at < end && !this.isOver; at += SETTING_BYTES) {
      this.setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    if (!this.isOver) this.output.settingsAck();
    this.scheduler.run();
  }

  private setting(id: number, value: number): void {
    switch (id) {
      case SETTING.enablePush:
        if (value > 1) this.fail(CODE.protocol, 'a wrong ENABLE_PUSH');
        break;
      case SETTING.initialWindowSize:
        this.setInitialWindow(value);
        break;
      case SETTING.maxFrameSize:
        // Ours are never longer than all take.
        if (value < MAX_FRAME || value > MOST_FRAME) this.fail(CODE.protocol, 'a wrong MAX_FRAME_SIZE');
        break;
      default:
      // The table is not used, and all else is about us or unknown.
    }
  }

  private setInitialWindow(value: number): void {
    if (value > MAX_WINDOW) {
      this.fail(CODE.flowControl, 'a wrong INITIAL_WINDOW_SIZE');
      return;
    }
    const change = value - this.initialWindow;
    this.initialWindow = value;
    for (const stream of this.streams.all) {
      if (overflows(stream.sendWindow, change)) {
        this.fail(CODE.flowControl, 'a window larger than can be');
        return;
      }
      stream.widen(change);
    }
  }

  settingsAcknowledged(): void {
    if (!this.controlled() || this.isSettled) return;
    this.isSettled = true;
    this.roundTripMs = performance.now() - this.settledAt;
  }

  ping(ack: boolean, bytes: Buffer, at: number): void {
    if (!this.controlled()) return;
    if (!ack) this.output.ping(true, bytes, at);
    else if (this.state === ANNOUNCED && GOING_AWAY.equals(bytes.subarray(at, at + 8))) this.leave();
  }

  goaway(): void {
    // It is about streams that we would open.
    this.controlled();
  }

  unknownFrame(): void {
    this.controlled();
  }

  priority(id: number, code: number): void {
    if (!this.controlled() || code === CODE.noError) return;
    const stream = this.streams.get(id);
    if (stream !== undefined) stream.failed(code, 'a wrong PRIORITY');
    else this.resetOther(id, code);
  }

  priorityUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.controlled()) return;
    if (id === 0) this.fail(CODE.protocol, 'PRIORITY_UPDATE for stream 0');
    else this.streams.get(id)?.prioritize(bytes.toString('latin1', start, end));
  }

  reset(id: number): void {
    if (!this.controlled()) return;
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.streams.isIdle(id)) this.fail(CODE.protocol, 'RST_STREAM for a stream that was never opened');
      return;
    }
    this.pieces.flush();
    if (stream.isUnanswered) this.bounds.wasted();
    stream.aborted();
  }

  windowUpdate(id: number, increment: number): void {
    if (!this.controlled()) return;
    if (id === 0) {
      if (increment === 0) this.fail(CODE.protocol, 'an increment of 0');
      else if (overflows(this.scheduler.sendWindow, increment))
        this.fail(CODE.flowControl, 'a window larger than can be');
      else this.scheduler.sendWindow += increment;
    } else {
      this.widenStream(id, increment);
    }
    if (!this.isOver) this.scheduler.run();
  }

  private widenStream(id: number, increment: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.streams.isIdle(id)) this.fail(CODE.protocol, 'WINDOW_UPDATE for a stream that was never opened');
    } else if (increment === 0) stream.failed(CODE.protocol, 'an increment of 0');
    else if (overflows(stream.sendWindow, increment)) stream.failed(CODE.flowControl, 'a window larger than can be');
    else stream.widen(increment);
  }

  dataBegins(id: number, length: number, content: number, endStream: boolean): void {
    this.receiver = null;
    this.receiverEnds = endStream;
    if (!this.begun) {
      this.controlled();
      return;
    }
    if (!endStream) this.bounds.data(content);
    // All streams together have all the window that there is: what comes is used, whoever it was for.
    if (!this.window.receive(length)) {
      this.fail(CODE.flowControl, 'more than the window of the connection');
      return;
    }
    this.window.use(length);
    this.openWindow(0, this.window);
    const stream = this.streams.get(id);
    if (stream === undefined) this.dataForOther(id);
    else if (!stream.isReceiving) stream.failed(CODE.streamClosed, 'DATA behind the end of its stream');
    else if (stream.announced(length, content)) this.receiver = stream;
  }

  private dataForOther(id: number): void {
    if (this.streams.isIdle(id)) this.fail(CODE.protocol, 'DATA for a stream that was never opened');
    else if (!this.streams.wasReset(id)) this.resetOther(id, CODE.streamClosed);
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    if (this.receiver?.isReceiving) this.pieces.add(this.receiver, bytes, start, end);
  }

  dataEnds(): void {
    const { receiver } = this;
    this.receiver = null;
    if (receiver === null || !this.receiverEnds || !receiver.isReceiving) return;
    this.pieces.end(receiver);
  }

  headerBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    this.pieces.flush();
    if (!this.begun) {
      this.controlled();
      return;
    }
    this.blocks++;
    if ((id & 1) === 0) this.fail(CODE.protocol, 'a stream with an even number');
    else if (id <= this.streams.highest) this.laterBlock(id, endStream, itself, bytes, start, end);
    else if (this.state >= LEAVING) this.decode(bytes, start, end, NO_FIELDS);
    else this.firstBlock(id, endStream, itself, bytes, start, end);
  }

  /** False: the connection has failed. */
  private decode(bytes: Buffer, start: number, end: number, sink: FieldSink): boolean {
    const problem = this.decoder.decode(bytes, start, end, sink);
    if (problem !== '') this.fail(CODE.compression, problem);
    return !this.isOver;
  }

  private firstBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    const { block } = this.pool;
    const { streams } = this;
    const { head } = this.owner;
    streams.highest = id;
    if (++this.newStreams >= limits.NEW_STREAMS_PER_READ) this.reader.stop();
    block.begin(head);
    if (!this.decode(bytes, start, end, block)) return;
    if (itself) {
      this.resetOther(id, CODE.protocol);
    } else if (streams.running >= limits.MAX_STREAMS) {
      this.bounds.protects('streams');
      this.resetOther(id, CODE.refusedStream);
    } else if (this.headBytes + block.size > limits.CONNECTION_HEADS) {
      this.bounds.protects('heads');
      this.resetOther(id, CODE.enhanceYourCalm);
    } else {
      block.end(endStream);
      this.begin(id, endStream);
    }
  }

  /** The request whose head is filled. */
  private begin(id: number, endStream: boolean): void {
    const { streams, owner } = this;
    const { block } = this.pool;
    const stream = this.pool.take();
    const exchange = stream.events as HttpExchange;
    if (block.oversized) this.bounds.protects('fields');
    if (block.oversized || block.malformed) this.bounds.wasted();
    if (this.isOver) return;
    streams.lastBegun = id;
    streams.running++;
    stream.headBytes = block.size;
    stream.sendWindow = this.initialWindow;
    this.headBytes += block.size;
    if (this.headBytes > limits.FREE_HEADS) this.tellBudget();
    stream.open(this, id, endStream, owner.head, block.malformed);
    if (block.priority !== '') stream.prioritize(block.priority);
    streams.add(stream);
    try {
      exchange.begin(owner.index, owner.head);
    } catch (error) {
      exchange.crash(error);
      stream.abort();
    }
  }

  /** Trailers, or what comes too late. */
  private laterBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    const stream = this.streams.get(id);
    const { trailers } = this.pool;
    if (stream === undefined || !stream.isReceiving) {
      if (!this.decode(bytes, start, end, NO_FIELDS)) return;
      if (stream !== undefined) stream.failed(CODE.streamClosed, 'HEADERS behind the end of their stream');
      else if (!this.streams.wasReset(id)) this.fail(CODE.streamClosed, 'HEADERS for a stream that is closed');
      return;
    }
    trailers.begin(stream.hasLatin1);
    if (!this.decode(bytes, start, end, trailers)) return;
    if (itself) stream.failed(CODE.protocol, 'a stream that depends on itself');
    else if (!endStream) stream.failed(CODE.protocol, 'HEADERS in the middle of a stream');
    else if (trailers.problem !== '') stream.failed(CODE.protocol, trailers.problem);
    else stream.trailed(trailers.lines);
  }

  /** A stream that is not, or no more, in the table. */
  private resetOther(id: number, code: number): void {
    this.bounds.wasted();
    if (!this.isOver) this.sendReset(id, code);
  }

  // What streams ask for.

  sendHead(id: number, status: number, text: string, more: string, endStream: boolean): void {
    this.bounds.useful();
    this.output.head(id, status, text, more, endStream);
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

  wasted(): void {
    this.bounds.wasted();
  }

  completed(): void {
    this.bounds.completed();
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
    const waiting = this.waitingBytes + this.reader.heldBytes + this.socket.backlog;
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
