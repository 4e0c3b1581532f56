/**
 * Fields that a client sends again. Most clients that keep a connection ask for one thing after the other with the same
 * fields, byte for byte, which HTTP/2 makes use of by its tables; here they are compared with those of the request before
 * and, where they are the same, taken as they were read then. What reading makes of bytes depends on nothing but them.
 */
import { owned } from '../kernel/owned-text.ts';
import { RepeatedBytes } from './repeated-bytes.ts';
import type { RequestHead } from './request-head.ts';

/** Of a request whose head is kept, characters. */
const MAX_TARGET = 256;
/**
 * Connections of a thread whose fields are kept. Of 2 KiB each, with the text made of them, that is 5 MiB
 * at most.
 */
const MAX_KEPT = 512;

/** What was read of such fields. */
export class RepeatedFields {
  readonly host: string;
  /** Of `RequestHead`. */
  readonly lines: string;
  readonly withheld: string;
  readonly names: number;
  readonly connection: string;
  readonly wantsEvents: boolean;
  /** Of all of them as they come, with the empty line behind. */
  readonly length: number;
  /** What goes to a server behind the host, with `forwarded` lines at its end. */
  private rest = '';
  private forwarded = '';
  /** The whole head that went to a server last: the same text again is in one piece, and is not put together anew. */
  private head = '';
  private method = '';
  private target = '';

  constructor(head: RequestHead, length: number) {
    this.length = length;
    this.host = head.host;
    this.lines = owned(head.fields);
    this.withheld = head.withheldFields;
    this.names = head.nameBits;
    this.connection = head.connectionField;
    this.wantsEvents = head.wantsEvents;
  }

  /** False: options have changed them. Otherwise `behindHost` and `headTo` follow. `forwarded`: the lines that stand behind them. */
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
  private readonly owners: FieldsBefore[] = [];
  private next = 0;

  /** False: all are in use. */
  take(owner: FieldsBefore): boolean {
    const { owners } = this;
    if (owners.length < MAX_KEPT) {
      owners.push(owner);
      return true;
    }
    const { next } = this;
    this.next = (next + 1) % MAX_KEPT;
    if (!owners[next].loses(owner)) return false;
    owners[next] = owner;
    return true;
  }
}

const places = new Places();

/** Of one connection: the fields of the requests before. */
export class FieldsBefore {
  private readonly bytes = new RepeatedBytes();
  private fields: RepeatedFields | null = null;
  /** Since its place was last asked for. */
  private used = false;

  /** Those that begin at `at`, if they are the same as before. Otherwise they are read, and `wereRead` follows. */
  at(bytes: Buffer, at: number, end: number): RepeatedFields | null {
    if (!this.bytes.areAt(bytes, at, end)) return null;
    this.used = true;
    return this.fields;
  }

  /** `length` bytes became the fields of `head`, which is settled; 0: not in a way in which they always would. */
  wereRead(head: RequestHead, length: number): void {
    if (!this.bytes.wereRead(head.isRepeatable ? length : 0)) return;
    // Its own place stays with a connection whose fields have changed.
    if (this.fields === null && !places.take(this)) {
      this.bytes.drop();
      return;
    }
    this.fields = new RepeatedFields(head, length);
    this.used = true;
  }

  /** `other` wants its place. False: it is in use. */
  loses(other: FieldsBefore): boolean {
    if (other === this) return true;
    if (this.used) {
      this.used = false;
      return false;
    }
    this.fields = null;
    this.bytes.drop();
    return true;
  }
}
