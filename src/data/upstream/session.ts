/**
 * One HTTP/2 connection to a server, shared by many requests (RFC 9113). node:http2 speaks the protocol over a socket of
 * our own dialing, so that trust, names and timeouts are those of every connection.
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
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  type ClientSessionRequestOptions,
  connect,
} from 'node:http2';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';
import type { Http2Fields } from '../../http/http2-head.ts';
import { MAX_HEAD_BYTES } from '../../http/response-head.ts';
import { FAULTS, type Fault, reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import { frameBudget, TINY_DATA, USEFUL_FRAME } from '../flood-budget.ts';
import { dialDetail } from './dial.ts';
import type { PoolOwner } from './owner.ts';
import { type StreamOwner, UpstreamStream } from './stream.ts';
import type { UpstreamTimeouts } from './timeouts.ts';
import type { UpstreamUser } from './upstream.ts';

const DIALING = 0;
const OPEN = 1;
const DRAINING = 2;
const CLOSED = 3;

/** What a stalled client can hold of our memory per stream; on the whole connection node:http2 holds nothing back. */
const STREAM_WINDOW_BYTES = 262_144;
const CONNECTION_WINDOW_BYTES = 4_194_304;
/** Of node:http2, for everything that waits in one session, in MB: its default of 10 refuses streams when many stall. */
const SESSION_MEMORY_MB = 256;
/** More fields than fit into a head that is accepted. */
const MAX_FIELDS = MAX_HEAD_BYTES / 32;
const OPTIONS: ClientSessionOptions & { strictSingleValueFields: boolean } = {
  maxSessionMemory: SESSION_MEMORY_MB,
  maxHeaderListPairs: MAX_FIELDS,
  // A field that should stand once is the server's to judge, as over HTTP/1.1.
  strictSingleValueFields: false,
  settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: MAX_HEAD_BYTES },
};
/** Only `:scheme` and `:authority` are taken from it, and those are given with each request. */
const UNUSED_URL = 'http://server';

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

export class UpstreamSession extends TimerEntry implements StreamOwner {
  /** Why it was lost, '' while it was not. */
  lost = '';
  readonly wheel: TimerWheel;
  readonly scheme: string;
  /** For requests with an empty Host. */
  readonly authority: string;
  private readonly sessions: SessionOwner;
  private readonly socket: Socket;
  private readonly streams = new Set<UpstreamStream>();
  private session: ClientHttp2Session | null = null;
  private state = DIALING;
  /** Streams that it was asked for. */
  private taken = 0;
  /** The last stream that the server says it has seen; after a GOAWAY. */
  private lastSeen = Number.POSITIVE_INFINITY;
  private error: NodeJS.ErrnoException | null = null;
  /** Bytes that had come when it was looked at last. */
  private bytesSeen = 0;
  private pinged = false;
  /** PINGs since the server has sent anything but their answers; and what `taken` was at the last of them. */
  private pings = 0;
  private takenAtPing = 0;
  /** Since the last PING. */
  private silentMs = 0;
  private readonly frames = frameBudget();
  /** It ends with the requests that are on it. */
  private retired = false;
  /** Milliseconds of performance.now(). */
  private idleSince = 0;

  /** `socket`: one that dials, or (with `use`) one that is ready. */
  constructor(sessions: SessionOwner, socket: Socket) {
    super();
    this.sessions = sessions;
    this.wheel = sessions.pool.wheel;
    this.scheme = sessions.pool.target.secure ? 'https' : 'http';
    this.authority = sessions.pool.target.authority;
    this.socket = socket;
  }

