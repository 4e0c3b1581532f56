/**
 * Cuts bytes into frames (RFC 9113 §4, §6), however they come, and refuses what no state could allow: wrong lengths,
 * wrong streams, padding that is too long, a header block that is interrupted. What depends on the state of a stream is for
 * the sink.
 *
 *     length 24 · type 8 · flags 8 · reserved 1 · stream 31 · payload
 *
 * DATA is passed on as it comes. Of all else the sink gets whole frames, and whole header blocks: only what is cut is kept.
 */
import { CODE, FLAG, FRAME, FRAME_HEAD, MAX_FRAME } from './codes.ts';

/** CONTINUATION frames of one header block. Peers allow about as many (CVE-2024-27316 and its siblings). */
const MAX_CONTINUATIONS = 8;
/** Of a header block, as it comes: twice what the fields of a request may have. */
export const MAX_BLOCK = 131_072;
/** What is kept of something that is cut begins with so many bytes, and doubles. */
const FIRST_KEPT = 512;
const PRIORITY_BYTES = 5;
const NO_SPACE = 'too much that is cut, on all connections';

const NOTHING = Buffer.alloc(0);

export interface FrameSink {
  /** A DATA frame begins. `length`: bytes that count for flow control; `content`: those of them that are no padding. */
  dataBegins(id: number, length: number, content: number, endStream: boolean): void;
  /** A piece of its content, `bytes[start, end)`; valid during the call, as everywhere here. */
  dataPiece(bytes: Buffer, start: number, end: number): void;
  /** All of its content has come. */
  dataEnds(): void;
  /** A whole header block: HEADERS with its CONTINUATIONs. */
  headerBlock(
    id: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
  /** `code`: of the stream error that it is, CODE.noError for a good one. */
  priority(id: number, code: number): void;
  priorityUpdate(id: number, bytes: Buffer, start: number, end: number): void;
  reset(id: number, code: number): void;
  /** Pairs of identifier (2 bytes) and value (4). */
  settings(bytes: Buffer, start: number, end: number): void;
  settingsAcknowledged(): void;
  /** Its 8 bytes begin at `at`. */
  ping(ack: boolean, bytes: Buffer, at: number): void;
  goaway(lastId: number, code: number): void;
  /** `increment` may be 0, which is an error of the stream, or of the connection where `id` is 0. */
  windowUpdate(id: number, increment: number): void;
  /** A frame of a type that we do not know (RFC 9113 §5.5: to be ignored). */
  unknownFrame(): void;
  /** The connection has failed; nothing follows. `code`: why, `reason`: for the log. */
  framesFailed(code: number, reason: string): void;
}

/**
 * Memory for what is cut, shared by the connections of a worker. Where there is none left, whoever holds most of it is ended:
 * a few peers with heads that do not come to their end must not take the last bytes from all others.
 */
export class CutSpace {
  private left: number;
  private readonly holders = new Set<FrameReader>();

  constructor(bytes: number) {
    this.left = bytes;
  }

  /** So many bytes more for `reader`. False: nobody else holds as much as that would be. */
  take(reader: FrameReader, bytes: number): boolean {
    while (bytes > this.left) {
      const largest = this.largest();
      if (largest === null || largest === reader || largest.heldBytes < reader.heldBytes + bytes) return false;
      largest.giveUp();
    }
    this.left -= bytes;
    this.holders.add(reader);
    return true;
  }

  /** `reader` has let go of so many. */
  give(reader: FrameReader, bytes: number): void {
    this.left += bytes;
    if (reader.heldBytes === 0) this.holders.delete(reader);
  }

