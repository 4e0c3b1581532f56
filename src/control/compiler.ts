/**
 * Compiles routing tables in a thread of its own, one after the other.
 *
 * The thread is kept while idle: starting it takes many times as long as a small table, and a change is to be live in
 * milliseconds. That costs the memory of one more thread.
 */
import { Piscina } from 'piscina';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { log } from '../kernel/log.ts';
import type { TableChange } from '../table/input.ts';
import type { BuiltTable } from '../table/salvage.ts';
import { weigh } from '../table/weight.ts';

export class TableCompiler {
  private readonly pool = new Piscina<TableChange, BuiltTable | null>({
    filename: new URL('./compile-table.task.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  });

  constructor() {
    // A thread that dies between two tables is replaced by the pool; without a listener it would end the process.
    this.pool.on('error', (error) => log.error('The compiler thread ended', { error: reasonOf(error) }));
  }

  /**
   * The table after a change, without the objects that none can be made with. `all`: all there is as one change, asked for when the thread does not know the table that
   * the change starts from. Throws TsujiError COMPILE_FAILED with the reason; the next change must then start from nothing.
   */
  async compile(change: TableChange, all: () => TableChange): Promise<BuiltTable> {
    try {
      const built = (await this.pool.run(change)) ?? (await this.pool.run(all()));
      if (built === null) throw new Error('the compiler took a whole table for a step');
      weigh(built.table);
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
    await this.pool.close();
  }
}
