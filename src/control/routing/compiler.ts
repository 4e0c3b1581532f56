/**
 * Makes tables of changes, one after the other.
 *
 *     change ──────────────▶ TableBuilder ─▶ overlay           here: a hop to another thread would cost more than it
 *     a very large one ────▶ make-base.task ─▶ base            in a thread of its own, in pieces
 *     an overlay has grown ▶ make-base.task ─▶ the next base   the same, while overlays go on
 */
import { Piscina } from 'piscina';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { TableBuilder } from '../../table/builder.ts';
import type { TableChange, Tables } from '../../table/input.ts';
import { type BuiltTables, builtTables } from '../../table/salvage.ts';
import { letGoSoon } from '../let-go.ts';
import type { BasePiece, MadeBase } from './make-base.task.ts';

/**
 * Objects in an overlay: beyond that it becomes a base, or part of the next one. With so many a change costs the main thread half
 * a millisecond, and now and then ten, when all of them are written anew; a base of 100 000 frontends costs another thread a
 * second or two.
 */
export const MOST_OVERLAID = 2_048;
/** Objects in one message to the thread. */
const PIECE = 2_048;
/** That thread is kept for so long without work. */
const IDLE_MS = 5_000;
/** After a base that could not be made. */
const RETRY_MS = 30_000;

export class TableCompiler {
  private readonly builder = new TableBuilder();
  private pool: Piscina<Tables | BasePiece, MadeBase | null> | null = null;
  private tables: Tables | null = null;
  /** A base is being made of an overlay that has grown. */
  private isMerging = false;
  private mergeAfter = 0;

  /**
   * The tables after a change, without the objects that none can be made with. Throws TsujiError COMPILE_FAILED with the
   * reason; what was changed must then be told again.
   */
  async compile(change: TableChange): Promise<BuiltTables> {
    try {
      const built = sizeOf(change) > MOST_OVERLAID ? await this.rebuilt(change) : builtTables(this.builder, change);
      this.tables = built.tables;
      this.keepShort();
      return built;
    } catch (thrown) {
      throw new TsujiError(
        'COMPILE_FAILED',
        `the routing table of generation ${change.generation} was not made: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  /** Lets what runs end. */
  async close(): Promise<void> {
    await this.pool?.close();
  }

  private async rebuilt(change: TableChange): Promise<BuiltTables> {
    const pieces = piecesOf(change);
    const { tables } = this;
    let made: MadeBase | null = null;
    for (let piece = 0; piece < pieces.length; piece++) {
      const isLast = piece === pieces.length - 1;
      made = await this.inThread({ tables: piece === 0 ? tables : null, change: pieces[piece], piece, isLast });
    }
    if (made === null) throw new Error('the thread has made no base');
    const { base, refused } = made;
    this.builder.rebase(base);
    letGoSoon();
    return { tables: { base, overlay: null }, refused };
  }

  private keepShort(): void {
    const { tables, builder } = this;
    if (tables === null || builder.size <= MOST_OVERLAID) return;
    if (tables.overlay === null) builder.rebase(tables.base);
    else if (!this.isMerging && performance.now() >= this.mergeAfter) {
      void this.merge(tables).catch((error: unknown) => tellOwnError('bases', error));
    }
  }

  /** What is changed meanwhile lies over the next base as over this one. */
  private async merge(tables: Tables): Promise<void> {
    this.isMerging = true;
    try {
      const made = await this.inThread(tables);
      this.builder.rebase(made!.base);
    } catch (error) {
      this.mergeAfter = performance.now() + RETRY_MS;
      log.event(EVENTS.mergeFailed, '', { reason: reasonOf(error) });
    } finally {
      this.isMerging = false;
    }
  }

  private inThread(task: Tables | BasePiece): Promise<MadeBase | null> {
    this.pool ??= this.start();
    return this.pool.run(task);
  }

  private start(): Piscina<Tables | BasePiece, MadeBase | null> {
    const pool = new Piscina<Tables | BasePiece, MadeBase | null>({
      filename: new URL('./make-base.task.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
    });
    // A thread that dies between two tasks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => tellOwnError('thread that makes bases', error));
    return pool;
  }
}

function sizeOf({ backends, frontends, goneBackends, goneFrontends }: TableChange): number {
  return backends.length + frontends.length + goneBackends.length + goneFrontends.length;
}

/** What is gone comes with the first one. */
function piecesOf({ generation, backends, frontends, goneBackends, goneFrontends }: TableChange): TableChange[] {
  const none = { backends: [], frontends: [], goneBackends: [], goneFrontends: [] };
  const pieces: TableChange[] = [{ ...none, generation, goneBackends, goneFrontends }];
  for (let i = 0; i < backends.length; i += PIECE) {
    pieces.push({ ...none, generation, backends: backends.slice(i, i + PIECE) });
  }
  for (let i = 0; i < frontends.length; i += PIECE) {
    pieces.push({ ...none, generation, frontends: frontends.slice(i, i + PIECE) });
  }
  return pieces;
}
