/** When another backend stands in for one (shared/spec frontend-options §3.7). Made once per table, with the balancer. */
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { FailoverOptions } from '../../middlewares/failover.ts';
import { hasStatus } from '../../middlewares/status-ranges.ts';
import { standsInChanged } from '../../shared/cursors.ts';
import type { BackendView } from '../../table/views.ts';
import type { BackendGuard } from './backend-guard.ts';
import type { Rotation } from './rotation.ts';

export class Failover {
  readonly to: BackendView;
  readonly options: FailoverOptions;
  private readonly backend: BackendView;
  private readonly cursors: Int32Array;

  private constructor(backend: BackendView, to: BackendView, options: FailoverOptions, cursors: Int32Array) {
    this.cursors = cursors;
    this.backend = backend;
    this.to = to;
    this.options = options;
  }

  /** null when nothing stands in for it. */
  static of(backend: BackendView, cursors: Int32Array): Failover | null {
    const options = backend.policy?.options?.failover as FailoverOptions | undefined;
    const to = options === undefined ? null : backend.other(options.backend);
    return to === null ? null : new Failover(backend, to, options!, cursors);
  }

  /** Is a response with that status, a server's or ours, a reason to ask the other backend? */
  takes(status: number): boolean {
    return hasStatus(this.options.status, status);
  }

  /**
   * Does a request go to the other backend from the beginning? `mayTry`: it may find out whether an ejected server serves
   * again. When this is false the circuit breaker has let the request in.
   */
  isNeeded(rotation: Rotation, guard: BackendGuard | null, mayTry: boolean): boolean {
    rotation.sync();
    const isUp = this.isUp(rotation, mayTry);
    const { name, slot } = this.backend;
    const standsIn = !isUp || guard?.isBroken === true;
    if (standsInChanged(this.cursors, slot, standsIn)) {
      log.event(standsIn ? EVENTS.failoverOn : EVENTS.failoverOff, name, { backend: name, to: this.to.name });
    }
    return !isUp || guard?.breakerAdmits() === false;
  }

  /** As `isNeeded`, for a request that nobody has sent: tells nobody, and asks the breaker for nothing. */
  wouldBeNeeded(rotation: Rotation, guard: BackendGuard | null, mayTry: boolean): boolean {
    rotation.sync();
    return !this.isUp(rotation, mayTry) || guard?.breakerState === 'tripped';
  }

  private isUp(rotation: Rotation, mayTry: boolean): boolean {
    const { up, trial } = rotation;
    if (up > 0 && up * 100 >= this.options.below * this.backend.servers.length) return true;
    return mayTry && trial !== null && rotation.awaitsTrial(trial);
  }
}
