/**
 * Samples as bytes, written into one buffer that is used again: a page of many backends has some hundred thousand lines, and as
 * texts they would be joined, encoded and collected one by one. Most of a line is what the one before it had.
 */

const SIZE = 65_536;
/** Bytes after which the buffer had better be taken. */
const FULL = 49_152;
/** Of a number, and of what stands around it. */
const MOST_NUMBER = 32;
const ZERO = 0x30;
const NEWLINE = 0x0a;

export function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

export class SampleBytes {
  private bytes = Buffer.allocUnsafeSlow(SIZE);
  private at = 0;

  get isFull(): boolean {
    return this.at >= FULL;
  }

  get isEmpty(): boolean {
    return this.at === 0;
  }

  /** What was written. Valid until something is written again. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.at);
    this.at = 0;
    return taken;
  }

  /** One line. `name`: ASCII, as bytes. `labels`: '' for none. */
  sample(name: Uint8Array, labels: string, value: number): void {
    this.reserve(name.length + 3 * labels.length + MOST_NUMBER);
    this.copy(name);
    if (labels !== '') {
      this.bytes[this.at++] = 0x7b;
      this.at += this.bytes.write(labels, this.at);
      this.bytes[this.at++] = 0x7d;
    }
    this.bytes[this.at++] = 0x20;
    this.number(value);
    this.bytes[this.at++] = NEWLINE;
  }

  /**
   * The lines of one histogram. `start`: before the bounds; `ends`: each bound and what follows it; `values`: counts of its buckets
   * from `from` on, not cumulative; `exemplar`: what stands behind the line of a bucket. Returns their sum.
   */
  buckets(
    start: string,
    ends: readonly Uint8Array[],
    values: Float64Array,
    from: number,
    exemplar: ((bucket: number) => string) | null,
  ): number {
    this.reserve(3 * start.length);
    const begins = this.at;
    this.at += this.bytes.write(start, begins);
    const length = this.at - begins;
    let before = begins;
    let total = 0;
    for (let bucket = 0; bucket < ends.length; bucket++) {
      const end = ends[bucket];
      const more = exemplar === null ? '' : exemplar(bucket);
      this.reserve(length + end.length + more.length + MOST_NUMBER);
      if (bucket > 0) {
        // What has just been written is near.
        this.bytes.copyWithin(this.at, before, before + length);
        before = this.at;
        this.at += length;
      }
      this.copy(end);
      total += values[from + bucket];
      this.number(total);
      if (more !== '') this.at += this.bytes.write(more, this.at);
      this.bytes[this.at++] = NEWLINE;
    }
    return total;
  }

  /** A loop over a few bytes is faster than a call. */
  private copy(from: Uint8Array): void {
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < from.length; i++) bytes[at++] = from[i];
    this.at = at;
  }

  private number(value: number): void {
    const { bytes } = this;
    // Nearly all are small whole numbers.
    if ((value | 0) !== value || value < 0) {
      this.at += bytes.write(valueText(value), this.at, 'latin1');
      return;
    }
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits++;
    let rest = value | 0;
    for (let at = this.at + digits - 1; at >= this.at; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.at += digits;
  }

  /** Names may be long. */
  private reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + length));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }
}
