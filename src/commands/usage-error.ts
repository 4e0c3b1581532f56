/** A command was called as it cannot be: it ends with exit code 2, and says where to read on. */
import { TsujiError } from '../kernel/errors.ts';

export class UsageError extends TsujiError {
  constructor(reason: string) {
    super('USAGE', reason);
  }
}