  /** The dial has begun: from now on it is timed. */
  dialing(): void {
    const { socket } = this;
    const { target } = this.sessions.pool;
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
      log.error('a session with a server failed', { error: reasonOf(error) });
      this.lose('the session was given up');
    }
  }

  get timeouts(): UpstreamTimeouts {
    return this.sessions.pool.timeouts;
  }

  get isDialing(): boolean {
    return this.state === DIALING;
  }

  /** It takes one request more, at once or when it is dialed. */
  get hasRoom(): boolean {
    if (this.state > OPEN || this.streams.size >= this.sessions.limit || this.taken >= this.sessions.lifetime)
      return false;
    // node:http2 knows of some ends before it tells.
    return this.session === null || !(this.session.closed || this.session.destroyed);
  }

  /** A stream for one request; while dialing, its user is told when it is ready. */
  take(user: UpstreamUser): UpstreamStream {
    const open = this.state === OPEN;
    if (open && this.streams.size === 0) this.wake();
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

  /** @throws Error when the fields are not such as HTTP/2 takes */
  request(fields: Http2Fields, options: ClientSessionRequestOptions): ClientHttp2Stream {
    return this.session!.request(fields as unknown as string[], options);
  }

  /** Was the stream opened after the last one that the server has seen? `id`: undefined when it was never opened. */
  neverSaw(id: number | undefined): boolean {
    return id === undefined || id > this.lastSeen;
  }

  /** A stream is over. */
  forget(stream: UpstreamStream): void {
    if (!this.streams.delete(stream) || this.streams.size > 0) return;
    if (this.state === OPEN && this.taken < this.sessions.lifetime) this.rest();
    else if (this.state === OPEN) this.retire();
    else if (this.state === DRAINING) this.destroy();
  }

  private rest(): void {
    this.idleSince = performance.now();
    this.wheel.cancel(this);
    this.wheel.arm(this, this.sessions.pool.idleMs(0));
  }

  /** The first request after a rest. */
  private wake(): void {
    this.wheel.cancel(this);
    this.pinged = false;
    this.bytesSeen = this.socket.bytesRead;
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
    this.session!.ping(() => this.guard(this.pingAnswered));
    this.wheel.arm(this, PING_TIMEOUT_MS);
  }

  private pingAnswered(): void {
    if (this.state > DRAINING || !this.pinged || this.streams.size === 0) return;
    this.pinged = false;
    this.bytesSeen = this.socket.bytesRead;
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
    } else if (this.socket.bytesRead !== this.bytesSeen) {
      this.bytesSeen = this.socket.bytesRead;
      this.pinged = false;
      this.silentMs = 0;
      this.wheel.arm(this, PING_AFTER_MS);
    } else if (this.pinged) {
      this.lose('no answer to a PING');
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
    this.use();
    for (const stream of [...this.streams]) stream.ready();
    if (this.streams.size === 0) this.rest();
  }

  /** The socket is ready: HTTP/2 begins on it. */
  use(): void {
    this.socket.prependListener('error', (error) => this.guard(() => this.noteLoss(reasonOf(error))));
    this.socket.prependListener('close', () => this.guard(() => this.noteLoss('connection closed')));
    const session = connect(UNUSED_URL, { ...OPTIONS, createConnection: () => this.socket });
    this.session = session;
    this.state = this.retired ? DRAINING : OPEN;
    this.idleSince = performance.now();
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.on('remoteSettings', ({ maxConcurrentStreams }) => {
      this.sessions.limit = Math.max(1, maxConcurrentStreams ?? Number.POSITIVE_INFINITY);
    });
    const control = (): void => this.guard(this.controlled);
    session.on('ping', control);
    session.on('remoteSettings', control);
    session.on('goaway', (code, lastStreamID) => this.guard(() => this.goneAway(code, lastStreamID)));
    session.on('error', (error) => this.guard(() => this.noteLoss(reasonOf(error))));
    session.on('close', () => this.guard(this.closed));
    this.wheel.cancel(this);
    this.wheel.arm(this, PING_AFTER_MS);
  }

  private controlled(): void {
    if (!this.frames.spend(1)) this.lose('too many PING and SETTINGS frames');
  }

  /** A piece of a body has come. */
  received(bytes: number): void {
    this.pings = 0;
    if (bytes < TINY_DATA && !this.frames.spend(1)) this.lose('too many DATA frames with next to nothing in them');
  }

  /** A head has come. */
  answered(): void {
    this.pings = 0;
    this.frames.gain(USEFUL_FRAME);
  }

  /** Before the streams hear of their end, so that they can tell a lost connection from a reset of theirs. */
  private noteLoss(reason: string): void {
    if (this.lost === '') this.lost = reason;
  }

  private goneAway(code: number, lastStreamID: number): void {
    this.lastSeen = Math.min(this.lastSeen, lastStreamID);
    if (code !== 0) this.noteLoss(`GOAWAY with code ${code}`);
    else if (this.hasUnseen()) this.sessions.endedAfter((lastStreamID + 1) / 2);
    this.retire();
  }

  private hasUnseen(): boolean {
    for (const stream of this.streams) if (this.neverSaw(stream.id)) return true;
    return false;
  }

  /** Takes no new requests, and ends with those that are on it. */
  retire(): void {
    if (this.state > OPEN) return;
    this.retired = true;
    if (this.state === OPEN) this.state = DRAINING;
    this.sessions.drop(this);
    if (this.streams.size === 0) this.destroy();
  }

  /** The connection is of no use any more: the requests on it fail, or are sent anew. */
  private lose(reason: string): void {
    this.noteLoss(reason);
    if (this.state === DIALING) this.failDial(FAULTS.connectRefused, reason);
    // Its end closes the streams, and each tells its user; those that were never opened have nothing to be closed.
    else this.session?.destroy();
    this.closed();
    for (const stream of [...this.streams]) stream.orphaned(reason);
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
    this.closed();
    if (fault === FAULTS.streamRefused) this.sessions.pool.shareNoMore();
    for (const stream of waiting) stream.failAs(fault, detail);
  }

  private closed(): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.wheel.cancel(this);
    this.sessions.forget(this);
    // Later, so that GOAWAY and resets still go out.
    if (this.session === null) this.socket.destroy();
    else setImmediate(destroySocket, this.socket);
  }

  /** Ends it and every stream on it. Their users hear nothing more. */
  destroy(): void {
    if (this.state === CLOSED) return;
    for (const stream of [...this.streams]) stream.destroy();
    // Says GOAWAY, and ends the socket once that is written.
    this.session?.destroy();
    this.closed();
  }
}

function makeReady(stream: UpstreamStream): void {
  stream.ready();
}

function destroySocket(socket: Socket): void {
  socket.destroy();
}
