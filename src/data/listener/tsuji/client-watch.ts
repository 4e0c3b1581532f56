/**
 * Looks at all clients of a listener from time to time and ends those that make no progress: a look costs less than a
 * timer for each answer would. One that is cut is cut up to half of its timeout late, never early.
 */
import { TICK_MS, TimerEntry, type TimerWheel } from '../../../kernel/timer-wheel.ts';

export interface WatchedClient {
  /** `ms` have passed since the last look. Must not throw. */
  look(ms: number): void;
}

export class ClientWatch extends TimerEntry {
  private readonly wheel: TimerWheel;
  private readonly everyMs: number;
  private readonly clients = new Set<WatchedClient>();

  /** `timeouts` of the clients, milliseconds; 0: for ever. */
  constructor(wheel: TimerWheel, timeouts: readonly number[]) {
    super();
    this.wheel = wheel;
    this.everyMs = Math.max(Math.min(...timeouts.filter((ms) => ms > 0)) / 4, TICK_MS);
  }

  add(client: WatchedClient): void {
    if (this.clients.size === 0) this.wheel.arm(this, this.everyMs);
    this.clients.add(client);
  }

  delete(client: WatchedClient): void {
    this.clients.delete(client);
    if (this.clients.size === 0) this.wheel.cancel(this);
  }

  override expired(): void {
    this.wheel.arm(this, this.everyMs);
    for (const client of this.clients) client.look(this.everyMs);
  }
}
