/**
 * The connections of one worker to one server. Idle ones are used last in, first out, so that the rest can expire. A
 * server that speaks HTTP/2 has sessions instead, which requests share: h2c:// servers always, https:// servers from the
 * first connection on which they choose it until one on which they do not.
 *
 *     idle  [ oldest … newest ]  ◀─ keep ── connection ── take ─▶     at most maxIdleConnsPerHost
 */

import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import type { ServerView } from '../../table/views.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { WriteTurn } from '../write-turn.ts';
import { UpstreamConnection } from './connection.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { ALPN_ANY, ALPN_HTTP1, type DialTarget } from './dial.ts';
import { UpstreamSessions } from './sessions.ts';
import type { UpstreamTimeouts } from './timeouts.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

/** We let go that much before the server's own announced timeout, so that the two do not cross. */
const IDLE_MARGIN_MS = 1_000;
/** How long a server is left alone after it closed on, or was too slow for, several requests in flight. */
const PIPELINING_OFF_MS = 60_000;

export class UpstreamPool implements ConnectionOwner {
  /** Who it was last asked for by; only UpstreamPools looks at it. */
  server: ServerView | null = null;
  readonly target: DialTarget;
  /** Those in force: connections look here whenever they begin to wait. */
  timeouts: UpstreamTimeouts;
  readonly options: BootOptions;
  readonly wheel: TimerWheel;
  readonly budget: MemoryBudget;
  /** Shared by all connections of the worker: bytes are used up before the next read. */
  readonly readBuffer: Buffer;
  private readonly idle: UpstreamConnection[] = [];
  private readonly all = new Set<UpstreamConnection>();
  private readonly sessions: UpstreamSessions;
  private shares: boolean;
  /** The server has asked for HTTP/1.1 where it has been spoken to in HTTP/2 (RFC 9113 §7). */
  private wantsHttp1 = false;
  private closed = false;
  /** What this turn's requests are enqueued on, null before the first of them. */
  private filling: UpstreamConnection | null = null;
  /** Milliseconds of performance.now() until which the server is not pipelined to; 0: it is. */
  private pipeliningOffUntil = 0;
  readonly turn: WriteTurn;
  readonly counts: ConnectionCounts;

  constructor(
    target: DialTarget,
    timeouts: UpstreamTimeouts,
    options: BootOptions,
    wheel: TimerWheel,
    readBuffer: Buffer,
    turn: WriteTurn,
    counts: ConnectionCounts,
    budget: MemoryBudget,
  ) {
    this.target = target;
    this.timeouts = timeouts;
    this.options = options;
    this.wheel = wheel;
    this.readBuffer = readBuffer;
    this.turn = turn;
    this.counts = counts;
    this.budget = budget;
    this.sessions = new UpstreamSessions(this);
    this.shares = target.priorKnowledge;
  }

  get size(): number {
    return this.all.size + this.sessions.size;
  }

  /**
   * What takes a request at once: the idle connection that was used last, or a session with room; null for neither.
   * `upgrades`: the request is for HTTP/1.1 and nothing else.
   */
  take(user: UpstreamUser, upgrades: boolean): Upstream | null {
    if (this.shares && !upgrades) return this.sessions.take(user);
    let connection = this.idle.pop();
    // On a busy machine our timer may be later than the server's: what is over for it would cost the client a 502.
    while (connection !== undefined && connection.deadline <= performance.now()) {
      this.counts.closedIdle(false);
      connection.destroy();
      connection = this.idle.pop();
    }
    if (connection === undefined) return null;
    try {
      this.isTaken();
      connection.use(user);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return connection;
  }

  /** A connection on which one request more may be enqueued in this turn, `depth` at most; null: dial. */
  takeForTurn(depth: number): UpstreamConnection | null {
    if (this.pipeliningOffUntil !== 0) {
      if (performance.now() < this.pipeliningOffUntil) return null;
      this.pipeliningOffUntil = 0;
    }
    if (this.filling !== null && this.filling.inFlight > 0 && this.filling.inFlight < depth) return this.filling;
    const connection = this.idle.at(-1);
    if (connection === undefined) return null;
    this.isTaken();
    this.turn.fills(this);
    this.turn.add(connection);
    this.idle.pop();
    this.filling = connection;
    return connection;
  }

  private isTaken(): void {
    this.counts.awakes();
    this.counts.reused();
  }

  turnEnded(): void {
    this.filling = null;
  }

  /** The server does not take several requests well. */
  avoidPipelining(): void {
    this.pipeliningOffUntil = performance.now() + PIPELINING_OFF_MS;
  }

  /** A new connection; `user` hears of `upstreamConnected` or `upstreamFailed`. */
  dial(user: UpstreamUser, upgrades: boolean): Upstream {
    if (this.shares && !upgrades) return this.sessions.dial(user);
    const connection = new UpstreamConnection(this, user, upgrades || this.wantsHttp1 ? ALPN_HTTP1 : ALPN_ANY);
    this.all.add(connection);
    try {
      this.counts.opened();
      connection.dialing();
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return connection;
  }

  /** The server has chosen HTTP/2 on `socket`: from now on its requests share sessions, that of `user` first. */
  share(socket: Socket, user: UpstreamUser): Upstream {
    this.shares = true;
    const stream = this.sessions.adopt(socket, user);
    if (this.closed) this.sessions.retire();
    this.closeIdle();
    return stream;
  }

  /** The server has chosen HTTP/1.1 where it chose HTTP/2 before. */
  shareNoMore(): void {
    this.shares = this.target.priorKnowledge;
    this.sessions.retire();
  }

  /** From now on. False: the server speaks HTTP/2 and nothing else. */
  speakHttp1(): boolean {
    if (!this.target.priorKnowledge) {
      this.wantsHttp1 = true;
      this.shareNoMore();
    }
    return this.wantsHttp1;
  }

  /** False: there are idle ones enough. */
  keep(connection: UpstreamConnection): boolean {
    if (this.closed || this.shares || this.idle.length >= this.options.maxIdleConnsPerHost) return false;
    this.idle.push(connection);
    this.counts.rests();
    return true;
  }

  forget(connection: UpstreamConnection): void {
    if (!this.all.delete(connection)) return;
    this.counts.closed();
    const at = this.idle.lastIndexOf(connection);
    if (at < 0) return;
    this.idle.splice(at, 1);
    this.counts.closedIdle(connection.wasEnded);
  }

  idleMs(announcedMs: number): number {
    const most = this.timeouts.keepAliveMs || Number.POSITIVE_INFINITY;
    return announcedMs > 0 ? Math.max(Math.min(most, announcedMs - IDLE_MARGIN_MS), 100) : most;
  }

  /** Returns how many there were. */
  closeIdle(): number {
    const idle = [...this.idle];
    for (const connection of idle) connection.destroy();
    return idle.length;
  }

  /** The server has left the table: idle connections end now, busy ones with their response. */
  retire(): void {
    this.closed = true;
    this.closeIdle();
    this.sessions.retire();
  }

  destroy(): void {
    this.closed = true;
    for (const connection of [...this.all]) connection.destroy();
    this.sessions.destroy();
  }
}