  private largest(): FrameReader | null {
    let largest: FrameReader | null = null;
    for (const reader of this.holders) if (largest === null || reader.heldBytes > largest.heldBytes) largest = reader;
    return largest;
  }
}

export class FrameReader {
  private readonly sink: FrameSink;
  private readonly space: CutSpace;
  /** The sink wants no more for now. */
  private stopped = false;
  private failed = false;
  /** The first bytes of a frame that is cut. */
  private kept = NOTHING;
  private keptBytes = 0;
  /** Of a DATA frame that is under way: content and padding that are to come. */
  private content = 0;
  private padding = 0;
  /** The stream whose header block is under way, 0 for none. */
  private blockId = 0;
  private blockEndsStream = false;
  private blockDependsOnItself = false;
  private block = NOTHING;
  private blockBytes = 0;
  private continuations = 0;

  constructor(sink: FrameSink, space: CutSpace) {
    this.sink = sink;
    this.space = space;
  }

  /** Memory that it holds, bytes. */
  get heldBytes(): number {
    return this.kept.length + this.block.length;
  }

  /** Part of a frame, or of a header block, has come. */
  get isCut(): boolean {
    return this.keptBytes > 0 || this.content + this.padding > 0 || this.blockId !== 0;
  }

  /** Within a call of the sink: `read` returns behind this frame. */
  stop(): void {
    this.stopped = true;
  }

  /** Lets go of what it holds. Nothing is read any more. */
  close(): void {
    this.failed = true;
    this.release();
    this.dropBlock();
  }

  /** Others need the memory that it holds. */
  giveUp(): void {
    this.fail(CODE.enhanceYourCalm, NO_SPACE);
    this.close();
  }

  /** Reads `bytes[start, end)`. Returns how far it came: less than `end` only after `stop`. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.stopped = false;
    while (at < end && !this.failed && !this.stopped) {
      if (this.content + this.padding > 0) at = this.readData(bytes, at, end);
      else if (this.keptBytes > 0) at = this.complete(bytes, at, end);
      else at = this.frame(bytes, at, end);
    }
    return this.failed ? end : at;
  }

  /** One frame, whose first bytes are here. Returns what is behind it, or behind all of it that there is. */
  private frame(bytes: Buffer, at: number, end: number): number {
    const needed = this.needed(bytes, at, end);
    if (needed === 0) return end;
    if (end - at < needed) {
      this.keep(bytes, at, end, needed);
      return end;
    }
    this.dispatch(bytes, at, at + needed);
    return at + needed;
  }

  /** More of the frame that is kept. */
  private complete(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (;;) {
      const needed = this.needed(this.kept, 0, this.keptBytes);
      if (needed === 0) return end;
      if (this.keptBytes >= needed) {
        const { kept } = this;
        this.keptBytes = 0;
        this.dispatch(kept, 0, needed);
        this.release();
        return at;
      }
      if (at === end) return end;
      const from = at;
      at = Math.min(end, at + needed - this.keptBytes);
      if (!this.keep(bytes, from, at, needed)) return end;
    }
  }

  /**
   * Bytes that are needed before it is dispatched, as far as what is here tells: of DATA the head, of all else the whole
   * frame. 0: it cannot be.
   */
  private needed(bytes: Buffer, at: number, end: number): number {
    if (end - at < FRAME_HEAD) return FRAME_HEAD;
    const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    if (length > MAX_FRAME) return this.fail(CODE.frameSize, 'a frame longer than 16384 bytes');
    const type = bytes[at + 3];
    if (this.blockId !== 0 && type !== FRAME.continuation) {
      return this.fail(CODE.protocol, 'a header block that is interrupted');
    }
    if (type !== FRAME.data) return FRAME_HEAD + length;
    return (bytes[at + 4] & FLAG.padded) !== 0 && length > 0 ? FRAME_HEAD + 1 : FRAME_HEAD;
  }

