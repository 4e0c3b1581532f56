/**
 * From the sources to whoever wants their keys: routes are made of them, the log tells of them, and a snapshot keeps them.
 * What a source has lost, and nobody has deleted, may stay for a while (memory/suspects.ts).
 */
import { guarded } from '../guarded.ts';
import type { RememberedSource } from '../memory/snapshot-format.ts';
import type { SnapshotKeeper } from '../memory/snapshot-keeper.ts';
import type { Suspects } from '../memory/suspects.ts';
import type { Change, Source, SourceName } from '../source/source.ts';
import type { SourceLog } from '../source/source-log.ts';
import type { Reconciler } from './reconciler.ts';

export type KeyFeedParts = {
  readonly sources: readonly Source[];
  readonly reconciler: Reconciler;
  readonly snapshot: SnapshotKeeper;
  readonly suspects: Suspects;
  readonly log: SourceLog;
  readonly onChange: () => void;
};

const NONE: ReadonlySet<string> = new Set();

export class KeyFeed {
  private readonly parts: KeyFeedParts;
  private started = false;

  constructor(parts: KeyFeedParts) {
    this.parts = parts;
  }

  get isStarted(): boolean {
    return this.started;
  }

  /** `remembered`: what is in force until the sources answer. Once. */
  start(remembered: readonly RememberedSource[]): void {
    this.started = true;
    const { sources, reconciler, snapshot, suspects } = this.parts;
    for (const { entries, ...mark } of remembered) {
      const source = sources.find(({ name }) => name === mark.name);
      if (source === undefined) continue;
      source.recall({ ...mark, keys: entries.size });
      reconciler.recall(mark.name, mark.revision, entries);
    }
    const isLeased = (name: SourceName, key: string): boolean =>
      suspects.keeps(name, key) || sources.find((source) => source.name === name)?.isLeased?.(key) === true;
    snapshot.follow({ of: (name) => reconciler.keysOf(name), isLeased }, remembered);
    for (const source of sources) this.startSource(source);
  }

  /** Keys that stayed although their source has lost them are gone now. */
  letGo(name: SourceName, changes: readonly Change[]): void {
    const { sources, reconciler, snapshot } = this.parts;
    const revision = reconciler.received(name);
    reconciler.changes(name, revision, changes);
    snapshot.changed(sources.find((source) => source.name === name)!.status(), revision, changes);
  }

  async stop(): Promise<void> {
    this.parts.suspects.stop();
    await this.parts.snapshot.stop();
    await Promise.all(this.parts.sources.map((source) => source.stop()));
  }

  private startSource(source: Source): void {
    const { reconciler, snapshot, suspects, log, onChange } = this.parts;
    // An error of ours is none of the source, which would take it for a lost connection.
    source.start({
      snapshot: guarded('snapshot', (name, revision, entries, revisions, expired = NONE) => {
        log.snapshot(name, entries.size);
        const staying = suspects.reread(name, entries, expired);
        reconciler.snapshot(name, revision, entries, revisions);
        if (staying.length > 0) reconciler.changes(name, revision, staying);
        snapshot.replaced(source.status(), revision);
      }),
      changes: guarded('changes', (name, revision, changes) => {
        const passing = suspects.given(name, changes);
        reconciler.changes(name, revision, passing);
        snapshot.changed(source.status(), revision, passing);
      }),
      statusChanged: guarded('status of a source', (name) => {
        log.saw(source.status());
        snapshot.statusChanged(source.status());
        reconciler.statusChanged(name);
        onChange();
      }),
    });
  }
}
