/**
 * All keys, filed by the object that they belong to, so that a change costs what it touches and not what exists.
 *
 *     backends/b1/servers/s1/url   →  backends → b1 → "servers/s1/url"
 *     frontends/f1/priority        →  frontends → f1 → "priority"
 *     tls/t1/entrypoints           →  certificates → t1 → "entrypoints"
 *     anything else                →  others → the whole key
 *
 * Of keys that mean nothing only the first by name are listed, and the rest are counted: somebody who writes hundreds of
 * thousands of them into one object must not make each change of it cost as much. What they say does not matter. The same
 * goes for those that leave their object out, apart from the others: one of them is enough for that.
 */
import { SharedTexts } from '../kernel/shared-texts.ts';
import { SmallMap } from '../kernel/small-map.ts';
import { FirstKeys } from './first-keys.ts';
import { BACKEND_KEYS, CERTIFICATE_KEYS, FRONTEND_KEYS } from './schema.ts';

/** One key that was set or deleted, relative to the prefix and without a leading slash. */
export type Change = { readonly key: string /** null: deleted or expired */; readonly value: string | null };

export type ObjectKeys = Pick<ReadonlyMap<string, string>, 'get' | 'size' | 'keys' | typeof Symbol.iterator>;

/** What a batch really changed; a key that was set to the value it has is not in it. */
export type Touched = {
  readonly backends: Set<string>;
  readonly frontends: Set<string>;
  readonly certificates: Set<string>;
  /** Whole keys outside these. */
  readonly others: Set<string>;
};

/** Unknown keys of each kind that are kept of one object, and outside of all objects. */
const MOST_UNKNOWN = 100;
const MOST_UNKNOWN_OTHERS = 1_000;

/** Keys below objects that are kept once for all of these. */
const MOST_SHARED = 4_096;

const NO_KEYS: ObjectKeys = new Map();
const NONE: readonly string[] = [];

/** `guarded`: unknown, and it may leave its object out (kernel/key-table.ts). */
type KeyKind = 'known' | 'guarded' | 'unknown';

/** What there is to know of the keys of one kind of object. */
type KeyRules = {
  readonly kindOf: (key: string) => KeyKind;
  /** Unknown keys of each kind that are listed. */
  readonly mostUnknown: number;
};

/** The keys of one object: all that mean something and those that are listed of the others. */
class KeyFile extends SmallMap {
  /** By kind, as far as there have been any; null: none, as in nearly all of very many objects. */
  #unknown: Map<KeyKind, FirstKeys> | null = null;

  get isEmpty(): boolean {
    return this.size === 0 && this.unlisted === 0;
  }

  /** Unknown keys that are too many to be listed. */
  get unlisted(): number {
    let count = 0;
    if (this.#unknown !== null) for (const { restSize } of this.#unknown.values()) count += restSize;
    return count;
  }

  /** Sets or deletes. Returns the keys that are kept, or not kept any more, because of it; null when nothing changes. */
  put(key: string, value: string | null, rules: KeyRules): readonly string[] | null {
    const kind = rules.kindOf(key);
    if (kind !== 'known') return this.#putUnknown(kind, key, value !== null, rules.mostUnknown);
    if ((this.get(key) ?? null) === value) return null;
    if (value === null) this.delete(key);
    else this.set(key, value);
    return [key];
  }

  /** A batch has been put: unknown keys take the places of those that were deleted. Returns these. */
  settle(): readonly string[] {
    if (this.#unknown === null) return NONE;
    const moved: string[] = [];
    for (const unknown of this.#unknown.values()) moved.push(...unknown.refill());
    for (const key of moved) this.set(key, '');
    return moved;
  }

  #putUnknown(kind: KeyKind, key: string, exists: boolean, mostUnknown: number): readonly string[] | null {
    this.#unknown ??= new Map();
    const unknown = this.#unknown.get(kind) ?? new FirstKeys(mostUnknown);
    this.#unknown.set(kind, unknown);
    if (unknown.has(key) === exists) return null;
    const moved = exists ? unknown.add(key) : unknown.delete(key);
    for (const each of moved) {
      if (unknown.isListed(each)) this.set(each, '');
      else this.delete(each);
    }
    return moved;
  }
}

/** All objects of one kind. */
class Objects {
  readonly #files = new Map<string, KeyFile>();
  readonly #rules: KeyRules;

  constructor(table: { find(key: string): { readonly kind: KeyKind } }) {
    this.#rules = { kindOf: (key) => table.find(key).kind, mostUnknown: MOST_UNKNOWN };
  }

  keys(name: string): ObjectKeys {
    return this.#files.get(name) ?? NO_KEYS;
  }

  unlisted(name: string): number {
    return this.#files.get(name)?.unlisted ?? 0;
  }

  names(): Iterable<string> {
    return this.#files.keys();
  }

  put(name: string, key: string, value: string | null): boolean {
    let file = this.#files.get(name);
    if (file === undefined) {
      if (value === null) return false;
      file = new KeyFile();
      this.#files.set(name, file);
    }
    const changed = file.put(key, value, this.#rules) !== null;
    if (file.isEmpty) this.#files.delete(name);
    return changed;
  }

  settle(names: Iterable<string>): void {
    for (const name of names) this.#files.get(name)?.settle();
  }
}

export class KvTree {
  readonly backends = new Objects(BACKEND_KEYS);
  readonly frontends = new Objects(FRONTEND_KEYS);
  readonly certificates = new Objects(CERTIFICATE_KEYS);
  readonly #others = new KeyFile();
  readonly #otherRules: KeyRules;
  readonly #keys = new SharedTexts(MOST_SHARED);

  /** `isKnown`: does a key outside all objects mean something? */
  constructor(isKnown: (key: string) => boolean) {
    const kindOf = (key: string): KeyKind => (isKnown(key) ? 'known' : 'unknown');
    this.#otherRules = { kindOf, mostUnknown: MOST_UNKNOWN_OTHERS };
  }

  /** undefined: there is no such key, or it means nothing and is one of very many. */
  other(key: string): string | undefined {
    return this.#others.get(key);
  }

  /** Keys outside all objects that are only counted. */
  get unlistedOthers(): number {
    return this.#others.unlisted;
  }

  apply(changes: Iterable<Change>): Touched {
    const touched: Touched = { backends: new Set(), frontends: new Set(), certificates: new Set(), others: new Set() };
    const kinds = new Map([
      ['backends', { objects: this.backends, names: touched.backends }],
      ['frontends', { objects: this.frontends, names: touched.frontends }],
      ['tls', { objects: this.certificates, names: touched.certificates }],
    ]);
    for (const { key, value } of changes) {
      const kindEnd = key.indexOf('/');
      const nameEnd = key.indexOf('/', kindEnd + 1);
      const kind = nameEnd > kindEnd + 1 ? kinds.get(key.slice(0, kindEnd)) : undefined;
      if (kind !== undefined) {
        const name = key.slice(kindEnd + 1, nameEnd);
        if (kind.objects.put(name, this.#keys.of(key.slice(nameEnd + 1)), value)) kind.names.add(name);
      } else {
        for (const moved of this.#others.put(key, value, this.#otherRules) ?? []) touched.others.add(moved);
      }
    }
    for (const { objects, names } of kinds.values()) objects.settle(names);
    for (const moved of this.#others.settle()) touched.others.add(moved);
    return touched;
  }
}