  /** False: there is no memory for it, which ends the connection. */
  private keep(bytes: Buffer, start: number, end: number, needed: number): boolean {
    const total = this.keptBytes + end - start;
    if (this.kept.length < total) {
      const length = Math.min(needed, Math.max(FIRST_KEPT, 2 * this.kept.length, total));
      if (!this.space.take(this, length - this.kept.length)) {
        this.fail(CODE.enhanceYourCalm, NO_SPACE);
        return false;
      }
      const grown = Buffer.allocUnsafeSlow(length);
      this.kept.copy(grown, 0, 0, this.keptBytes);
      this.kept = grown;
    }
    bytes.copy(this.kept, this.keptBytes, start, end);
    this.keptBytes = total;
    return true;
  }

  private release(): void {
    const { length } = this.kept;
    this.kept = NOTHING;
    this.keptBytes = 0;
    this.space.give(this, length);
  }

  private dropBlock(): void {
    const { length } = this.block;
    this.block = NOTHING;
    this.space.give(this, length);
  }

  private fail(code: number, reason: string): 0 {
    this.failed = true;
    this.sink.framesFailed(code, reason);
    return 0;
  }

  private dispatch(bytes: Buffer, start: number, end: number): void {
    const { sink } = this;
    const flags = bytes[start + 4];
    const id = idAt(bytes, start + 5);
    const at = start + FRAME_HEAD;
    const length = end - at;
    switch (bytes[start + 3]) {
      case FRAME.data:
        this.dataHead(bytes, start, flags, id);
        break;
      case FRAME.headers:
        this.headers(id, flags, bytes, at, end);
        break;
      case FRAME.priority:
        if (id === 0) this.fail(CODE.protocol, 'PRIORITY on stream 0');
        else if (length !== PRIORITY_BYTES) sink.priority(id, CODE.frameSize);
        else sink.priority(id, idAt(bytes, at) === id ? CODE.protocol : CODE.noError);
        break;
      case FRAME.rstStream:
        if (length !== 4) this.fail(CODE.frameSize, 'a RST_STREAM that is not 4 bytes long');
        else if (id === 0) this.fail(CODE.protocol, 'RST_STREAM on stream 0');
        else sink.reset(id, bytes.readUInt32BE(at));
        break;
      case FRAME.settings:
        this.settings(id, flags, bytes, at, end);
        break;
      case FRAME.pushPromise:
        // A client never may, and a server is not allowed to by us.
        this.fail(CODE.protocol, 'PUSH_PROMISE');
        break;
      case FRAME.ping:
        if (id !== 0) this.fail(CODE.protocol, 'PING on a stream');
        else if (length !== 8) this.fail(CODE.frameSize, 'a PING that is not 8 bytes long');
        else sink.ping((flags & FLAG.ack) !== 0, bytes, at);
        break;
      case FRAME.goaway:
        if (id !== 0) this.fail(CODE.protocol, 'GOAWAY on a stream');
        else if (length < 8) this.fail(CODE.frameSize, 'a GOAWAY that is too short');
        else sink.goaway(idAt(bytes, at), bytes.readUInt32BE(at + 4));
        break;
      case FRAME.windowUpdate:
        if (length !== 4) this.fail(CODE.frameSize, 'a WINDOW_UPDATE that is not 4 bytes long');
        else sink.windowUpdate(id, idAt(bytes, at));
        break;
      case FRAME.continuation:
        this.continuation(id, flags, bytes, at, end);
        break;
      case FRAME.priorityUpdate:
        if (id !== 0) this.fail(CODE.protocol, 'PRIORITY_UPDATE on a stream');
        else if (length < 4) this.fail(CODE.frameSize, 'a PRIORITY_UPDATE that is too short');
        else sink.priorityUpdate(idAt(bytes, at), bytes, at + 4, end);
        break;
      default:
        sink.unknownFrame();
    }
  }

