/**
 * From the sources to whoever wants their keys: routes are made of them, the log tells of them, and a snapshot keeps them.
 * What a source has lost, and nobody has deleted, may stay for a while (memory/suspects.ts).
 */
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';
import { guarded } from '../guarded.ts';
import type { RememberedSource, SourceMark } from '../memory/snapshot-format.ts';
import type { SnapshotKeeper } from '../memory/snapshot-keeper.ts';
import type { Suspects } from '../memory/suspects.ts';
import type { Change, Source, SourceName, SourceStatus } from '../source/source.ts';
import type { KeyValues } from '../source/source-keys.ts';
import type { SourceLog } from '../source/source-log.ts';
import type { Reconciler } from './reconciler.ts';
import { Slices } from './slices.ts';

export type KeyFeedParts = {
  readonly sources: readonly Source[];
  readonly reconciler: Reconciler;
  readonly snapshot: SnapshotKeeper;
  readonly suspects: Suspects;
  readonly log: SourceLog;
  readonly onChange: () => void;
};

const NONE: ReadonlySet<string> = new Set();

/** As in SourceSink. */
type Given = {
  readonly revision: string;
  readonly entries: KeyValues;
  readonly expired: ReadonlySet<string>;
};

export class KeyFeed {
  private readonly parts: KeyFeedParts;
  private started = false;
  private stopped = false;
  /** Of the sources whose keys were remembered. */
  private readonly marks: SourceMark[] = [];
  /** Those that have given their keys. */
  private readonly given = new Set<SourceName>();
  /** The snapshot is kept. Until then its file may have what a source has not given yet. */
  private isKept = false;
  private recallingMissing: Promise<void> | null = null;
  /** Takes what sources give, one after the other, and very much of it bit by bit. */
  private readonly intake = new Slices();
  /** The revision that each has given last, be it taken or not. */
  private readonly newest = new Map<SourceName, string>();

  constructor(parts: KeyFeedParts) {
    this.parts = parts;
  }

  get isStarted(): boolean {
    return this.started;
  }

  /** `remembered`: what is in force until the sources answer. Once. */
  start(remembered: readonly RememberedSource[]): void {
    this.started = true;
    const { sources, snapshot } = this.parts;
    // Its first step is made at once: sources are told before they are started.
    if (remembered.length > 0 || !snapshot.isThere()) this.inTurn(() => this.recalling(remembered));
    for (const source of sources) this.startSource(source);
  }

  /** Resolves when what the snapshot has of sources that have not given anything is in force. */
  recallMissing(): Promise<void> {
    this.recallingMissing ??= this.recallOnce();
    return this.recallingMissing;
  }

  /** The revision that a source has given last, '' for none. */
  received(source: SourceName): string {
    return this.newest.get(source) ?? '';
  }

  /** What was given is not all taken yet. */
  get isBehind(): boolean {
    return this.intake.isBusy;
  }

  /** Keys that stayed although their source has lost them are gone now. */
  letGo(name: SourceName, changes: readonly Change[]): void {
    const { reconciler } = this.parts;
    this.inTurn(() => this.taking(this.sourceOf(name).status(), reconciler.received(name), changes));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.parts.suspects.stop();
    // What is half taken would be half written.
    await this.intake.result(nothing);
    await this.parts.snapshot.stop();
    await Promise.all(this.parts.sources.map((source) => source.stop()));
  }

  private async recallOnce(): Promise<void> {
    if (this.isKept) return;
    const remembered = (await this.parts.snapshot.recall()) ?? [];
    if (!this.stopped) await this.intake.result(() => this.recalling(remembered));
  }

  private *recalling(remembered: readonly RememberedSource[]): Steps<void> {
    const { sources, reconciler } = this.parts;
    const wanted = remembered.filter(({ name }) => {
      const source = sources.find((each) => each.name === name);
      return source !== undefined && !this.given.has(name) && source.status().state !== 'absent';
    });
    for (const { entries, ...mark } of wanted) {
      this.marks.push(mark);
      this.newest.set(mark.name, mark.revision);
      this.sourceOf(mark.name).recall({ ...mark, keys: entries.size });
    }
    for (const { name, revision, entries } of wanted) yield* reconciler.takingSnapshot(name, revision, entries);
    if (wanted.length > 0) reconciler.recalled();
    this.keep();
  }

  private keep(): void {
    if (this.isKept || this.stopped) return;
    this.isKept = true;
    const { reconciler, snapshot, suspects } = this.parts;
    const isLeased = (name: SourceName, key: string): boolean =>
      suspects.keeps(name, key) || this.sourceOf(name).isLeased?.(key) === true;
    snapshot.follow({ of: (name) => reconciler.keysOf(name), isLeased }, this.marks);
    for (const name of this.given) snapshot.replaced(this.sourceOf(name).status(), reconciler.received(name));
  }

  private keepOnceAllIsGiven(): void {
    if (this.isKept) return;
    const isThere = (source: Source): boolean => this.given.has(source.name) || source.status().state === 'absent';
    if (this.parts.sources.every(isThere)) this.keep();
  }

  private sourceOf(name: SourceName): Source {
    return this.parts.sources.find((source) => source.name === name)!;
  }

  private inTurn(work: () => Steps<void>): void {
    this.intake.run(
      work,
      () => {},
      (error) => tellOwnError('keys', error),
    );
  }

  private *taking(status: SourceStatus, revision: string, changes: readonly Change[]): Steps<void> {
    const { reconciler, snapshot } = this.parts;
    yield* reconciler.takingChanges(status.name, revision, changes);
    snapshot.changed(status, revision, changes);
  }

  private *takingAll(status: SourceStatus, { revision, entries, expired }: Given): Steps<void> {
    const { reconciler, snapshot, suspects } = this.parts;
    const { name } = status;
    const staying = suspects.reread(name, entries, expired);
    yield* reconciler.takingSnapshot(name, revision, entries);
    if (staying.length > 0) yield* reconciler.takingChanges(name, revision, staying);
    this.given.add(name);
    snapshot.replaced(status, revision);
    this.keepOnceAllIsGiven();
  }

  private startSource(source: Source): void {
    const { reconciler, snapshot, suspects, log, onChange } = this.parts;
    // An error of ours is none of the source, which would take it for a lost connection.
    source.start({
      snapshot: guarded('snapshot', (name, revision, entries, expired = NONE) => {
        log.snapshot(name, entries.size);
        this.newest.set(name, revision);
        const status = source.status();
        this.inTurn(() => this.takingAll(status, { revision, entries, expired }));
      }),
      changes: guarded('changes', (name, revision, changes) => {
        this.newest.set(name, revision);
        const status = source.status();
        this.inTurn(() => this.taking(status, revision, suspects.given(name, changes)));
      }),
      statusChanged: guarded('status of a source', (name) => {
        log.saw(source.status());
        snapshot.statusChanged(source.status());
        reconciler.statusChanged(name);
        this.keepOnceAllIsGiven();
        onChange();
      }),
    });
  }
}

function* nothing(): Steps<void> {}
