/**
 * A table of key patterns, `servers/*\/url` style, that is asked with real keys. `*` stands for one free name. A guard is
 * the start of keys none of which may be overlooked: what stands there, or was probably meant to, belongs to it. A foreign name
 * is the first part of keys that have no row, of which more is known than that.
 */
import { nearestName } from './nearest.ts';

/** Answers that are kept, and the longest key of which one is. */
const MOST_KEPT = 256;
const LONGEST_KEPT = 64;

type Node<Field> = {
  field: Field | null;
  readonly children: Map<string, Node<Field>>;
  any: Node<Field> | null;
  /** Whose all is from here on; null: it is no guard. */
  guard: Field | null;
  /** Names of the children that are guards or lead to some. */
  readonly towardsGuards: Set<string>;
};

export type UnknownKey = {
  readonly kind: 'unknown';
  /** The first part of the key that has no row, '' when the key ends too early. */
  readonly part: string;
  /** What could have stood there. */
  readonly expected: readonly string[];
  /** What is known of it; absent: nothing. */
  readonly hint?: string;
};

/** `guard`: whose its keys are, since they may not be overlooked; null: nobody's. */
export type Foreign<Field> = { readonly hint: string; readonly guard: Field | null };

export type KeyMatch<Field> =
  /** It has no row, and belongs to a guard. */
  | { readonly kind: 'guarded'; readonly field: Field; readonly names: readonly string[] }
  | {
      readonly kind: 'known';
      readonly field: Field /** What stood for the `*`, in order. */;
      readonly names: readonly string[];
    }
  | UnknownKey;

function emptyNode<Field>(): Node<Field> {
  return { field: null, children: new Map(), any: null, guard: null, towardsGuards: new Set() };
}

export class KeyTable<Field> {
  /** As they were given. */
  readonly patterns: readonly string[];
  readonly #root: Node<Field> = emptyNode();
  readonly #foreign: ReadonlyMap<string, Foreign<Field>>;
  /** Objects have the same keys, each of which is asked for more than once. */
  readonly #kept = new Map<string, KeyMatch<Field>>();

  /** `foreign`: by first part, in lower case. */
  constructor(
    rows: readonly (readonly [pattern: string, field: Field])[],
    guards: readonly (readonly [start: string, field: Field])[] = [],
    foreign: ReadonlyMap<string, Foreign<Field>> = new Map(),
  ) {
    this.#foreign = foreign;
    this.patterns = rows.map(([pattern]) => pattern);
    for (const [pattern, field] of rows) this.#nodeOf(pattern).field = field;
    for (const [start, field] of guards) {
      this.#nodeOf(start).guard = field;
      let node = this.#root;
      for (const part of start.split('/')) {
        node.towardsGuards.add(part);
        node = node.children.get(part)!;
      }
    }
  }

  find(key: string): KeyMatch<Field> {
    if (key.length > LONGEST_KEPT) return this.#find(key);
    let match = this.#kept.get(key);
    if (match === undefined) {
      match = this.#find(key);
      if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
      this.#kept.set(key, match);
    }
    return match;
  }

  #find(key: string): KeyMatch<Field> {
    const names: string[] = [];
    let node = this.#root;
    for (const part of key.split('/')) {
      const child = node.children.get(part);
      if (child !== undefined) {
        node = child;
      } else if (node.any !== null && part !== '') {
        names.push(part);
        node = node.any;
      } else if (node === this.#root && this.#foreign.has(part.toLowerCase()) && !isDirectory(key)) {
        return this.#known(part);
      } else return this.#guarded(key) ?? { kind: 'unknown', part, expected: [...node.children.keys()] };
    }
    if (node.field !== null) return { kind: 'known', field: node.field, names };
    return this.#guarded(key) ?? { kind: 'unknown', part: '', expected: [...node.children.keys()] };
  }

  /** Of a foreign name. */
  #known(part: string): KeyMatch<Field> {
    const { hint, guard } = this.#foreign.get(part.toLowerCase())!;
    return guard === null
      ? { kind: 'unknown', part, expected: [], hint }
      : { kind: 'guarded', field: guard, names: [] };
  }

  /** The guard that an unknown key was probably meant for: slashes that are too many do not count, nor does a misspelling. */
  #guarded(key: string): KeyMatch<Field> | null {
    let node = this.#root;
    if (isDirectory(key)) return null;
    for (const part of key.split('/')) {
      if (part === '') continue;
      const next = node.children.get(part) ?? node.any ?? meantChild(node, part);
      if (next === null) return null;
      if (next.guard !== null) return { kind: 'guarded', field: next.guard, names: [] };
      node = next;
    }
    return null;
  }

  #nodeOf(pattern: string): Node<Field> {
    let node = this.#root;
    for (const part of pattern.split('/')) {
      let child = part === '*' ? node.any : node.children.get(part);
      if (child === null || child === undefined) {
        child = emptyNode();
        if (part === '*') node.any = child;
        else node.children.set(part, child);
      }
      node = child;
    }
    return node;
  }
}

/** It says nothing. */
function isDirectory(key: string): boolean {
  return key.endsWith('/') && !key.includes('//');
}

/** The child that `part` was probably to be, as far as guards are there: one whose name it begins with, or the nearest. */
function meantChild<Field>(node: Node<Field>, part: string): Node<Field> | null {
  const { children, towardsGuards } = node;
  const lower = part.toLowerCase();
  for (const name of towardsGuards) if (lower.startsWith(name)) return children.get(name)!;
  // Few of very many keys that mean nothing are near to any of these.
  if (nearestName(part, towardsGuards) === null) return null;
  const nearest = nearestName(part, children.keys());
  return nearest === null ? null : children.get(nearest)!;
}
