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

/** Of all who have more to do one makes a slice each time that the loop goes round, in turns: five at a time would hold it five times as long. */
class Rounds {
  private readonly waiting: (() => void)[] = [];

  add(slice: () => void): void {
    if (this.waiting.push(slice) === 1) setImmediate(this.next);
  }

  private readonly next = (): void => {
    this.waiting[0]!();
    this.waiting.shift();
    if (this.waiting.length > 0) setImmediate(this.next);
  };
}

const rounds = new Rounds();

/** `steps`: null before its first one. */
type Work = {
  readonly begin: () => Steps<unknown>;
  steps: Steps<unknown> | null;
  readonly done: (result: never) => void;
  readonly failed: (error: unknown) => void;
};

export class Slices {
  private readonly sliceMs: number;
  /** What is under way, or null. */
  private current: Work | null = null;
  private readonly waiting: Work[] = [];
  /** performance.now() at which the slice ends that is made now. */
  private end = 0;
  private isSlicing = false;

  constructor(sliceMs = SLICE_MS) {
    this.sliceMs = sliceMs;
  }

  get isBusy(): boolean {
    return this.current !== null;
  }

  /**
   * One after the other. `done`, or `failed` with what was thrown, is called within this call, if the work is short and nobody waits.
   * What these begin comes before what waits.
   */
  run<Result>(work: () => Steps<Result>, done: (result: Result) => void, failed: (error: unknown) => void): void {
    const added: Work = { begin: work, steps: null, done, failed };
    if (this.current !== null) {
      this.waiting.push(added);
      return;
    }
    this.current = added;
    if (this.isSlicing) this.go();
    else this.slice();
  }

  /** The same; rejects with what was thrown. */
  result<Result>(work: () => Steps<Result>): Promise<Result> {
    return new Promise((resolve, reject) => this.run(work, resolve, reject));
  }

  private readonly slice = (): void => {
    this.end = performance.now() + this.sliceMs;
    this.isSlicing = true;
    this.go();
    this.isSlicing = false;
  };

  /** Of what is under way and what waits, as much as there is time for in this slice. */
  private go(): void {
    while (this.current !== null) {
      const told = this.step(this.current);
      if (told === null) {
        rounds.add(this.slice);
        return;
      }
      this.current = null;
      try {
        told();
      } catch (error) {
        tellOwnError('slices', error);
      }
      // What was begun by that is not over yet, and goes on by itself.
      if (this.current !== null) return;
      this.current = this.waiting.shift() ?? null;
      if (this.current !== null && performance.now() >= this.end) {
        rounds.add(this.slice);
        return;
      }
    }
  }

  /** Who is to be told of its end; null: it has not come to that in time. */
  private step(work: Work): (() => void) | null {
    try {
      work.steps ??= work.begin();
      for (;;) {
        const step = work.steps.next();
        if (step.done === true) return () => work.done(step.value as never);
        if (performance.now() >= this.end) return null;
      }
    } catch (error) {
      return () => work.failed(error);
    }
  }
}
