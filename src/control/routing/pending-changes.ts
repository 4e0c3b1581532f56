/**
 * Changes of keys that wait for a model. A few are kept by key with their newest value, so that many changes of one take no room;
 * very many that came together as they came, which costs nothing before they have their turn.
 */
import type { Steps } from '../../kernel/steps.ts';

/** null: it is gone. */
export type KeyChange = { readonly key: string; readonly value: string | null };

/** So many are very many. */
const LARGE = 1_024;

export class PendingChanges {
  /** In the order in which they came. */
  private batches: (ReadonlyMap<string, string | null> | readonly KeyChange[])[] = [];

  static of(changes: ReadonlyMap<string, string | null>): PendingChanges {
    const pending = new PendingChanges();
    pending.batches = [changes];
    return pending;
  }

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  add(changes: readonly KeyChange[]): void {
    if (changes.length >= LARGE) this.batches.push(changes);
    else if (changes.length > 0) {
      const last = this.batches.at(-1);
      const few: Map<string, string | null> = last instanceof Map ? last : new Map();
      for (const { key, value } of changes) few.set(key, value);
      if (few !== last) this.batches.push(few);
    }
  }

  /** All of them; there are none here any more. */
  take(): PendingChanges {
    const taken = new PendingChanges();
    taken.batches = this.batches;
    this.batches = [];
    return taken;
  }

  /** These came before. */
  putBack({ batches }: PendingChanges): void {
    this.batches.unshift(...batches);
  }

  /** The newest value of each key, found bit by bit. */
  *newest(): Steps<Map<string, string | null>> {
    const newest = new Map<string, string | null>();
    for (const batch of this.batches) {
      if ('size' in batch) {
        for (const [key, value] of batch) {
          yield;
          newest.set(key, value);
        }
      } else {
        for (const { key, value } of batch) {
          yield;
          newest.set(key, value);
        }
      }
    }
    return newest;
  }
}
