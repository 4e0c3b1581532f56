import { reasonOf } from './errors.ts';
import { EVENTS } from './events.ts';
import { log } from './log.ts';

/** An error of ours has ended what it was about, and nothing else. `where`: what that was, from a closed set of words. */
export function tellOwnError(where: string, error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  log.event(EVENTS.ownError, where, { in: where, error: reasonOf(error), stack });
}
