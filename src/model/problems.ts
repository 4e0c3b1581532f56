/** Collects the problems of one object while it is built. */
import { nearestName } from '../kernel/nearest.ts';
import type { KeyMatch } from './key-table.ts';
import type { Problem } from './model.ts';

/** What was made of the keys of one object. */
export type Built<Value> = {
  /** null: the object is left out. */
  readonly value: Value | null;
  readonly problems: readonly Problem[];
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
