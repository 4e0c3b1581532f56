/**
 * How far a range of etcd v3 is known, so that a lost watch goes on from there instead of with a fresh reading of all: a hundred
 * nodes that lose one member would else read everything at once from those that are left.
 *
 * It goes on only with the same history. The store must be of the same cluster, know that revision, have as many keys there as
 * we do, and the newest of ours as we know it; one that was wiped, or came back from a backup, fails at one of these.
 */
import { KVClient } from 'etcd3/lib/rpc.js';
import type { Steps } from '../../kernel/steps.ts';
import type { EtcdV3Connection } from './etcd-v3-connection.ts';
import type { KeyValue } from './etcd-v3-key-value.ts';
import type { RangeAnswer } from './etcd-v3-range.ts';
import type { KeyRange } from './etcd-v3-watch.ts';
import type { RevisionEvents } from './etcd-v3-watch-answer.ts';

type Key = { readonly key: Buffer; readonly revision: number };

export class WatchMark {
  readonly #range: KeyRange;
  readonly #cluster: string;
  #revision: number;
  #keys: number;
  /** The key that was put last; null: it was deleted since. */
  #newest: Key | null = null;

  /** `first`: the first page of a reading of `range`, of which `read` is told all keys. */
  constructor(range: KeyRange, first: Pick<RangeAnswer, 'clusterId' | 'revision' | 'count'>) {
    this.#range = range;
    this.#cluster = first.clusterId;
    this.#revision = first.revision;
    this.#keys = first.count;
  }

  /** All is known up to this one. */
  get revision(): number {
    return this.#revision;
  }

  /** Keys in the range. */
  get keys(): number {
    return this.#keys;
  }

  read(kv: KeyValue): void {
    if (this.#newest !== null && kv.revision <= this.#newest.revision) return;
    this.#newest = { key: kv.copyOfKey(), revision: kv.revision };
  }

  /** All that has happened at one revision, looked at bit by bit: what is returned takes it in. */
  *seeing(events: RevisionEvents): Steps<() => void> {
    let keys = 0;
    let put: KeyValue | null = null;
    let isNewestDeleted = false;
    for (const { isDeleted, kv } of events) {
      yield;
      if (!isDeleted) {
        if (kv.isNew) keys++;
        put = kv;
      } else {
        keys--;
        if (this.#newest !== null && kv.isCalled(this.#newest.key)) isNewestDeleted = true;
      }
    }
    const { revision } = events;
    return () => {
      this.#revision = revision;
      this.#keys += keys;
      if (put !== null) this.#newest = { key: put.copyOfKey(), revision };
      else if (isNewestDeleted) this.#newest = null;
    };
  }

  /** Nothing has happened up to there. */
  confirmed(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  /** Whether the store at the other end has the same history up to here. */
  async isKnownTo(connection: EtcdV3Connection): Promise<boolean> {
    if (this.#newest === null) return false;
    const kv = new KVClient(connection);
    const at = { revision: String(this.#revision) };
    const { start, end } = this.#range;
    try {
      const all = await kv.range({ ...at, key: start, range_end: end, count_only: true });
      if (all.header.cluster_id !== this.#cluster || Number(all.count) !== this.#keys) return false;
      const newest = await kv.range({ ...at, key: this.#newest.key, keys_only: true, serializable: true });
      return Number(newest.kvs.at(0)?.mod_revision ?? 0) === this.#newest.revision;
    } catch (error) {
      if (isUnknownRevision(error)) return false;
      throw error;
    }
  }
}

/** It lies in the future, or was compacted. */
function isUnknownRevision(error: unknown): boolean {
  return error instanceof Error && /future revision|has been compacted/.test(error.message);
}
