/**
 * Keys from a folder: the path of a file is the key, its content the value. Every directory is watched; a notice leads
 * to a scan of the whole folder once it is quiet, and the difference to the scan before is the batch of changes. A slow
 * scan by the clock finds what notices miss (network file systems, targets of links).
 */

import { type FSWatcher, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { type FolderEntry, scanFolder } from './folder-scan.ts';
import { KeyTrees } from './key-trees.ts';
import type { Change, Recalled, Source, SourceSink, SourceStatus } from './source.ts';
import { StatusKeeper } from './source-status.ts';

export type FolderTuning = {
  /** A scan waits until no notice has come for so long, so that it does not read half of what belongs together. */
  readonly settleMs: number;
  /** But no longer than so long after the first notice. */
  readonly longestSettleMs: number;
  /** Scan without any notice. */
  readonly rescanMs: number;
};

const TUNING: FolderTuning = { settleMs: 20, longestSettleMs: 200, rescanMs: 10_000 };

const RETRY_MS = 500;

/** What to tell the sink about the step from one scan to the next, in the order of keys. */
export function difference(
  before: ReadonlyMap<string, FolderEntry>,
  after: ReadonlyMap<string, FolderEntry>,
): Change[] {
  const changes: Change[] = [];
  for (const [key, { value }] of after) if (before.get(key)?.value !== value) changes.push({ key, value });
  for (const key of before.keys()) if (!after.has(key)) changes.push({ key, value: null });
  return changes.sort((a, b) => (a.key < b.key ? -1 : 1));
}

export class FolderSource implements Source {
  readonly name = 'folder';
  readonly #root: string;
  readonly #tuning: FolderTuning;
  readonly #status = new StatusKeeper('folder');
  readonly #stopping = new AbortController();
  readonly #watchers = new Map<string, FSWatcher>();
  #running: Promise<void> = Promise.resolve();
  readonly #trees = new KeyTrees('');
  /** All files. */
  #entries: ReadonlyMap<string, FolderEntry> = new Map();
  /** What was told of them: the keys of the tree in force. */
  #told: ReadonlyMap<string, FolderEntry> = new Map();
  #given = false;
  #scans = 0;
  #watchTrouble = '';
  /** Aborted by the first notice; a new one stands for each wait. */
  #notice = new AbortController();
  #lastNoticeAt = 0;

  constructor(root: string, tuning: Partial<FolderTuning> = {}) {
    this.#root = root;
    this.#tuning = { ...TUNING, ...tuning };
  }

  recall(recalled: Recalled): void {
    this.#status.recalled(recalled);
  }

  start(sink: SourceSink): void {
    this.#status.attach(sink);
    this.#running = this.#follow(sink);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  status(): SourceStatus {
    return this.#status.current;
  }

  async #follow(sink: SourceSink): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#notice = new AbortController();
      let waitMs = this.#tuning.rescanMs;
      try {
        await this.#scan(sink);
      } catch (error) {
        this.#unwatchAll();
        this.#status.failed(`folder ${this.#root}: ${reasonOf(error)}`);
        waitMs = RETRY_MS;
      }
      await this.#pause(waitMs, AbortSignal.any([signal, this.#notice.signal]));
      await this.#settle();
    }
    this.#unwatchAll();
  }

  async #scan(sink: SourceSink): Promise<void> {
    this.#watchTrouble = '';
    const { entries, troubles } = await scanFolder(this.#root, this.#entries, (directory) => this.#watch(directory));
    if (this.#stopping.signal.aborted) return;
    const revision = String(++this.#scans);
    const inForce = this.#inForce(entries);
    this.#status.aliased(this.#trees.elsewhere, this.#trees.problem);
    if (this.#given) {
      const changes = difference(this.#told, inForce);
      if (changes.length > 0) sink.changes('folder', revision, changes);
    } else {
      sink.snapshot('folder', revision, new Map([...inForce].map(([key, { value }]) => [key, value])));
    }
    this.#entries = entries;
    this.#told = inForce;
    this.#given = true;
    this.#status.confirmed(revision, [...troubles, this.#watchTrouble].filter((text) => text !== '').join('; '));
  }

  /** An alias names a folder within this one, since this one is the root of its keys. */
  #inForce(entries: ReadonlyMap<string, FolderEntry>): ReadonlyMap<string, FolderEntry> {
    this.#trees.aim(entries.get('alias')?.value);
    return this.#trees.settle(new Map(entries.entries().map(([key, entry]) => [`/${key}`, entry])));
  }

  async #settle(): Promise<void> {
    const { settleMs, longestSettleMs } = this.#tuning;
    const until = performance.now() + longestSettleMs;
    while (!this.#stopping.signal.aborted && performance.now() < until) {
      const quietMs = performance.now() - this.#lastNoticeAt;
      if (quietMs >= settleMs) return;
      await this.#pause(settleMs - quietMs, this.#stopping.signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(timerSpan(ms), undefined, { signal }).catch(() => undefined);
  }

  #watch(directory: string): void {
    if (this.#watchers.has(directory)) return;
    try {
      const watcher = watch(directory, (_kind, name) => this.#noticed(directory, name));
      watcher.on('error', () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch (error) {
      this.#watchTrouble = `changes are found only every ${this.#tuning.rescanMs} ms: ${reasonOf(error)}`;
    }
  }

  #noticed(directory: string, name: string | null): void {
    // A directory that was removed or replaced keeps a dead watcher, so whatever may be it is watched anew by the scan.
    if (name !== null) this.#unwatch(join(directory, name));
    if (name === null || name === basename(directory)) this.#unwatch(directory);
    this.#lastNoticeAt = performance.now();
    this.#notice.abort();
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }

  #unwatchAll(): void {
    for (const directory of this.#watchers.keys()) this.#unwatch(directory);
  }
}
