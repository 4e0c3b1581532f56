/**
 * Pieces of bodies on their way from one read of an HTTP/2 connection to their streams. Short ones of one stream are put
 * together as long as they come in one read, so that who sends a body byte by byte, each in a frame of its own, does not have
 * us write it that way. One that stands alone is not copied.
 */

/** Longer ones are passed on at once. */
const SHORT = 1_024;
const MERGED_BYTES = 16_384;

/** Of the connection that is read from: of one at a time. */
const merged = Buffer.allocUnsafeSlow(MERGED_BYTES);
const NOTHING = Buffer.alloc(0);

/** Gives `stream` what has come for it, `bytes[start, end)`, valid only during the call. `last`: its body ends with it. */
export type Give<Stream> = (stream: Stream, bytes: Buffer, start: number, end: number, last: boolean) => void;

export class ReadPieces<Stream extends object> {
  private readonly give: Give<Stream>;
  /** It is given `bytes[start, end)` at the end of the read, or before whatever comes next. */
  private stream: Stream | null = null;
  private bytes: Buffer = NOTHING;
  private start = 0;
  private end = 0;

  constructor(give: Give<Stream>) {
    this.give = give;
  }

  /** `bytes[start, end)` have come for `stream`, and stay unchanged until the end of the read. */
  add(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (this.stream !== stream || this.end - this.start + end - start > MERGED_BYTES) this.passOn();
    if (this.stream !== null) this.merge(bytes, start, end);
    else if (end - start >= SHORT) this.give(stream, bytes, start, end, false);
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
    this.clear();
    this.give(stream, bytes, this.start, this.end, false);
  }

  /** The body of `stream` ends with what has come of it. */
  finish(stream: Stream): void {
    if (this.stream !== stream) {
      this.passOn();
      this.give(stream, NOTHING, 0, 0, true);
      return;
    }
    const { bytes } = this;
    this.clear();
    this.give(stream, bytes, this.start, this.end, true);
  }

  /** Forgets what waits. */
  clear(): void {
    this.stream = null;
    this.bytes = NOTHING;
  }
}
