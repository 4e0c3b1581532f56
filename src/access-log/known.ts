/**
 * What was made of something that comes again and again, by its key, in a bounded number. Of what is not known only one in a few is
 * kept: what comes often is soon among it, and what comes once costs no more than it must.
 */
import { owned } from '../kernel/owned-text.ts';

const MOST = 1_024;
const ONE_IN = 8;

/** Places whose lines find what they had the last time at once (Entry.place). */
export const RECENT_PLACES = 16;

/** Where what was made for that place stands. */
export function recentOf(place: number): number {
  return place % RECENT_PLACES;
}

export class Known<Value> {
  private readonly values = new Map<string | number, Value>();
  private missed = 0;

  find(key: string | number): Value | undefined {
    return this.values.get(key);
  }

  /** Is what has just not been found to be kept? */
  wants(): boolean {
    return this.missed++ % ONE_IN === 0;
  }

  keep(key: string | number, value: Value): void {
    if (this.values.size >= MOST) this.values.clear();
    this.values.set(typeof key === 'string' ? owned(key) : key, value);
  }
}
