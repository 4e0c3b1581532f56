/**
 * From the newest model to the next table, over and over: one table at a time, and changes that come meanwhile share the
 * one after it. When none can be made, the table in force stays, and it is tried again.
 */

import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';
import type { Model } from '../../model/model.ts';
import type { Tables } from '../../table/input.ts';
import type { Refused } from '../../table/salvage.ts';
import { attempt } from '../guarded.ts';
import { type BaseInParts, TableCompiler } from './compiler.ts';
import type { ModelChange } from './reconciler.ts';
import type { Slices } from './slices.ts';
import type { TableFeed, Told } from './table-feed.ts';

/** After a table that could not be made. */
const RETRY_MS = 1_000;

export type TableCycleOptions = {
  readonly feed: TableFeed;
  /** Whose turns it takes: those of the updates of the model. */
  readonly slices: Slices;
  /** The newest one. */
  readonly model: () => Model;
  /** Tables of `model()` are about to be made; all its servers have slots. Whoever follows it does so bit by bit. */
  readonly onTold: (generation: number) => Steps<void>;
  readonly onTables: (generation: number, tables: Tables) => void;
  /** The tables are without these. */
  readonly onRefused: (refused: readonly Refused[]) => void;
  /** It rests or works. */
  readonly onChange: () => void;
};

export class TableCycle {
  private readonly options: TableCycleOptions;
  private readonly compiler = new TableCompiler();
  private generation = 0;
  private working = false;
  private outdated = false;
  private retry: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(options: TableCycleOptions) {
    this.options = options;
  }

  /** Nothing has ever been asked for. */
  get isNew(): boolean {
    return this.generation === 0;
  }

  /** A newer table is being made, or waits to be tried again. */
  get isBusy(): boolean {
    return this.working || this.retry !== null;
  }

  /** So many keys have changed, and the model will. */
  expect(keys: number): void {
    if (!this.stopped) this.compiler.expect(keys);
  }

  /** The model has changed. */
  next(changed: Pick<ModelChange, 'backends' | 'frontends'>): void {
    this.options.feed.touch(changed);
    // New problems alone change no route; the first table is published even when there is nothing in it.
    if (this.generation > 0 && changed.backends.size === 0 && changed.frontends.size === 0) return;
    this.outdated = true;
    if (!this.working) void this.work().catch((error: unknown) => tellOwnError('tables', error));
  }

  /** Lets what runs end. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.retry !== null) clearTimeout(this.retry);
    await this.compiler.close();
  }

  private async work(): Promise<void> {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.working = true;
    let made = true;
    while (this.outdated && !this.stopped) {
      this.outdated = false;
      made = await this.make(++this.generation);
    }
    this.working = false;
    if (!made && !this.stopped) this.retry = setTimeout(() => this.again(), RETRY_MS);
    attempt('tables', () => this.options.onChange());
  }

  private again(): void {
    this.retry = null;
    this.outdated = true;
    void this.work().catch((error: unknown) => tellOwnError('tables', error));
  }

  private *tell(generation: number, base: BaseInParts | null): Steps<Told> {
    const { feed, model, onTold } = this.options;
    const told = yield* feed.telling(model(), generation, base === null ? null : (part) => base.add(part));
    yield* onTold(generation);
    return told;
  }

  /** False when it could not be made. */
  private async make(generation: number): Promise<boolean> {
    const { feed, slices, onTables, onRefused } = this.options;
    const base = this.compiler.begin(feed.size);
    try {
      const { change, refused } = await slices.result(() => this.tell(generation, base));
      const built = await this.compiler.compile(change, base);
      feed.made();
      if (this.stopped) return true;
      onTables(generation, built.tables);
      onRefused([...refused, ...built.refused]);
      return true;
    } catch (error) {
      base?.drop();
      feed.failed();
      log.event(EVENTS.configFailed, '', { generation, reason: reasonOf(error) });
      return false;
    }
  }
}
