/**
 * Puts pieces of a few bytes together that come with one read, so that who sends a body byte by byte, each in a frame of its
 * own, does not have us write it that way.
 */
import type { Http2Downstream } from './http2-downstream.ts';

/** Longer pieces are passed on as they are. */
const SMALL = 1_024;
const ROOM = 16_384;

/** Of the worker: nothing stays here beyond a read. */
const gathered = Buffer.allocUnsafeSlow(ROOM);

export class SmallPieces {
  private stream: Http2Downstream | null = null;
  private length = 0;

  /** A piece for `stream`. */
  add(stream: Http2Downstream, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.stream !== stream || this.length + length > ROOM) this.flush();
    if (length >= SMALL) {
      this.flush();
      stream.received(bytes, start, end, false);
      return;
    }
    this.stream = stream;
    bytes.copy(gathered, this.length, start, end);
    this.length += length;
  }

  /** The end of its body. */
  end(stream: Http2Downstream): void {
    if (this.stream !== stream) this.flush();
    const { length } = this;
    this.drop();
    stream.received(gathered, 0, length, true);
  }

  flush(): void {
    const { stream, length } = this;
    this.drop();
    if (stream !== null && length > 0 && stream.isReceiving) stream.received(gathered, 0, length, false);
  }

  drop(): void {
    this.stream = null;
    this.length = 0;
  }
}
