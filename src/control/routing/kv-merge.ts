/**
 * One view of the keys of several sources. For a key that more than one has, the source that comes first in the
 * order of precedence wins; when it deletes the key, the value of the next one shows.
 */
import { atOnce, type Steps } from '../../kernel/steps.ts';
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

  /** `replacing` at once. */
  replace(source: SourceName, entries: ReadonlyMap<string, string>, revisions?: KeyRevisions): MergedChange[] {
    return atOnce(this.replacing(source, entries, revisions));
  }

  /** `applying` at once. */
  apply(source: SourceName, changes: readonly Change[], revision?: number | null): MergedChange[] {
    return atOnce(this.applying(source, changes, revision));
  }

  /** Replaces all keys of one source, bit by bit. Returns what changed in the merged view. */
  *replacing(
    source: SourceName,
    entries: ReadonlyMap<string, string>,
    revisions: KeyRevisions = new Map(),
  ): Steps<MergedChange[]> {
    const merged: MergedChange[] = [];
    const written = new Map<string, number>();
    this.#revisions.set(source, written);
    for (const key of this.#mapOf(source).keys()) {
      yield;
      if (!entries.has(key)) this.#put(source, key, null, merged);
    }
    for (const [key, value] of entries) {
      yield;
      const revision = revisions.get(key);
      if (revision !== undefined) written.set(key, revision);
      this.#put(source, key, value, merged);
    }
    return merged;
  }

  /**
   * Applies a batch of one source, written at that revision; null: that is not known. Bit by bit. Returns what changed in the
   * merged view.
   */
  *applying(source: SourceName, changes: readonly Change[], revision: number | null = null): Steps<MergedChange[]> {
    const merged: MergedChange[] = [];
    const revisions = this.#revisions.get(source) ?? new Map<string, number>();
    this.#revisions.set(source, revisions);
    for (const { key, value } of changes) {
      yield;
      if (value === null || revision === null) revisions.delete(key);
      else revisions.set(key, revision);
      this.#put(source, key, value, merged);
    }
    return merged;
  }

  #put(source: SourceName, key: string, value: string | null, merged: MergedChange[]): void {
    const map = this.#mapOf(source);
    const own = map.get(key) ?? null;
    if (value === own) return;
    if (value === null) map.delete(key);
    else map.set(key, value);
    const place = this.#inOrder.indexOf(map);
    if (valueIn(this.#inOrder, key, 0, place) !== null) return;
    const other = own === null || value === null ? valueIn(this.#inOrder, key, place + 1) : null;
    const [before, after] = [own ?? other, value ?? other];
    if (after !== before) merged.push({ key, value: after, before });
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

/** Of the first of them that has it, from one index to before another. */
function valueIn(
  maps: readonly ReadonlyMap<string, string>[],
  key: string,
  from: number,
  to = maps.length,
): string | null {
  for (let at = from; at < to; at++) {
    const value = maps[at].get(key);
    if (value !== undefined) return value;
  }
  return null;
}
