/**
 * What was of the keys, from whoever knows it: etcd v3 until it compacts its history, and what this node has kept itself, which
 * is all there is of etcd v2.
 */
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import type { SourceName } from '../source/source.ts';
import { COMPACTED, EtcdHistory, type KeyEvent, type State } from './etcd-history.ts';
import { RingHistory } from './ring-history.ts';

/** `why`: it comes from what this node has kept, and why not from etcd; '' for etcd itself. */
export type KnownState = State & { readonly why: string };

export type KnownEvent = KeyEvent & {
  /** From what this node has kept. */
  readonly isKept: boolean;
  /** It may have happened before that revision. */
  readonly isLate: boolean;
};

export type KnownEvents = {
  /** The oldest first. */
  readonly events: readonly KnownEvent[];
  /** The first revision that etcd knows; null: it was not asked. */
  readonly since: number | null;
  /** Why etcd was not asked, '' when it was. */
  readonly why: string;
};

export class KeyHistory {
  readonly prefix: string;
  private readonly source: SourceName;
  /** null: it cannot be asked, for `reason`. */
  private readonly etcd: EtcdHistory | null;
  private readonly reason: string;
  private readonly ring: RingHistory;

  private constructor(prefix: string, source: SourceName, etcd: EtcdHistory | null, reason: string, ring: RingHistory) {
    this.prefix = prefix;
    this.source = source;
    this.etcd = etcd;
    this.reason = reason;
    this.ring = ring;
  }

  /** `path`: of the snapshot beside which this node keeps what was, '' for none. */
  static async open(settings: EtcdSettings, path: string, source: SourceName): Promise<KeyHistory> {
    const { prefix } = settings;
    const ring = new RingHistory(path, prefix);
    if (source !== 'etcdv3') return new KeyHistory(prefix, source, null, 'etcd v2 does not keep what was', ring);
    try {
      return new KeyHistory(prefix, source, await EtcdHistory.open(settings), '', ring);
    } catch (error) {
      return new KeyHistory(prefix, source, null, reasonOf(error), ring);
    }
  }

  close(): void {
    this.etcd?.close();
  }

  /**
   * All keys at a revision, 0 for now.
   * @throws TsujiError when nobody knows it
   */
  async at(revision: number): Promise<KnownState> {
    if (this.etcd === null) return await this.kept(revision, this.reason);
    try {
      return { ...(await this.etcd.at(revision)), why: '' };
    } catch (error) {
      if (!(error instanceof TsujiError && error.code === COMPACTED)) throw error;
      return await this.kept(revision, error.message);
    }
  }

  async of(key: string): Promise<KnownEvents> {
    const told = this.etcd === null ? null : await this.etcd.of(key);
    const since = told?.since ?? null;
    const first = Math.min(since ?? Number.POSITIVE_INFINITY, told?.events[0]?.revision ?? Number.POSITIVE_INFINITY);
    const kept = (await this.ring.of(this.source, key)).filter(({ revision }) => revision < first);
    const events = [
      ...kept.map((event) => ({ ...event, isKept: true })),
      ...(told?.events ?? []).map((event) => ({ ...event, isKept: false, isLate: false })),
    ];
    return { events, since, why: this.reason };
  }

  /** Etcd itself, for whoever wants to write. */
  get store(): EtcdHistory {
    if (this.etcd === null) throw new TsujiError('NO_STORE', this.reason);
    return this.etcd;
  }

  private async kept(revision: number, why: string): Promise<KnownState> {
    try {
      return { ...(await this.ring.at(this.source, revision)), why };
    } catch (error) {
      throw new TsujiError('NOT_KNOWN', `${why}; ${reasonOf(error)}`, { cause: error });
    }
  }
}
