/** Encoded spans that wait for the collector: bounded, and the oldest go first where there is no room. */

/** Of one batch (shared/spec logs §5.5). */
const BATCH_SPANS = 512;
const BATCH_BYTES = 1_048_576;
/** Of all that wait: some seconds of what is kept by default. */
const MOST_SPANS = 8_192;
const MOST_BYTES = 8_388_608;

export class SpanQueue {
  private spans: Uint8Array[] = [];
  private size = 0;

  get length(): number {
    return this.spans.length;
  }

  /** There is a whole batch. */
  get hasBatch(): boolean {
    return this.spans.length >= BATCH_SPANS || this.size >= BATCH_BYTES;
  }

  get isFull(): boolean {
    return this.spans.length >= MOST_SPANS || this.size >= MOST_BYTES;
  }

  push(span: Uint8Array): void {
    this.spans.push(span);
    this.size += span.length;
  }

  /** The oldest, as many as a batch may have. */
  take(): Uint8Array[] {
    let count = 0;
    let bytes = 0;
    while (count < this.spans.length && count < BATCH_SPANS) {
      const { length } = this.spans[count];
      if (count > 0 && bytes + length > BATCH_BYTES) break;
      bytes += length;
      count++;
    }
    this.size -= bytes;
    return this.spans.splice(0, count);
  }
}
