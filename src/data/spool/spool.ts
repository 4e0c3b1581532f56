/**
 * A body that is kept: its start in memory, and what is beyond that in a file without a name. It is written to its end, then
 * read as often as needed, each time under the back-pressure of whoever reads.
 *
 *     add … add ─▶ end ─▶ (spoolWhole) ─▶ play ─▶ (spoolPiece … spoolThrough) ─▶ play …        close at any time
 *
 * All of the file is done in node's thread pool, one operation at a time: while one is under way nothing else of this spool is,
 * and its file is closed only when that has come back, since its descriptor might be another's by then. In memory are
 * `memoryBytes` at most, and some 256 KiB that are on their way to the file or from it.
 */
import { randomUUID } from 'node:crypto';
import { close, open, read, unlink, writev } from 'node:fs';
import { join } from 'node:path';
import { FAULTS, type Fault, reasonOf } from '../../kernel/errors.ts';
import { pagesOf } from '../../shared/disk-use.ts';
import type { BufferHolder, MemoryBudget } from '../memory-budget.ts';
import type { SpoolDisk } from './spool-disk.ts';

/** Bytes that are read from a file at once. */
const READ_BYTES = 65_536;
/** Bytes that may wait for a file before whoever brings them is stopped. */
const WRITE_AHEAD = 196_608;
/** Of memory, bytes: what is on its way to the file must have room beside what stays. */
const ON_ITS_WAY = 262_144;
/** Pieces below it are put together, bytes: each by itself costs more than it holds. */
const SMALL = 1_024;
const SMALL_TOGETHER = 4_096;

/** Whose body it is. Nothing of it is called within `close` or after it. */
export interface SpoolUser extends BufferHolder {
  /** After an `add` that returned false, and not after `end`: it may go on. */
  spoolWritable(): void;
  /** After `end`, also within it: all of it is kept. */
  spoolWhole(): void;
  /** A piece of it, which stays unchanged. False: no more until `resume`. */
  spoolPiece(chunk: Buffer): boolean;
  /** That was the last piece. */
  spoolThrough(): void;
  /** It cannot be kept, or not be read; it is closed. `detail` is for the log. */
  spoolFailed(fault: Fault, detail: string): void;
  /** An error of ours in one of the above. */
  crash(error: unknown): void;
}

/** What it needs of its worker. */
export type SpoolOwner = { readonly budget: MemoryBudget; readonly disk: SpoolDisk };

class Pieces {
  bytes = 0;
  private list: Buffer[] = [];
  private small: Buffer | null = null;
  private smallBytes = 0;

  /** `piece` must stay unchanged. */
  add(piece: Buffer): void {
    this.bytes += piece.length;
    if (piece.length >= SMALL) {
      this.settle();
      this.list.push(piece);
      return;
    }
    this.small ??= Buffer.allocUnsafe(SMALL_TOGETHER);
    if (this.smallBytes + piece.length > SMALL_TOGETHER) this.settle();
    this.small.set(piece, this.smallBytes);
    this.smallBytes += piece.length;
  }

  /** In the order in which they came. */
  get all(): Buffer[] {
    this.settle();
    return this.list;
  }

  take(): Buffer[] {
    const { all } = this;
    this.list = [];
    this.bytes = 0;
    return all;
  }

  private settle(): void {
    if (this.smallBytes > 0) this.list.push(Buffer.from(this.small!.subarray(0, this.smallBytes)));
    this.smallBytes = 0;
  }
}

export class Spool {
  /** Of the body so far, bytes. */
  length = 0;
  /** It has been played to its end. */
  isThrough = false;
  private readonly owner: SpoolOwner;
  private readonly user: SpoolUser;
  private readonly memoryBytes: number;
  private readonly memory = new Pieces();
  /** What the file has not taken yet. */
  private readonly waiting = new Pieces();
  /** Bytes of it that are being written. */
  private writing = 0;
  /** Something of it is, or will be, in the file; memory takes no more. */
  private spills = false;
  private descriptor = -1;
  private pages = 0;
  /** Bytes in the file. */
  private written = 0;
  private busy = false;
  private stopped = false;
  private ended = false;
  private whole = false;
  private closed = false;
  /** Changes with each `play`: what was read for the one before is for nobody. */
  private round = 0;
  private flows = false;
  private pumps = false;
  private nextPiece = 0;
  private nextByte = 0;

