/** One thread's end of the access log: writes lines where they stand in its ring, or counts that it could not. */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import { tellOwnError } from '../kernel/own-error.ts';
import {
  AccessLogWords,
  BUFFER_FULL,
  MOST_LINE_BYTES,
  SPARE_BYTES,
  TOO_LONG,
  WAKE_BYTES,
  WAKE_SHARE,
} from '../shared/access-log.ts';
import { RingWriter } from '../shared/byte-ring.ts';
import { Entry } from './entry.ts';
import { JsonFormat } from './json-format.ts';
import { LineBytes } from './line-bytes.ts';
import { TextFormat } from './text-format.ts';

/** What severity a line has in syslog. */
export const USUAL = 0;
export const NOTABLE = 1;

/**
 * Lines are made and published together, so many at most, and within so many milliseconds: to make one runs through code and memory of
 * its own, which what an exchange does in between drives out of the caches. In turns with fewer
 * at once that is a quarter of what a line costs (bench/README.md).
 */
const MOST_WAITING = 64;
/** Bytes of lines that are made in one go, or one line: a worker is not kept busy with long ones for milliseconds. */
const MOST_BYTES = 196_608;
const WAITING_MS = 20;

export class LineRing {
  /** Those that wait stand in a circle: `waiting` of them from `first` on. */
  private readonly entries = Array.from({ length: MOST_WAITING }, () => new Entry());
  private readonly tags = new Uint8Array(MOST_WAITING);
  private first = 0;
  private waiting = 0;
  /** To be filled, all of it, before `put`. */
  entry = this.entries[0];
  private readonly words: AccessLogWords;
  private readonly ring: RingWriter;
  private readonly format: { write(entry: Entry, out: LineBytes): void };
  private readonly out: LineBytes;
  private readonly wakeLines: number;
  /** Up to MOST_WAITING: fewer where the ring takes but few. */
  private readonly mostWaiting: number;
  /** Written since the bell was rung last. */
  private unheardBytes = 0;
  private unheardLines = 0;
  /** Until they are published by it a thread does not end. */
  private timer: NodeJS.Timeout | null = null;
  private readonly onTimer = (): void => {
    this.timer = null;
    this.writeSome(MOST_BYTES);
    if (this.waiting > 0) this.timer = setTimeout(this.onTimer, 0);
  };

  constructor(options: AccessLogOptions, words: SharedArrayBuffer, memory: WebAssembly.Memory) {
    this.words = new AccessLogWords(words);
    this.ring = new RingWriter(memory.buffer);
    this.out = new LineBytes(this.ring.bytes);
    this.wakeLines = options.mostLines * WAKE_SHARE;
    this.mostWaiting = Math.max(1, Math.min(MOST_WAITING, Math.floor(this.wakeLines)));
    this.format = options.format === 'json' ? new JsonFormat(options, memory) : new TextFormat(options);
  }

  get isOff(): boolean {
    return this.words.isOff;
  }

  nextRequest(): number {
    return this.words.nextRequest();
  }

  /** What `entry` has is a line. `tag`: USUAL or NOTABLE. */
  put(tag: number): void {
    const at = (this.first + this.waiting) % MOST_WAITING;
    this.tags[at] = tag;
    this.waiting++;
    this.entry = this.entries[(at + 1) % MOST_WAITING];
    if (this.waiting >= this.mostWaiting) this.writeSome(MOST_BYTES);
    else this.timer ??= setTimeout(this.onTimer, WAITING_MS);
  }

  /** The writer may have all of them. */
  publish(): void {
    this.writeSome(Number.POSITIVE_INFINITY);
  }

  /** Until there are so many bytes, or more with the last one. */
  private writeSome(bytes: number): void {
    const { entries, tags, ring } = this;
    const enough = this.unheardBytes + bytes;
    while (this.waiting > 0 && this.unheardBytes < enough) {
      const at = this.first;
      const entry = entries[at];
      try {
        this.write(entry, tags[at]);
      } catch (error) {
        tellOwnError('access log', error);
      }
      // Else they would be kept, and moved by each collection.
      entry.forgetHeads();
      this.first = (at + 1) % MOST_WAITING;
      this.waiting--;
    }
    ring.publish();
    if (this.unheardBytes < WAKE_BYTES && this.unheardLines < this.wakeLines) return;
    this.unheardBytes = 0;
    this.unheardLines = 0;
    this.words.ringIfAsleep();
  }

  private write(entry: Entry, tag: number): void {
    const { ring, out } = this;
    const at = ring.begin(MOST_LINE_BYTES + SPARE_BYTES);
    if (at < 0) {
      ring.drop(BUFFER_FULL);
      return;
    }
    this.writeAt(at, entry);
    if (out.isTooLong) {
      entry.forgetHeads();
      this.writeAt(at, entry);
    }
    if (out.isTooLong) {
      ring.drop(TOO_LONG);
      return;
    }
    const length = out.at - at;
    ring.add(length, tag);
    this.unheardBytes += length;
    this.unheardLines++;
  }

  private writeAt(at: number, entry: Entry): void {
    this.out.begin(at, MOST_LINE_BYTES);
    this.format.write(entry, this.out);
  }
}
