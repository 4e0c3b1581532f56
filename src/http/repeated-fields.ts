/**
 * Fields that a client sends again. Most clients that keep a connection ask for one thing after the other with the same
 * fields, byte for byte, which HTTP/2 makes use of by its tables; here they are compared with those of the request before
 * and, where they are the same, taken as they were read then. What reading makes of bytes depends on nothing but them.
 */
import type { RequestHead } from './request-head.ts';

/** Of the fields with the empty line behind them, bytes: longer ones are read each time. */
const MAX_BYTES = 2_048;
/** Of a request whose head is kept, characters. */
const MAX_TARGET = 256;
/** Connections of a thread whose fields are kept. With the text made of them that is some 3 MiB at most. */
const MAX_KEPT = 512;
/** Other fields so many times in a row: they are no longer compared. */
const MAX_MISSES = 4;
/** Requests with fields of equal length before they are kept for the first time, and the most it grows to. */
const FIRST_PATIENCE = 1;
const MAX_PATIENCE = 1_024;

const NONE = Buffer.alloc(0);

/** What was read of such fields. */
export class RepeatedFields {
  readonly host: string;
  /** Of `RequestHead`. */
  readonly lines: string;
  readonly withheld: string;
  readonly names: number;
  readonly connection: string;
  readonly wantsEvents: boolean;
  /** As they come; NONE: its place was given to others. */
  bytes: Buffer;
  /** Since its place was last asked for. */
  used = true;
  /** What goes to a server behind the host, with `forwarded` lines at its end. */
  private rest = '';
  private forwarded = '';
  /** The whole head that went to a server last: the same text again is in one piece, and is not put together anew. */
  private head = '';
  private method = '';
  private target = '';

  constructor(bytes: Buffer, head: RequestHead) {
    this.bytes = bytes;
    this.host = head.host;
    this.lines = head.fields;
    this.withheld = head.withheldFields;
    this.names = head.nameBits;
    this.connection = head.connectionField;
    this.wantsEvents = head.wantsEvents;
  }

  /** Do they begin at `at`? */
  isAt(bytes: Buffer, at: number, end: number): boolean {
    const { length } = this.bytes;
    if (length === 0 || end - at < length) return false;
    return bytes.compare(this.bytes, 0, length, at, at + length) === 0;
  }

  /** False: options have changed them. Otherwise `rest` and `headTo` follow. `forwarded`: the lines that stand behind them. */
  areSentWith(host: string, fields: string, forwarded: string): boolean {
    if (fields !== this.lines || host !== this.host) return false;
    if (forwarded !== this.forwarded || this.rest === '') {
      this.forwarded = forwarded;
      // In one piece: what is put together would be copied with each request.
      this.rest = Buffer.from(`\r\n${fields}${forwarded}\r\n`).toString();
      this.target = '';
    }
    return true;
  }

  /** The head of a request with them, to the host that its client has named. */
  headTo(method: string, target: string): string {
    if (target === this.target && method === this.method) return this.head;
    const head = `${method} ${target} HTTP/1.1\r\nhost: ${this.host}${this.rest}`;
    if (target.length > MAX_TARGET) return head;
    this.head = head;
    this.method = method;
    this.target = target;
    return head;
  }

  /** The head behind the host. */
  get behindHost(): string {
    return this.rest;
  }
}

/** Those of one thread: whoever did not come again since the last round loses the place to a new one. */
class Places {
  private readonly kept: RepeatedFields[] = [];
  private next = 0;

  /** False: all are in use. */
  take(fields: RepeatedFields): boolean {
    const { kept } = this;
    if (kept.length < MAX_KEPT) {
      kept.push(fields);
      return true;
    }
    const { next } = this;
    this.next = (next + 1) % MAX_KEPT;
    const before = kept[next];
    if (before.used) {
      before.used = false;
      return false;
    }
    before.bytes = NONE;
    kept[next] = fields;
    return true;
  }
}

const places = new Places();

/** Of one connection: the fields of the requests before. */
export class FieldsBefore {
  private kept: RepeatedFields | null = null;
  private misses = 0;
  /** Bytes of the last ones; 0: they are not to be kept. */
  private length = 0;
  /** How often in a row they had that length. */
  private alike = 0;
  /** A client whose fields have one length and other bytes is tried ever more seldom. */
  private patience = FIRST_PATIENCE;
  private copy = NONE;

  /** Those that begin at `at`, if they are the same as before. Otherwise they are read, and `wereRead` follows. */
  at(bytes: Buffer, at: number, end: number): RepeatedFields | null {
    const { kept } = this;
    this.copy = NONE;
    if (kept === null) {
      if (this.alike >= this.patience && end - at >= this.length)
        this.copy = Buffer.from(bytes.subarray(at, at + this.length));
      return null;
    }
    if (kept.isAt(bytes, at, end)) {
      this.misses = 0;
      this.patience = FIRST_PATIENCE;
      kept.used = true;
      return kept;
    }
    if (++this.misses === MAX_MISSES) {
      this.kept = null;
      this.alike = 0;
      this.misses = 0;
    }
    return null;
  }

  /** `length` bytes became the fields of `head`, which is settled. */
  wereRead(head: RequestHead, length: number): void {
    const { copy } = this;
    const keepable = length <= MAX_BYTES && head.isRepeatable;
    if (keepable && length === this.length) this.alike++;
    else this.alike = 0;
    this.length = keepable ? length : 0;
    if (copy === NONE) return;
    this.copy = NONE;
    this.alike = 0;
    if (!keepable || length !== copy.length) return;
    // Whatever comes of it: the next one has to wait longer, until one has been of use.
    this.patience = Math.min(2 * this.patience, MAX_PATIENCE);
    const fields = new RepeatedFields(copy, head);
    if (places.take(fields)) this.kept = fields;
  }
}
