/**
 * One view of the keys of several sources. For a key that more than one has, the source that comes first in the
 * order of precedence wins; when it deletes the key, the value of the next one shows.
 */
import type { Change, KeyRevisions, SourceName } from '../source/source.ts';

/** One key as it counts. */
export type MergedKey = {
  readonly key: string;
  readonly value: string;
  /** Whose it is. */
  readonly source: SourceName;
  /** At which it was written last; null: that is not known. */
  readonly revision: number | null;
};

/** `before`: null: there was no such key. */
export type MergedChange = Change & { readonly before: string | null };

export class KvMerge {
  /** At which each key of a source was written last. */
  readonly #revisions = new Map<SourceName, Map<string, number>>();
  /** In order of precedence. */
  readonly #maps: ReadonlyMap<SourceName, Map<string, string>>;
  /** The same. */
  readonly #inOrder: readonly Map<string, string>[];

  /** @param sources in order of precedence, the winner first */
  constructor(sources: readonly SourceName[]) {
    this.#maps = new Map(sources.map((name) => [name, new Map<string, string>()]));
    this.#inOrder = [...this.#maps.values()];
  }

  /** Replaces all keys of one source. Returns what changed in the merged view. */
  replace(
    source: SourceName,
    entries: ReadonlyMap<string, string>,
    revisions: KeyRevisions = new Map(),
  ): MergedChange[] {
    this.#revisions.set(source, new Map(revisions));
    const changes: Change[] = [];
    for (const key of this.#mapOf(source).keys()) {
      if (!entries.has(key)) changes.push({ key, value: null });
    }
    for (const [key, value] of entries) changes.push({ key, value });
    return this.#apply(source, changes);
  }

  /** Applies a batch of one source, written at that revision; null: that is not known. Returns what changed in the merged view. */
  apply(source: SourceName, changes: readonly Change[], revision: number | null = null): MergedChange[] {
    const revisions = this.#revisions.get(source) ?? new Map<string, number>();
    this.#revisions.set(source, revisions);
    for (const { key, value } of changes) {
      if (value === null || revision === null) revisions.delete(key);
      else revisions.set(key, revision);
    }
    return this.#apply(source, changes);
  }

  #apply(source: SourceName, changes: readonly Change[]): MergedChange[] {
    const map = this.#mapOf(source);
    const place = this.#inOrder.indexOf(map);
    const [above, below] = [this.#inOrder.slice(0, place), this.#inOrder.slice(place + 1)];
    const merged: MergedChange[] = [];
    for (const { key, value } of changes) {
      const own = map.get(key) ?? null;
      if (value === own) continue;
      if (value === null) map.delete(key);
      else map.set(key, value);
      if (valueIn(above, key) !== null) continue;
      const other = own === null || value === null ? valueIn(below, key) : null;
      const [before, after] = [own ?? other, value ?? other];
      if (after !== before) merged.push({ key, value: after, before });
    }
    return merged;
  }

  /** All keys as they count, in no order. */
  *keys(): Generator<MergedKey> {
    for (const [at, map] of this.#inOrder.entries()) {
      const before = this.#inOrder.slice(0, at);
      for (const key of map.keys()) if (!before.some((other) => other.has(key))) yield this.key(key)!;
    }
  }

  /** null: no source has it. */
  key(key: string): MergedKey | null {
    for (const [source, map] of this.#maps) {
      const value = map.get(key);
      if (value !== undefined) return { key, value, source, revision: this.#revisions.get(source)?.get(key) ?? null };
    }
    return null;
  }

  /** All keys of one source, live. */
  keysOf(source: SourceName): ReadonlyMap<string, string> {
    return this.#mapOf(source);
  }

  /** No source has a key. */
  get isEmpty(): boolean {
    return this.#inOrder.every((map) => map.size === 0);
  }

  #mapOf(source: SourceName): Map<string, string> {
    const map = this.#maps.get(source);
    if (map === undefined) throw new Error(`the source ${source} was not announced`);
    return map;
  }
}

/** Of the first of them that has it. */
function valueIn(maps: readonly ReadonlyMap<string, string>[], key: string): string | null {
  for (const map of maps) {
    const value = map.get(key);
    if (value !== undefined) return value;
  }
  return null;
}
