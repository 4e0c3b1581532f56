/**
 * The problems of all objects, by key. Two objects may have one under the same key (what lies below `/traefik/conf/2` may be
 * unknown keys of one store and the tree of another): then the first by its text is shown, whoever came first, and the
 * other when that one goes.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../kernel/problems.ts';

function isBefore(a: Problem, b: Problem): boolean {
  return a.state === b.state ? a.reason < b.reason : a.state < b.state;
}

function isSame(a: Problem | undefined, b: Problem | undefined): boolean {
  return a === b || (a?.state === b?.state && a?.reason === b?.reason);
}

const NONE: readonly Problem[] = [];

export type ProblemNews = {
  /** Problems that are new, or that have another state or reason than before. */
  readonly appeared: Problem[];
  /** Keys that had a problem and have none any more. */
  readonly mended: Problem[];
};

export class ProblemBook {
  /** What is shown, by key. */
  readonly shown = new Map<string, Problem>();
  readonly #byObject = new Map<string, readonly Problem[]>();
  /** Key → all its problems, where there is more than one. */
  readonly #rivals = new Map<string, Problem[]>();

  /** Those that have problems. */
  objects(): Iterable<string> {
    return this.#byObject.keys();
  }

  /** Replaces the problems of one object. */
  put(object: string, problems: readonly Problem[], news: ProblemNews): void {
    const old = this.#byObject.get(object) ?? NONE;
    if (old.length + problems.length === 0 || isDeepStrictEqual(old, problems)) return;
    const before = new Map<string, Problem | undefined>();
    for (const { key } of [...old, ...problems]) before.set(key, this.shown.get(key));
    for (const problem of old) this.#remove(problem);
    for (const problem of problems) this.#add(problem);
    if (problems.length === 0) this.#byObject.delete(object);
    else this.#byObject.set(object, problems);
    for (const [key, was] of before) {
      const now = this.shown.get(key);
      if (isSame(was, now)) continue;
      if (now !== undefined) news.appeared.push(now);
      else if (was !== undefined) news.mended.push(was);
    }
  }

  #add(problem: Problem): void {
    const shown = this.shown.get(problem.key);
    if (shown !== undefined) {
      const rivals = this.#rivals.get(problem.key);
      if (rivals === undefined) this.#rivals.set(problem.key, [shown, problem]);
      else rivals.push(problem);
    }
    if (shown === undefined || isBefore(problem, shown)) this.shown.set(problem.key, problem);
  }

  #remove(problem: Problem): void {
    const { key } = problem;
    const left = this.#rivals.get(key)?.filter((rival) => rival !== problem) ?? [];
    if (left.length > 1) this.#rivals.set(key, left);
    else this.#rivals.delete(key);
    if (left.length === 0) this.shown.delete(key);
    else
      this.shown.set(
        key,
        left.reduce((first, rival) => (isBefore(rival, first) ? rival : first)),
      );
  }
}
