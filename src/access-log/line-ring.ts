/** One thread's end of the access log: puts lines into its ring, or counts that it could not. */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import { AccessLogWords, BUFFER_FULL, FLUSH_BYTES, MOST_LINE_BYTES, TOO_LONG } from '../shared/access-log.ts';
import { RingWriter } from '../shared/byte-ring.ts';
import type { Entry } from './entry.ts';
import { JsonFormat } from './json-format.ts';
import { TextFormat } from './text-format.ts';

/** Buffer has it, and its types do not. */
type Utf8Writer = Buffer & { utf8Write(text: string, at: number, length: number): number };

/** What severity a line has in syslog. */
export const USUAL = 0;
export const NOTABLE = 1;

/** A character takes three bytes at most. */
const LONGEST_CHARACTER = 3;

export class LineRing {
  private readonly words: AccessLogWords;
  private readonly ring: RingWriter;
  private readonly format: { line(entry: Entry): string };
  /** Written since the bell was rung last. */
  private unheard = 0;

  constructor(options: AccessLogOptions, words: SharedArrayBuffer, ring: SharedArrayBuffer) {
    this.words = new AccessLogWords(words);
    this.ring = new RingWriter(ring, options.mostLines);
    this.format = options.format === 'json' ? new JsonFormat(options) : new TextFormat(options);
  }

  get isOff(): boolean {
    return this.words.isOff;
  }

  nextRequest(): number {
    return this.words.nextRequest();
  }

  /** `tag`: USUAL or NOTABLE. */
  put(entry: Entry, tag: number): void {
    let line = this.format.line(entry);
    if (this.isLong(line)) {
      entry.requestFields = '';
      entry.forwardedFields = '';
      entry.originHead = '';
      entry.sentHead = '';
      line = this.format.line(entry);
    }
    if (this.isLong(line)) {
      this.ring.drop(TOO_LONG);
      return;
    }
    const most = Math.min(line.length * LONGEST_CHARACTER, MOST_LINE_BYTES);
    const at = this.ring.begin(most);
    if (at < 0) {
      this.ring.drop(BUFFER_FULL);
      return;
    }
    const length = (this.ring.bytes as Utf8Writer).utf8Write(line, at, most);
    this.ring.commit(length, tag);
    this.unheard += length;
    if (this.unheard < FLUSH_BYTES) return;
    this.unheard = 0;
    this.words.ringIfAsleep();
  }

  private isLong(line: string): boolean {
    if (line.length * LONGEST_CHARACTER <= MOST_LINE_BYTES) return false;
    return line.length > MOST_LINE_BYTES || Buffer.byteLength(line) > MOST_LINE_BYTES;
  }
}
