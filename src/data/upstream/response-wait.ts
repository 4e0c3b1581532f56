/**
 * How long a connection waits for the response to the request under way: for its head as a whole, then for each piece of its
 * body. It has the timer of the connection, which has other uses where there is no such wait.
 */
import type { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { PoolOwner } from './owner.ts';

export class ResponseWait {
  /** It is for the head, and that for some time only. */
  isForHead = false;
  /** Milliseconds in which more of the body must come; 0: for ever. */
  private silenceMs = 0;
  /** The client is the brake. */
  private isPaused = false;
  private readonly pool: PoolOwner;
  private readonly timer: TimerEntry;

  constructor(pool: PoolOwner, timer: TimerEntry) {
    this.pool = pool;
    this.timer = timer;
  }

  /** It is for the body, and that for some time only. */
  get isForBody(): boolean {
    return this.silenceMs > 0;
  }

  /** The request is not out yet: nothing is waited for. */
  forRequest(): void {
    this.isForHead = false;
    this.pool.wheel.hold(this.timer);
  }

  /** The request is out. `upgrades`: it asks for an upgrade. */
  forHead(upgrades: boolean): void {
    const { headMs, connectMs } = this.pool.timeouts;
    const timeout = headMs === 0 && upgrades ? connectMs : headMs;
    if (timeout > 0) this.forHeadWithin(timeout);
    else this.forRequest();
  }

  forHeadWithin(ms: number): void {
    this.isForHead = true;
    this.pool.wheel.arm(this.timer, ms);
  }

  headCame(): void {
    if (this.isForHead) this.forRequest();
  }

  /** `ms`: in which some of it must come, 0 for ever. */
  forBody(ms: number): void {
    this.silenceMs = ms;
    this.heard();
  }

  /** Something has come. */
  heard(): void {
    if (this.silenceMs > 0 && !this.isPaused) this.pool.wheel.arm(this.timer, this.silenceMs);
  }

  /** The client does not take more. */
  pause(): void {
    this.isPaused = true;
    if (this.silenceMs > 0) this.pool.wheel.hold(this.timer);
  }

  resume(): void {
    this.isPaused = false;
    this.heard();
  }

  /** The response is here. */
  end(): void {
    this.silenceMs = 0;
  }
}
