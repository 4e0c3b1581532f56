/**
 * One view of the keys of several sources. For a key that more than one has, the source that comes first in the
 * order of precedence wins; when it deletes the key, the value of the next one shows.
 */
import { atOnce, type Steps } from '../../kernel/steps.ts';
import type { Change, SourceName } from '../source/source.ts';
import { type KeyValues, SourceKeys } from '../source/source-keys.ts';

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
  /** In order of precedence. */
  readonly #names: readonly SourceName[];
  /** Theirs. */
  readonly #keys: SourceKeys[];

  /** @param sources in order of precedence, the winner first */
  constructor(sources: readonly SourceName[]) {
    this.#names = sources;
    this.#keys = sources.map(() => new SourceKeys());
  }

  /** `replacing` at once. */
  replace(source: SourceName, entries: KeyValues): MergedChange[] {
    return atOnce(this.replacing(source, entries));
  }

  /** `applying` at once. */
  apply(source: SourceName, changes: readonly Change[], revision?: number | null): MergedChange[] {
    return atOnce(this.applying(source, changes, revision));
  }

  /**
   * Replaces all keys of one source, bit by bit; `SourceKeys` are kept as they are. Returns what changed in the merged view.
   */
  *replacing(source: SourceName, entries: KeyValues): Steps<MergedChange[]> {
    const place = this.#placeOf(source);
    const old = this.#keys[place]!;
    const own = entries instanceof SourceKeys ? entries : SourceKeys.of(entries);
    this.#keys[place] = own;
    const merged: MergedChange[] = [];
    for (const [key, value] of old) {
      yield;
      if (!own.has(key)) this.#show(place, key, value, null, merged);
    }
    for (const [key, value] of own) {
      yield;
      this.#show(place, key, old.get(key) ?? null, value, merged);
    }
    return merged;
  }

  /**
   * Applies a batch of one source, written at that revision; null: that is not known. Bit by bit. Returns what changed in the
   * merged view.
   */
  *applying(source: SourceName, changes: readonly Change[], revision: number | null = null): Steps<MergedChange[]> {
    const place = this.#placeOf(source);
    const own = this.#keys[place]!;
    const merged: MergedChange[] = [];
    for (const { key, value } of changes) {
      yield;
      const before = own.get(key) ?? null;
      if (value === null) own.delete(key);
      else own.set(key, value, revision);
      this.#show(place, key, before, value, merged);
    }
    return merged;
  }

  /** All keys as they count, in no order. */
  *keys(): Generator<MergedKey> {
    for (const [at, keys] of this.#keys.entries()) {
      for (const key of keys.keys()) if (this.#valueIn(0, at, key) === null) yield this.key(key)!;
    }
  }

  /** null: no source has it. */
  key(key: string): MergedKey | null {
    for (const [at, keys] of this.#keys.entries()) {
      const value = keys.get(key);
      if (value !== undefined) return { key, value, source: this.#names[at]!, revision: keys.revisionOf(key) };
    }
    return null;
  }

  /** All keys of one source, live until they are replaced. */
  keysOf(source: SourceName): KeyValues {
    return this.#keys[this.#placeOf(source)]!;
  }

  /** No source has a key. */
  get isEmpty(): boolean {
    return this.#keys.every((keys) => keys.size === 0);
  }

  /** Adds what becomes of a key in the merged view when the source at that place has another value for it, null for none. */
  #show(place: number, key: string, old: string | null, now: string | null, merged: MergedChange[]): void {
    if (now === old || this.#valueIn(0, place, key) !== null) return;
    const other = old === null || now === null ? this.#valueIn(place + 1, this.#keys.length, key) : null;
    const [before, value] = [old ?? other, now ?? other];
    if (value !== before) merged.push({ key, value, before });
  }

  /** Of the first of the sources from one place to before another that has it. */
  #valueIn(from: number, to: number, key: string): string | null {
    for (let place = from; place < to; place++) {
      const value = this.#keys[place]!.get(key);
      if (value !== undefined) return value;
    }
    return null;
  }

  #placeOf(source: SourceName): number {
    const place = this.#names.indexOf(source);
    if (place < 0) throw new Error(`the source ${source} was not announced`);
    return place;
  }
}
