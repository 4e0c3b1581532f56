/**
 * One connection to a server: dials, writes requests, reads responses into the worker's one read buffer.
 *
 *     DIALING ──connect──▶ BUSY ⇄ IDLE (in the pool)        any ──error, FIN, timeout, misbehaviour──▶ CLOSED
 *
 * It tells its user exactly once how a try ended: `responseEnd` (through the parser) or `upstreamFailed`.
 *
 * With pipelining several requests are in flight (users-behind.ts). Only those of one turn of the event loop share a connection,
 * so none waits for one that was there long before it. When the responses are not through after HOLD_MS, those behind the
 * first are sent anew elsewhere and the server is not pipelined to for a while; so a slow answer holds others up for that long
 * and no longer.
 */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import { REQUEST_CHUNKED } from '../../http/request-framing.ts';
import { BODY_UNTIL_CLOSE, ResponseParser } from '../../http/response-parser.ts';
import { CODE } from '../../http2/codes.ts';
import { LATIN1 } from '../../kernel/characters.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { dialDetail, peerOf } from './dial.ts';
import { ResponseWait } from './response-wait.ts';
import { type SocketOwner, UpstreamSocket } from './socket.ts';
import { silenceOf } from './timeouts.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';
import { Discard } from './users.ts';
import { UsersBehind } from './users-behind.ts';

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

