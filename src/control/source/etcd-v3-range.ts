/**
 * etcd's answer to a read of a range, taken from its bytes as they came (etcd's rpc.proto and kv.proto):
 *
 *     RangeResponse  1 ResponseHeader { 1 cluster_id  3 revision }  2 KeyValue …  3 more  4 count
 *     KeyValue       1 key  3 mod_revision  5 value  6 lease
 *
 * The package makes an object of each key, with texts of its numbers: of 300 000 keys that took the main thread three seconds,
 * a page at a time. Here the places of the keys are found first, so that the next page is asked for before this one is read, and
 * that reading may stop at each key.
 */
import { TsujiError } from '../../kernel/errors.ts';
import { NO_LEASE } from './etcd-v3-leases.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const HEADER = { cluster: 1, revision: 3 } as const;
const RANGE = { header: 1, kv: 2, more: 3, count: 4 } as const;
const KEY_VALUE = { key: 1, modRevision: 3, value: 5, lease: 6 } as const;

export type RangeKey = {
  /** The answer, in which the key begins and ends there; a view of each would be the larger part of all that is made of it. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly revision: number;
  /** `NO_LEASE` for none. */
  readonly lease: string;
};

/** The fields of one message. Throws TsujiError BAD_ANSWER for what cannot be read. */
class Fields {
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

  /** A number of 64 bits, as text. */
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

function unreadable(): TsujiError {
  return new TsujiError('BAD_ANSWER', 'etcd has sent an answer that cannot be read');
}

export class RangeAnswer {
  clusterId = '0';
  /** Of the store when it answered. */
  revision = 0;
  /** Keys that the range has, these among them. */
  count = 0;
  /** There are more behind the last one. */
  more = false;
  readonly #bytes: Buffer;
  /** Start and end of each key with its value. */
  readonly #places: number[] = [];

  /** Throws TsujiError BAD_ANSWER for what cannot be read. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const fields = new Fields(bytes, 0, bytes.length);
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      if (field === RANGE.kv) this.#places.push(fields.start, fields.stop);
      else if (field === RANGE.header) this.#readHeader(new Fields(bytes, fields.start, fields.stop));
      else if (field === RANGE.more) this.more = fields.number() !== 0;
      else if (field === RANGE.count) this.count = fields.number();
      else fields.skip();
    }
  }

  /** How many keys it has. */
  get size(): number {
    return this.#places.length / 2;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  /** One of them, from 0 on. Throws as the constructor. */
  at(index: number): RangeKey {
    const bytes = this.#bytes;
    const fields = new Fields(bytes, this.#places[2 * index]!, this.#places[2 * index + 1]!);
    let start = 0;
    let end = 0;
    let value = '';
    let revision = 0;
    let lease = NO_LEASE;
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      if (field === KEY_VALUE.key) [start, end] = [fields.start, fields.stop];
      else if (field === KEY_VALUE.modRevision) revision = fields.number();
      else if (field === KEY_VALUE.value) value = bytes.toString('utf8', fields.start, fields.stop);
      else if (field === KEY_VALUE.lease) lease = fields.text();
      else fields.skip();
    }
    return { bytes, start, end, value, revision, lease };
  }

  #readHeader(fields: Fields): void {
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      if (field === HEADER.cluster) this.clusterId = fields.text();
      else if (field === HEADER.revision) this.revision = fields.number();
      else fields.skip();
    }
  }
}
