/**
 * The circuit breakers of all backends: makes their shared memory, keeps it while the expression stays, and reads it for
 * the admin pages. What they do is done by the workers.
 */
import type { BreakerCondition } from '../../kernel/breaker-condition.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import type { Backend } from '../../model/model.ts';
import type { BreakerChange } from '../../protocol/messages.ts';
import { BreakerState, RECOVERING, TRIPPED } from '../../shared/breaker-state.ts';
import { BreakerStatistics, createBreaker } from '../../shared/breaker-statistics.ts';
import { attempt } from '../guarded.ts';
import type { BreakerView } from '../view.ts';

class Breaker {
  readonly expression: string;
  readonly buffer: SharedArrayBuffer;
  readonly #state: BreakerState;
  readonly #statistics: BreakerStatistics;
  /** Of the expressions before this one: a counter never goes back. */
  readonly #before: { readonly trips: number; readonly refused: number };

  constructor(expression: string, condition: BreakerCondition, workers: number, before: Breaker | undefined) {
    this.expression = expression;
    this.buffer = createBreaker(condition, workers);
    this.#state = new BreakerState(this.buffer);
    this.#statistics = new BreakerStatistics(this.buffer, condition);
    this.#before = before === undefined ? { trips: 0, refused: 0 } : before.view();
  }

  view(): BreakerView {
    const now = monotonicMs();
    const state = this.#state.stateAt(now);
    const since = this.#state.since();
    return {
      state: state === TRIPPED ? 'tripped' : state === RECOVERING ? 'recovering' : 'standby',
      since: since === 0 ? 0 : Math.round(Date.now() - (now - since)),
      trips: this.#before.trips + this.#state.trips(),
      refused: this.#before.refused + this.#state.refused(),
      ...this.#statistics.counts(this.#state.era(), now),
    };
  }
}

export class Breakers {
  readonly #workers: number;
  /** By name of the backend. */
  readonly #breakers = new Map<string, Breaker>();
  readonly #touched = new Set<string>();
  /** What workers have not been told yet. */
  readonly #untold = new Map<string, SharedArrayBuffer>();
  readonly #gone = new Set<string>();

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Backends that the next `follow` looks at. */
  touch(backends: Iterable<string>): void {
    for (const name of backends) this.#touched.add(name);
  }

  /** A table of these is about to be made. */
  follow(backends: ReadonlyMap<string, Backend>): void {
    for (const name of this.#touched) {
      const circuitBreaker = backends.get(name)?.circuitBreaker;
      if (circuitBreaker !== undefined) attempt(`breaker of ${name}`, () => this.breakerOf(name, circuitBreaker));
      else if (this.#breakers.delete(name)) {
        this.#untold.delete(name);
        this.#gone.add(name);
      }
    }
    this.#touched.clear();
  }

  /** What workers must be told with the next table. */
  take(): BreakerChange {
    const change = { isAll: false, put: new Map(this.#untold), gone: [...this.#gone] };
    this.#untold.clear();
    this.#gone.clear();
    return change;
  }

  /** null: the backend has none. */
  view(backend: string): BreakerView | null {
    return this.#breakers.get(backend)?.view() ?? null;
  }

  /** The one that it has stays while the expression does. */
  private breakerOf(name: string, { expression, condition }: NonNullable<Backend['circuitBreaker']>): void {
    const known = this.#breakers.get(name);
    if (known?.expression === expression) return;
    const breaker = new Breaker(expression, condition, this.#workers, known);
    this.#breakers.set(name, breaker);
    this.#untold.set(name, breaker.buffer);
    this.#gone.delete(name);
  }
}
