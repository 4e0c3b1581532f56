/** Where lines of the access log go. */
import type { LineBatch } from './line-batch.ts';

export interface LineOutput {
  /** Its end is that of the log: nobody reads it any more when a write fails with EPIPE. */
  readonly isStdout: boolean;
  /**
   * Opens it, or opens it anew: what was open before is closed when that has succeeded, and stays else.
   * @throws what the system says
   */
  open(): void | Promise<void>;
  /**
   * Writes what of the batch is not written, and says how far it came in `batch.written`.
   * @throws what the system says: it is tried again with the same batch
   */
  write(batch: LineBatch): void | Promise<void>;
  close(): void;
}
