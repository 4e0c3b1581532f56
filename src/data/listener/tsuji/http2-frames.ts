/**
 * The frames of one client's HTTP/2 connection against the states of its streams (RFC 9113 §5.1, §6). An id is idle, in the
 * table, or gone; of those that are gone the last that we have reset are known, as frames for them may have been on their
 * way.
 *
 *     frame ─┬─ idle ──────────── HEADERS opens it; all else but PRIORITY ends the connection
 *            ├─ in the table ──── goes to its stream, or resets it where that has ended its side
 *            ├─ reset by us ───── is read past
 *            └─ gone ──────────── DATA is reset, HEADERS end the connection, all else is read past
 */

import { CODE, MAX_FRAME, MAX_WINDOW, MOST_FRAME, SETTING } from '../../../http2/codes.ts';
import { CutSpace, FrameReader, type FrameSink } from '../../../http2/frame-reader.ts';
import { type FieldSink, HpackDecoder } from '../../../http2/hpack-decoder.ts';
import { NO_FIELDS } from '../../../http2/request-block.ts';
import { overflows, ReceiveWindow } from '../../../http2/windows.ts';
import { FAULTS } from '../../../kernel/errors.ts';
import { ReadPieces } from '../../read-pieces.ts';
import type { Http2Connection } from './http2-connection.ts';
import type { Http2Downstream } from './http2-downstream.ts';
import * as limits from './http2-limits.ts';

const SETTING_BYTES = 6;

/** Of the worker. */
const cutSpace = new CutSpace(limits.WORKER_CUT);

export class Http2Frames implements FrameSink {
  /** Header blocks that have come. */
  blocks = 0;
  private readonly connection: Http2Connection;
  private readonly reader = new FrameReader(this, cutSpace);
  private readonly decoder = new HpackDecoder();
  private readonly pieces = new ReadPieces<Http2Downstream>(give);
  private readonly window = new ReceiveWindow(MAX_WINDOW);
  /** The first one, which has to be SETTINGS, has come. */
  private begun = false;
  /** Of this read. */
  private newStreams = 0;
  /** Of the DATA frame that is under way, null where it is for nobody. */
  private receiver: Http2Downstream | null = null;
  private receiverEnds = false;

  constructor(connection: Http2Connection) {
    this.connection = connection;
  }

  /** Part of a frame or of a header block has come, or nothing yet. */
  get isCut(): boolean {
    return this.reader.isCut || !this.begun;
  }

  /** Memory that holds what is cut, bytes. */
  get heldBytes(): number {
    return this.reader.heldBytes;
  }

  /** Reads `bytes[start, end)`. Returns how far it came: less where they begin more streams than one read may. */
  read(bytes: Buffer, start: number, end: number): number {
    this.newStreams = 0;
    const at = this.reader.read(bytes, start, end);
    this.pieces.passOn();
    return at;
  }

  /** Nothing is read any more. */
  close(): void {
    this.pieces.clear();
    this.receiver = null;
    this.reader.close();
  }

  framesFailed(code: number, reason: string): void {
    if (code === CODE.enhanceYourCalm) this.connection.bounds.protects('header_block');
    this.connection.fail(code, reason);
  }

