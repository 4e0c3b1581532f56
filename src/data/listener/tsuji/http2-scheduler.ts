/**
 * Who sends next on a connection (RFC 9218 §10): of the streams whose data waits those of the most urgent kind, a frame each
 * in turn; one whose client wants it whole is served to its end first. What fits goes out at once and never comes here.
 */
import { DEFAULT_WINDOW, MAX_FRAME } from '../../../http2/codes.ts';
import { writeData } from '../../../http2/frame-writer.ts';
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { SEND_AHEAD } from './http2-limits.ts';

export const DEFAULT_URGENCY = 3;
/** Added to an urgency. */
export const WHOLE = 8;
const URGENCY = /^u=[0-7]$/;

/** A stream that has data to send. */
export interface Sender {
  readonly id: number;
  /** 0 to 7, the smaller the sooner. */
  readonly urgency: number;
  /** Its client can use it piece by piece. */
  readonly incremental: boolean;
  /** What its client takes of it, bytes. */
  sendWindow: number;
  /** Sends one frame of what waits. False: it has nothing more to send, or no window for it. */
  sendNext(): boolean;
}

export class Http2Scheduler {
  /** What the client takes of all streams together, bytes. */
  sendWindow = DEFAULT_WINDOW;
  private readonly socket: ByteSocket;
  private readonly waiting: Sender[] = [];
  private running = false;

  constructor(socket: ByteSocket) {
    this.socket = socket;
  }

  /** Nobody waits, so that what comes may go out at once. */
  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** More may be given to the socket. */
  private get hasRoom(): boolean {
    const { socket } = this;
    if (socket.backlog < SEND_AHEAD) return true;
    socket.flush();
    return socket.backlog < SEND_AHEAD && !socket.closed;
  }

  /**
   * Sends what may go of `bytes[start, end)` at once. Returns where what has to wait begins. `last`: they are the end of the
   * stream, if all of them go.
   */
  send(stream: Sender, bytes: Uint8Array, start: number, end: number, last: boolean): number {
    const { socket } = this;
    let at = start;
    while (at < end && this.hasRoom) {
      const length = Math.min(end - at, MAX_FRAME, stream.sendWindow, this.sendWindow);
      if (length <= 0) break;
      writeData(socket.out, stream.id, bytes, at, at + length, last && at + length === end);
      stream.sendWindow -= length;
      this.sendWindow -= length;
      at += length;
    }
    if (at > start) socket.flushSoon();
    return at;
  }

  /** It has data, and a window for it. */
  add(stream: Sender): void {
    if (!this.waiting.includes(stream)) this.waiting.push(stream);
  }

  delete(stream: Sender): void {
    const at = this.waiting.indexOf(stream);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** Something has changed: what may go out goes. */
  run(): void {
    if (this.running) return;
    this.running = true;
    try {
      while (this.waiting.length > 0 && this.sendWindow > 0 && this.hasRoom) this.sendOne(this.next());
    } finally {
      this.running = false;
    }
  }

  private next(): Sender {
    const { waiting } = this;
    let next = waiting[0];
    for (const stream of waiting) if (stream.urgency < next.urgency) next = stream;
    return next;
  }

  private sendOne(stream: Sender): void {
    // Within the call others may come and go.
    if (!stream.sendNext()) {
      this.delete(stream);
    } else if (stream.incremental) {
      this.delete(stream);
      this.waiting.push(stream);
    }
  }
}

/**
 * The value of a priority field (RFC 9218 §4), as far as it can be read: its urgency, 0 to 7, and WHOLE where it says that
 * it is of use only when it is there to its end. Those that do not say so take turns.
 */
export function readPriority(value: string): number {
  let urgency = -1;
  let incremental = false;
  for (const part of value.split(',')) {
    const text = part.trim();
    if (text === 'i' || text === 'i=?1') incremental = true;
    else if (URGENCY.test(text)) urgency = Number(text[2]);
  }
  if (urgency < 0) return DEFAULT_URGENCY;
  return incremental ? urgency : urgency + WHOLE;
}
