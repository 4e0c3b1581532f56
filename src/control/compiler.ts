/**
 * Compiles routing tables in a thread of its own, one after the other.
 *
 * The thread is kept while idle: starting it takes about 100 ms, a small table less than 2 ms, and a change is to be
 * live in milliseconds. That costs about 25 MB.
 */
import { Piscina } from 'piscina';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { log } from '../kernel/log.ts';
import type { TableInput } from '../table/input.ts';

export class TableCompiler {
  private readonly pool = new Piscina<TableInput, SharedArrayBuffer>({
    filename: new URL('./compile-table.task.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  });

  constructor() {
    // A thread that dies between two tables is replaced by the pool; without a listener it would end the process.
    this.pool.on('error', (error) => log.error('The compiler thread ended', { error: reasonOf(error) }));
  }

  /**
   * Tables come out in the order they were asked for. Throws TsujiError COMPILE_FAILED with the reason; the next call
   * is not affected.
   */
  async compile(input: TableInput): Promise<SharedArrayBuffer> {
    try {
      return await this.pool.run(input);
    } catch (thrown) {
      throw new TsujiError(
        'COMPILE_FAILED',
        `the routing table of generation ${input.generation} was not made: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  /** Lets what runs end. */
  async close(): Promise<void> {
    await this.pool.close();
  }
}
