/** Work that may be done bit by bit. Each `yield` is a place to stop. */
export type Steps<Result> = Generator<void, Result>;

/** Without a stop. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
