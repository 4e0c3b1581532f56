/**
 * Pieces of bodies on their way from one read of a session to their streams. Short ones of one stream are put together as
 * long as they come in one read, so that who sends a body byte by byte, each in a frame of its own, does not have us write
 * it that way. One that stands alone is not copied.
 */
import type { SessionStream } from './session-stream.ts';

/** Longer ones are passed on at once. */
const SHORT = 1_024;
const MERGED_BYTES = 16_384;

/** Of the session that is read from: of one at a time. */
const merged = Buffer.allocUnsafeSlow(MERGED_BYTES);
const NOTHING = Buffer.alloc(0);

export class ReadPieces {
  /** It is given `bytes[start, end)` at the end of the read, or before whatever comes next. */
  private stream: SessionStream | null = null;
  private bytes: Buffer = NOTHING;
  private start = 0;
  private end = 0;

  /** `bytes[start, end)` have come for `stream`. */
  add(stream: SessionStream, bytes: Buffer, start: number, end: number): void {
    if (this.stream !== stream || this.end - this.start + end - start > MERGED_BYTES) this.passOn();
    if (this.stream !== null) this.merge(bytes, start, end);
    else if (end - start >= SHORT || stream.isWholeBody(end - start)) give(stream, bytes, start, end);
    else {
      this.stream = stream;
      this.bytes = bytes;
      this.start = start;
      this.end = end;
    }
  }

  private merge(bytes: Buffer, start: number, end: number): void {
    if (this.bytes !== merged) {
      this.end = this.bytes.copy(merged, 0, this.start, this.end);
      this.start = 0;
      this.bytes = merged;
    }
    this.end += bytes.copy(merged, this.end, start, end);
  }

  /** What waits goes to its stream. */
  passOn(): void {
    const { stream, bytes } = this;
    if (stream === null) return;
    this.stream = null;
    this.bytes = NOTHING;
    give(stream, bytes, this.start, this.end);
  }

  /** Forgets it. */
  clear(): void {
    this.stream = null;
    this.bytes = NOTHING;
  }
}

/** What a stream throws ends that one only. */
function give(stream: SessionStream, bytes: Buffer, start: number, end: number): void {
  const { user } = stream;
  try {
    stream.arrived(bytes, start, end);
  } catch (error) {
    stream.crash(user, error);
  }
}
