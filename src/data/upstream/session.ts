/**
 * One HTTP/2 connection to a server, shared by many requests (RFC 9113), over a socket of our own dialing, so that trust,
 * names and timeouts are those of every connection. What goes over it is session-frames.ts.
 *
 *     DIALING ──ready──▶ OPEN ──GOAWAY, retired──▶ DRAINING ──last stream──▶ CLOSED      any ──error, silence──▶ CLOSED
 *        │ streams wait       ⇅ idle: no streams, for IDLE_MS at most
 *        └──failed, or the server chose HTTP/1.1──▶ CLOSED
 *
 * A session on which nothing has come for PING_AFTER_MS while requests are on it, and one that is taken up again after a
 * rest as long, is asked for a sign of life: a server that is gone without a word must not take requests for the minutes
 * that TCP needs to notice. Silence as such ends nothing. Where it lasts, PINGs are PING_AGAIN_MS apart: servers of gRPC
 * end a connection with more than two in five minutes between which they have sent nothing.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';
import { CODE, codeName } from '../../http2/codes.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { dialedSocket } from '../socket/dialed-socket.ts';
import { dialDetail, peerOf } from './dial.ts';
import type { PoolOwner } from './owner.ts';
import { type FramesOwner, SessionFrames } from './session-frames.ts';
import { type StreamOwner, UpstreamStream } from './stream.ts';
import type { UpstreamTimeouts } from './timeouts.ts';
import type { UpstreamUser } from './upstream.ts';

const DIALING = 0;
const OPEN = 1;
const DRAINING = 2;
const CLOSED = 3;

const PING_AFTER_MS = 15_000;
/** The next one when nothing but its answer has come, and no request was sent since. */
const PING_AGAIN_MS = 310_000;
/** So many may follow each other sooner. */
const MAX_HASTY_PINGS = 2;
/** How long the answer may take. */
const PING_TIMEOUT_MS = 15_000;
const NO_TIMEOUT_MS = 3_600_000;

/** The sessions of one server, as each of them knows them. */
export interface SessionOwner {
  readonly pool: PoolOwner & {
    /** The server has chosen HTTP/1.1 where it chose HTTP/2 before. */
    shareNoMore(): void;
    /** The server asks for HTTP/1.1. False: it is not to be had. */
    speakHttp1(): boolean;
  };
  /** Streams that the server takes at a time on one session, as it said last. */
  limit: number;
  /** How many requests a session is given in all. */
  readonly lifetime: number;
  /** The server has ended a session after so many requests and refused the rest. */
  endedAfter(requests: number): void;
  /** It takes no more requests. */
  drop(session: UpstreamSession): void;
  /** It is over. */
  forget(session: UpstreamSession): void;
}

export class UpstreamSession extends TimerEntry implements StreamOwner, FramesOwner {
  readonly wheel: TimerWheel;
  readonly budget: MemoryBudget;
  private readonly sessions: SessionOwner;
  private readonly socket: Socket;
  private readonly streams = new Set<UpstreamStream>();
  /** Null while it dials. */
  private wire: SessionFrames | null = null;
  peer = '';
  private state = DIALING;
  /** Streams that the server takes at a time. */
  private limit: number;
  /** Streams that it was asked for. */
  private taken = 0;
  private error: NodeJS.ErrnoException | null = null;
  /** Bytes that had come when it was looked at last. */
  private bytesSeen = 0;
  private pinged = false;
  /** PINGs since the server has sent anything but their answers; and what `taken` was at the last of them. */
  private pings = 0;
  private takenAtPing = 0;
  /** Since the last PING. */
  private silentMs = 0;
  /** It ends with the requests that are on it. */
  private retired = false;
  /** Milliseconds of performance.now(). */
  private idleSince = 0;
  private dialedAt = 0;
  /** It is counted among those that rest. */
  private rests = false;

  /** `socket`: one that dials, or (with `use`) one that is ready. */
  constructor(sessions: SessionOwner, socket: Socket) {
    super();
    this.sessions = sessions;
    this.wheel = sessions.pool.wheel;
    this.budget = sessions.pool.budget;
    this.limit = sessions.limit;
    this.socket = socket;
  }

