/**
 * Since when each problem of the keys is there. Those that the first model had are old: they were there before this run, and
 * nobody knows since when. New ones are new for a day.
 */
import type { Problem } from '../../kernel/problems.ts';

const NEW_MS = 86_400_000;
/** Somebody may write hundreds of thousands of bad keys. */
const MOST_KEPT = 20_000;

export class ProblemAges {
  /** By key; null: as long as it is known. */
  private ages = new Map<string, { readonly reason: string; readonly since: number | null }>();
  private isFirst = true;
  /** All, also those whose age is not kept. */
  count = 0;

  /** `isLoaded`: the first model is there. */
  look(problems: Iterable<Problem>, count: number, isLoaded: boolean, now: number): void {
    this.count = count;
    if (!isLoaded) return;
    const ages: typeof this.ages = new Map();
    for (const { key, reason } of problems) {
      if (ages.size >= MOST_KEPT) break;
      const known = this.ages.get(key);
      ages.set(key, known?.reason === reason ? known : { reason, since: this.isFirst ? null : now });
    }
    this.ages = ages;
    this.isFirst = false;
  }

  since(key: string): number | null {
    return this.ages.get(key)?.since ?? null;
  }

  isNew(key: string, now: number): boolean {
    const since = this.since(key);
    return since !== null && now - since < NEW_MS;
  }

  newCount(now: number): number {
    let count = 0;
    for (const { since } of this.ages.values()) if (since !== null && now - since < NEW_MS) count++;
    return count;
  }
}
