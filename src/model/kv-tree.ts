/**
 * All keys, filed by the object that they belong to, so that a change costs what it touches and not what exists.
 *
 *     backends/b1/servers/s1/url   →  backends → b1 → "servers/s1/url"
 *     frontends/f1/priority        →  frontends → f1 → "priority"
 *     tls/t1/entrypoints           →  certificates → t1 → "entrypoints"
 *     anything else                →  others → the whole key
 */

/** One key that was set or deleted, relative to the prefix and without a leading slash. */
export type Change = { readonly key: string /** null: deleted or expired */; readonly value: string | null };

export type ObjectKeys = ReadonlyMap<string, string>;

/** What a batch really changed; a key that was set to the value it has is not in it. */
export type Touched = {
  readonly backends: Set<string>;
  readonly frontends: Set<string>;
  readonly certificates: Set<string>;
  /** Whole keys outside these. */
  readonly others: ReadonlySet<string>;
};

type Objects = Map<string, Map<string, string>>;

const NO_KEYS: ObjectKeys = new Map();

/** Sets or deletes; false when that changes nothing. */
function store(keys: Map<string, string>, key: string, value: string | null): boolean {
  if (value === null) return keys.delete(key);
  if (keys.get(key) === value) return false;
  keys.set(key, value);
  return true;
}

function storeInObject(objects: Objects, name: string, key: string, value: string | null): boolean {
  let keys = objects.get(name);
  if (keys === undefined) {
    if (value === null) return false;
    keys = new Map();
    objects.set(name, keys);
  }
  const changed = store(keys, key, value);
  if (keys.size === 0) objects.delete(name);
  return changed;
}

export class KvTree {
  readonly #backends: Objects = new Map();
  readonly #frontends: Objects = new Map();
  readonly #certificates: Objects = new Map();
  readonly #others = new Map<string, string>();

  /** Keys below `backends/<name>/`; empty when there is no such backend. */
  backend(name: string): ObjectKeys {
    return this.#backends.get(name) ?? NO_KEYS;
  }

  /** Keys below `frontends/<name>/`; empty when there is no such frontend. */
  frontend(name: string): ObjectKeys {
    return this.#frontends.get(name) ?? NO_KEYS;
  }

  /** Keys below `tls/<name>/`; empty when there is no such certificate. */
  certificate(name: string): ObjectKeys {
    return this.#certificates.get(name) ?? NO_KEYS;
  }

  certificateNames(): Iterable<string> {
    return this.#certificates.keys();
  }

  /** undefined: there is no such key. */
  other(key: string): string | undefined {
    return this.#others.get(key);
  }

  apply(changes: Iterable<Change>): Touched {
    const backends = new Set<string>();
    const frontends = new Set<string>();
    const certificates = new Set<string>();
    const others = new Set<string>();
    const kinds = new Map([
      ['backends', { objects: this.#backends, names: backends }],
      ['frontends', { objects: this.#frontends, names: frontends }],
      ['tls', { objects: this.#certificates, names: certificates }],
    ]);
    for (const { key, value } of changes) {
      const kindEnd = key.indexOf('/');
      const nameEnd = key.indexOf('/', kindEnd + 1);
      const kind = nameEnd > kindEnd + 1 ? kinds.get(key.slice(0, kindEnd)) : undefined;
      if (kind !== undefined) {
        const name = key.slice(kindEnd + 1, nameEnd);
        if (storeInObject(kind.objects, name, key.slice(nameEnd + 1), value)) kind.names.add(name);
      } else if (store(this.#others, key, value)) {
        others.add(key);
      }
    }
    return { backends, frontends, certificates, others };
  }
}
