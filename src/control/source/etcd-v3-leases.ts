/**
 * Which keys of etcd v3 go with a lease, and whether one that went was deleted or its lease ran out. etcd does not say: a
 * lease that runs out, or is revoked, deletes its keys like anybody else. What tells them apart:
 *
 *     the key had no lease                                    deleted
 *     it is gone before its lease could run out by itself     deleted, or the lease was revoked
 *     etcd still knows the lease                              deleted: asked when it has gone, and told late
 *     else                                                    it ran out, as far as anybody knows, or it was revoked after its first TTL
 *
 * When a lease can run out is asked once, when the first key with it is written, so that a node costs etcd one question
 * per registration; whoever keeps it alive tells etcd and nobody else.
 */
import { LeaseClient } from 'etcd3/lib/rpc.js';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { EtcdV3Connection } from './etcd-v3-connection.ts';
import { NO_LEASE } from './etcd-v3-key-value.ts';

/** What an earlier run has kept of a key with a lease. */
const FORGOTTEN = '';

/** Questions that are asked at a time, and that may wait. */
const MOST_AT_ONCE = 8;
const MOST_WAITING = 10_000;

type Lease = {
  readonly id: string;
  /** performance.now() until which it does not run out by itself; 0: nobody knows. */
  safeUntil: number;
  /** How many keys have it. */
  keys: number;
  /** Those that had it when they went, since it was asked for last. */
  gone: string[];
};

export class EtcdV3Leases {
  readonly #ofKey = new Map<string, Lease>();
  readonly #byId = new Map<string, Lease>();
  /** Keys that are gone, by a lease that may still live. */
  readonly #doubtful = new Map<string, Lease>();
  readonly #onDeleted: (keys: readonly string[]) => void;
  #connection: EtcdV3Connection | null = null;
  #waiting = new Set<Lease>();
  #underWay = 0;

  /** `onDeleted`: these were told to have expired, and somebody has deleted them. */
  constructor(onDeleted: (keys: readonly string[]) => void) {
    this.#onDeleted = onDeleted;
  }

  has(key: string): boolean {
    return this.#ofKey.has(key);
  }

  /** An earlier run had these keys, under leases. */
  recall(keys: Iterable<string>): void {
    for (const key of keys) this.#link(key, FORGOTTEN);
  }

  /** Leases are asked for there from now on; null: nowhere. */
  connect(connection: EtcdV3Connection | null): void {
    this.#connection = connection;
    this.#waiting.clear();
    if (connection === null) this.#doubtful.clear();
  }

  /**
   * All keys have been read anew. Returns those that had a lease before and are gone, and expired as far as is known.
   * `isElsewhere`: they are of another tree than before, so that nothing is known of these.
   */
  replace(
    entries: { has(key: string): boolean },
    leases: ReadonlyMap<string, string>,
    isElsewhere: boolean,
  ): Set<string> {
    const expired = new Set<string>();
    for (const key of isElsewhere ? [] : [...this.#ofKey.keys()]) {
      if (!entries.has(key) && this.deleted(key)) expired.add(key);
    }
    this.#ofKey.clear();
    for (const lease of this.#byId.values()) lease.keys = 0;
    for (const [key, id] of leases) this.#link(key, id);
    for (const [id, { keys }] of this.#byId) if (keys === 0) this.#byId.delete(id);
    return expired;
  }

  put(key: string, id: string): void {
    this.#doubtful.delete(key);
    if (this.#ofKey.get(key)?.id === id) return;
    this.#unlink(key);
    if (id === NO_LEASE) return;
    const isNew = !this.#byId.has(id);
    const lease = this.#link(key, id);
    if (isNew) this.#ask(lease);
  }

  /** True when it has expired, as far as is known. */
  deleted(key: string): boolean {
    const lease = this.#unlink(key);
    if (lease === null || performance.now() < lease.safeUntil) return false;
    if (lease.id !== FORGOTTEN) {
      this.#doubtful.set(key, lease);
      lease.gone.push(key);
      this.#ask(lease);
    }
    return true;
  }

  #link(key: string, id: string): Lease {
    let lease = this.#byId.get(id);
    if (lease === undefined) {
      lease = { id, safeUntil: 0, keys: 0, gone: [] };
      this.#byId.set(id, lease);
    }
    lease.keys++;
    this.#ofKey.set(key, lease);
    return lease;
  }

  #unlink(key: string): Lease | null {
    const lease = this.#ofKey.get(key);
    if (lease === undefined) return null;
    this.#ofKey.delete(key);
    if (--lease.keys === 0) this.#byId.delete(lease.id);
    return lease;
  }

  #ask(lease: Lease): void {
    if (this.#connection === null || this.#waiting.size >= MOST_WAITING) return;
    this.#waiting.add(lease);
    this.#work();
  }

  #work(): void {
    while (this.#underWay < MOST_AT_ONCE && this.#connection !== null) {
      const [lease] = this.#waiting;
      if (lease === undefined) return;
      this.#waiting.delete(lease);
      this.#underWay++;
      void this.#settle(this.#connection, lease)
        .catch((error: unknown) => tellOwnError('leases of etcd', error))
        .finally(() => {
          this.#underWay--;
          this.#work();
        });
    }
  }

  async #settle(connection: EtcdV3Connection, lease: Lease): Promise<void> {
    const askedAt = performance.now();
    let leftMs: number;
    let isAlive: boolean;
    try {
      const { TTL, grantedTTL } = await new LeaseClient(connection).leaseTimeToLive({ ID: lease.id });
      // Whole seconds, rounded down; of a lease that is gone etcd says -1 and no TTL that it was granted.
      leftMs = 1_000 * Number(TTL);
      isAlive = Number(grantedTTL) > 0;
    } catch (error) {
      // Nobody knows then, which is what we assume.
      log.debug('A lease cannot be asked for', { lease: lease.id, reason: String(error) });
      return;
    }
    if (connection !== this.#connection) return;
    const keys = lease.gone.filter((key) => this.#doubtful.get(key) === lease);
    lease.gone = [];
    for (const key of keys) this.#doubtful.delete(key);
    if (!isAlive) return;
    lease.safeUntil = askedAt + leftMs;
    if (keys.length > 0) this.#onDeleted(keys);
  }
}
