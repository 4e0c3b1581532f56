/** Looks for frontends that are never reached (shadows.ts) when the model has changed: late, in pieces, and with rests between. */
import { timerSpan } from '../../kernel/durations.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Problem } from '../../kernel/problems.ts';
import type { Model } from '../../model/model.ts';
import { findShadows } from './shadows.ts';

const WAIT_MS = 500;
const SLICE_MS = 2;
const REST_MS = 10;
/** So long after the first model, in which their table is made, which is waited for. */
const FRONTENDS_PER_MS = 100;
/** Between two looks, in times of what one cost. */
const REST_PER_COST = 50;

export type ShadowWatchParts = {
  readonly model: () => Model;
  /** Of the keys in force. */
  readonly prefix: () => string;
  readonly onChange: () => void;
};

export class ShadowWatch {
  private readonly parts: ShadowWatchParts;
  private found: ReadonlyMap<string, Problem> = new Map();
  private looking: ReturnType<typeof findShadows> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private cost = 0;
  private stopped = false;
  /** What stands in the first model is not new to anybody, and is to be known when they begin to look. */
  private isFirst = true;

  constructor(parts: ShadowWatchParts) {
    this.parts = parts;
  }

  problems(): ReadonlyMap<string, Problem> {
    return this.found;
  }

  /** The model has changed: what is under way begins anew. */
  touch(): void {
    this.looking = null;
    if (this.timer === null) this.arm(this.isFirst ? this.firstMs() : Math.max(WAIT_MS, this.cost * REST_PER_COST));
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private firstMs(): number {
    return this.parts.model().frontends.size / FRONTENDS_PER_MS;
  }

  private arm(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      try {
        this.look();
      } catch (error) {
        this.looking = null;
        tellOwnError('search for frontends that are never reached', error);
      }
    }, timerSpan(ms)).unref();
  }

  private look(): void {
    const { model, prefix, onChange } = this.parts;
    if (this.looking === null) {
      const { frontends, problems } = model();
      this.looking = findShadows(frontends, prefix(), (key) => problems.has(key));
      this.cost = 0;
    }
    const start = performance.now();
    let step = this.looking.next();
    while (step.done !== true && performance.now() - start < SLICE_MS) step = this.looking.next();
    this.cost += performance.now() - start;
    if (step.done !== true) {
      this.arm(this.isFirst ? 0 : REST_MS);
      return;
    }
    this.looking = null;
    this.isFirst = false;
    const hadAny = this.found.size > 0;
    this.found = step.value;
    if (hadAny || this.found.size > 0) onChange();
  }
}
