/** All pools of one worker, by server slot (src/shared/slots.ts), so that they outlive generations of the table. */

import { performance } from 'node:perf_hooks';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { OwnTrust } from '../../kernel/tls-trust.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import type { BackendCounts } from '../../shared/backend-counts.ts';
import type { MetricsLane } from '../../shared/metrics.ts';
import type { ServerView } from '../../table/views.ts';
import type { Descriptors } from '../descriptors.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { writeTurn } from '../write-turn.ts';
import { ConnectionCounts, NO_BACKEND } from './connection-counts.ts';
import { Dialer, type DialTarget, type ServerAddress } from './dial.ts';
import { UpstreamPool } from './pool.ts';
import { type UpstreamTimeouts, upstreamTimeouts } from './timeouts.ts';

/**
 * One read takes as much. Larger is cheaper for large bodies (1 MiB costs a third less than with 64 KiB, see
 * bench/README.md) until it leaves the cache; and it is what a stalled client can hold of our memory.
 */
const READ_BUFFER_BYTES = 262_144;
/** A server that stands in no backend is let go when nobody has asked it for so long. */
const APART_KEPT_MS = 300_000;

function ownTrust({ options }: ServerView): OwnTrust | null {
  return (options?.tls as OwnTrust | undefined) ?? null;
}

export class UpstreamPools {
  private readonly options: BootOptions;
  private readonly wheel: TimerWheel;
  private readonly metrics: MetricsLane;
  private readonly counts: BackendCounts;
  private readonly dialer: Dialer;
  private readonly budget: MemoryBudget;
  /** For backends that say nothing. */
  private readonly timeouts: UpstreamTimeouts;
  private readonly readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  private readonly turn = writeTurn;
  private readonly bySlot = new Map<number, UpstreamPool>();
  /** Of servers that stand in no backend. */
  private readonly byKey = new Map<string, { readonly pool: UpstreamPool; usedAt: number }>();
  /** Pools of servers that left the table with exchanges still running. */
  private readonly retired = new Set<UpstreamPool>();

  constructor(
    options: BootOptions,
    wheel: TimerWheel,
    metrics: MetricsLane,
    counts: BackendCounts,
    descriptors: Descriptors,
    budget: MemoryBudget,
  ) {
    this.budget = budget;
    this.options = options;
    this.wheel = wheel;
    this.metrics = metrics;
    this.counts = counts;
    this.timeouts = upstreamTimeouts(null, options);
    this.dialer = new Dialer(options, wheel, descriptors);
  }

  of(server: ServerView): UpstreamPool {
    const pool = this.bySlot.get(server.slot);
    if (pool !== undefined) {
      if (pool.server === server || this.isOf(pool, server)) return pool;
      this.letGo(pool);
    }
    const made = this.made(
      this.dialer.target(server, ownTrust(server)),
      this.timeoutsOf(server),
      new ConnectionCounts(this.metrics, this.counts, server.backendSlot),
    );
    made.server = server;
    if (server.isGone) {
      // Nobody would let go of it later: it keeps no connection, and is forgotten with the next table.
      made.retire();
      this.retired.add(made);
    } else this.bySlot.set(server.slot, made);
    return made;
  }

  /**
   * Of a server that stands in no backend. `key`: another for another server or another trust; `tls`: null for that of all
   * servers.
   */
  apart(key: string, server: ServerAddress, tls: OwnTrust | null): UpstreamPool {
    const now = performance.now();
    let found = this.byKey.get(key);
    if (found === undefined) {
      const counts = new ConnectionCounts(this.metrics, this.counts, NO_BACKEND);
      found = { pool: this.made(this.dialer.target(server, tls), this.timeouts, counts), usedAt: now };
      this.byKey.set(key, found);
    }
    found.usedAt = now;
    return found.pool;
  }

  private timeoutsOf({ options }: ServerView): UpstreamTimeouts {
    return options === null ? this.timeouts : upstreamTimeouts(options, this.options);
  }

  private made(target: DialTarget, timeouts: UpstreamTimeouts, counts: ConnectionCounts): UpstreamPool {
    return new UpstreamPool(
      target,
      timeouts,
      this.options,
      this.wheel,
      this.readBuffer,
      this.turn,
      counts,
      this.budget,
    );
  }

  /** A new table is in force, without the servers of these slots. */
  leave(slots: readonly number[]): void {
    this.letGoUnused();
    for (const slot of slots) {
      const pool = this.bySlot.get(slot);
      if (pool === undefined) continue;
      this.bySlot.delete(slot);
      this.letGo(pool);
    }
    for (const pool of this.retired) if (pool.size === 0) this.retired.delete(pool);
  }

  /** After a change of tables the server has another view; after one of names the slot is another server's. */
  private isOf(pool: UpstreamPool, server: ServerView): boolean {
    if (pool.server?.url !== server.url) return false;
    if (pool.target.trust !== this.dialer.trusts.of(ownTrust(server))) return false;
    pool.server = server;
    pool.timeouts = this.timeoutsOf(server);
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
    for (const { pool } of this.byKey.values()) closed += pool.closeIdle();
    return closed;
  }

  /** Nobody tells when an auth server is asked no more. */
  private letGoUnused(): void {
    const before = performance.now() - APART_KEPT_MS;
    for (const [key, { pool, usedAt }] of this.byKey) {
      if (usedAt > before) continue;
      this.byKey.delete(key);
      this.letGo(pool);
    }
  }

  /** Open connections to all servers. */
  get connections(): number {
    let sum = 0;
    for (const pool of this.bySlot.values()) sum += pool.size;
    for (const { pool } of this.byKey.values()) sum += pool.size;
    for (const pool of this.retired) sum += pool.size;
    return sum;
  }

  destroy(): void {
    for (const pool of this.bySlot.values()) pool.destroy();
    for (const { pool } of this.byKey.values()) pool.destroy();
    for (const pool of this.retired) pool.destroy();
    this.bySlot.clear();
    this.retired.clear();
  }
}
