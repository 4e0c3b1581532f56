/**
 * Live tails as main has them: tells workers whose requests are looked at, takes what they give of them, and gives it to who
 * looks, so many a second at most. While nobody looks workers are told so, and nothing is done here either.
 *
 *     open ─▶ `tails` to the workers ─▶ their rings ─▶ (each 100 ms) ─▶ onLines
 *                                  └──▶ matched ─────▶ (each second) ─▶ onSkipped: matched and not shown
 */
import { tellOwnError } from '../../kernel/own-error.ts';
import { MOST_TAILS, type Tail, type TailFilter, type Tails } from '../../protocol/tails.ts';
import { RingReader } from '../../shared/byte-ring.ts';
import { createTailBuffers, RECORD_HEAD, type TailBuffers } from '../../shared/tail.ts';

const LOOK_MS = 100;
const SECOND_MS = 1_000;

export type TailOptions = {
  readonly filter: TailFilter;
  /** Requests per second that are shown, 1 to 50. */
  readonly rate: number;
  /** Requests as JSON. Returns whether they were taken. */
  readonly onLines: (lines: readonly string[]) => boolean;
  /** Each second: so many more were matched, and not shown. */
  readonly onSkipped: (count: number) => void;
};

type Open = {
  readonly tail: Tail;
  readonly options: TailOptions;
  /** That of `matchedBy` when it came, and shown ones of it since. */
  readonly from: number;
  shown: number;
  /** Of those that were not, how many were told. */
  told: number;
  lines: string[];
  /** May be shown until the next second. */
  left: number;
};

export class LiveTails {
  /** One per worker. */
  readonly buffers: readonly TailBuffers[];
  private readonly showsQueries: boolean;
  private readonly tell: (tails: Tails) => void;
  private readonly readers: readonly RingReader[];
  private readonly matched: readonly Float64Array[];
  private readonly open = new Map<number, Open>();
  private version = 0;
  private timer: NodeJS.Timeout | null = null;
  private second = 0;

  /** `tell`: the workers that there are. */
  constructor(workers: number, showsQueries: boolean, tell: (tails: Tails) => void) {
    this.buffers = Array.from({ length: workers }, createTailBuffers);
    this.showsQueries = showsQueries;
    this.tell = tell;
    this.readers = this.buffers.map(({ ring }) => new RingReader(ring));
    this.matched = this.buffers.map(({ matched }) => new Float64Array(matched));
  }

  /** For a worker that boots. */
  tails(): Tails {
    const list = [...this.open.values()].map(({ tail }) => tail);
    return { version: this.version, list, showsQueries: this.showsQueries };
  }

  /** Returns what ends it; null: there are as many as there may be. */
  watch(options: TailOptions): (() => void) | null {
    const number = Array.from({ length: MOST_TAILS }, (_, i) => i).find((each) => !this.open.has(each));
    if (number === undefined) return null;
    const { filter, rate } = options;
    const tail: Tail = { number, since: this.version + 1, filter, rate };
    const from = this.matchedBy(number);
    this.open.set(number, { tail, options, from, shown: 0, told: 0, lines: [], left: rate });
    this.changed();
    return () => {
      if (this.open.get(number)?.tail === tail && this.open.delete(number)) this.changed();
    };
  }

  private changed(): void {
    this.version++;
    this.tell(this.tails());
    if (this.open.size === 0) {
      if (this.timer !== null) clearInterval(this.timer);
      this.timer = null;
    } else if (this.timer === null) {
      this.second = performance.now();
      this.timer = setInterval(() => this.look(), LOOK_MS);
      this.timer.unref();
    }
  }

  private look(): void {
    try {
      for (const reader of this.readers) this.take(reader);
      const isSecond = performance.now() - this.second >= SECOND_MS;
      if (isSecond) this.second = performance.now();
      for (const each of [...this.open.values()]) this.give(each, isSecond);
    } catch (error) {
      tellOwnError('live tail', error);
    }
  }

  private take(reader: RingReader): void {
    while (reader.next()) {
      const { bytes, start, end } = reader;
      const version = bytes.readUInt32LE(start);
      const numbers = bytes[start + 4];
      let line = '';
      for (const [number, each] of this.open) {
        // What was meant for who had the number before is nobody's.
        if ((numbers & (1 << number)) === 0 || version < each.tail.since || each.left === 0) continue;
        line ||= bytes.toString('utf8', start + RECORD_HEAD, end);
        each.lines.push(line);
        each.left--;
      }
    }
    reader.release();
  }

  private give(each: Open, isSecond: boolean): void {
    const { options, lines } = each;
    each.lines = [];
    if (lines.length > 0 && options.onLines(lines)) each.shown += lines.length;
    if (!isSecond) return;
    each.left = options.rate;
    const skipped = Math.max(this.matchedBy(each.tail.number) - each.from - each.shown, each.told);
    options.onSkipped(skipped - each.told);
    each.told = skipped;
  }

  private matchedBy(number: number): number {
    return this.matched.reduce((sum, counts) => sum + counts[number], 0);
  }
}
