/** The disk, as far as bodies of one worker may use it: where, how much, with how many files (`--buffering.*`). */
import { tmpdir } from 'node:os';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { log } from '../../kernel/log.ts';
import type { DiskUse } from '../../shared/disk-use.ts';
import type { MetricsLane } from '../../shared/metrics.ts';
import type { Descriptors } from '../descriptors.ts';

export class SpoolDisk {
  readonly folder: string;
  private readonly use: DiskUse;
  private readonly descriptors: Descriptors;
  private readonly metrics: MetricsLane;

  /** `folder`: '' for that of temporary files. */
  constructor(folder: string, use: DiskUse, descriptors: Descriptors, metrics: MetricsLane) {
    this.folder = folder === '' ? tmpdir() : folder;
    this.use = use;
    this.descriptors = descriptors;
    this.metrics = metrics;
  }

  /** False: all workers together would use more than `--buffering.maxDisk`. */
  take(pages: number): boolean {
    if (pages === 0) return true;
    const taken = this.use.take(pages);
    this.metrics.onDisk(this.use.bytes);
    return taken;
  }

  give(pages: number): void {
    if (pages === 0) return;
    this.use.give(pages);
    this.metrics.onDisk(this.use.bytes);
  }

  /** May a file be opened? Then `closed` is owed. */
  mayOpen(): boolean {
    return this.descriptors.mayOpenFile();
  }

  closed(): void {
    this.descriptors.fileClosed();
  }

  /** A body could not be kept. */
  failed(fault: Fault, reason: string): void {
    if (fault === FAULTS.overDisk) {
      tellLimit({ limit: 'buffering.maxDisk', object: this.folder, value: this.use.bytes, what: 'bodies' });
    } else if (fault === FAULTS.diskFailed) {
      log.event(EVENTS.spoolFailed, this.folder, { path: this.folder, reason });
    }
  }
}