  /** A frame of no use by itself. The first one has to be SETTINGS. */
  private controlled(cost = 1): boolean {
    if (!this.begun) this.connection.fail(CODE.protocol, 'a connection that does not begin with SETTINGS');
    else this.connection.bounds.controlled(cost);
    return !this.connection.isOver;
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.begun = true;
    if (!this.controlled(limits.SETTINGS_COST + (end - start) / SETTING_BYTES)) return;
    for (let at = start; at < end && !this.connection.isOver; at += SETTING_BYTES) {
      this.setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    if (!this.connection.isOver) this.connection.output.settingsAck();
    this.connection.scheduler.run();
  }

  private setting(id: number, value: number): void {
    switch (id) {
      case SETTING.enablePush:
        if (value > 1) this.connection.fail(CODE.protocol, 'a wrong ENABLE_PUSH');
        break;
      case SETTING.initialWindowSize:
        this.setInitialWindow(value);
        break;
      case SETTING.maxFrameSize:
        // Ours are never longer than all take.
        if (value < MAX_FRAME || value > MOST_FRAME) this.connection.fail(CODE.protocol, 'a wrong MAX_FRAME_SIZE');
        break;
      default:
      // The table is not used, and all else is about us or unknown.
    }
  }

  private setInitialWindow(value: number): void {
    if (value > MAX_WINDOW) {
      this.connection.fail(CODE.flowControl, 'a wrong INITIAL_WINDOW_SIZE');
      return;
    }
    const change = value - this.connection.initialWindow;
    this.connection.initialWindow = value;
    for (const stream of this.connection.streams.all) {
      if (overflows(stream.outbox.sendWindow, change)) {
        this.connection.fail(CODE.flowControl, 'a window larger than can be');
        return;
      }
      stream.outbox.widen(change);
    }
  }

  settingsAcknowledged(): void {
    if (this.controlled()) this.connection.settled();
  }

  ping(ack: boolean, bytes: Buffer, at: number): void {
    if (!this.controlled()) return;
    if (!ack) this.connection.output.ping(true, bytes, at);
    else this.connection.answered(bytes, at);
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
    const stream = this.connection.streams.get(id);
    if (stream !== undefined) stream.failed(code, 'a wrong PRIORITY');
    else this.resetOther(id, code);
  }

  priorityUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.controlled()) return;
    if (id === 0) this.connection.fail(CODE.protocol, 'PRIORITY_UPDATE for stream 0');
    else this.connection.streams.get(id)?.outbox.prioritize(bytes.toString('latin1', start, end));
  }

  reset(id: number): void {
    if (!this.controlled()) return;
    const stream = this.connection.streams.get(id);
    if (stream === undefined) {
      if (this.connection.streams.isIdle(id))
        this.connection.fail(CODE.protocol, 'RST_STREAM for a stream that was never opened');
      return;
    }
    this.pieces.passOn();
    if (stream.isUnanswered) this.connection.bounds.wasted();
    stream.aborted(FAULTS.clientClosed);
  }

  windowUpdate(id: number, increment: number): void {
    if (!this.controlled()) return;
    if (id === 0) {
      if (increment === 0) this.connection.fail(CODE.protocol, 'an increment of 0');
      else if (overflows(this.connection.scheduler.sendWindow, increment))
        this.connection.fail(CODE.flowControl, 'a window larger than can be');
      else this.connection.scheduler.sendWindow += increment;
    } else {
      this.widenStream(id, increment);
    }
    if (!this.connection.isOver) this.connection.scheduler.run();
  }

  private widenStream(id: number, increment: number): void {
    const stream = this.connection.streams.get(id);
    if (stream === undefined) {
      if (this.connection.streams.isIdle(id))
        this.connection.fail(CODE.protocol, 'WINDOW_UPDATE for a stream that was never opened');
    } else if (increment === 0) stream.failed(CODE.protocol, 'an increment of 0');
    else if (overflows(stream.outbox.sendWindow, increment))
      stream.failed(CODE.flowControl, 'a window larger than can be');
    else stream.outbox.widen(increment);
  }

  dataBegins(id: number, length: number, content: number, endStream: boolean): void {
    this.receiver = null;
    this.receiverEnds = endStream;
    if (!this.begun) {
      this.controlled();
      return;
    }
    if (!endStream) this.connection.bounds.data(content);
    // All streams together have all the window that there is: what comes is used, whoever it was for.
    if (!this.window.receive(length)) {
      this.connection.fail(CODE.flowControl, 'more than the window of the connection');
      return;
    }
    this.window.use(length);
    this.connection.openWindow(0, this.window);
    const stream = this.connection.streams.get(id);
    if (stream === undefined) this.dataForOther(id);
    else if (!stream.isReceiving) stream.failed(CODE.streamClosed, 'DATA behind the end of its stream');
    else if (stream.announced(length, content)) this.receiver = stream;
  }

  private dataForOther(id: number): void {
    if (this.connection.streams.isIdle(id))
      this.connection.fail(CODE.protocol, 'DATA for a stream that was never opened');
    else if (!this.connection.streams.wasReset(id)) this.resetOther(id, CODE.streamClosed);
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    if (this.receiver?.isReceiving) this.pieces.add(this.receiver, bytes, start, end);
  }

  dataEnds(): void {
    const { receiver } = this;
    this.receiver = null;
    if (receiver === null || !this.receiverEnds || !receiver.isReceiving) return;
    this.pieces.finish(receiver);
  }

  headerBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    this.pieces.passOn();
    if (!this.begun) {
      this.controlled();
      return;
    }
    this.blocks++;
    if ((id & 1) === 0) this.connection.fail(CODE.protocol, 'a stream with an even number');
    else if (id <= this.connection.streams.highest) this.laterBlock(id, endStream, itself, bytes, start, end);
    else if (this.connection.takesNoMore) this.decode(bytes, start, end, NO_FIELDS);
    else this.firstBlock(id, endStream, itself, bytes, start, end);
  }

  /** False: the connection has failed. */
  private decode(bytes: Buffer, start: number, end: number, sink: FieldSink): boolean {
    const problem = this.decoder.decode(bytes, start, end, sink);
    if (problem !== '') this.connection.fail(CODE.compression, problem);
    return !this.connection.isOver;
  }

  private firstBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    const { streams, pool, owner } = this.connection;
    const { block } = pool;
    const { head } = owner;
    streams.highest = id;
    if (++this.newStreams >= limits.NEW_STREAMS_PER_READ) this.reader.stop();
    block.begin(head);
    if (!this.decode(bytes, start, end, block)) return;
    if (itself) {
      this.resetOther(id, CODE.protocol);
    } else if (streams.running >= limits.MAX_STREAMS) {
      this.connection.bounds.protects('streams');
      this.resetOther(id, CODE.refusedStream);
    } else if (!this.connection.hasRoomForHead(block.size)) {
      this.connection.bounds.protects('heads');
      this.resetOther(id, CODE.enhanceYourCalm);
    } else {
      block.end(endStream);
      this.connection.begin(id, endStream);
    }
  }

  /** Trailers, or what comes too late. */
  private laterBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    const stream = this.connection.streams.get(id);
    const { trailers } = this.connection.pool;
    if (stream === undefined || !stream.isReceiving) {
      if (!this.decode(bytes, start, end, NO_FIELDS)) return;
      if (stream !== undefined) stream.failed(CODE.streamClosed, 'HEADERS behind the end of their stream');
      else if (!this.connection.streams.wasReset(id))
        this.connection.fail(CODE.streamClosed, 'HEADERS for a stream that is closed');
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
    this.connection.bounds.wasted();
    if (!this.connection.isOver) this.connection.sendReset(id, code);
  }
}

function give(stream: Http2Downstream, bytes: Buffer, start: number, end: number, last: boolean): void {
  if (stream.isReceiving) stream.received(bytes, start, end, last);
}
