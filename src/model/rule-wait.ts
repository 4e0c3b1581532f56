/**
 * A frontend without a rule matches every request. While somebody writes its keys one by one, or they expire one by one,
 * that is for a moment what nobody means; so for this long it is not believed. What is without a rule after that is served
 * as it is specified (shared/spec kv-schema §5).
 */

/** As long as Traefik's throttle, which hid such moments. */
export const RULE_WAIT_MS = 2_000;

export class RuleWait {
  readonly #waitMs: number;
  readonly #now: () => number;
  /** Frontend → when it was first seen without a rule. Those whose wait is over stay, so that it is not begun anew. */
  readonly #since = new Map<string, number>();
  /** Those whose wait is not over. */
  readonly #waiting = new Set<string>();

  /** `waitMs` 0: it is believed at once; `now`: milliseconds of a clock that never goes back. */
  constructor(waitMs: number, now: () => number) {
    this.#waitMs = waitMs;
    this.#now = now;
  }

  /** It has no rule. True: one may still come. */
  lacks(frontend: string): boolean {
    const now = this.#now();
    const since = this.#since.get(frontend);
    if (since === undefined) this.#since.set(frontend, now);
    const waits = now - (since ?? now) < this.#waitMs;
    if (waits) this.#waiting.add(frontend);
    else this.#waiting.delete(frontend);
    return waits;
  }

  /** It has a rule, or is gone. */
  forget(frontend: string): void {
    this.#since.delete(frontend);
    this.#waiting.delete(frontend);
  }

  /** Frontends whose wait is over and who have not been looked at since. */
  due(): string[] {
    return [...this.#waiting].filter((frontend) => this.#leftMs(frontend) <= 0);
  }

  /** Milliseconds until somebody is due; null: nobody waits. */
  nextMs(): number | null {
    let next: number | null = null;
    for (const frontend of this.#waiting) next = Math.min(next ?? this.#waitMs, this.#leftMs(frontend));
    return next === null ? null : Math.max(0, next);
  }

  #leftMs(frontend: string): number {
    return this.#since.get(frontend)! + this.#waitMs - this.#now();
  }
}
