/**
 * Objects that somebody has still to look at, each once, with what there was before the first of their changes: so nobody has to keep
 * what there was of all. Very many that have changed together are kept as the map that they came in, so that whoever is told of a
 * hundred thousand of them is told in no time.
 */
import type { Changed } from '../../model/next-model.ts';

/** From so many objects on. */
const LARGE = 1_024;
/** Objects that are looked at between two places to stop. */
const PART = 64;

export class TouchedObjects<Value> {
  /** Name → what there was, in the order in which they came. */
  private batches: Changed<Value>[] = [];
  /** The last of them, while that has come bit by bit. */
  private few: Map<string, Value | null> | null = null;

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** How many, about: one that has come with several very large changes counts for each. */
  get size(): number {
    return this.batches.reduce((sum, batch) => sum + batch.size, 0);
  }

  /** The map is not changed any more. */
  add(changed: Changed<Value>): void {
    if (changed.size >= LARGE) {
      this.batches.push(changed);
      this.few = null;
    } else if (changed.size > 0) {
      const few = this.few ?? new Map<string, Value | null>();
      if (this.few === null) this.batches.push(few);
      this.few = few;
      for (const [name, before] of changed) if (!few.has(name)) few.set(name, before);
    }
  }

  /** These came before. */
  putBack({ batches }: TouchedObjects<Value>): void {
    this.batches.unshift(...batches);
  }

  has(name: string): boolean {
    return this.batches.some((batch) => batch.has(name));
  }

  /** All of them; there are none here any more. */
  take(): TouchedObjects<Value> {
    const taken = new TouchedObjects<Value>();
    taken.batches = this.batches;
    this.batches = [];
    this.few = null;
    return taken;
  }

  *[Symbol.iterator](): Generator<[string, Value | null]> {
    for (const [at, batch] of this.batches.entries()) {
      const earlier = this.batches.slice(0, at);
      for (const entry of batch) if (!earlier.some((other) => other.has(entry[0]))) yield entry;
    }
  }

  /** The same, some at a time. */
  *parts(): Generator<Changed<Value>> {
    let part = new Map<string, Value | null>();
    for (const [name, before] of this) {
      if (part.set(name, before).size < PART) continue;
      yield part;
      part = new Map();
    }
    if (part.size > 0) yield part;
  }
}
