/**
 * The keys of one source with their values and revisions. Of very many keys the map is the largest part, so there is one, from
 * keys to places in two lists; a map of values and another of revisions took half as much again.
 */

/** What is looked at of keys with their values; a `Map` will do. */
export type KeyValues = Pick<ReadonlyMap<string, string>, 'get' | 'has' | 'size' | 'keys' | typeof Symbol.iterator>;

/** Where a revision would be. */
const UNKNOWN = 0;

export class SourceKeys implements KeyValues {
  readonly #places = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #revisions: number[] = [];
  /** Places of keys that are gone. */
  readonly #free: number[] = [];

  /** Those; `revisions`: at which they were written last, as far as that is known. */
  static of(keys: Iterable<readonly [string, string]>, revisions: ReadonlyMap<string, number> = new Map()): SourceKeys {
    const own = new SourceKeys();
    for (const [key, value] of keys) own.set(key, value, revisions.get(key) ?? null);
    return own;
  }

  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  get(key: string): string | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place];
  }

  /** At which it was written last; null: there is no such key, or that is not known. */
  revisionOf(key: string): number | null {
    const place = this.#places.get(key);
    const revision = place === undefined ? UNKNOWN : this.#revisions[place]!;
    return revision === UNKNOWN ? null : revision;
  }

  /** `revision` null: it is not known. */
  set(key: string, value: string, revision: number | null): void {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#free.pop() ?? this.#values.length;
      this.#places.set(key, place);
    }
    this.#values[place] = value;
    this.#revisions[place] = revision ?? UNKNOWN;
  }

  delete(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#values[place] = '';
    this.#free.push(place);
  }

  keys(): MapIterator<string> {
    return this.#places.keys();
  }

  *[Symbol.iterator](): Generator<[string, string], undefined> {
    for (const [key, place] of this.#places) yield [key, this.#values[place]!];
  }
}
