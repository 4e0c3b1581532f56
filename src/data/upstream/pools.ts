/** All pools of one worker, by server slot (src/shared/slots.ts), so that they outlive generations of the table. */
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import type { MetricsLane } from '../../shared/metrics.ts';
import type { RoutingTable } from '../../table/reader.ts';
import type { ServerView } from '../../table/views.ts';
import type { Descriptors } from '../descriptors.ts';
import { Dialer, type DialTarget } from './dial.ts';

import { UpstreamPool } from './pool.ts';
import { WriteTurn } from './write-turn.ts';

/**
 * One read takes as much. Larger is cheaper for large bodies (1 MiB costs a third less than with 64 KiB, see
 * bench/README.md) until it leaves the cache; and it is what a stalled client can hold of our memory.
 */
const READ_BUFFER_BYTES = 262_144;

export class UpstreamPools {
  private readonly options: BootOptions;
  private readonly wheel: TimerWheel;
  private readonly metrics: MetricsLane;
  private readonly dialer: Dialer;
  private readonly readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  private readonly turn = new WriteTurn();
  private readonly bySlot = new Map<number, UpstreamPool>();
  /** Pools of servers that left the table with exchanges still running. */
  private readonly retired = new Set<UpstreamPool>();

  constructor(options: BootOptions, wheel: TimerWheel, metrics: MetricsLane, descriptors: Descriptors) {
    this.options = options;
    this.wheel = wheel;
    this.metrics = metrics;
    this.dialer = new Dialer(options, wheel, descriptors);
  }

  of(server: ServerView): UpstreamPool {
    const pool = this.bySlot.get(server.slot);
    if (pool !== undefined) {
      if (pool.server === server || this.isOf(pool, server)) return pool;
      this.letGo(pool);
    }
    const made = new UpstreamPool(
      this.dialer.target(server),
      this.options,
      this.wheel,
      this.readBuffer,
      this.turn,
      this.metrics,
    );
    made.server = server;
    this.bySlot.set(server.slot, made);
    return made;
  }

  /** For a connection of its own, that no pool knows. */
  targetOf(server: ServerView): DialTarget {
    return this.of(server).target;
  }

  /** A new table is in force: pools of servers that it does not know are let go. */
  keepOnly(table: RoutingTable): void {
    if (this.bySlot.size === 0) return;
    const known = new Set<number>();
    table.forEachServerSlot((slot) => known.add(slot));
    for (const [slot, pool] of this.bySlot) {
      if (known.has(slot)) continue;
      this.bySlot.delete(slot);
      this.letGo(pool);
    }
    for (const pool of this.retired) if (pool.size === 0) this.retired.delete(pool);
  }

  /** After a change of tables the server has another view; after one of names the slot is another server's. */
  private isOf(pool: UpstreamPool, server: ServerView): boolean {
    if (pool.server?.url !== server.url) return false;
    pool.server = server;
    return true;
  }

  private letGo(pool: UpstreamPool): void {
    pool.retire();
    if (pool.size > 0) this.retired.add(pool);
  }

  /** Closes connections that nobody uses; returns how many. */
  closeIdle(): number {
    let closed = 0;
    for (const pool of this.bySlot.values()) closed += pool.closeIdle();
    return closed;
  }

  /** Open connections to all servers. */
  get connections(): number {
    let sum = 0;
    for (const pool of this.bySlot.values()) sum += pool.size;
    for (const pool of this.retired) sum += pool.size;
    return sum;
  }

  destroy(): void {
    for (const pool of this.bySlot.values()) pool.destroy();
    for (const pool of this.retired) pool.destroy();
    this.bySlot.clear();
    this.retired.clear();
  }
}
