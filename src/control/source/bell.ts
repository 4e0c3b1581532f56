/** Wakes one who sleeps between two looks, so that the next look is made at once. Who is awake looks once more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';

export class Bell {
  #sleep = new AbortController();
  #isRung = false;

  ring(): void {
    this.#isRung = true;
    this.#sleep.abort();
  }

  /** Was it rung since it was asked last? */
  answered(): boolean {
    const isRung = this.#isRung;
    this.#isRung = false;
    this.#sleep = new AbortController();
    return isRung;
  }

  /** Aborted when it rings, and after that until `answered`. */
  get signal(): AbortSignal {
    return this.#sleep.signal;
  }

  /** Resolves after `ms` or when it was rung. Rejects when `over` is aborted. */
  async wait(ms: number, over: AbortSignal): Promise<void> {
    try {
      await sleep(timerSpan(ms), undefined, { signal: AbortSignal.any([over, this.signal]) });
    } catch (error) {
      if (over.aborted) throw error;
    }
    this.answered();
  }
}
