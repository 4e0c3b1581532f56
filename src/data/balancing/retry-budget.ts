/**
 * How many retries a backend may have: a part of its requests and a few per second besides, over the last 10 to 20 s. In
 * an outage every request would otherwise ask for as many retries as there are servers, and the servers that still
 * stand would be asked several times as much as before.
 *
 * Each worker keeps its own, by backend slot, so that it lasts longer than a table.
 */
import { performance } from 'node:perf_hooks';
import type { RetryLimits } from '../../protocol/messages.ts';

const WINDOW_MS = 10_000;

export class RetryBudget {
  private readonly limits: RetryLimits;
  private since: number;
  private requests = 0;
  private retries = 0;
  private requestsBefore = 0;
  private retriesBefore = 0;
  /** Retries of the last 10 s, when one was last refused. */
  allowed = 0;

  /** `now`: milliseconds of a clock that never goes back, here and below. */
  constructor(limits: RetryLimits, now: number) {
    this.limits = limits;
    this.since = now;
  }

  requested(): void {
    this.requests++;
  }

  /** One retry. False: there have been too many. */
  take(now: number): boolean {
    const age = now - this.since;
    if (age >= WINDOW_MS) this.turnWindow(age, now);
    // The window before counts as far as it reaches into the last 10 s.
    const part = 1 - (now - this.since) / WINDOW_MS;
    const requests = this.requests + this.requestsBefore * part;
    const retries = this.retries + this.retriesBefore * part;
    const allowed = this.limits.ratio * requests + (this.limits.perSecond * WINDOW_MS) / 1000;
    if (retries + 1 > allowed) {
      this.allowed = Math.floor(allowed);
      return false;
    }
    this.retries++;
    return true;
  }

  /** Requests do not look at the clock, so what was counted over a longer time stands for as much as 10 s of it. */
  private turnWindow(age: number, now: number): void {
    this.requestsBefore = (this.requests * WINDOW_MS) / age;
    this.retriesBefore = age >= 2 * WINDOW_MS ? 0 : this.retries;
    this.requests = 0;
    this.retries = 0;
    this.since = now;
  }
}

/** The budgets of one worker. */
export class RetryBudgets {
  private readonly limits: RetryLimits;
  private readonly bySlot = new Map<number, { readonly name: string; readonly budget: RetryBudget }>();

  constructor(limits: RetryLimits) {
    this.limits = limits;
  }

  /** A slot that has another name than before begins anew. */
  of({ slot, name }: { readonly slot: number; readonly name: string }): RetryBudget {
    const known = this.bySlot.get(slot);
    if (known?.name === name) return known.budget;
    const budget = new RetryBudget(this.limits, performance.now());
    this.bySlot.set(slot, { name, budget });
    return budget;
  }
}
