/**
 * A head that comes in pieces, put together until it is whole. Each byte is copied and looked at a bounded number of
 * times, however small the pieces are.
 */
const FIRST_BYTES = 1_024;
const CR = 13;
const LF = 10;

export class PartialHead {
  /** What has come of it: the first `length` bytes. */
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;
  /** Its empty line has come. */
  whole = false;
  /** Where the last line begins. */
  private lineAt = 0;
  private sawFirst = false;
  /** How much of it was read the last time. */
  private read = 0;

  /** Takes bytes up to the end of the head, at most `max` in all; returns the index behind the last that it took. */
  take(bytes: Buffer, at: number, end: number, max: number): number {
    const from = this.length;
    const upTo = Math.min(end, at + max - from);
    let next = at;
    while (next < upTo && !this.whole) {
      const index = from + next - at;
      if (bytes[next++] !== LF) continue;
      const empty =
        index === this.lineAt || (index === this.lineAt + 1 && this.byte(bytes, at, from, index - 1) === CR);
      this.whole = empty;
      this.lineAt = index + 1;
    }
    this.append(bytes, at, next);
    // Whoever makes one of these has read the first piece, and found it unfinished.
    if (from === 0) this.read = this.length;
    return next;
  }

  /** The end of its first line has not come. */
  get inFirstLine(): boolean {
    return this.lineAt === 0;
  }

  /** It is whole, its first line is, or it has doubled by whole lines: what is wrong with it need not wait for its end. */
  isWorthReading(): boolean {
    const isFirst = !this.sawFirst && this.lineAt > 0;
    if (!this.whole && !isFirst && this.lineAt < 2 * this.read) return false;
    this.sawFirst = true;
    this.read = this.length;
    return true;
  }

  private byte(bytes: Buffer, at: number, from: number, index: number): number {
    return index >= from ? bytes[at + index - from] : this.bytes[index];
  }

  private append(bytes: Buffer, at: number, end: number): void {
    const needed = this.length + end - at;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    bytes.copy(this.bytes, this.length, at, end);
    this.length = needed;
  }
}
