/**
 * Names of objects that somebody has still to look at, each once. Very many that have changed together are kept as the set that
 * they came in, so that whoever is told of a hundred thousand of them is told in no time.
 */

/** From so many names on. */
const LARGE = 1_024;
/** Names that are looked at between two places to stop. */
const PART = 64;

export class TouchedNames {
  private few = new Set<string>();
  private sets: ReadonlySet<string>[] = [];

  get isEmpty(): boolean {
    return this.few.size === 0 && this.sets.length === 0;
  }

  /** How many, about: one that is in several sets counts for each. */
  get size(): number {
    return this.sets.reduce((sum, set) => sum + set.size, this.few.size);
  }

  /** The set is not changed any more. */
  add(names: ReadonlySet<string>): void {
    if (names.size >= LARGE) this.sets.push(names);
    else for (const name of names) this.few.add(name);
  }

  addAll({ few, sets }: TouchedNames): void {
    this.add(few);
    this.sets.push(...sets);
  }

  has(name: string): boolean {
    return this.few.has(name) || this.sets.some((set) => set.has(name));
  }

  /** All of them; there are none here any more. */
  take(): TouchedNames {
    const taken = new TouchedNames();
    taken.few = this.few;
    taken.sets = this.sets;
    this.few = new Set();
    this.sets = [];
    return taken;
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.few;
    for (const [at, set] of this.sets.entries()) {
      const isNew = (name: string): boolean =>
        !this.few.has(name) && !this.sets.some((other, i) => i < at && other.has(name));
      for (const name of set) if (isNew(name)) yield name;
    }
  }

  /** The same, some at a time. */
  *parts(): Generator<string[]> {
    let part: string[] = [];
    for (const name of this) {
      if (part.push(name) < PART) continue;
      yield part;
      part = [];
    }
    if (part.length > 0) yield part;
  }
}
