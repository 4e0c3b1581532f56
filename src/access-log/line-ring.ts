/** One thread's end of the access log: writes lines where they stand in its ring, or counts that it could not. */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
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
import type { Entry } from './entry.ts';
import { JsonFormat } from './json-format.ts';
import { LineBytes } from './line-bytes.ts';
import { TextFormat } from './text-format.ts';

/** What severity a line has in syslog. */
export const USUAL = 0;
export const NOTABLE = 1;

/** Lines are published together (byte-ring.ts), so many at most, and within so many milliseconds. */
const MOST_UNSEEN = 16;
const UNSEEN_MS = 20;

export class LineRing {
  private readonly words: AccessLogWords;
  private readonly ring: RingWriter;
  private readonly format: { write(entry: Entry, out: LineBytes): void };
  private readonly out: LineBytes;
  private readonly wakeLines: number;
  /** Written since the bell was rung last. */
  private unheardBytes = 0;
  private unheardLines = 0;
  /** In the ring, and not published. */
  private unseen = 0;
  /** Until they are published by it a thread does not end. */
  private timer: NodeJS.Timeout | null = null;
  private readonly onTimer = (): void => {
    this.timer = null;
    this.publish();
  };

  constructor(options: AccessLogOptions, words: SharedArrayBuffer, memory: WebAssembly.Memory) {
    this.words = new AccessLogWords(words);
    this.ring = new RingWriter(memory.buffer);
    this.out = new LineBytes(this.ring.bytes);
    this.wakeLines = options.mostLines * WAKE_SHARE;
    this.format = options.format === 'json' ? new JsonFormat(options, memory) : new TextFormat(options);
  }

  get isOff(): boolean {
    return this.words.isOff;
  }

  nextRequest(): number {
    return this.words.nextRequest();
  }

  /** `tag`: USUAL or NOTABLE. */
  put(entry: Entry, tag: number): void {
    const { ring, out } = this;
    const at = ring.begin(MOST_LINE_BYTES + SPARE_BYTES);
    if (at < 0) {
      ring.drop(BUFFER_FULL);
      return;
    }
    this.write(entry, at);
    if (out.isTooLong) {
      entry.requestFields = '';
      entry.forwardedFields = '';
      entry.originHead = '';
      entry.sentHead = '';
      this.write(entry, at);
    }
    if (out.isTooLong) {
      ring.drop(TOO_LONG);
      return;
    }
    const length = out.at - at;
    ring.add(length, tag);
    this.unseen++;
    if (this.unseen >= MOST_UNSEEN) this.publish();
    else this.timer ??= setTimeout(this.onTimer, UNSEEN_MS);
    this.unheardBytes += length;
    this.unheardLines++;
    if (this.unheardBytes < WAKE_BYTES && this.unheardLines < this.wakeLines) return;
    this.unheardBytes = 0;
    this.unheardLines = 0;
    this.publish();
    this.words.ringIfAsleep();
  }

  /** The writer may have all of them. */
  publish(): void {
    if (this.unseen === 0) return;
    this.unseen = 0;
    this.ring.publish();
  }

  private write(entry: Entry, at: number): void {
    this.out.begin(at, MOST_LINE_BYTES);
    this.format.write(entry, this.out);
  }
}
