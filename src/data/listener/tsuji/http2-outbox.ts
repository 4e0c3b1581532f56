/**
 * The body of one response on its way to the client: what may go goes at once, the rest waits here for its windows and its
 * turn, and the end of the stream goes behind it.
 */
import { MAX_FRAME } from '../../../http2/codes.ts';
import { writeData } from '../../../http2/frame-writer.ts';
import { ByteOutput } from '../../../kernel/byte-output.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { DEFAULT_URGENCY, type Http2Scheduler, readPriority, type Sender, WHOLE } from './http2-scheduler.ts';

const NOTHING = new Uint8Array(0);

/** What it needs of its connection. */
export interface Outlet {
  readonly socket: ByteSocket;
  readonly scheduler: Http2Scheduler;
  /** Of a stream, at first. */
  readonly initialWindow: number;
  /** A frame with data goes out. */
  useful(): void;
  sendTrailers(id: number, lines: string): void;
}

export interface OutboxUser {
  /** END_STREAM has gone to the socket. */
  bodyEnded(): void;
  /** After a `push` or `end` that returned false: nothing waits any more. */
  bodyDrained(): void;
  /** What waits, or has waited, has changed. */
  waitingChanged(): void;
}

export class Http2Outbox implements Sender {
  id = 0;
  urgency = DEFAULT_URGENCY;
  incremental = true;
  sendWindow = 0;
  /** What waits, bytes. */
  waitingBytes = 0;
  /** Bytes that have waited and gone. */
  sent = 0;
  private readonly user: OutboxUser;
  private connection!: Outlet;
  /** From `waitingAt` in its first piece on. */
  private readonly waiting = new ByteOutput();
  private waitingAt = 0;
  /** The end stands behind it, with these trailers. */
  private ending = false;
  private trailers = '';
  private owesDrained = false;

  constructor(user: OutboxUser) {
    this.user = user;
  }

  begin(connection: Outlet, id: number): void {
    this.connection = connection;
    this.id = id;
    this.urgency = DEFAULT_URGENCY;
    this.incremental = true;
    this.sendWindow = connection.initialWindow;
    this.sent = 0;
    this.ending = false;
    this.trailers = '';
    this.owesDrained = false;
  }

  /** By the value of a priority field or frame (RFC 9218 §4). */
  prioritize(value: string): void {
    const priority = readPriority(value);
    this.urgency = priority & (WHOLE - 1);
    this.incremental = priority < WHOLE;
  }

  /** Memory that it holds, bytes. */
  get heldBytes(): number {
    return this.waiting.heldBytes;
  }

  /** It waits for its client to open a window. */
  get isBlocked(): boolean {
    return this.waitingBytes > 0 && (this.sendWindow <= 0 || this.connection.scheduler.sendWindow <= 0);
  }

  /** A piece; `last`: nothing follows. False: some of it waits. */
  push(bytes: Uint8Array, last: boolean): boolean {
    const { connection } = this;
    const { scheduler } = connection;
    let at = 0;
    if (this.waitingBytes === 0 && scheduler.isIdle) at = scheduler.send(this, bytes, 0, bytes.length, last);
    if (at > 0) connection.useful();
    if (at === bytes.length) {
      if (last) this.user.bodyEnded();
      return true;
    }
    this.ending = last;
    this.keep(bytes, at);
    if (this.sendWindow > 0) scheduler.add(this);
    this.user.waitingChanged();
    return false;
  }

  private keep(bytes: Uint8Array, start: number): void {
    for (let from = start; from < bytes.length; from += MAX_FRAME) {
      const end = Math.min(bytes.length, from + MAX_FRAME);
      // Each goes out as one frame, so it lies in one piece.
      this.waiting.reserve(end - from);
      this.waiting.bytes(bytes, from, end);
    }
    this.waitingBytes += bytes.length - start;
    this.owesDrained = true;
  }

  /** Nothing follows but these trailers. False: some of what was pushed waits. */
  end(trailers: string): boolean {
    this.ending = true;
    this.trailers = trailers;
    if (this.waitingBytes > 0) {
      this.owesDrained = true;
      return false;
    }
    this.sendEnd();
    return true;
  }

  private sendEnd(): void {
    const { connection } = this;
    if (this.trailers === '') {
      writeData(connection.socket.out, this.id, NOTHING, 0, 0, true);
      connection.socket.flushSoon();
    } else {
      connection.sendTrailers(this.id, this.trailers);
    }
    this.user.bodyEnded();
  }

  sendNext(): boolean {
    const { connection, waiting } = this;
    const { scheduler, socket } = connection;
    const piece = waiting.firstPiece();
    const start = this.waitingAt;
    const length = Math.min(piece.length - start, MAX_FRAME, this.sendWindow, scheduler.sendWindow);
    const isAll = length === this.waitingBytes;
    const ends = isAll && this.ending && this.trailers === '';
    writeData(socket.out, this.id, piece, start, start + length, ends);
    socket.flushSoon();
    connection.useful();
    this.sendWindow -= length;
    scheduler.sendWindow -= length;
    this.sent += length;
    this.waitingBytes -= length;
    this.waitingAt += length;
    if (this.waitingAt === piece.length) {
      waiting.dropFirst();
      this.waitingAt = 0;
    }
    this.user.waitingChanged();
    if (isAll) this.drained(ends);
    return this.waitingBytes > 0 && this.sendWindow > 0;
  }

  private drained(hasEnded: boolean): void {
    if (hasEnded) this.user.bodyEnded();
    else if (this.ending) this.sendEnd();
    if (!this.owesDrained) return;
    this.owesDrained = false;
    this.user.bodyDrained();
  }

  /** The client takes so many bytes more, or fewer. */
  widen(bytes: number): void {
    const wasClosed = this.sendWindow <= 0;
    this.sendWindow += bytes;
    if (this.waitingBytes === 0) return;
    if (this.sendWindow <= 0) this.connection.scheduler.delete(this);
    else if (wasClosed) this.connection.scheduler.add(this);
  }

  /** Forgets what waits. */
  drop(): void {
    if (this.waitingBytes === 0) return;
    this.connection.scheduler.delete(this);
    this.waiting.clear();
    this.waitingAt = 0;
    this.waitingBytes = 0;
    this.owesDrained = false;
    this.user.waitingChanged();
  }
}
