/** How long an exchange waits before its next try. */
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';

export class Pause extends TimerEntry {
  private readonly wheel: TimerWheel;
  private readonly over: () => void;

  /** `over`: what follows. It must not throw. */
  constructor(wheel: TimerWheel, over: () => void) {
    super();
    this.wheel = wheel;
    this.over = over;
  }

  begin(ms: number): void {
    this.wheel.arm(this, ms);
  }

  stop(): void {
    this.wheel.cancel(this);
  }

  override expired(): void {
    this.over();
  }
}
