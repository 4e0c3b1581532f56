/**
 * The keys of a server in etcd v2, each with a TTL of its own. There are no transactions: the url comes last and goes first,
 * because a server is one that has a url.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { TsujiError } from '../../kernel/errors.ts';
import { EtcdV2Client, V2_OTHERWISE } from '../source/etcd-v2-client.ts';
import { RENEWALS } from '../source/etcd-v3-lease.ts';
import { loadTls } from '../source/tls.ts';
import { DEADLINE_MS, type ServerPlace, type ServerPlaceOptions } from './server-place.ts';
import { sameKeys, type WantedKeys } from './wish.ts';

const NONE: WantedKeys = new Map();

function isOtherwise(error: unknown): boolean {
  return error instanceof TsujiError && error.code === V2_OTHERWISE;
}

export class EtcdV2Place implements ServerPlace {
  private readonly options: ServerPlaceOptions;
  private readonly ttlSeconds: number;
  /** What may stand in the store. */
  private written: WantedKeys = NONE;

  constructor(options: ServerPlaceOptions) {
    this.options = options;
    this.ttlSeconds = Math.ceil(options.ttlMs / 1_000);
  }

  async keep(endpoint: string, signal: AbortSignal): Promise<never> {
    const { wish, ttlMs } = this.options;
    const client = this.connect(endpoint);
    const close = (): void => client.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      await this.write(client);
      for (;;) {
        const renewal = sleep(timerSpan(ttlMs / RENEWALS), undefined, { signal });
        renewal.catch(() => {});
        await Promise.race([wish.changed, renewal]);
        const isThere = sameKeys(wish.keys, this.written) && (await this.renew(client));
        if (!isThere) await this.write(client);
      }
    } finally {
      signal.removeEventListener('abort', close);
      client.close();
    }
  }

  async withdraw(endpoint: string): Promise<void> {
    if (this.written.size === 0) return;
    const client = this.connect(endpoint);
    try {
      await this.remove(client, this.written);
    } finally {
      client.close();
    }
  }

  private connect(endpoint: string): EtcdV2Client {
    const { username, password, tls } = this.options.etcd;
    const material = tls === null ? null : loadTls(tls);
    return new EtcdV2Client(
      { endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS },
      this.options.directory,
    );
  }

  private async write(client: EtcdV2Client): Promise<void> {
    const { keys } = this.options.wish;
    const before = this.written;
    // Those of before may still be there if this fails half-way.
    this.written = new Map([...before, ...keys]);
    for (const [key, value] of [...keys].reverse()) await client.set(key, value, this.ttlSeconds);
    const gone = [...before].filter(([key]) => !keys.has(key));
    if (gone.length > 0) await this.remove(client, new Map(gone));
    this.written = keys;
    this.options.onWritten(keys);
  }

  /** False when one of the keys is not there any more. */
  private async renew(client: EtcdV2Client): Promise<boolean> {
    try {
      for (const key of this.written.keys()) await client.refresh(key, this.ttlSeconds);
      return true;
    } catch (error) {
      if (!isOtherwise(error)) throw error;
      return false;
    }
  }

  /** A key that has got another value from somebody else stays. */
  private async remove(client: EtcdV2Client, keys: WantedKeys): Promise<void> {
    for (const [key, value] of keys) {
      await client.deleteIf(key, value).catch((error: unknown) => {
        if (!isOtherwise(error)) throw error;
      });
    }
    await client.deleteIfEmpty();
  }
}
