/**
 * The streams of one connection by id (RFC 9113 §5.1). An id that is not in the table is idle when it is higher than any
 * before, else gone; of those that are gone the last ones that we have reset are remembered, since frames for them may
 * have been on their way.
 */
import type { Http2Downstream } from './http2-downstream.ts';
import { REMEMBERED_RESETS } from './http2-limits.ts';

export class Http2Streams {
  /** The highest id of a client's so far. */
  highest = 0;
  /** The same of those whose requests were begun. */
  lastBegun = 0;
  /** Those of which our side is not done with: what MAX_CONCURRENT_STREAMS counts, whatever the client has reset. */
  running = 0;
  private readonly open = new Map<number, Http2Downstream>();
  private resets: Int32Array | null = null;
  private resetAt = 0;

  get(id: number): Http2Downstream | undefined {
    return this.open.get(id);
  }

  add(stream: Http2Downstream): void {
    this.open.set(stream.id, stream);
  }

  /** It is closed on both sides. */
  delete(id: number): void {
    this.open.delete(id);
  }

  get all(): IterableIterator<Http2Downstream> {
    return this.open.values();
  }

  get size(): number {
    return this.open.size;
  }

  isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.highest;
  }

  /** We have reset it. */
  remember(id: number): void {
    this.resets ??= new Int32Array(REMEMBERED_RESETS);
    this.resets[this.resetAt] = id;
    this.resetAt = (this.resetAt + 1) % REMEMBERED_RESETS;
  }

  wasReset(id: number): boolean {
    return this.resets?.includes(id) ?? false;
  }
}