  /** The dial has begun: from now on it is timed. */
  dialing(): void {
    const { socket } = this;
    const { target } = this.sessions.pool;
    this.dialedAt = performance.now();
    this.wheel.arm(this, this.timeouts.connectMs || NO_TIMEOUT_MS);
    if (target.secure) socket.on('connect', () => this.guard(this.accepted));
    socket.on(target.ready, () => this.guard(this.connected));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error;
    });
    socket.on('close', () => this.guard(this.dialFailed));
  }

  /** Runs one step for the session, its socket or the timer: what it throws would end the whole worker. */
  private guard(step: (this: UpstreamSession) => void): void {
    try {
      step.call(this);
    } catch (error) {
      this.crash(error);
    }
  }

  crash(error: unknown): void {
    tellOwnError('session with a server', error);
    this.lose('the session was given up', false);
  }

  get timeouts(): UpstreamTimeouts {
    return this.sessions.pool.timeouts;
  }

  get frames(): SessionFrames {
    return this.wire!;
  }

  get isDialing(): boolean {
    return this.state === DIALING;
  }

  /** It takes one request more, at once or when it is dialed. */
  get hasRoom(): boolean {
    if (this.state > OPEN || this.streams.size >= this.limit || this.taken >= this.sessions.lifetime) return false;
    return this.wire === null || this.wire.hasRoom;
  }

  /** A stream for one request; while dialing, its user is told when it is ready. */
  take(user: UpstreamUser): UpstreamStream {
    const open = this.state === OPEN;
    if (open && this.streams.size === 0) this.wake();
    if (open && this.taken > 0) this.sessions.pool.counts.reused();
    const stream = this.add(user);
    if (open) stream.use();
    return stream;
  }

  /** As `take` while dialing, although it is open: for somebody who waits to be told. */
  takeLater(user: UpstreamUser): UpstreamStream {
    if (this.streams.size === 0) this.wake();
    const stream = this.add(user);
    setImmediate(makeReady, stream);
    return stream;
  }

  private add(user: UpstreamUser): UpstreamStream {
    const stream = new UpstreamStream(this, user);
    this.streams.add(stream);
    this.taken++;
    return stream;
  }

  /** A stream is over. */
  forget(stream: UpstreamStream): void {
    if (this.streams.delete(stream) && this.streams.size === 0) this.guard(this.emptied);
  }

  /** The last stream is over. */
  private emptied(): void {
    if (this.state === OPEN && !this.isUsedUp) this.rest();
    else if (this.state === OPEN) this.retire();
    else if (this.state === DRAINING) this.destroy();
  }

  private rest(): void {
    if (!this.rests) this.sessions.pool.counts.rests();
    this.rests = true;
    this.idleSince = performance.now();
    this.wheel.cancel(this);
    this.wheel.arm(this, this.sessions.pool.idleMs(0));
  }

  /** The first request after a rest. */
  private wake(): void {
    if (this.rests) this.sessions.pool.counts.awakes();
    this.rests = false;
    this.wheel.cancel(this);
    this.pinged = false;
    this.bytesSeen = this.frames.received;
    if (performance.now() - this.idleSince >= PING_AFTER_MS && this.mayPing) this.ping();
    else this.wheel.arm(this, PING_AFTER_MS);
  }

  /** A PING now is welcome: the server has sent something since the last ones, or was asked for it. */
  private get mayPing(): boolean {
    return this.pings === 0 || (this.pings < MAX_HASTY_PINGS && this.taken > this.takenAtPing);
  }

  private ping(): void {
    this.pinged = true;
    this.pings++;
    this.takenAtPing = this.taken;
    this.frames.out.ping();
    this.wheel.arm(this, PING_TIMEOUT_MS);
  }

  pingAnswered(): void {
    if (this.state > DRAINING || !this.pinged || this.streams.size === 0) return;
    this.pinged = false;
    this.bytesSeen = this.frames.received;
    this.wheel.arm(this, PING_AFTER_MS);
  }

  override expired(): void {
    this.guard(this.timedOut);
  }

  private timedOut(): void {
    if (this.state === DIALING) {
      this.failDial(FAULTS.connectTimeout, this.socket.connecting ? 'dial timeout' : 'TLS handshake timeout');
    } else if (this.streams.size === 0) {
      this.destroy();
    } else if (this.frames.received !== this.bytesSeen) {
      this.bytesSeen = this.frames.received;
      this.pinged = false;
      this.silentMs = 0;
      this.wheel.arm(this, PING_AFTER_MS);
    } else if (this.pinged) {
      this.lose('no answer to a PING', false);
    } else if (this.mayPing || this.silentMs >= PING_AGAIN_MS) {
      this.silentMs = 0;
      this.ping();
    } else {
      this.silentMs += PING_AFTER_MS;
      this.wheel.arm(this, PING_AFTER_MS);
    }
  }

  /** The server has accepted; the TLS handshake is timed by itself. */
  private accepted(): void {
    const { handshakeMs } = this.timeouts;
    if (this.state === DIALING && handshakeMs > 0) this.wheel.arm(this, handshakeMs);
  }

  private connected(): void {
    if (this.state !== DIALING) return;
    if (this.sessions.pool.target.secure && (this.socket as TLSSocket).alpnProtocol !== 'h2') {
      this.failDial(FAULTS.streamRefused, 'the server has chosen HTTP/1.1');
      return;
    }
    this.sessions.pool.counts.connected(performance.now() - this.dialedAt);
    this.use();
    for (const stream of [...this.streams]) stream.ready();
    if (this.streams.size === 0) this.rest();
  }

  /** The socket is ready: HTTP/2 begins on it. */
  use(): void {
    const { target } = this.sessions.pool;
    const scheme = target.secure ? 'https' : 'http';
    this.peer = peerOf(this.socket);
    this.wire = new SessionFrames(this, dialedSocket(this.socket), scheme, target.authority);
    this.state = this.retired ? DRAINING : OPEN;
    this.idleSince = performance.now();
    this.wire.begin();
    this.wheel.cancel(this);
    this.wheel.arm(this, PING_AFTER_MS);
  }

  heard(): void {
    this.pings = 0;
  }

  limited(streams: number): void {
    this.limit = streams;
    this.sessions.limit = Math.max(1, streams);
    if (this.streams.size === 0 && this.isUsedUp) this.retire();
  }

  /** It will take no more requests, as far as it is known. */
  private get isUsedUp(): boolean {
    return this.limit === 0 || this.taken >= this.sessions.lifetime;
  }

  needsHttp1(): boolean {
    return this.sessions.pool.speakHttp1();
  }

  goneAway(code: number, lastId: number): void {
    const unseen = [...this.streams].filter((stream) => stream.id > lastId);
    if (code === CODE.noError && unseen.length > 0) this.sessions.endedAfter((lastId + 1) / 2);
    if (code === CODE.http11Required) this.needsHttp1();
    this.retire();
    const detail = code === CODE.noError ? 'GOAWAY' : `GOAWAY: ${codeName(code)}`;
    for (const stream of unseen) stream.orphaned(false, false, detail);
    // An error is the end of the connection (RFC 9113 §5.4.1), whether or not its server closes it.
    if (code !== CODE.noError) this.lose(detail, false);
  }

  /** Takes no new requests, and ends with those that are on it. */
  retire(): void {
    if (this.state > OPEN) return;
    this.retired = true;
    if (this.state === OPEN) this.state = DRAINING;
    this.sessions.drop(this);
    if (this.streams.size === 0) this.destroy();
  }

  connectionLost(reason: string, broken: boolean): void {
    this.lose(reason, broken);
  }

  /** The connection is of no use any more: the requests on it fail, or are sent anew. */
  private lose(reason: string, broken: boolean): void {
    if (this.state === DIALING) {
      this.failDial(FAULTS.connectRefused, reason);
      return;
    }
    try {
      this.closed(true);
    } finally {
      for (const stream of [...this.streams]) stream.orphaned(stream.id > 0, broken, reason);
    }
  }

  private dialFailed(): void {
    if (this.state !== DIALING) return;
    const { error } = this;
    if (error === null) this.failDial(FAULTS.connectRefused, 'the connection was closed at once');
    else this.failDial(this.sessions.pool.target.fault(error), dialDetail(error));
  }

  private failDial(fault: Fault, detail: string): void {
    const waiting = [...this.streams];
    this.streams.clear();
    this.sessions.pool.counts.dialFailed(fault.cause);
    this.closed();
    if (fault === FAULTS.streamRefused) this.sessions.pool.shareNoMore();
    for (const stream of waiting) stream.failAs(fault, detail);
  }

  private closed(byServer = false): void {
    if (this.state === CLOSED) return;
    if (this.rests) this.sessions.pool.counts.closedIdle(byServer);
    this.rests = false;
    this.state = CLOSED;
    this.wheel.cancel(this);
    this.sessions.forget(this);
    if (this.wire === null) this.socket.destroy();
    else this.wire.close(CODE.noError);
  }

  /** Ends it and every stream on it. Their users hear nothing more. */
  destroy(): void {
    if (this.state === CLOSED) return;
    for (const stream of [...this.streams]) stream.destroy();
    this.closed();
  }
}

function makeReady(stream: UpstreamStream): void {
  stream.ready();
}
