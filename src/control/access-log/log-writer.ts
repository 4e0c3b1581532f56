/**
 * Takes lines from the rings of all threads and writes them, batch by batch, from where they stand there.
 * What cannot be written is tried again each second with the same batch; what comes meanwhile is dropped and counted. It runs
 * in a thread of its own, so that a slow disk keeps nobody waiting.
 *
 *     open ⇄ failing (a write fails)      closed (it cannot be opened, or its reader is gone) ──reopen──▶ open
 */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { reasonOf } from '../../kernel/errors.ts';
import type { FromLogWriter } from '../../protocol/messages.ts';
import {
  type AccessLogBuffers,
  AccessLogWords,
  DROP_REASONS,
  droppedLines,
  FLUSH_MS,
  WRITE_FAILED,
} from '../../shared/access-log.ts';
import { RingReader } from '../../shared/byte-ring.ts';
import { LineBatch } from './line-batch.ts';
import type { LineOutput } from './line-output.ts';

const AGAIN_MS = 1_000;
/** A pipe whose reader is slow. */
const FULL_MS = 10;
/** Batches in a row before messages are looked at. */
const BATCHES_PER_TURN = 16;
/** Losses are told at once, and then together. */
const TELL_LOSS_MS = 60_000;

export class LogWriter {
  private readonly output: LineOutput;
  private readonly words: AccessLogWords;
  private readonly buffers: AccessLogBuffers;
  private readonly rings: readonly RingReader[];
  private readonly tell: (message: FromLogWriter) => void;
  private readonly batch = new LineBatch();
  private nextRing = 0;
  private isOpen = false;
  private wantsReopen = false;
  private ending = false;
  /** The last write has failed; the reason is told once. */
  private failing = false;
  /** Of each reason: what was told, and when. */
  private readonly told = DROP_REASONS.map(() => ({ count: 0, at: Number.NEGATIVE_INFINITY }));

  /** `output` may say of lines that it has taken that they are lost. */
  constructor(
    output: (onLost: (lines: number) => void) => LineOutput,
    buffers: AccessLogBuffers,
    tell: (message: FromLogWriter) => void,
  ) {
    this.buffers = buffers;
    this.words = new AccessLogWords(buffers.words);
    this.rings = buffers.memories.map(({ buffer }) => new RingReader(buffer));
    this.tell = tell;
    this.output = output((lines) => this.lost(lines));
  }

  private lost(lines: number): void {
    if (lines > 0) this.rings[0].drop(WRITE_FAILED, lines);
  }

  /** Opens the output again under its name, once all lines so far are written. */
  reopen(): void {
    this.wantsReopen = true;
    this.words.ring();
  }

  /** Writes what is there, and ends. */
  end(): void {
    this.ending = true;
    this.words.ring();
  }

  /** Resolves at the end. */
  async run(): Promise<void> {
    await this.open('opened', 'openFailed');
    for (;;) {
      const { rings } = this.words;
      const isEnd = this.ending;
      await this.writeAll();
      if (this.wantsReopen) await this.openAnew();
      this.tellLosses(isEnd);
      if (isEnd) break;
      await this.words.heard(rings, FLUSH_MS);
    }
    this.output.close();
    this.tell({ kind: 'ended' });
  }

  private async open(done: 'opened' | 'reopened', failed: 'openFailed' | 'reopenFailed'): Promise<void> {
    try {
      await this.output.open();
      this.isOpen = true;
      this.failing = false;
      this.words.isOff = false;
      this.tell({ kind: done });
    } catch (error) {
      if (!this.isOpen) this.words.isOff = true;
      this.tell({ kind: failed, reason: reasonOf(error) });
    }
  }

  private async openAnew(): Promise<void> {
    const { batch } = this;
    this.wantsReopen = false;
    const wasTorn = batch.isTorn;
    this.failing = true;
    await this.open('reopened', 'reopenFailed');
    if (this.failing || !wasTorn) return;
    // Its beginning is in the file before: no line is split over two.
    batch.written = batch.ends[batch.whole];
    this.lost(1);
  }

  /** All that waits, unless it cannot be written. */
  private async writeAll(): Promise<void> {
    for (let batches = 1; ; batches++) {
      this.fill();
      if (this.batch.isEmpty || !(await this.write())) return;
      if (batches % BATCHES_PER_TURN === 0) await turn();
    }
  }

  /** From one ring after the other, so that none waits for one that is never empty. */
  private fill(): void {
    const { batch, rings } = this;
    for (let looked = 0; batch.isEmpty && looked < rings.length; looked++) {
      batch.fillFrom(rings[this.nextRing]);
      this.nextRing = (this.nextRing + 1) % rings.length;
    }
  }

  /** False: nothing more can be written now. */
  private async write(): Promise<boolean> {
    const { batch } = this;
    if (!this.isOpen) {
      this.lost(batch.unwritten);
      batch.clear();
      return true;
    }
    const { written, whole } = batch;
    let error: NodeJS.ErrnoException | null = null;
    try {
      await this.output.write(batch);
    } catch (reason) {
      error = reason as NodeJS.ErrnoException;
    }
    this.words.wrote(batch.whole - whole, batch.written - written);
    if (error === null) {
      this.failing = false;
      batch.clear();
      return true;
    }
    await this.failed(error);
    return false;
  }

  private async failed(error: NodeJS.ErrnoException): Promise<void> {
    if (error.code === 'EAGAIN') {
      await pause(FULL_MS);
      this.words.ring();
    } else if (error.code === 'EPIPE' && this.output.isStdout) {
      this.isOpen = false;
      this.words.isOff = true;
      this.tell({ kind: 'off', reason: reasonOf(error) });
    } else {
      if (!this.failing) this.tell({ kind: 'writeFailed', reason: reasonOf(error) });
      this.failing = true;
      this.batch.keep();
      await this.waitForAnotherTry();
    }
  }

  private async waitForAnotherTry(): Promise<void> {
    const until = performance.now() + AGAIN_MS;
    this.dropWaiting();
    while (!this.ending && !this.wantsReopen && performance.now() < until) {
      await this.words.heard(this.words.rings, FLUSH_MS);
      this.dropWaiting();
    }
  }

  /** What is in the rings finds no place. The batch that was begun stays. */
  private dropWaiting(): void {
    for (const ring of this.rings) {
      let lines = 0;
      while (ring.next()) lines++;
      ring.release();
      if (lines > 0) ring.drop(WRITE_FAILED, lines);
    }
  }

  private tellLosses(isEnd: boolean): void {
    const counts = droppedLines(this.buffers);
    const now = performance.now();
    for (const [index, told] of this.told.entries()) {
      const count = counts[index] - told.count;
      if (count === 0 || (!isEnd && now - told.at < TELL_LOSS_MS)) continue;
      told.count = counts[index];
      told.at = now;
      this.tell({ kind: 'lost', reason: DROP_REASONS[index], count });
    }
  }
}
