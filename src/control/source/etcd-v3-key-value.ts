/**
 * A key of etcd v3 with its value, read from the bytes of the answer that it is in (etcd's kv.proto):
 *
 *     KeyValue  1 key  2 create_revision  3 mod_revision  5 value  6 lease
 */
import { Fields } from './etcd-v3-fields.ts';

const KEY_VALUE = { key: 1, createRevision: 2, modRevision: 3, value: 5, lease: 6 } as const;

/** What etcd calls no lease. */
export const NO_LEASE = '0';

export class KeyValue {
  /** The answer, in which the key begins and ends there; a view of each would be the larger part of all that is made of it. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly #valueStart: number;
  readonly #valueEnd: number;
  /** At which it was written, or deleted. */
  readonly revision: number;
  /** There was no such key before that. */
  readonly isNew: boolean;
  /** `NO_LEASE` for none. */
  readonly lease: string;

  /** It stands there in `bytes`. Throws TsujiError BAD_ANSWER for what cannot be read. */
  constructor(bytes: Buffer, from: number, to: number) {
    const fields = new Fields(bytes, from, to);
    let [start, end, valueStart, valueEnd, created, revision] = [0, 0, 0, 0, 0, 0];
    let lease = NO_LEASE;
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      if (field === KEY_VALUE.key) [start, end] = [fields.start, fields.stop];
      else if (field === KEY_VALUE.createRevision) created = fields.number();
      else if (field === KEY_VALUE.modRevision) revision = fields.number();
      else if (field === KEY_VALUE.value) [valueStart, valueEnd] = [fields.start, fields.stop];
      else if (field === KEY_VALUE.lease) lease = fields.text();
      else fields.skip();
    }
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#valueStart = valueStart;
    this.#valueEnd = valueEnd;
    this.revision = revision;
    this.isNew = created === revision;
    this.lease = lease;
  }

  /** '' of one that was deleted. */
  get value(): string {
    return this.bytes.toString('utf8', this.#valueStart, this.#valueEnd);
  }

  /** A copy, which does not keep all that the key has come with. */
  copyOfKey(): Buffer {
    return Buffer.from(this.bytes.subarray(this.start, this.end));
  }

  isCalled(key: Buffer): boolean {
    return key.compare(this.bytes, this.start, this.end) === 0;
  }
}
