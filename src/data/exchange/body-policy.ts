/** What middlewares have asked of the bodies of one exchange. Most exchanges have none. */

import type { Repetition } from '../balancing/repetition.ts';

export class BodyPolicy {
  /** Bytes; a longer body is refused or broken off. */
  maxRequest = Number.POSITIVE_INFINITY;
  maxResponse = Number.POSITIVE_INFINITY;
  /** The request is read to its end before its first try. */
  holds = false;
  /** Only with `holds`, bytes: of it, what is kept in memory. */
  heldInMemory = 0;
  /** Bytes: a response that is announced as longer is not to be had. */
  maxHeldResponse = Number.POSITIVE_INFINITY;
  /** Only with `holds`, and null where no expression has a say. */
  repetition: Repetition | null = null;
  /** Somebody wants to see the request's body when it is sent. */
  copies = false;
  private maxCopied = 0;
  private copied: Buffer[] | null = null;
  private copiedBytes = 0;

  copyRequest(bytes: number): void {
    this.copies = true;
    this.maxCopied = Math.max(this.maxCopied, bytes);
    this.copied ??= [];
  }

  /** `chunk` must stay unchanged. */
  copy(chunk: Buffer): void {
    if (this.copied === null || chunk.length === 0) return;
    this.copiedBytes += chunk.length;
    if (this.copiedBytes > this.maxCopied) this.copied = null;
    else this.copied.push(chunk);
  }

  /** Of the request's body; null when it is longer than was asked for. Told once. */
  takeCopies(): readonly Buffer[] | null {
    this.copies = false;
    return this.copied;
  }
}
