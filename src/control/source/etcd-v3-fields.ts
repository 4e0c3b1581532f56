/**
 * Messages of etcd v3 read from their bytes (Protocol Buffers, "Encoding"), for those that bring very many keys: etcd-v3-range.ts and
 * etcd-v3-watch-answer.ts. protobufjs reads a message only whole, and the loop stands still meanwhile.
 */
import { TsujiError } from '../../kernel/errors.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** etcd's ResponseHeader. */
export const HEADER = { cluster: 1, revision: 3 } as const;

/** The fields of one message. Throws TsujiError BAD_ANSWER for what cannot be read. */
export class Fields {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  /** Where the content of the field that `next` has found begins and ends, of one with a length. */
  start = 0;
  stop = 0;
  #type = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Its number, 0 behind the last one. One of numbers must be read, or passed by with `skip`. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.number();
    this.#type = tag & 7;
    if (this.#type === BYTES) {
      const length = this.number();
      this.start = this.#at;
      this.stop = this.start + length;
      this.#moveTo(this.stop);
    }
    return tag >>> 3;
  }

  skip(): void {
    if (this.#type === VARINT) this.number();
    else if (this.#type === FIXED64) this.#moveTo(this.#at + 8);
    else if (this.#type === FIXED32) this.#moveTo(this.#at + 4);
    else if (this.#type !== BYTES) throw unreadable();
  }

  /** Exact up to 2^53. */
  number(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let factor = 1; this.#at < this.#end; factor *= 0x80) {
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw unreadable();
  }

  /** A number of 64 bits without a sign, as text. */
  text(): string {
    const start = this.#at;
    const value = this.number();
    if (value <= Number.MAX_SAFE_INTEGER) return String(value);
    let exact = 0n;
    for (let at = this.#at - 1; at >= start; at--) exact = (exact << 7n) | BigInt(this.#bytes[at]! & 0x7f);
    return BigInt.asUintN(64, exact).toString();
  }

  #moveTo(at: number): void {
    if (!(at <= this.#end)) throw unreadable();
    this.#at = at;
  }
}

export function unreadable(): TsujiError {
  return new TsujiError('BAD_ANSWER', 'etcd has sent an answer that cannot be read');
}
