/**
 * From the sources to whoever wants their keys: routes are made of them, the log tells of them, and a snapshot keeps them.
 */
import { guarded } from './guarded.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import type { SnapshotKeeper } from './memory/snapshot-keeper.ts';
import type { Reconciler } from './reconciler.ts';
import type { Source } from './source/source.ts';
import type { SourceLog } from './source/source-log.ts';

export type KeyFeedParts = {
  readonly sources: readonly Source[];
  readonly reconciler: Reconciler;
  readonly snapshot: SnapshotKeeper;
  readonly log: SourceLog;
  readonly onChange: () => void;
};

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
    const { sources, reconciler, snapshot } = this.parts;
    for (const { entries, ...mark } of remembered) {
      const source = sources.find(({ name }) => name === mark.name);
      if (source === undefined) continue;
      source.recall({ ...mark, keys: entries.size });
      reconciler.recall(mark.name, mark.revision, entries);
    }
    snapshot.follow((name) => reconciler.keysOf(name), remembered);
    for (const source of sources) this.startSource(source);
  }

  async stop(): Promise<void> {
    await this.parts.snapshot.stop();
    await Promise.all(this.parts.sources.map((source) => source.stop()));
  }

  private startSource(source: Source): void {
    const { reconciler, snapshot, log, onChange } = this.parts;
    // An error of ours is none of the source, which would take it for a lost connection.
    source.start({
      snapshot: guarded('snapshot', (name, revision, entries, revisions) => {
        log.snapshot(name, entries.size);
        reconciler.snapshot(name, revision, entries, revisions);
        snapshot.replaced(source.status(), revision);
      }),
      changes: guarded('changes', (name, revision, changes) => {
        reconciler.changes(name, revision, changes);
        snapshot.changed(source.status(), revision, changes);
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
