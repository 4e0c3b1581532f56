/** Whether a request is sent once more because the expression of its backend's buffering says so (shared/spec frontend-options §2.7). */
import { isEndless } from '../../http/fields.ts';
import { holds, type RetryCondition } from '../../middlewares/retry-expression.ts';

/** Tries of one request in all, whatever the expression says. */
const MAX_ATTEMPTS = 11;

/** Of one request at one backend. */
export class Repetition {
  private readonly condition: RetryCondition;
  private readonly method: string;
  private attempts = 0;

  constructor(condition: RetryCondition, method: string) {
    this.condition = condition;
    this.method = method;
  }

  /** The backend has come to `status`. `head`: of its server's response, '' for an answer of ours. */
  asksAgain(status: number, head: string): boolean {
    const { condition, method } = this;
    this.attempts++;
    // What never ends is not buffered.
    if (this.attempts >= MAX_ATTEMPTS || isEndless(head)) return false;
    return holds(condition, { attempts: this.attempts, code: status, method });
  }
}