export class UpstreamConnection extends TimerEntry implements Upstream, SocketOwner {
  readonly mayRefuse = false;
  readonly protocol = '1.1';
  /** Its server has ended it while it rested. */
  wasEnded = false;
  private dialedAt = 0;
  /** Requests that it has served. */
  served = 0;
  readonly parser = new ResponseParser();
  private readonly pool: ConnectionOwner;
  private readonly socket: UpstreamSocket;
  private user: UpstreamUser | null;
  private state = DIALING;
  private reusable = false;
  private readonly wait: ResponseWait;
  /** The request under way asks for an upgrade. */
  private upgrades = false;
  /** The request under way is sent with the chunked coding. */
  private chunked = false;
  /** A body follows, or followed, the head of the request that was sent last. */
  private hasBody = false;
  private encoding: 'utf8' | 'latin1' = 'utf8';
  /** The head of the response to it has come. */
  private answered = false;
  /** `peer`, once it was asked for. */
  private peerText = '';
  private readonly behind = new UsersBehind();
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
    this.wait = new ResponseWait(pool, this);
    this.socket = new UpstreamSocket(pool.target, pool.readBuffer, alpn, this);
  }

  /** The dial has begun: from now on it is timed. */
  dialing(): void {
    this.dialedAt = performance.now();
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
    try {
      this.destroy();
      this.behind.fail(FAULTS.upstreamClosed, 'the connection was given up');
    } finally {
      if (user !== null) user.crash(error);
      else tellOwnError('connection to a server', error);
    }
  }

  /** Takes the connection out of idleness for a request. */
  use(user: UpstreamUser): void {
    this.user = user;
    this.state = BUSY;
  }

  sendHead(head: string, method: string, body: number, complete: boolean, latin1: boolean, upgrades: boolean): void {
    // Its low byte would be written, and that may end a line.
    if (latin1 && !LATIN1.spans(head)) throw new Error('a head of bytes with a character that is none');
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
    if (complete) this.wait.forHead(this.upgrades);
    else this.wait.forRequest();
    this.socket.writeHead(head, latin1);
  }

  endBody(trailers: string): void {
    if (this.chunked) this.socket.write(trailers === '' ? LAST_CHUNK : `0\r\n${trailers}\r\n`, this.encoding);
    if (!this.answered && !this.socket.deaf) this.wait.forHead(this.upgrades);
    // The end of one direction of a tunnel; the other one goes on.
    else if (this.parser.head.status === 101) this.socket.end();
  }

  get peer(): string {
    if (this.peerText === '') this.peerText = peerOf(this.socket.raw);
    return this.peerText;
  }

  get inFlight(): number {
    return this.user === null ? 0 : 1 + this.behind.count;
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
      this.behind.add(user, method);
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
    if (this.behind.count > 0) this.pool.wheel.arm(this, HOLD_MS);
    else this.wait.forHead(this.upgrades);
    this.socket.writeHead(heads, false);
  }

  /** A user has no more interest. Its neighbours are sent anew when its response cannot be read past. */
  abandon(user: UpstreamUser): void {
    if (this.behind.replace(user, this)) return;
    this.destroy();
    this.behind.fail(FAULTS.upstreamClosed, 'the request before it was given up');
  }

  discard(user: UpstreamUser): void {
    if (this.parser.framing === BODY_UNTIL_CLOSE || this.owesBody) {
      this.abandon(user);
      return;
    }
    const discard = new Discard(this, DISCARDED_BYTES);
    this.user = discard;
    this.parser.handOver(discard);
    if (this.behind.count === 0) this.awaitBody();
  }

  write(chunk: Uint8Array): boolean {
    // Of a tunnel, the bytes of either side count.
    if (this.parser.head.status === 101) this.wait.heard();
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
    this.wait.headCame();
    // Until those behind it are through, or elsewhere, the timer is theirs.
    if (this.behind.count === 0) this.awaitBody();
  }

  private awaitBody(): void {
    this.wait.forBody(this.user instanceof Discard ? DISCARDED_MS : silenceOf(this.pool.timeouts, this.parser.head));
  }

  pause(): void {
    this.socket.pause();
    this.wait.pause();
  }

  resume(): void {
    if (this.state === CLOSED) return;
    this.socket.resume();
    this.wait.resume();
  }

  done(requestSent: boolean): void {
    this.user = null;
    this.wait.end();
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
    else if (this.behind.count > 0) this.evict(FAULTS.heldUp, 'held up by the response before it');
    else if (this.wait.isForBody) this.fail(FAULTS.bodyTimeout, 'nothing more of the response comes');
    else if (!this.wait.isForHead) return;
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
    this.pool.counts.connected(performance.now() - this.dialedAt);
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
    if (this.behind.count > 0) this.evict(FAULTS.upstreamClosed, 'the server reads no more');
    if (!this.answered) this.wait.forHeadWithin(DEAF_MS);
  }

  serverSent(length: number): boolean {
    const { readBuffer } = this.pool;
    if (this.user === null || this.outgoing !== '') {
      // Bytes that nobody asked for would become the answer to somebody's next request.
      this.fail(FAULTS.unwritten, 'bytes that nobody asked for');
      return false;
    }
    this.wait.heard();
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
    if (this.behind.count === 0) {
      if (this.reusable && drained) this.rest();
      else this.destroy();
    } else if (this.reusable) {
      this.user = this.behind.next(this.parser);
      this.current = this.user;
      this.reusable = false;
      this.answered = false;
      if (this.behind.count === 0) this.wait.forHead(this.upgrades);
    } else {
      this.evict(FAULTS.upstreamClosed, 'the server answers one request per connection');
      this.destroy();
    }
  }

  /** Sends everybody behind the first elsewhere, once; the connection ends with the response that is being read. */
  private evict(fault: Fault, detail: string): void {
    this.pool.avoidPipelining();
    this.evicted = true;
    if (this.user !== null && this.answered) {
      this.pool.wheel.hold(this);
      this.awaitBody();
    } else if (this.user !== null) {
      this.wait.forHead(this.upgrades);
    }
    this.behind.fail(fault, detail);
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
      this.wasEnded = true;
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
    const unwritten = this.outgoing !== '';
    if (this.state === DIALING) this.pool.counts.dialFailed(fault.cause);
    if (this.user === null) this.wasEnded = true;
    if (this.behind.count > 0 && !unwritten) this.pool.avoidPipelining();
    this.destroy();
    if (user !== null) user.upstreamFailed(unwritten ? FAULTS.unwritten : fault, detail, CODE.internal);
    this.behind.fail(unwritten ? FAULTS.unwritten : FAULTS.upstreamClosed, detail);
  }
}
