/** What the connections and sessions of one server know of the pool that holds them. */

import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import type { DialTarget } from './dial.ts';
import type { UpstreamTimeouts } from './timeouts.ts';

export interface PoolOwner {
  readonly target: DialTarget;
  readonly timeouts: UpstreamTimeouts;
  readonly wheel: TimerWheel;
  readonly budget: MemoryBudget;
  readonly counts: ConnectionCounts;
  /** Milliseconds for which what is idle is kept; `announcedMs`: what the server said, 0 for nothing. */
  idleMs(announcedMs: number): number;
}