  /** `memoryBytes`: of the body that may be in memory, as far as the worker has room for them. */
  constructor(owner: SpoolOwner, user: SpoolUser, memoryBytes: number) {
    this.owner = owner;
    this.user = user;
    this.memoryBytes = memoryBytes;
  }

  /** All of it is in memory: its pieces, else null. */
  get inMemory(): readonly Buffer[] | null {
    return this.spills ? null : this.memory.all;
  }

  /** `chunk` must stay unchanged. False: no more until `spoolWritable`, or it has failed. */
  add(chunk: Buffer): boolean {
    if (this.closed) return false;
    if (chunk.length === 0) return !this.stopped;
    this.length += chunk.length;
    const { budget, disk } = this.owner;
    const inMemory = this.memory.bytes + chunk.length;
    this.spills ||= inMemory > this.memoryBytes || !budget.hasRoom(this.user, inMemory + ON_ITS_WAY);
    if (!this.spills) {
      this.memory.add(chunk);
      return this.counts();
    }
    const more = pagesOf(this.length - this.memory.bytes) - this.pages;
    if (!disk.take(more)) {
      this.fail(FAULTS.overDisk, '');
      return false;
    }
    this.pages += more;
    this.waiting.add(chunk);
    if (!this.counts()) return false;
    this.turn();
    this.stopped ||= this.waiting.bytes + this.writing > WRITE_AHEAD;
    return !this.stopped && !this.closed;
  }

  /** The body is complete. */
  end(): void {
    this.ended = true;
    this.stopped = false;
    this.turn();
  }

  /** From its first byte; ends the play before. */
  play(): void {
    this.round++;
    this.nextPiece = 0;
    this.nextByte = 0;
    this.isThrough = false;
    this.resume();
  }

  /** After a `spoolPiece` that returned false. */
  resume(): void {
    this.flows = !this.isThrough;
    this.turn();
  }

  /** Lets go of everything. What is under way is waited for, unheard. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.memory.take();
    this.waiting.take();
    if (this.user.heldBytes > 0) this.owner.budget.release(this.user);
    if (!this.busy) this.closeFile();
  }

  /** False: it was ended for what it holds. */
  private counts(): boolean {
    const bytes = this.memory.bytes + this.waiting.bytes + this.writing;
    return this.owner.budget.hold(this.user, bytes) && !this.closed;
  }

  private turn(): void {
    if (this.busy || this.closed) return;
    if (this.waiting.bytes > 0) this.write();
    else if (!this.whole && this.ended) {
      this.whole = true;
      this.user.spoolWhole();
    } else if (this.whole && this.flows) this.pump();
  }

  private pump(): void {
    // The user may ask for more within a piece.
    if (this.pumps) return;
    this.pumps = true;
    try {
      this.pieces();
    } finally {
      this.pumps = false;
    }
  }

  private pieces(): void {
    const { memory } = this;
    while (this.flows && !this.busy && !this.closed) {
      const { round } = this;
      let flows = false;
      if (this.nextPiece < memory.all.length) {
        flows = this.user.spoolPiece(memory.all[this.nextPiece++]);
      } else if (this.nextByte < this.written) {
        this.read();
        return;
      } else {
        this.isThrough = true;
        this.user.spoolThrough();
      }
      // It may have been played anew, within the call, and then flows.
      if (round === this.round) this.flows = flows;
    }
  }

  private write(): void {
    if (this.descriptor < 0) {
      this.open();
      return;
    }
    this.writing = this.waiting.bytes;
    this.writeOut(this.waiting.take());
  }

