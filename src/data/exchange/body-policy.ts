/** What middlewares ask of the bodies of one exchange. Most exchanges have none. */

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

  /** Of the request's body, bytes: a longer one is refused with 413, or broken off. Of several the least counts. */
  limitRequest(bytes: number): void {
    this.maxRequest = Math.min(this.maxRequest, bytes);
  }

  /** Of the response's body, bytes: a longer one is refused with 502, or broken off. Of several the least counts. */
  limitResponse(bytes: number): void {
    this.maxResponse = Math.min(this.maxResponse, bytes);
  }

  /**
   * The whole body is read, and kept for further tries, before the first server is asked: `memoryBytes` of it in memory, the
   * rest on disk. `repetition`: what has a say in whether the backend is asked once more; null: nothing has.
   */
  holdRequest(memoryBytes: number, repetition: Repetition | null): void {
    this.holds = true;
    this.heldInMemory = memoryBytes;
    this.repetition = repetition;
  }

  /** A response that announces more bytes than so is answered with 500: a wrapper that keeps it back would not take them. */
  limitHeldResponse(bytes: number): void {
    this.maxHeldResponse = bytes;
  }

  /** What the buffering of the backend has asked for holds no more. */
  leaveBackend(): void {
    this.repetition = null;
    this.maxHeldResponse = Number.POSITIVE_INFINITY;
  }

  /** The body is kept up to so many bytes while it is sent, for `sent` of a middleware. Of several the greatest counts. */
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
