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
import type { BasePiece, BaseTask, MadeBase } from './make-base.task.ts';

/**
 * Objects in an overlay: beyond that it becomes a base, or part of the next one. With so many a change costs the main thread half
 * a millisecond, and now and then ten, when all of them are written anew; a base of 100 000 frontends costs another thread a
 * second or two.
 */
export const MOST_OVERLAID = 2_048;
/**
 * Objects of a configuration that is a base by itself, made anew for each change; with more, what has changed since lies over the
 * base. With 2 000 objects a new base takes each worker 0.5 ms and main as much, an overlay half of that, and what is thrown away
 * is smaller (bench/README, changes); with few, a second look for each request would buy nothing.
 */
export const MOST_ANEW = 256;
/** Messages that the thread has at a time, so that it never waits for the next one. */
const AHEAD = 2;
/** That thread is kept for so long without work. */
const IDLE_MS = 5_000;
/** After a base that could not be made. */
const RETRY_MS = 30_000;

/** A base that the thread takes in while main tells the rest of it. */
export class BaseInParts {
  readonly #run: (piece: BasePiece) => Promise<MadeBase | null>;
  readonly #made = Promise.withResolvers<MadeBase | null>();
  /** The pool keeps the order of no more than it gives the thread at once. */
  #waiting: BasePiece[] = [];
  #underWay = 0;
  #pieces = 0;
  #tables: Tables | null;

  /** `tables`: what it starts from. */
  constructor(run: (piece: BasePiece) => Promise<MadeBase | null>, tables: Tables | null) {
    this.#run = run;
    this.#tables = tables;
    // Told where it is awaited.
    this.#made.promise.catch(() => undefined);
  }

  add(change: TableChange): void {
    this.#send(change, false);
  }

  /** `change`: the last of it. */
  async end(change: TableChange): Promise<MadeBase> {
    this.#send(change, true);
    const made = await this.#made.promise;
    if (made === null) throw new Error('the thread has made no base');
    return made;
  }

  /** It is not told to its end. */
  drop(): void {
    this.#waiting = [];
  }

  #send(change: TableChange, isLast: boolean): void {
    this.#waiting.push({ tables: this.#tables, change: JSON.stringify(change), piece: this.#pieces++, isLast });
    this.#tables = null;
    this.#work();
  }

  #work(): void {
    while (this.#underWay < AHEAD) {
      const piece = this.#waiting.shift();
      if (piece === undefined) return;
      this.#underWay++;
      void this.#run(piece).then(
        (made) => {
          this.#underWay--;
          if (piece.isLast) this.#made.resolve(made);
          this.#work();
        },
        (error: unknown) => {
          this.#underWay--;
          this.drop();
          this.#made.reject(error);
        },
      );
    }
  }
}

export class TableCompiler {
  private readonly builder = new TableBuilder();
  private pool: Piscina<BaseTask, MadeBase | null> | null = null;
  private tables: Tables | null = null;
  /** A base is being made of an overlay that has grown. */
  private isMerging = false;
  private mergeAfter = 0;

  /** After so many changes of keys, which may lead to a very large step: the thread takes as long to start as a model of a few thousand. */
  expect(keys: number): void {
    if (keys > MOST_OVERLAID) this.inThread(null).catch(() => undefined);
  }

  /** For a step of so many objects, if that is a very large one. */
  begin(objects: number): BaseInParts | null {
    return objects > MOST_OVERLAID ? new BaseInParts((piece) => this.inThread(piece), this.tables) : null;
  }

  /**
   * The tables after a change, without the objects that none can be made with. `base`: what `begin` has given for it, to which all
   * else of it was added; absent: it is whole. Throws TsujiError COMPILE_FAILED with the reason; what was changed must then be told again.
   */
  async compile(change: TableChange, base = this.begin(sizeOf(change))): Promise<BuiltTables> {
    try {
      const built = base === null ? builtTables(this.builder, change) : await this.rebuilt(change, base);
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

  private async rebuilt(change: TableChange, parts: BaseInParts): Promise<BuiltTables> {
    const { base, refused } = await parts.end(change);
    this.builder.rebase(base);
    letGoSoon();
    return { tables: { base, overlay: null }, refused };
  }

  private keepShort(): void {
    const { tables, builder } = this;
    if (tables === null) return;
    if (tables.overlay === null) {
      if (builder.size > MOST_ANEW) builder.rebase(tables.base);
      return;
    }
    if (builder.size <= MOST_OVERLAID || this.isMerging || performance.now() < this.mergeAfter) return;
    void this.merge(tables).catch((error: unknown) => tellOwnError('bases', error));
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

  private inThread(task: BaseTask): Promise<MadeBase | null> {
    this.pool ??= this.start();
    return this.pool.run(task);
  }

  private start(): Piscina<BaseTask, MadeBase | null> {
    const pool = new Piscina<BaseTask, MadeBase | null>({
      filename: new URL('./make-base.task.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: AHEAD,
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
