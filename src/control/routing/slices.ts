/**
 * Long work of the main thread, cut into slices: between two of them its loop goes round, so that admin pages, health checks and
 * leases do not wait for a hundred thousand frontends. Work that fits into one slice is done at once.
 *
 * All that goes over the model takes its turn here, so that nobody sees one that is half-way from one state to the next.
 */
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';

/** A loop that is held up for so long is not late for anybody. */
const SLICE_MS = 5;

export class Slices {
  private readonly sliceMs: number;
  private readonly waiting: (() => void)[] = [];
  private isTaken = false;

  constructor(sliceMs = SLICE_MS) {
    this.sliceMs = sliceMs;
  }

  get isBusy(): boolean {
    return this.isTaken;
  }

  /** One after the other. `done`, or `failed` with what was thrown, is called within this call, if the work is short and nobody waits. */
  run<Result>(work: () => Steps<Result>, done: (result: Result) => void, failed: (error: unknown) => void): void {
    if (this.isTaken) {
      this.waiting.push(() => this.begin(work, done, failed));
      return;
    }
    this.begin(work, done, failed);
  }

  /** The same; rejects with what was thrown. */
  result<Result>(work: () => Steps<Result>): Promise<Result> {
    return new Promise((resolve, reject) => this.run(work, resolve, reject));
  }

  private begin<Result>(
    work: () => Steps<Result>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    this.isTaken = true;
    const steps = work();
    const go = (): void => {
      const end = performance.now() + this.sliceMs;
      let told: () => void;
      try {
        for (;;) {
          const step = steps.next();
          if (step.done === true) {
            told = () => done(step.value);
            break;
          }
          if (performance.now() < end) continue;
          setImmediate(go);
          return;
        }
      } catch (error) {
        told = () => failed(error);
      }
      this.isTaken = false;
      try {
        told();
      } catch (error) {
        tellOwnError('slices', error);
      }
      if (!this.isTaken) this.waiting.shift()?.();
    };
    go();
  }
}
