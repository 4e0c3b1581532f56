/**
 * The main thread serves no request, but without it nothing changes any more: an error of ours in a timer or an event ends
 * what it was about, and nothing else.
 */
import { tellOwnError } from '../kernel/own-error.ts';

/** True when it went well; an error is told. `where`: what it is about, for the log. */
export function attempt(where: string, step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    tellOwnError(where, error);
    return false;
  }
}

/** The same function, but an error is told and not thrown, nor is the promise rejected. */
export function guarded<Args extends unknown[]>(
  where: string,
  run: (...args: Args) => void | Promise<void>,
): (...args: Args) => void {
  return (...args) => {
    attempt(where, () => {
      const running = run(...args);
      if (running instanceof Promise) running.catch((error: unknown) => tellOwnError(where, error));
    });
  };
}
