/**
 * Keeps a snapshot of the keys on disk (snapshot-format.ts), behind the changes and never in their way: what comes within
 * a second is appended together; after a fresh snapshot of a source, or when more has been appended than the file began
 * with, the file is written anew beside the old one, piece by piece, and takes its place by a rename.
 *
 *     replaced, changed ─▶ pending ─▶ (a second) ─▶ append + fdatasync
 *                                        └────────▶ new file + fsync ─▶ rename ─▶ fsync of the folder
 *
 * Nothing else suffers when it cannot be written: that is told, counted and tried again.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { makeFolder } from '../../kernel/make-folder.ts';
import type { Change, SourceName } from '../source/source.ts';
import type { KeyValues } from '../source/source-keys.ts';
import {
  changesBlock,
  confirmedBlock,
  headerBlock,
  type IsLeased,
  keysBlocks,
  MAGIC,
  type SnapshotHeader,
  type SourceMark,
  sourceBlock,
  wholeBlock,
} from './snapshot-format.ts';
import { keepSnapshot } from './snapshot-ring.ts';

export type SnapshotWriterTuning = {
  /** What comes within this time is written together. */
  readonly delayMs: number;
  /** After a failure. */
  readonly retryMs: number;
  /** So often it is written that nothing has changed. */
  readonly confirmMs: number;
  /** Earlier files may take so many bytes, 0: none is kept. */
  readonly historyBytes: number;
};

const TUNING: SnapshotWriterTuning = { delayMs: 1_000, retryMs: 5_000, confirmMs: 60_000, historyBytes: 0 };

/** Encoded in one go. */
const PIECE_BYTES = 262_144;
/** Of changes that wait to be written: beyond it the file is written anew from the keys that there are. */
const MOST_PENDING_BYTES = 8 << 20;
/** The same, of one batch: a block of more would hold up the loop. */
const MOST_CHANGES = 16_384;
/** Changes may take so much, or as much as the keys, before the file is written anew. */
const LEAST_JOURNAL_BYTES = 1 << 20;

/** How often it was written, and how often that failed. */
export type SnapshotCounts = { ok: number; failed: number };

/** The keys in force, live. */
export type FollowedKeys = {
  /** All of a source. */
  readonly of: (source: SourceName) => KeyValues;
  readonly isLeased: (source: SourceName, key: string) => boolean;
};

export class SnapshotWriter {
  readonly counts: SnapshotCounts = { ok: 0, failed: 0 };
  /** Unix milliseconds of the last change or confirmation that is on disk; 0: none. */
  writtenAt = 0;
  private readonly path: string;
  private readonly header: SnapshotHeader;
  private readonly keys: FollowedKeys;
  private readonly tuning: SnapshotWriterTuning;
  private readonly marks = new Map<SourceName, SourceMark>();
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private needsBase = true;
  /** A source was read anew while the file is written. */
  private isOutdated = false;
  private hasNews = false;
  /** Why it could not be written, '' when it could. */
  private trouble = '';
  private confirmedTold = 0;
  private file: FileHandle | null = null;
  private baseBytes = 0;
  private journalBytes = 0;
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> | null = null;
  private stopped = false;

  constructor(path: string, header: SnapshotHeader, keys: FollowedKeys, tuning: Partial<SnapshotWriterTuning> = {}) {
    this.path = path;
    this.header = header;
    this.keys = keys;
    this.tuning = { ...TUNING, ...tuning };
  }

  /** What `keys` have of a snapshot: it is in the file again as soon as that is written. */
  know(marks: readonly SourceMark[]): void {
    for (const mark of marks) this.marks.set(mark.name, mark);
  }

  /** A source has given all its keys, as they were read at once. */
  replaced(mark: SourceMark): void {
    this.marks.set(mark.name, mark);
    this.needsBase = true;
    this.isOutdated = true;
    this.forget();
    this.schedule(this.tuning.delayMs);
  }

  changed(mark: SourceMark, changes: readonly Change[]): void {
    this.marks.set(mark.name, mark);
    this.hasNews = true;
    if (this.needsBase && this.writing === null) {
      this.schedule(this.tuning.delayMs);
      return;
    }
    const isLarge = changes.length > MOST_CHANGES;
    if (!isLarge) {
      const bytes = changesBlock(mark, changes, this.isLeasedOf(mark.name));
      this.pending.push(bytes);
      this.pendingBytes += bytes.length;
    }
    if (isLarge || this.pendingBytes > MOST_PENDING_BYTES) {
      this.forget();
      this.needsBase = true;
      this.isOutdated = true;
    }
    this.schedule(this.tuning.delayMs);
  }

