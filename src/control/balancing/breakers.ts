/**
 * The circuit breakers of all backends: makes their shared memory, keeps it while the expression stays, and reads it for
 * the admin pages. What they do is done by the workers.
 */
import type { BreakerCondition } from '../../kernel/breaker-condition.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import type { Backend } from '../../model/model.ts';
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
  #breakers = new Map<string, Breaker>();

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Of the next table. Returns the memory of its breakers by name of their backend. */
  follow(backends: ReadonlyMap<string, Backend>): Map<string, SharedArrayBuffer> {
    const next = new Map<string, Breaker>();
    const buffers = new Map<string, SharedArrayBuffer>();
    for (const backend of backends.values()) {
      if (backend.circuitBreaker === undefined) continue;
      attempt(`breaker of ${backend.name}`, () => {
        const breaker = this.breakerOf(backend.name, backend.circuitBreaker!);
        next.set(backend.name, breaker);
        buffers.set(backend.name, breaker.buffer);
      });
    }
    this.#breakers = next;
    return buffers;
  }

  /** null: the backend has none. */
  view(backend: string): BreakerView | null {
    return this.#breakers.get(backend)?.view() ?? null;
  }

  /** The one that it has, while the expression stays. */
  private breakerOf(name: string, { expression, condition }: NonNullable<Backend['circuitBreaker']>): Breaker {
    const known = this.#breakers.get(name);
    return known?.expression === expression ? known : new Breaker(expression, condition, this.#workers, known);
  }
}
