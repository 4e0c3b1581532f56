/** What is wrong with a key, and the list in which the problems of one object are collected while it is built. */
import { hash } from 'node:crypto';
import type { UnknownKey } from './key-table.ts';
import { nearestName } from './nearest.ts';
import { shortened } from './quote.ts';

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
  /** It settles itself in a moment, one way or the other: nobody is to be told of it without asking. */
  readonly isBrief?: true;
};

/** Why an object is left out that one could do without the key. */
export const NO_OPEN_DOOR = 'a mistake here must not leave the door open';

const SHOWN_KEY_LENGTH = 500;
/** Of the unknown keys of one object. */
const MOST_SUGGESTIONS = 10;

/** A key as it is told of: an absurdly long one is cut, and no two are cut to the same. */
export function shownKey(key: string): string {
  if (key.length <= SHOWN_KEY_LENGTH) return key;
  return `${shortened(key, SHOWN_KEY_LENGTH)} (${key.length} characters, ${hash('sha1', key).slice(0, 12)})`;
}

const NONE: readonly Problem[] = [];

export class ProblemList {
  readonly #list: Problem[] = [];
  readonly #prefix: string;
  readonly #unknown: { readonly key: string; readonly match: UnknownKey; readonly isGuarded: boolean }[] = [];

  /** @param prefix what stands before the keys of the object, with a slash at its end */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Those of the unknown keys come last, in the order of keys, whatever order they came in. */
  get list(): readonly Problem[] {
    if (this.#list.length + this.#unknown.length === 0) return NONE;
    const unknown = this.#unknown.sort((a, b) => (a.key < b.key ? -1 : 1));
    // To look for what was meant takes longer than all else there is to do for a key.
    const reasons = unknown.map(
      ({ key, match: { part, expected, hint } }, i) =>
        slashesReason(key) ||
        (hint !== undefined && `unknown key: ${hint}`) ||
        (i < MOST_SUGGESTIONS ? unknownReason(part, expected) : 'unknown key'),
    );
    const told = unknown.map(({ key, isGuarded }, i) =>
      isGuarded
        ? this.#problem(key, 'rejected', `${reasons[i]}; ${NO_OPEN_DOOR}`)
        : this.#problem(key, 'ignored', reasons[i]),
    );
    return [...this.#list, ...told];
  }

  add(key: string, state: Problem['state'], reason: string): void {
    this.#list.push(this.#problem(key, state, reason));
  }

  /** For a moment (Problem.isBrief). */
  addBrief(key: string, state: Problem['state'], reason: string): void {
    this.#list.push({ ...this.#problem(key, state, reason), isBrief: true });
  }

  /** A key that has no row. `isGuarded`: it stands among what protects, and its object is left out. */
  addUnused(key: string, match: UnknownKey, isGuarded = false): void {
    if (isMarker(key)) return;
    this.#unknown.push({ key, match, isGuarded });
  }

  #problem(key: string, state: Problem['state'], reason: string): Problem {
    return { key: shownKey(this.#prefix + key), state, reason };
  }
}

/** Relative to its object or to the prefix, what is wrong with its slashes, '' for nothing. */
export function slashesReason(key: string): string {
  if (!key.startsWith('/') && !key.includes('//')) return '';
  return 'two slashes in a row: there is one too many, or nothing was filled in between them';
}

/** A directory, as `storeconfig` of Traefik writes one. */
export function isMarker(key: string): boolean {
  return key === '' || (key.endsWith('/') && slashesReason(key) === '');
}

/** Says that a key is unknown and, where it can, what was meant. */
export function unknownReason(part: string, expected: readonly string[]): string {
  if (part === '') return `the key ends too early: below it ${expected.join(', ') || 'a name'} is known`;
  const nearest = nearestName(part, expected);
  return nearest === null ? 'unknown key' : `unknown key; did you mean ${JSON.stringify(nearest)}?`;
}