  private dataHead(bytes: Buffer, start: number, flags: number, id: number): void {
    const length = (bytes[start] << 16) | (bytes[start + 1] << 8) | bytes[start + 2];
    if (id === 0) {
      this.fail(CODE.protocol, 'DATA on stream 0');
      return;
    }
    let overhead = 0;
    if ((flags & FLAG.padded) !== 0) {
      // One that is empty has not even a length of its padding.
      overhead = length === 0 ? 1 : 1 + bytes[start + FRAME_HEAD];
      if (overhead > length) {
        this.fail(CODE.protocol, 'DATA that is shorter than its padding');
        return;
      }
      this.padding = overhead - 1;
    }
    this.content = length - overhead;
    this.sink.dataBegins(id, length, this.content, (flags & FLAG.endStream) !== 0);
    if (this.content === 0 && !this.failed) this.sink.dataEnds();
  }

  private readData(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.content > 0) {
      at = Math.min(end, start + this.content);
      this.content -= at - start;
      this.sink.dataPiece(bytes, start, at);
      if (this.content > 0 || this.failed) return at;
      this.sink.dataEnds();
    }
    const behind = Math.min(end, at + this.padding);
    this.padding -= behind - at;
    return behind;
  }

  private headers(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) {
      this.fail(CODE.protocol, 'HEADERS on stream 0');
      return;
    }
    let from = start;
    let to = end;
    if ((flags & FLAG.padded) !== 0) {
      to -= from < end ? bytes[from] : 0;
      from++;
    }
    const hasPriority = (flags & FLAG.priority) !== 0;
    const dependsOnItself = hasPriority && from + PRIORITY_BYTES <= to && idAt(bytes, from) === id;
    if (hasPriority) from += PRIORITY_BYTES;
    if (from > to) {
      this.fail(CODE.protocol, 'HEADERS that are shorter than their padding');
      return;
    }
    const endStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) {
      this.sink.headerBlock(id, endStream, dependsOnItself, bytes, from, to);
      return;
    }
    this.blockId = id;
    this.blockEndsStream = endStream;
    this.blockDependsOnItself = dependsOnItself;
    this.blockBytes = 0;
    this.continuations = 0;
    this.addToBlock(bytes, from, to);
  }

  private continuation(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    if (this.blockId === 0 || id !== this.blockId) {
      this.fail(CODE.protocol, 'a CONTINUATION that continues nothing');
      return;
    }
    if (++this.continuations > MAX_CONTINUATIONS) {
      this.fail(CODE.enhanceYourCalm, 'a header block in too many pieces');
      return;
    }
    if (!this.addToBlock(bytes, start, end) || (flags & FLAG.endHeaders) === 0) return;
    const { block } = this;
    this.blockId = 0;
    this.dropBlock();
    this.sink.headerBlock(id, this.blockEndsStream, this.blockDependsOnItself, block, 0, this.blockBytes);
  }

  /** False: it is too long, or there is no memory for it. */
  private addToBlock(bytes: Buffer, start: number, end: number): boolean {
    const total = this.blockBytes + end - start;
    if (total > this.block.length) {
      const length = Math.max(total, Math.min(2 * this.block.length, MAX_BLOCK));
      if (length > MAX_BLOCK || !this.space.take(this, length - this.block.length)) {
        this.fail(CODE.enhanceYourCalm, 'a header block that is too long');
        return false;
      }
      const grown = Buffer.allocUnsafeSlow(length);
      this.block.copy(grown, 0, 0, this.blockBytes);
      this.block = grown;
    }
    bytes.copy(this.block, this.blockBytes, start, end);
    this.blockBytes = total;
    return true;
  }

  private settings(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const isAck = (flags & FLAG.ack) !== 0;
    if (id !== 0) this.fail(CODE.protocol, 'SETTINGS on a stream');
    else if (isAck && start < end) this.fail(CODE.frameSize, 'an acknowledgement of SETTINGS with a payload');
    else if ((end - start) % 6 !== 0) this.fail(CODE.frameSize, 'SETTINGS of a wrong length');
    else if (isAck) this.sink.settingsAcknowledged();
    else this.sink.settings(bytes, start, end);
  }
}

/** 31 bits; the one before them is reserved. */
function idAt(bytes: Buffer, at: number): number {
  return ((bytes[at] & 0x7f) << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
