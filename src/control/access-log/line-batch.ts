/**
 * Lines on their way from a ring to where they are written: as many as one write takes, each with its LF. They stay where they
 * stand in the ring, whose room is used again when the batch is done with.
 */
import { FLUSH_BYTES } from '../../shared/access-log.ts';
import type { RingReader } from '../../shared/byte-ring.ts';

const NOTHING: Buffer = Buffer.alloc(0);

export class LineBatch {
  bytes = NOTHING;
  /** Where each line ends, and its tag (src/access-log/line-ring.ts). */
  readonly ends: number[] = [];
  readonly tags: number[] = [];
  /** Bytes of it that were written. */
  written = 0;
  /** Whose memory it is; null: its own. */
  private ring: RingReader | null = null;

  get length(): number {
    return this.ends.at(-1) ?? 0;
  }

  get isEmpty(): boolean {
    return this.ends.length === 0;
  }

  /** Takes lines that stand together in a ring, until it has enough. It is empty. */
  fillFrom(ring: RingReader): void {
    if (!ring.next()) return;
    const { start } = ring;
    do {
      this.ends.push(ring.end - start);
      this.tags.push(ring.tag);
    } while (!ring.isLast && ring.end - start < FLUSH_BYTES && ring.next());
    this.bytes = ring.bytes.subarray(start, ring.end);
    this.ring = ring;
  }

  /** Has it in memory of its own, for it may stay for long. */
  keep(): void {
    this.bytes = Buffer.from(this.bytes);
    this.releaseRing();
  }

  private releaseRing(): void {
    this.ring?.release();
    this.ring = null;
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
    this.bytes = NOTHING;
    this.releaseRing();
  }
}
