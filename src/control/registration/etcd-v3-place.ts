/**
 * The keys of a server under one lease of etcd v3, so that they come together and go together: with one transaction, and
 * with the lease when nobody keeps it any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IRequestOp } from 'etcd3';
import { KVClient } from 'etcd3/lib/rpc.js';
import { timerSpan } from '../../kernel/durations.ts';
import { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { grantLease, keepLease, RENEWALS, revokeLease } from '../source/etcd-v3-lease.ts';
import { loadTls } from '../source/tls.ts';
import { DEADLINE_MS, type ServerPlace, type ServerPlaceOptions } from './server-place.ts';
import { sameKeys, type WantedKeys } from './wish.ts';

const NONE: WantedKeys = new Map();

export class EtcdV3Place implements ServerPlace {
  private readonly options: ServerPlaceOptions;
  /** Under which keys may stand in the store, '' when there are none. */
  private lease = '';

  constructor(options: ServerPlaceOptions) {
    this.options = options;
  }

  async keep(endpoint: string, signal: AbortSignal): Promise<never> {
    const { wish } = this.options;
    const connection = await this.connect(endpoint);
    const close = (): void => connection.close();
    signal.addEventListener('abort', close, { once: true });
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    aborted.catch(() => {});
    try {
      for (;;) {
        const { changed } = wish;
        if (wish.keys.size === 0) {
          await this.revoke(connection);
          await Promise.race([changed, aborted]);
        } else await this.hold(connection, signal);
      }
    } finally {
      signal.removeEventListener('abort', close);
      connection.close();
    }
  }

  async withdraw(endpoint: string): Promise<void> {
    if (this.lease === '') return;
    const connection = await this.connect(endpoint);
    try {
      await this.revoke(connection);
    } finally {
      connection.close();
    }
  }

  private async connect(endpoint: string): Promise<EtcdV3Connection> {
    const { username, password, tls } = this.options.etcd;
    const material = tls === null ? null : loadTls(tls);
    const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS });
    try {
      await connection.authenticate();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Resolves when the server is not wanted any more. */
  private async hold(connection: EtcdV3Connection, signal: AbortSignal): Promise<void> {
    const { ttlMs, wish } = this.options;
    const before = this.lease;
    const lease = await grantLease(connection, ttlMs);
    this.lease = lease;
    let written = await this.write(connection, NONE);
    // Nothing is under it any more.
    if (before !== '') await revokeLease(connection, before);
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const kept = keepLease(connection, lease, ttlMs, either);
    kept.catch(() => {});
    try {
      for (;;) {
        const renewal = sleep(timerSpan(ttlMs / RENEWALS), undefined, { signal: either });
        renewal.catch(() => {});
        await Promise.race([wish.changed, renewal, kept]);
        if (wish.keys.size === 0) return;
        const isThere = sameKeys(wish.keys, written) && (await this.stand(connection));
        if (!isThere) written = await this.write(connection, written);
      }
    } finally {
      over.abort();
      await Promise.allSettled([kept]);
    }
  }

  /** In one transaction. */
  private async write(connection: EtcdV3Connection, before: WantedKeys): Promise<WantedKeys> {
    const { keys } = this.options.wish;
    const puts = Array.from(keys, ([key, value]) => ({
      request_put: { key: this.path(key), value: Buffer.from(value), lease: this.lease },
    }));
    const gone = [...before.keys()].filter((key) => !keys.has(key));
    const deletes = gone.map((key) => ({ request_delete_range: { key: this.path(key) } }));
    await new KVClient(connection).txn({ compare: [], success: [...puts, ...deletes] as IRequestOp[] });
    this.options.onWritten(keys);
    return keys;
  }

  /** Is there a value for each of the keys that are wanted? */
  private async stand(connection: EtcdV3Connection): Promise<boolean> {
    const { wish, onForeign } = this.options;
    const wanted = [...wish.keys];
    const { responses } = await new KVClient(connection).txn({
      compare: [],
      success: wanted.map(([key]) => ({ request_range: { key: this.path(key) } })),
    });
    const found = responses.map(({ response_range }): string | undefined => response_range.kvs[0]?.value.toString());
    for (const [index, [key, value]] of wanted.entries()) {
      if (found[index] !== undefined && found[index] !== value) onForeign(key);
    }
    return !found.includes(undefined);
  }

  private async revoke(connection: EtcdV3Connection): Promise<void> {
    if (this.lease === '') return;
    await revokeLease(connection, this.lease);
    this.lease = '';
    this.options.onWritten(NONE);
  }

  private path(key: string): Buffer {
    return Buffer.from(`${this.options.directory}/${key}`);
  }
}