  /** The store says that nothing has changed. */
  confirmed(mark: SourceMark): void {
    if (!this.marks.has(mark.name)) return;
    this.marks.set(mark.name, mark);
    if (mark.confirmedAt - this.confirmedTold < this.tuning.confirmMs) return;
    this.hasNews = true;
    this.schedule(this.tuning.delayMs);
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.writing;
    if (this.marks.size > 0 && (this.needsBase || this.hasNews)) await this.write();
    this.stopped = true;
    await this.file?.close().catch(() => undefined);
    this.file = null;
  }

  private isLeasedOf(source: SourceName): IsLeased {
    return (key) => this.keys.isLeased(source, key);
  }

  private forget(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  private schedule(delayMs: number): void {
    if (this.stopped || this.timer !== null || this.writing !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.writing = this.write().finally(() => {
        this.writing = null;
        if (this.needsBase || this.hasNews) this.schedule(this.needsBase ? this.tuning.retryMs : this.tuning.delayMs);
      });
    }, timerSpan(delayMs));
    this.timer.unref();
  }

  /** Never rejects. */
  private async write(): Promise<void> {
    try {
      if (
        this.needsBase ||
        this.journalBytes > Math.max(this.baseBytes, LEAST_JOURNAL_BYTES) ||
        !(await this.isOurs())
      ) {
        await this.writeBase();
      } else await this.append();
      this.counts.ok++;
      this.writtenAt = Date.now();
      this.tell('');
    } catch (error) {
      this.counts.failed++;
      this.needsBase = true;
      this.tell(reasonOf(error));
    }
  }

  /** Each trouble once. */
  private tell(trouble: string): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    const { path } = this;
    if (trouble === '') log.event(EVENTS.snapshotKept, path, { path });
    else log.event(EVENTS.snapshotFailed, path, { path, reason: trouble });
  }

  /** Nobody has put another file there. */
  private async isOurs(): Promise<boolean> {
    if (this.file === null) return false;
    const [ours, there] = await Promise.all([this.file.stat(), stat(this.path).catch(() => null)]);
    return there !== null && there.ino === ours.ino && there.dev === ours.dev;
  }

  private async append(): Promise<void> {
    const bytes = this.takePending();
    await this.file!.appendFile(bytes);
    await this.file!.datasync();
    this.journalBytes += bytes.length;
  }

  private takePending(): Buffer {
    const marks = [...this.marks.values()];
    const bytes = Buffer.concat([...this.pending, confirmedBlock(marks)]);
    this.forget();
    this.hasNews = false;
    this.confirmedTold = Math.max(...marks.map(({ confirmedAt }) => confirmedAt));
    return bytes;
  }

  private async writeBase(): Promise<void> {
    await this.file?.close();
    this.file = null;
    makeFolder(dirname(this.path), 0o700);
    const next = `${this.path}.${process.pid}`;
    // Left behind by a process of this number that was killed.
    await rm(next, { force: true });
    const file = await open(next, 'ax', 0o600);
    try {
      do {
        this.isOutdated = false;
        this.forget();
        await file.truncate(0);
        await this.writeKeys(file);
        // Read anew meanwhile: what was written is half of one and half of the other.
      } while (this.isOutdated && !this.stopped);
      await file.appendFile(Buffer.concat([this.takePending(), wholeBlock()]));
      await file.sync();
      await this.keepOld();
      await rename(next, this.path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(next, { force: true }).catch(() => undefined);
      throw error;
    }
    this.file = file;
    this.needsBase = this.isOutdated;
    this.baseBytes = (await file.stat()).size;
    this.journalBytes = 0;
    const folder = await open(dirname(this.path), 'r');
    await folder.sync().finally(() => folder.close());
  }

  /** The newest keys are more important than earlier ones. */
  private async keepOld(): Promise<void> {
    const { historyBytes } = this.tuning;
    if (historyBytes === 0) return;
    try {
      await keepSnapshot(this.path, historyBytes);
    } catch (error) {
      log.event(EVENTS.historyLost, this.path, { path: this.path, reason: reasonOf(error) });
    }
  }

  private async writeKeys(file: FileHandle): Promise<void> {
    await file.appendFile(Buffer.concat([MAGIC, headerBlock(this.header)]));
    for (const mark of [...this.marks.values()]) {
      await file.appendFile(sourceBlock(mark));
      for (const piece of keysBlocks(this.keys.of(mark.name), PIECE_BYTES, this.isLeasedOf(mark.name))) {
        await file.appendFile(piece);
        if (this.isOutdated) return;
      }
    }
  }
}
