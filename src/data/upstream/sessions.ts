/**
 * The HTTP/2 sessions of one worker with one server: one, and more only while the server's limit of streams on it is
 * reached. Requests fill the oldest first, so that the others can expire.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ALPN_ANY } from './dial.ts';
import { type SessionOwner, UpstreamSession } from './session.ts';
import type { UpstreamStream } from './stream.ts';
import type { UpstreamUser } from './upstream.ts';

/** Streams at a time until the server has told its limit; RFC 9113 §6.5.2 recommends servers to allow no fewer. */
const ASSUMED_STREAMS = 100;
/** How long it is believed that a server ends its sessions after so many requests. */
const BELIEVED_MS = 300_000;

export class UpstreamSessions implements SessionOwner {
  readonly pool: SessionOwner['pool'];
  /** Those that take requests, dialing ones included. */
  private readonly usable: UpstreamSession[] = [];
  private readonly all = new Set<UpstreamSession>();
  /** Streams that the server takes at a time on one session, as it said last. */
  limit = ASSUMED_STREAMS;
  /** Requests that the server has served on the session of which it refused the rest last. */
  private lastCount = 0;
  /** Milliseconds of performance.now(): until then a session is not asked for more than `lastCount`. */
  private believedUntil = 0;

  constructor(pool: SessionOwner['pool']) {
    this.pool = pool;
  }

  get size(): number {
    return this.all.size;
  }

  /** How many requests a session is given in all. */
  get lifetime(): number {
    return this.believedUntil > 0 && performance.now() < this.believedUntil ? this.lastCount : Number.POSITIVE_INFINITY;
  }

  /**
   * The server has ended a session after so many requests and refused the rest. Twice the same is its rule
   * (`keepalive_requests` of nginx): what is asked for beyond would be sent anew, some of it again and again.
   */
  endedAfter(requests: number): void {
    const again = requests > 0 && requests === this.lastCount;
    this.lastCount = requests;
    this.believedUntil = again ? performance.now() + BELIEVED_MS : 0;
  }

  /** A stream on a session that is open, null when none has room. */
  take(user: UpstreamUser): UpstreamStream | null {
    for (const session of this.usable) if (!session.isDialing && session.hasRoom) return session.take(user);
    return null;
  }

  /** A stream on a session that is being dialed; `user` hears of `upstreamConnected` or `upstreamFailed`. */
  dial(user: UpstreamUser): UpstreamStream {
    for (const session of this.usable) if (session.isDialing && session.hasRoom) return session.take(user);
    const spare = this.spare();
    if (spare !== null) return spare.takeLater(user);
    const session = this.add(this.pool.target.dial(null, ALPN_ANY));
    try {
      session.dialing();
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session.take(user);
  }

  /**
   * The newest of several open sessions with room. Somebody dials all the same after the oldest has refused a stream: a
   * server that refuses many must not be given a connection for each.
   */
  private spare(): UpstreamSession | null {
    const open = this.usable.filter((session) => !session.isDialing && session.hasRoom);
    return open.length > 1 ? open[open.length - 1] : null;
  }

  /** A stream for whoever dialed `socket`, not knowing that the server would choose HTTP/2. */
  adopt(socket: Socket, user: UpstreamUser): UpstreamStream {
    const open = this.take(user);
    if (open !== null) {
      socket.destroy();
      return open;
    }
    const session = this.add(socket);
    try {
      session.use();
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session.take(user);
  }

  private add(socket: Socket): UpstreamSession {
    const session = new UpstreamSession(this, socket);
    this.all.add(session);
    this.usable.push(session);
    this.pool.counts.opened();
    return session;
  }

  /** It takes no more requests. */
  drop(session: UpstreamSession): void {
    const at = this.usable.indexOf(session);
    if (at >= 0) this.usable.splice(at, 1);
  }

  forget(session: UpstreamSession): void {
    this.drop(session);
    if (this.all.delete(session)) this.pool.counts.closed();
  }

  /** Sessions without requests end now, the others with their last. */
  retire(): void {
    for (const session of [...this.all]) session.retire();
  }

  destroy(): void {
    for (const session of [...this.all]) session.destroy();
  }
}
