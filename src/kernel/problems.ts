/** What is wrong with a key, and the list in which the problems of one object are collected while it is built. */
import type { KeyMatch } from './key-table.ts';
import { nearestName } from './nearest.ts';

/**
 * A key that does not do what it was written for. `rejected`: its object is left out; `defaulted`: the default is
 * used in its place; `warned`: it does, but not as it should; `ignored`: the key means nothing to tsuji.
 */
export type Problem = {
  /** With the prefix, as an operator would type it, e.g. `/traefik/frontends/f1/routes/r1/rule`. */
  readonly key: string;
  readonly state: 'rejected' | 'defaulted' | 'warned' | 'ignored';
  /** What is wrong and why, one sentence. */
  readonly reason: string;
};

export class ProblemList {
  readonly list: Problem[] = [];
  readonly #prefix: string;

  /** @param prefix what stands before the keys of the object, with a slash at its end */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  add(key: string, state: Problem['state'], reason: string): void {
    this.list.push({ key: this.#prefix + key, state, reason });
  }

  /** A key that has no row, or one whose row is not built yet. */
  addUnused(key: string, match: KeyMatch<unknown>): void {
    // A directory marker, as `storeconfig` of Traefik writes it.
    if (key === '' || key.endsWith('/')) return;
    this.add(key, 'ignored', match.kind === 'known' ? 'not supported yet' : unknownReason(match.part, match.expected));
  }
}

/** Says that a key is unknown and, where it can, what was meant. */
export function unknownReason(part: string, expected: readonly string[]): string {
  if (part === '') return `the key ends too early: below it ${expected.join(', ') || 'a name'} is known`;
  const nearest = nearestName(part, expected);
  return nearest === null ? 'unknown key' : `unknown key; did you mean ${JSON.stringify(nearest)}?`;
}
