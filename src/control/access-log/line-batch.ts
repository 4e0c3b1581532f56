/** Lines on their way from the rings to where they are written: as many as one write takes, each with its LF. */
import { FLUSH_BYTES, MOST_LINE_BYTES } from '../../shared/access-log.ts';
import type { RingReader } from '../../shared/byte-ring.ts';

export class LineBatch {
  readonly bytes = Buffer.allocUnsafeSlow(FLUSH_BYTES + MOST_LINE_BYTES);
  /** Where each line ends, and its tag (src/access-log/line-ring.ts). */
  readonly ends: number[] = [];
  readonly tags: number[] = [];
  /** Bytes of it that were written. */
  written = 0;

  get length(): number {
    return this.ends.at(-1) ?? 0;
  }

  get isEmpty(): boolean {
    return this.ends.length === 0;
  }

  /** Takes lines of a ring until it has enough. */
  fillFrom(ring: RingReader): void {
    let { length } = this;
    while (length < FLUSH_BYTES && ring.next()) {
      length += ring.bytes.copy(this.bytes, length, ring.start, ring.end);
      this.ends.push(length);
      this.tags.push(ring.tag);
    }
    ring.release();
  }

  /** Lines that are written to their end. */
  get whole(): number {
    const { ends, written } = this;
    if (written === this.length) return ends.length;
    let count = 0;
    while (ends[count] <= written) count++;
    return count;
  }

  /** Lines whose last byte is not written. */
  get unwritten(): number {
    return this.ends.length - this.whole;
  }

  /** A line has begun to be written, and is not written to its end. */
  get isTorn(): boolean {
    return this.written > 0 && !this.ends.includes(this.written);
  }

  clear(): void {
    this.ends.length = 0;
    this.tags.length = 0;
    this.written = 0;
  }
}
