/**
 * A backend's circuit breaker as one worker uses it (shared/spec kv-schema §4.4). State and statistics are shared by all
 * workers: src/shared/breaker-state.ts, src/shared/breaker-statistics.ts.
 */
import type { BreakerCondition } from '../../kernel/breaker-condition.ts';
import { BreakerState, STANDBY, TRIPPED } from '../../shared/breaker-state.ts';
import { BreakerStatistics } from '../../shared/breaker-statistics.ts';

/** Its latency is the life of a WebSocket, which says nothing about how quickly the server answers. */
const SWITCHING_PROTOCOLS = 101;

export class CircuitBreaker {
  private readonly condition: BreakerCondition;
  private readonly lane: number;
  private readonly state: BreakerState;
  private readonly statistics: BreakerStatistics;
  private readonly now: () => number;

  /**
   * `buffer`: made for this condition; `lane`: of the worker; `now`: milliseconds of a clock that all workers share;
   * `onChange`: this worker has changed the state, and since it tripped so many were refused.
   */
  constructor(
    buffer: SharedArrayBuffer,
    condition: BreakerCondition,
    lane: number,
    now: () => number,
    onChange: (state: number, refused: number) => void = () => {},
  ) {
    this.condition = condition;
    this.lane = lane;
    this.state = new BreakerState(buffer, (state) => onChange(state, this.state.refusedSince()));
    this.statistics = new BreakerStatistics(buffer, condition);
    this.now = now;
  }

  /** May a request go to the backend? In standby, which is nearly always, this is one load. */
  admits(): boolean {
    return this.state.state() === STANDBY || this.state.admits(this.now());
  }

  /** It has tripped, and has not recovered. */
  get isOpen(): boolean {
    return this.stateNow !== STANDBY;
  }

  /** Of src/shared/breaker-state.ts. */
  get stateNow(): number {
    return this.state.stateAt(this.now());
  }

  /** The response to a request that was admitted. */
  record(status: number, seconds: number): void {
    const now = this.now();
    const { state, statistics } = this;
    const era = state.era();
    statistics.record(this.lane, era, now, status, status === SWITCHING_PROTOCOLS ? Number.NaN : seconds);
    if (!state.isDue(now) || state.state() === TRIPPED) return;
    if (statistics.holds(this.condition, era, now)) state.trip(now);
  }
}
