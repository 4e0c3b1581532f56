/**
 * Where keys come from. A source first gives one snapshot, then batches of changes; after any gap (compaction,
 * outdated index, rescan) it gives a fresh snapshot instead. It never reports an error as an empty snapshot.
 *
 *     start ──▶ snapshot(rev 7) ──▶ changes(rev 8) ──▶ changes(rev 9) ──▶ … gap … ──▶ snapshot(rev 40) ──▶ …
 *
 * Keys are relative to the prefix and have no leading slash: `/traefik/backends/b/servers/s/url` is
 * `backends/b/servers/s/url`. Values are text (UTF-8); a name that is none is given by `keyText` of
 * kernel/key-text.ts. Directories are not keys, but for those of backends in etcd v2: `backends/b/`, with an empty value.
 */
import type { KeyValues } from './source-keys.ts';

export type SourceName = 'etcdv3' | 'etcdv2' | 'folder';

export type Change = {
  readonly key: string;
  /** null: it is gone. */
  readonly value: string | null;
  /**
   * Of one that is gone: nobody has deleted it, as far as is known, but its lease or TTL ran out. Should it turn out that
   * somebody has, it is told once more, as gone and no more.
   */
  readonly expired?: true;
};

/**
 * `connecting`: no snapshot yet; `live`: a snapshot was given and the store was heard of lately; `stale`: the last
 * snapshot is in force but the store is out of reach; `absent`: the store does not offer this API (no v2), not an error.
 */
export type SourceState = 'connecting' | 'live' | 'stale' | 'absent';

export type SourceStatus = {
  readonly name: SourceName;
  readonly state: SourceState;
  /**
   * Up to which we have all there is: etcd revision (v3), etcd index (v2) or a counter of scans (folder), as text; '' before the
   * first snapshot. It moves on also when the store says that nothing of ours has changed.
   */
  readonly revision: string;
  /** Unix milliseconds at which the store last confirmed that we are up to date; 0 for never. */
  readonly confirmedAt: number;
  /** Times that the watch was started anew after a failure or a silence. */
  readonly restarts: number;
  /** The last error in words, '' while all is well. */
  readonly error: string;
  /** The keys in force are those that an earlier run has kept; absent: they are its own. */
  readonly remembered?: true;
  /** The prefix that an alias has put in the place of the configured one; absent: none (kv-schema §9). */
  readonly tree?: string;
  /** Why the alias is not obeyed; absent: all is well. */
  readonly aliasProblem?: string;
};

export interface SourceSink {
  /**
   * `entries`: all keys, for the sink to keep and to change; `SourceKeys` where the store says at which revision each was written
   * last. `expired`: of the keys that were there before and are not, those that nobody has deleted, as far as is known.
   */
  snapshot(source: SourceName, revision: string, entries: KeyValues, expired?: ReadonlySet<string>): void;
  /** One atomic batch: what arrived together, of an etcd at that revision. */
  changes(source: SourceName, revision: string, changes: readonly Change[]): void;
  /** Something of `status()` changed. */
  statusChanged(source: SourceName): void;
}

/** What a source gave in an earlier run. */
export type Recalled = Pick<SourceStatus, 'revision' | 'confirmedAt' | 'tree' | 'aliasProblem'> & {
  /** How many. */
  readonly keys: number;
  /** Keys that went with a lease or had a TTL. */
  readonly leased: ReadonlySet<string>;
};

export interface Source {
  readonly name: SourceName;
  /** Before `start`: the sink has the keys of an earlier run, and the source is `stale` until it answers. */
  recall(recalled: Recalled): void;
  /** Returns at once; calls the sink from then on until `stop` has resolved. */
  start(sink: SourceSink): void;
  stop(): Promise<void>;
  status(): SourceStatus;
  /** The store is asked at once how far it is, and not only when it is time: `status().revision` says it. Absent: it never is. */
  catchUp?(): void;
  /** Does that key go with a lease, or has it a TTL? Absent: none does. */
  isLeased?(key: string): boolean;
}
