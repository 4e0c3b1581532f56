/**
 * One connection to a server: dials, writes requests, reads responses into the worker's one read buffer.
 *
 *     DIALING ──connect──▶ BUSY ⇄ IDLE (in the pool)        any ──error, FIN, timeout, misbehaviour──▶ CLOSED
 *
 * It tells its user exactly once how a try ended: `responseEnd` (through the parser) or `upstreamFailed`.
 *
 * With pipelining several requests are in flight; their responses come in the order of the requests (RFC 9112 §9.3.2):
 *
 *     user ◀── the response being read        behind [ next … last ] ◀── enqueue, while the turn lasts
 *
 * Only requests of one turn of the event loop share a connection, so none waits for one that was there long before it.
 * When the responses are not through after HOLD_MS, those behind the first are sent anew elsewhere and the server is not
 * pipelined to for a while; so a slow answer holds others up for that long and no longer.
 */
import type { Socket } from 'node:net';
import { REQUEST_CHUNKED } from '../../http/request-head.ts';
import { BODY_UNTIL_CLOSE, ResponseParser } from '../../http/response-parser.ts';
import { FAULTS, type Fault, reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { WriteTurn } from '../write-turn.ts';
import { dialDetail } from './dial.ts';
import type { PoolOwner } from './owner.ts';
import { type SocketOwner, UpstreamSocket } from './socket.ts';
import { silenceOf } from './timeouts.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';
import { Discard, failAll } from './users.ts';

const DIALING = 0;
const BUSY = 1;
const IDLE = 2;
const CLOSED = 3;

/** How long requests wait behind another one. */
const HOLD_MS = 100;

/** How long a server that reads no more may take to say why. */
const DEAF_MS = 1_000;

/** What is read past of a response that is for nobody, bytes and milliseconds of silence: a new connection costs about as much. */
const DISCARDED_BYTES = 65_536;
const DISCARDED_MS = 1_000;

const LAST_CHUNK = '0\r\n\r\n';

/** The pool, as its connections know it. */
export interface ConnectionOwner extends PoolOwner {
  /** Shared by all connections of the worker: bytes are used up before the next read. */
  readonly readBuffer: Buffer;
  readonly turn: WriteTurn;
  /** The server has chosen HTTP/2 on `socket`, which is the pool's from now on: a stream for `user`. */
  share(socket: Socket, user: UpstreamUser): Upstream;
  /** The server does not take several requests well. */
  avoidPipelining(): void;
  /** The connection is idle. False: it is not wanted. */
  keep(connection: UpstreamConnection): boolean;
  /** It is no connection any more. */
  forget(connection: UpstreamConnection): void;
}

export class UpstreamConnection extends TimerEntry implements Upstream, SocketOwner {
  readonly mayRefuse = false;
  /** Requests that it has served. */
  served = 0;
  readonly parser = new ResponseParser();
  private readonly pool: ConnectionOwner;
  private readonly socket: UpstreamSocket;
  private user: UpstreamUser | null;
  private state = DIALING;
  private reusable = false;
  private awaitsHead = false;
  /** The request under way asks for an upgrade. */
  private upgrades = false;
  /** The request under way is sent with the chunked coding. */
  private chunked = false;
  /** A body follows, or followed, the head of the request that was sent last. */
  private hasBody = false;
  private encoding: 'utf8' | 'latin1' = 'utf8';
  /** The head of the response to it has come. */
  private answered = false;
  /** Milliseconds in which more of its body must come; 0: for ever. */
  private silenceMs = 0;
  private paused = false;
  private readonly behind: UpstreamUser[] = [];
  private readonly behindMethods: string[] = [];
  /** Heads that are written when the turn of the event loop ends, '' when all are out. */
  private outgoing = '';
  /** Responses will come that nobody waits for any more. */
  private evicted = false;
  /** Whom the step under way is for; in it `user` may be let go already. */
  private current: UpstreamUser | null = null;

  constructor(pool: ConnectionOwner, user: UpstreamUser, alpn: readonly string[]) {
    super();
    this.pool = pool;
    this.user = user;
    this.socket = new UpstreamSocket(pool.target, pool.readBuffer, alpn, this);
  }

  /** The dial has begun: from now on it is timed. */
  dialing(): void {
    const { connectMs } = this.pool.timeouts;
    if (connectMs > 0) this.pool.wheel.arm(this, connectMs);
  }

  stepBegins(): void {
    this.current = this.user;
  }

  /** Runs one step for the timer or the turn: what it throws would end the whole worker. */
  private guard(step: (this: UpstreamConnection) => void): void {
    try {
      this.stepBegins();
      step.call(this);
    } catch (error) {
      this.crash(error);
    }
  }

  crash(error: unknown): void {
    const user = this.current;
    const behind = this.behind.splice(0);
    try {
      this.destroy();
      failAll(behind, FAULTS.upstreamClosed, 'the connection was given up');
    } finally {
      if (user !== null) user.crash(error);
      else log.error('a connection to a server failed', { error: reasonOf(error) });
    }
  }

  /** Takes the connection out of idleness for a request. */
  use(user: UpstreamUser): void {
    this.user = user;
    this.state = BUSY;
  }

  sendHead(head: string, method: string, body: number, complete: boolean, latin1: boolean, upgrades: boolean): void {
    this.upgrades = upgrades;
    this.parser.expect(this.user!, method);
    this.reusable = false;
    this.chunked = body === REQUEST_CHUNKED;
    this.hasBody = !complete;
    this.answered = false;
    this.encoding = latin1 ? 'latin1' : 'utf8';
    if (complete && !latin1) {
      this.outgoing = head;
      this.pool.turn.add(this);
      return;
    }
    if (complete) this.awaitHead();
    else {
      this.awaitsHead = false;
      this.pool.wheel.hold(this);
    }
    this.socket.writeHead(head, latin1);
  }

  endBody(trailers: string): void {
    if (this.chunked) this.socket.write(trailers === '' ? LAST_CHUNK : `0\r\n${trailers}\r\n`, this.encoding);
    if (!this.answered && !this.socket.deaf) this.awaitHead();
    // The end of one direction of a tunnel; the other one goes on.
    else if (this.parser.head.status === 101) this.socket.end();
  }

  private awaitHead(): void {
    const { headMs, connectMs } = this.pool.timeouts;
    const timeout = headMs === 0 && this.upgrades ? connectMs : headMs;
    this.awaitsHead = timeout > 0;
    if (timeout > 0) this.pool.wheel.arm(this, timeout);
    else this.pool.wheel.hold(this);
  }

  get inFlight(): number {
    return this.user === null ? 0 : 1 + this.behind.length;
  }

  /** One request more in this turn; it must be one that may be sent twice, and have no body. */
  enqueue(user: UpstreamUser, head: string, method: string): void {
    if (this.user === null) {
      this.user = user;
      this.state = BUSY;
      this.upgrades = false;
      this.hasBody = false;
      this.parser.expect(user, method);
      this.reusable = false;
      this.answered = false;
    } else {
      this.behind.push(user);
      this.behindMethods.push(method);
    }
    this.outgoing += head;
  }

  /** The turn is over: everything that was enqueued goes out in one write. */
  flushTurn(): void {
    this.guard(this.writeTurn);
  }

  private writeTurn(): void {
    const heads = this.outgoing;
    if (this.state === CLOSED || heads === '') return;
    if (this.socket.destroyed) {
      this.fail(FAULTS.unwritten, 'connection closed');
      return;
    }
    this.outgoing = '';
    if (this.behind.length > 0) this.pool.wheel.arm(this, HOLD_MS);
    else this.awaitHead();
    this.socket.writeHead(heads, false);
  }

  /** A user has no more interest. Its neighbours are sent anew when its response cannot be read past. */
  abandon(user: UpstreamUser): void {
    const at = this.behind.indexOf(user);
    if (at >= 0) {
      this.behind[at] = new Discard(this);
      return;
    }
    const behind = this.behind.splice(0);
    this.destroy();
    failAll(behind, FAULTS.upstreamClosed, 'the request before it was given up');
  }

  discard(user: UpstreamUser): void {
    if (this.parser.framing === BODY_UNTIL_CLOSE || this.owesBody) {
      this.abandon(user);
      return;
    }
    const discard = new Discard(this, DISCARDED_BYTES);
    this.user = discard;
    this.parser.handOver(discard);
    if (this.behind.length === 0) this.awaitBody();
  }

  write(chunk: Uint8Array): boolean {
    // Of a tunnel, the bytes of either side count.
    if (this.silenceMs > 0 && this.parser.head.status === 101) this.watchSilence();
    return this.chunked ? this.socket.writeChunk(chunk) : this.socket.write(chunk);
  }

  get backlog(): number {
    return this.socket.backlog;
  }

  /** Some of the request's body still waits to be written: who answers before may never read it. */
  private get owesBody(): boolean {
    // A head alone is not asked for: with TLS it counts as waiting for a turn after it has gone out.
    return this.hasBody && this.socket.backlog > 0;
  }

  headArrived(): void {
    this.answered = true;
    // What follows an upgrade are bytes as they come.
    if (this.parser.head.status === 101) this.chunked = false;
    if (this.awaitsHead) {
      this.awaitsHead = false;
      this.pool.wheel.hold(this);
    }
    // Until those behind it are through, or elsewhere, the timer is theirs.
    if (this.behind.length === 0) this.awaitBody();
  }

  private awaitBody(): void {
    this.silenceMs = this.user instanceof Discard ? DISCARDED_MS : silenceOf(this.pool.timeouts, this.parser.head);
    if (this.silenceMs > 0) this.watchSilence();
  }

  /** From now on, unless its client is the brake. */
  private watchSilence(): void {
    if (!this.paused) this.pool.wheel.arm(this, this.silenceMs);
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
    if (this.silenceMs > 0) this.pool.wheel.hold(this);
  }

  resume(): void {
    if (this.state === CLOSED) return;
    this.paused = false;
    this.socket.resume();
    if (this.silenceMs > 0) this.watchSilence();
  }

  done(requestSent: boolean): void {
    this.user = null;
    this.silenceMs = 0;
    this.served++;
    this.reusable = requestSent && !this.owesBody && !this.evicted && !this.socket.deaf && this.parser.head.keepAlive;
    this.resume();
  }

  /** Gives the connection up. The user hears nothing more of it. */
  destroy(): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.user = null;
    this.socket.destroy();
    this.parser.detach();
    this.pool.wheel.cancel(this);
    this.pool.forget(this);
  }

  override expired(): void {
    this.guard(this.timedOut);
  }

  private timedOut(): void {
    if (this.state === DIALING)
      this.fail(FAULTS.connectTimeout, this.socket.connecting ? 'dial timeout' : 'TLS handshake timeout');
    else if (this.state === IDLE) this.destroy();
    else if (this.behind.length > 0) this.evict(FAULTS.heldUp, 'held up by the response before it');
    else if (this.silenceMs > 0) this.fail(FAULTS.bodyTimeout, 'nothing more of the response comes');
    else if (!this.awaitsHead) return;
    else if (this.socket.deaf) this.fail(FAULTS.upstreamClosed, 'the server reads no more');
    else this.fail(FAULTS.headerTimeout, 'response header timeout');
  }

  /** The server has accepted; the TLS handshake is timed by itself. */
  serverAccepted(): void {
    const { handshakeMs } = this.pool.timeouts;
    if (this.state === DIALING && handshakeMs > 0) this.pool.wheel.arm(this, handshakeMs);
  }

  serverReady(): void {
    if (this.state !== DIALING) return;
    if (this.pool.target.secure && this.socket.protocol === 'h2') {
      this.handOver();
      return;
    }
    this.state = BUSY;
    this.socket.begin();
    this.user!.upstreamConnected(this);
  }

  /** The server has chosen HTTP/2: its socket and our user go on without this. */
  private handOver(): void {
    const user = this.user!;
    this.user = null;
    this.state = CLOSED;
    this.pool.wheel.cancel(this);
    this.pool.forget(this);
    user.upstreamConnected(this.pool.share(this.socket.raw, user));
  }

  serverWritable(): void {
    this.user?.upstreamWritable();
  }

  /** A write has failed: the answer that was sent before is read, those behind it are sent anew. */
  serverIsDeaf(): void {
    if (this.state !== BUSY) return;
    if (this.behind.length > 0) this.evict(FAULTS.upstreamClosed, 'the server reads no more');
    if (this.answered) return;
    this.awaitsHead = true;
    this.pool.wheel.arm(this, DEAF_MS);
  }

  serverSent(length: number): boolean {
    const { readBuffer } = this.pool;
    if (this.user === null || this.outgoing !== '') {
      // Bytes that nobody asked for would become the answer to somebody's next request.
      this.fail(FAULTS.unwritten, 'bytes that nobody asked for');
      return false;
    }
    if (this.silenceMs > 0) this.watchSilence();
    let used = 0;
    do {
      used = this.parser.execute(readBuffer, used, length);
      if (this.state === CLOSED) return false;
      if (this.parser.problem !== '') {
        this.fail(FAULTS.badResponse, this.parser.problem);
        return true;
      }
      if (this.user === null) this.responseDone(used === length);
    } while (used < length && this.state === BUSY);
    return true;
  }

  /** A response is complete. `drained`: no bytes are left that would belong to the next one. */
  private responseDone(drained: boolean): void {
    if (this.behind.length === 0) {
      if (this.reusable && drained) this.rest();
      else this.destroy();
    } else if (this.reusable) {
      this.user = this.behind.shift()!;
      this.current = this.user;
      this.parser.expect(this.user, this.behindMethods.shift()!);
      this.reusable = false;
      this.answered = false;
      if (this.behind.length === 0) this.awaitHead();
    } else {
      this.evict(FAULTS.upstreamClosed, 'the server answers one request per connection');
      this.destroy();
    }
  }

  /** Sends everybody behind the first elsewhere, once; the connection ends with the response that is being read. */
  private evict(fault: Fault, detail: string): void {
    this.pool.avoidPipelining();
    this.evicted = true;
    this.behindMethods.length = 0;
    if (this.user !== null && this.answered) {
      this.pool.wheel.hold(this);
      this.awaitBody();
    } else if (this.user !== null) {
      this.awaitHead();
    }
    failAll(this.behind.splice(0), fault, detail);
  }

  private rest(): void {
    this.state = IDLE;
    if (this.pool.keep(this)) this.pool.wheel.arm(this, this.pool.idleMs(this.parser.head.keepAliveMs));
    else this.destroy();
  }

  /** FIN or the end of the socket, whichever comes first. */
  serverEnded(): void {
    if (this.state === CLOSED) return;
    if (this.user === null) {
      this.destroy();
    } else if (this.state === DIALING) {
      this.fail(FAULTS.connectRefused, 'the connection was closed at once');
    } else if (this.parser.finish()) {
      this.destroy();
    } else {
      this.fail(this.parser.untouched ? FAULTS.upstreamClosed : FAULTS.truncated, 'connection closed');
    }
  }

  serverFailed(): void {
    if (this.state === CLOSED) return;
    const error = this.socket.error!;
    if (this.state === DIALING) {
      this.fail(this.pool.target.fault(error), dialDetail(error));
    } else {
      this.fail(this.parser.untouched ? FAULTS.upstreamClosed : FAULTS.truncated, error.message);
    }
  }

  private fail(fault: Fault, detail: string): void {
    const user = this.user;
    const behind = this.behind.splice(0);
    const unwritten = this.outgoing !== '';
    if (behind.length > 0 && !unwritten) this.pool.avoidPipelining();
    this.destroy();
    if (user !== null) user.upstreamFailed(unwritten ? FAULTS.unwritten : fault, detail);
    failAll(behind, unwritten ? FAULTS.unwritten : FAULTS.upstreamClosed, detail);
  }
}