  private writeOut(chunks: readonly Buffer[]): void {
    this.busy = true;
    writev(this.descriptor, chunks, this.written, (error, bytes) => {
      this.guard(() => {
        if (error !== null || bytes === 0 || this.closed) {
          this.back(error ?? new Error('nothing was written'));
          return;
        }
        this.written += bytes;
        this.writing -= bytes;
        if (this.writing > 0) this.writeOut(rest(chunks, bytes));
        else this.back(null);
      });
    });
  }

  private open(): void {
    const { disk } = this.owner;
    if (!disk.mayOpen()) {
      this.fail(FAULTS.noDescriptors, '');
      return;
    }
    const path = join(disk.folder, `tsuji-${randomUUID()}`);
    this.busy = true;
    open(path, 'wx+', 0o600, (error, descriptor) => {
      if (error === null) {
        this.descriptor = descriptor;
        // Before anything is in it: however the process ends, nothing is left of the body.
        unlink(path, (problem) => this.guard(() => this.back(problem)));
      } else {
        disk.closed();
        this.guard(() => this.back(error));
      }
    });
  }

  private read(): void {
    const { round, descriptor, nextByte } = this;
    const length = Math.min(READ_BYTES, this.written - nextByte);
    this.busy = true;
    read(descriptor, Buffer.allocUnsafeSlow(length), 0, length, nextByte, (error, bytes, chunk) => {
      this.guard(() => {
        if (error !== null || bytes === 0) {
          this.back(error ?? new Error('the file is shorter than it was'));
        } else if (round !== this.round) {
          this.back(null);
        } else {
          this.nextByte += bytes;
          this.back(null, chunk.subarray(0, bytes));
        }
      });
    });
  }

  /** An operation has come back. Its errors, and those of whoever hears of it, have nobody else to go to. */
  private guard(step: () => void): void {
    const { closed } = this;
    this.busy = false;
    try {
      step();
    } catch (error) {
      this.failed(error, closed);
    }
  }

  /** An error of ours. `closed`: nobody hears of it any more; what is left is the file. */
  private failed(error: unknown, closed: boolean): void {
    if (closed) {
      this.closeFile();
      return;
    }
    try {
      this.user.crash(error);
    } finally {
      this.close();
    }
  }

  /** `piece`: what was read. */
  private back(error: Error | null, piece: Buffer | null = null): void {
    if (this.closed) this.closeFile();
    else if (error !== null) this.fail(FAULTS.diskFailed, reasonOf(error));
    else if (piece !== null) this.hasRead(piece);
    else this.hasWritten();
  }

  private hasRead(piece: Buffer): void {
    const { round } = this;
    this.pumps = true;
    try {
      const flows = this.user.spoolPiece(piece);
      if (round === this.round) this.flows = flows;
    } finally {
      this.pumps = false;
    }
    this.turn();
  }

  private hasWritten(): void {
    if (!this.counts()) return;
    this.turn();
    if (!this.stopped || this.closed || this.waiting.bytes + this.writing > WRITE_AHEAD) return;
    this.stopped = false;
    this.user.spoolWritable();
  }

  private fail(fault: Fault, detail: string): void {
    this.owner.disk.failed(fault, detail);
    this.close();
    this.user.spoolFailed(fault, detail);
  }

  private closeFile(): void {
    const { disk } = this.owner;
    const { descriptor, pages } = this;
    this.pages = 0;
    if (descriptor < 0) {
      disk.give(pages);
      return;
    }
    this.descriptor = -1;
    close(descriptor, () => {
      disk.give(pages);
      disk.closed();
    });
  }
}

/** What is left of `chunks` behind so many bytes. */
function rest(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let at = 0;
  let left = bytes;
  while (left >= chunks[at].length) left -= chunks[at++].length;
  return [chunks[at].subarray(left), ...chunks.slice(at + 1)];
}
