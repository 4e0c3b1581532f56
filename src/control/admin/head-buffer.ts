/** The bytes of a connection that were read and not used yet, and the head at their beginning. */

/** Of one head, empty line included. */
export const HEAD_BYTES = 16_384;
const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');

/** Each byte is copied a bounded number of times and looked at once, in however small pieces a head comes. */
export class HeadBuffer {
  private bytes: Buffer = EMPTY;
  private start = 0;
  private end = 0;
  /** No head ends before it. */
  private searched = 0;
  /** `bytes` is ours to write into. */
  private owned = false;

  get length(): number {
    return this.end - this.start;
  }

  push(chunk: Buffer): void {
    if (this.length === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.searched = 0;
      this.owned = false;
      return;
    }
    if (!this.owned || this.end + chunk.length > this.bytes.length) this.grow(chunk.length);
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  /** Takes the head off, one character per byte and without its empty line; null: there is none yet; `tooLong`: there is none to be. */
  takeHead(): string | null | 'tooLong' {
    // One empty line before a request is passed over (RFC 9112 §2.2).
    if (this.length >= 2 && this.bytes[this.start] === 13 && this.bytes[this.start + 1] === 10) this.start += 2;
    const from = Math.max(this.searched - (HEAD_END.length - 1), this.start);
    const found = this.bytes.subarray(from, this.end).indexOf(HEAD_END);
    this.searched = this.end;
    const length = found < 0 ? this.length : from + found + HEAD_END.length - this.start;
    if (length > HEAD_BYTES) return 'tooLong';
    if (found < 0) return null;
    const head = this.bytes.toString('latin1', this.start, from + found);
    this.start = from + found + HEAD_END.length;
    this.searched = this.start;
    if (this.length === 0) this.clear();
    return head;
  }

  /** Takes so many bytes off, a copy; null: they are not all here. */
  takeBytes(count: number): Buffer | null {
    if (this.length < count) return null;
    const bytes = Buffer.from(this.bytes.subarray(this.start, this.start + count));
    this.start += count;
    this.searched = this.start;
    if (this.length === 0) this.clear();
    return bytes;
  }

  clear(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
    this.searched = 0;
    this.owned = false;
  }

  private grow(by: number): void {
    const { length } = this;
    const larger = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (length + by)));
    this.bytes.copy(larger, 0, this.start, this.end);
    this.searched -= this.start;
    this.bytes = larger;
    this.start = 0;
    this.end = length;
    this.owned = true;
  }
}
