/**
 * What etcd v3 remembers of the keys below a prefix, until it compacts its history: their state at a revision, all that
 * happened to one key, and a way back.
 */
import type { IKeyValue, IRangeRequest } from 'etcd3';
import { KVClient } from 'etcd3/lib/rpc.js';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { textOf } from '../../kernel/key-text.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { rangeBelow } from '../source/etcd-v3.ts';
import { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { NO_LEASE } from '../source/etcd-v3-key-value.ts';
import { grantLease } from '../source/etcd-v3-lease.ts';
import { WatchCompacted, watchRange } from '../source/etcd-v3-watch.ts';
import type { RevisionEvents } from '../source/etcd-v3-watch-answer.ts';
import { loadTls } from '../source/tls.ts';
import type { KeyChange } from './difference.ts';

const DEADLINE_MS = 10_000;
const PAGE_KEYS = 5_000;
/** After which nothing more comes of a key that is not there: etcd tells old events every 100 ms. */
const SILENCE_MS = 1_000;
const NUL = Buffer.from([0]);
/** What etcd allows in one transaction unless `--max-txn-ops` says otherwise. */
export const USUAL_OPS = 128;

export const COMPACTED = 'REVISION_COMPACTED';

export type StoredKey = {
  readonly value: string;
  readonly modRevision: number;
  /** It goes when whoever keeps its lease goes. */
  readonly isLeased: boolean;
};

export type State = { readonly revision: number; readonly keys: ReadonlyMap<string, StoredKey> };

export type KeyEvent = {
  readonly revision: number;
  /** null: deleted, or its lease ran out. */
  readonly value: string | null;
  readonly isLeased: boolean;
};

function storedKey({ value, mod_revision, lease }: IKeyValue): StoredKey {
  return { value: value.toString(), modRevision: Number(mod_revision), isLeased: Number(lease) !== 0 };
}

/** Only the values. */
export function valuesOf(keys: ReadonlyMap<string, StoredKey>): Map<string, string> {
  return new Map(Array.from(keys, ([key, { value }]) => [key, value]));
}

export class EtcdHistory {
  readonly prefix: string;
  private readonly connection: EtcdV3Connection;

  private constructor(connection: EtcdV3Connection, prefix: string) {
    this.connection = connection;
    this.prefix = prefix;
  }

  /**
   * Asks the endpoints in their order.
   * @throws Error of the last one when none answers
   */
  static async open({ endpoints, prefix, username, password, tls }: EtcdSettings): Promise<EtcdHistory> {
    const material = tls === null ? null : loadTls(tls);
    let last: unknown = new Error('there is no endpoint');
    for (const endpoint of endpoints) {
      const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS });
      try {
        await connection.authenticate();
        await new KVClient(connection).range({ key: Buffer.from(`${prefix}/`), count_only: true });
        return new EtcdHistory(connection, prefix);
      } catch (error) {
        connection.close();
        last = new Error(`etcd v3 at ${endpoint}: ${reasonOf(error)}`, { cause: error });
      }
    }
    throw last;
  }

  close(): void {
    this.connection.close();
  }

  /** How many keys there are now. */
  async count(): Promise<number> {
    const { start, end } = rangeBelow(this.prefix);
    return Number((await new KVClient(this.connection).range({ key: start, range_end: end, count_only: true })).count);
  }

  /**
   * All keys at a revision, 0 for now.
   * @throws TsujiError REVISION_COMPACTED when etcd does not know that one any more
   */
  async at(revision: number): Promise<State> {
    const kv = new KVClient(this.connection);
    const { start, end } = rangeBelow(this.prefix);
    const keys = new Map<string, StoredKey>();
    let page: IRangeRequest = { key: start, range_end: end, limit: PAGE_KEYS, revision: String(revision) };
    try {
      for (;;) {
        const { kvs, more, header } = await kv.range(page);
        for (const each of kvs) keys.set(this.relative(each.key), storedKey(each));
        const at = revision === 0 ? Number(page.revision) || Number(header.revision) : revision;
        if (!more) return { revision: at, keys };
        page = { ...page, key: Buffer.concat([kvs.at(-1)!.key, NUL]), revision: String(at) };
      }
    } catch (error) {
      throw this.compacted(error, revision);
    }
  }

  /** What happened to one key, the oldest first, as far back as etcd knows. `since`: the first revision that it knows. */
  async of(key: string): Promise<{ readonly events: readonly KeyEvent[]; readonly since: number }> {
    let since = 1;
    for (;;) {
      try {
        return { events: await this.eventsOf(key, since), since };
      } catch (error) {
        if (!(error instanceof WatchCompacted) || error.revision <= since) throw error;
        since = error.revision;
      }
    }
  }

  /**
   * Makes all of the changes or none, and only if no key of them was written since `state`. Returns the revision.
   * `leases`: of keys that are to be under one.
   * @throws TsujiError CHANGE_REFUSED with the reason
   */
  async apply(
    changes: readonly KeyChange[],
    state: State,
    leases: ReadonlyMap<string, string> = new Map(),
  ): Promise<number> {
    const keyOf = (key: string): Buffer => Buffer.from(`${this.prefix}/${key}`);
    const answer = await new KVClient(this.connection)
      .txn({
        compare: changes.map(({ key }) => ({
          key: keyOf(key),
          target: 'Mod',
          result: 'Equal',
          mod_revision: String(state.keys.get(key)?.modRevision ?? 0),
        })),
        success: changes.map(({ key, after }) =>
          after === null
            ? { request_delete_range: { key: keyOf(key) } }
            : { request_put: { key: keyOf(key), value: Buffer.from(after), lease: leases.get(key) ?? 0 } },
        ),
      })
      .catch((error: unknown) => {
        if (!/too many operations/i.test(reasonOf(error))) throw error;
        const most = `etcd allows ${USUAL_OPS} in one transaction, unless its --max-txn-ops says more`;
        throw new TsujiError('CHANGE_REFUSED', `${changes.length} keys are too many: ${most}; --below=PATH takes part`);
      });
    if (!answer.succeeded) {
      throw new TsujiError('CHANGE_REFUSED', 'a key was written meanwhile: nothing was changed; look again');
    }
    return Number(answer.header.revision);
  }

  /** A lease that ends by itself. */
  async lease(ttlMs: number): Promise<string> {
    return grantLease(this.connection, ttlMs);
  }

  private relative(key: Buffer): string {
    return textOf(key, Buffer.byteLength(this.prefix) + 1, key.length);
  }

  private async eventsOf(key: string, since: number): Promise<KeyEvent[]> {
    const start = Buffer.from(`${this.prefix}/${key}`);
    const range = { start, end: Buffer.concat([start, NUL]) };
    const [now] = (await new KVClient(this.connection).range({ key: start })).kvs;
    // Nothing has happened to it since; of what was before, etcd knows the last.
    if (now !== undefined && Number(now.mod_revision) < since) {
      const { value, modRevision: revision, isLeased } = storedKey(now);
      return [{ revision, value, isLeased }];
    }
    const over = new AbortController();
    const events: KeyEvent[] = [];
    // That of old events has no end that could be heard of: there is one when they have come to what there is now.
    const isWhole = (): boolean => {
      const last = events.at(-1);
      if (now !== undefined) return last !== undefined && last.revision >= Number(now.mod_revision);
      return last?.value === null;
    };
    const end = setTimeout(() => over.abort(), timerSpan(now === undefined ? SILENCE_MS : DEADLINE_MS));
    const observer = {
      events: (all: RevisionEvents): void => {
        for (const { isDeleted, kv } of all) {
          const value = isDeleted ? null : kv.value;
          events.push({ revision: all.revision, value, isLeased: kv.lease !== NO_LEASE });
        }
        if (now !== undefined && isWhole()) over.abort();
        else end.refresh();
      },
      confirmed: (): void => {},
    };
    const timing = { probeMs: DEADLINE_MS, deadlineMs: DEADLINE_MS };
    try {
      return await watchRange(this.connection, range, since - 1, timing, observer, over.signal);
    } catch (error) {
      if (!over.signal.aborted) throw error;
      if (isWhole() || (now === undefined && events.length === 0)) return events;
      throw new TsujiError('HISTORY_CUT', 'etcd has not told all of it in time');
    } finally {
      clearTimeout(end);
    }
  }

  private compacted(error: unknown, revision: number): unknown {
    const reason = reasonOf(error);
    if (/compacted/i.test(reason)) {
      return new TsujiError(
        COMPACTED,
        `etcd has compacted its history: it does not know revision ${revision} any more`,
      );
    }
    if (/future revision/i.test(reason)) return new TsujiError('NO_REVISION', `there is no revision ${revision} yet`);
    return error;
  }
}
