/**
 * What this node remembers of the keys of etcd across its restarts (`--snapshot`): read when the store does not answer at
 * the start, written while it is followed. One for the whole run, over all control planes of it.
 */
import { existsSync } from 'node:fs';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { quoted } from '../../kernel/quote.ts';
import type { Change, SourceStatus } from '../source/source.ts';
import { readOwn } from './snapshot-file.ts';
import {
  type RememberedSource,
  readSnapshot,
  SNAPSHOT_REFUSED,
  type Snapshot,
  type SourceMark,
} from './snapshot-format.ts';
import { type FollowedKeys, type SnapshotCounts, SnapshotWriter } from './snapshot-writer.ts';

export type SnapshotStatus = SnapshotCounts & {
  readonly path: string;
  /** Unix milliseconds of what is on disk, 0 for nothing yet. */
  readonly writtenAt: number;
};

/** `revision`: of the keys that go with it. */
export function markOf({ name, tree, aliasProblem }: SourceStatus, revision: string, confirmedAt: number): SourceMark {
  return {
    name,
    revision,
    confirmedAt,
    ...(tree === undefined ? {} : { tree }),
    ...(aliasProblem === undefined ? {} : { aliasProblem }),
  };
}

export class SnapshotKeeper {
  /** '' for none. */
  readonly path: string;
  private readonly prefix: string;
  private readonly version: string;
  private readonly historyBytes: number;
  private writer: SnapshotWriter | null = null;
  private file: Promise<Buffer | null> | null = null;

  /** `path`: '' for none. `prefix`: of the keys. `version`: of this tsuji. `historyBytes`: for earlier snapshots. */
  constructor(path: string, prefix: string, version: string, historyBytes = 0) {
    this.path = path;
    this.prefix = prefix;
    this.version = version;
    this.historyBytes = historyBytes;
  }

  /** Begins to read the file; its content is looked at when it is asked for. False: there is none. */
  open(): boolean {
    if (!this.isThere()) return false;
    this.file = readOwn(this.path);
    // Told where it is awaited.
    this.file.catch(() => undefined);
    return true;
  }

  /** Is there a file, be it of use or not? */
  isThere(): boolean {
    return this.path !== '' && existsSync(this.path);
  }

  /** What the file says; null when there is none, or none that holds, which is told. Not while keys are followed. */
  async recall(): Promise<readonly RememberedSource[] | null> {
    if (this.path === '') return null;
    try {
      const bytes = await (this.file ?? readOwn(this.path));
      if (bytes === null) return null;
      const snapshot = readSnapshot(bytes);
      this.check(snapshot);
      this.tell(snapshot);
      return snapshot.sources;
    } catch (error) {
      log.event(EVENTS.snapshotRefused, '', { path: this.path, reason: reasonOf(error) });
      return null;
    } finally {
      this.file = null;
    }
  }

  /** It is not asked for any more: the store has answered. */
  close(): void {
    this.file = null;
  }

  /** The keys are followed from now on. */
  follow(keys: FollowedKeys, remembered: readonly SourceMark[]): void {
    if (this.path === '') return;
    const header = { prefix: this.prefix, tsuji: this.version };
    this.writer = new SnapshotWriter(this.path, header, keys, { historyBytes: this.historyBytes });
    // Not written before one of them gives something new, but with it.
    this.writer.know(remembered);
  }

  /** Right after the keys have taken them over. */
  replaced(status: SourceStatus, revision: string): void {
    if (status.name !== 'folder') this.writer?.replaced(markOf(status, revision, Date.now()));
  }

  changed(status: SourceStatus, revision: string, changes: readonly Change[]): void {
    if (status.name === 'folder') return;
    this.writer?.changed(markOf(status, revision, Date.now()), changes);
  }

  statusChanged(status: SourceStatus): void {
    if (status.state === 'live' && status.name !== 'folder') {
      this.writer?.confirmed(markOf(status, status.revision, status.confirmedAt));
    }
  }

  /** null: none is kept. */
  status(): SnapshotStatus | null {
    const { path, writer } = this;
    if (path === '') return null;
    const { ok, failed } = writer?.counts ?? { ok: 0, failed: 0 };
    return { path, ok, failed, writtenAt: writer?.writtenAt ?? 0 };
  }

  /** What is not written yet is. Nothing more afterwards, until `follow`. */
  async stop(): Promise<void> {
    const { writer } = this;
    this.writer = null;
    await writer?.stop();
  }

  private check({ header: { prefix } }: Snapshot): void {
    if (prefix === this.prefix) return;
    throw new TsujiError(
      SNAPSHOT_REFUSED,
      `it is of the prefix ${quoted(String(prefix))}, and not of ${quoted(this.prefix)}`,
    );
  }

  private tell({ sources, damaged }: Snapshot): void {
    const confirmedAt = Math.max(0, ...sources.map((source) => source.confirmedAt));
    log.event(EVENTS.snapshotUsed, '', {
      path: this.path,
      revision: sources.map(({ name, revision }) => `${name}@${revision}`).join(' '),
      keys: sources.reduce((sum, { entries }) => sum + entries.size, 0),
      age_s: Math.max(0, Math.round((Date.now() - confirmedAt) / 1_000)),
      ...(damaged === 0 ? {} : { damaged_bytes: damaged }),
    });
  }
}
