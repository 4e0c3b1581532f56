/**
 * etcd's answer to a read of a range, taken from its bytes as they came (etcd's rpc.proto):
 *
 *     RangeResponse  1 ResponseHeader { 1 cluster_id  3 revision }  2 KeyValue …  3 more  4 count
 *
 * The package makes an object of each key, with texts of its numbers: of 300 000 keys that took the main thread three seconds,
 * a page at a time. Here the places of the keys are found first, so that the next page is asked for before this one is read, and
 * that reading may stop at each key.
 */
import { Fields, HEADER } from './etcd-v3-fields.ts';
import { KeyValue } from './etcd-v3-key-value.ts';

const RANGE = { header: 1, kv: 2, more: 3, count: 4 } as const;

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
  at(index: number): KeyValue {
    return new KeyValue(this.#bytes, this.#places[2 * index]!, this.#places[2 * index + 1]!);
  }

  #readHeader(fields: Fields): void {
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      if (field === HEADER.cluster) this.clusterId = fields.text();
      else if (field === HEADER.revision) this.revision = fields.number();
      else fields.skip();
    }
  }
}
