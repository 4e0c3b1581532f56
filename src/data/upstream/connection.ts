/**
 * One connection to a server: dials, writes requests, reads responses into the worker's one read buffer.
 *
 *     DIALING ──connect──▶ BUSY ⇄ IDLE (in the pool)        any ──error, FIN, timeout, misbehaviour──▶ CLOSED
 *
 * It tells its user exactly once how a try ended: `responseEnd` (through the parser) or `upstreamFailed`.
 */
import { connect, type Socket } from 'node:net';
import { ResponseParser, type ResponseSink } from '../../http/response-parser.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import { writeHead } from './direct-write.ts';
import type { UpstreamPool } from './pool.ts';

/** Whoever uses a connection for one request and its response. */
export interface ConnectionUser extends ResponseSink {
  /** The dial has succeeded: the request can be written. */
  upstreamConnected(): void;
  /** After a `write` that returned false. */
  upstreamWritable(): void;
  /** The try has failed; the connection is closed and no longer ours. `detail` is for the log. */
  upstreamFailed(fault: Fault, detail: string): void;
}

const DIALING = 0;
const BUSY = 1;
const IDLE = 2;
const CLOSED = 3;

/** While a response runs nothing is timed but its head; the timer then only looks in again. */
const NO_TIMEOUT_MS = 3_600_000;

export class UpstreamConnection extends TimerEntry {
  /** Requests that it has served. */
  served = 0;
  readonly parser = new ResponseParser();
  private readonly pool: UpstreamPool;
  private readonly socket: Socket;
  private user: ConnectionUser | null;
  private state = DIALING;
  private reusable = false;
  private paused = false;
  private awaitsHead = false;

  constructor(pool: UpstreamPool, user: ConnectionUser) {
    super();
    this.pool = pool;
    this.user = user;
    // The callbacks are made once per connection, none per request.
    const socket = connect({
      host: pool.host,
      port: pool.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      onread: {
        buffer: pool.readBuffer,
        callback: (length: number, buffer: Uint8Array): boolean => this.read(length, buffer as Buffer),
      },
    });
    this.socket = socket;
    socket.on('connect', () => this.connected());
    socket.on('drain', () => this.user?.upstreamWritable());
    socket.on('end', () => this.ended());
    socket.on('error', (error: NodeJS.ErrnoException) => this.failed(error));
    socket.on('close', () => this.ended());
    pool.wheel.arm(this, pool.options.dialTimeoutMs);
  }

  /** Takes the connection out of idleness for a request. */
  use(user: ConnectionUser): void {
    this.user = user;
    this.state = BUSY;
  }

  /** Writes the head (as UTF-8, which is what the listener decoded), and says which response comes next. */
  sendHead(head: string, method: string): void {
    this.parser.expect(this.user!, method);
    this.reusable = false;
    const timeout = this.pool.options.responseHeaderTimeoutMs;
    this.awaitsHead = timeout > 0;
    this.pool.wheel.arm(this, timeout > 0 ? timeout : NO_TIMEOUT_MS);
    writeHead(this.socket, head);
  }

  /** False: send no more until `upstreamWritable`. `chunk` must stay unchanged from now on. */
  write(chunk: Uint8Array | string): boolean {
    return typeof chunk === 'string' ? this.socket.write(chunk, 'latin1') : this.socket.write(chunk);
  }

  /** The response head is here: it is no longer waited for. */
  headArrived(): void {
    if (!this.awaitsHead) return;
    this.awaitsHead = false;
    this.pool.wheel.cancel(this);
    this.pool.wheel.arm(this, NO_TIMEOUT_MS);
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused || this.state === CLOSED) return;
    this.paused = false;
    this.socket.resume();
  }

  /** The user is through. `requestSent`: its request was written to the end, so that another may follow. */
  done(requestSent: boolean): void {
    this.user = null;
    this.served++;
    this.reusable = requestSent && this.parser.head.keepAlive;
    this.resume();
  }

  /** Gives the connection up. The user hears nothing more of it. */
  destroy(): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.user = null;
    this.parser.detach();
    this.pool.wheel.cancel(this);
    this.pool.forget(this);
    this.socket.destroy();
  }

  override expired(): void {
    if (this.state === DIALING) this.fail(FAULTS.connectTimeout, 'dial timeout');
    else if (this.state === IDLE) this.destroy();
    else if (this.awaitsHead) this.fail(FAULTS.headerTimeout, 'response header timeout');
    else this.pool.wheel.arm(this, NO_TIMEOUT_MS);
  }

  private connected(): void {
    if (this.state !== DIALING) return;
    this.state = BUSY;
    this.user!.upstreamConnected();
  }

  private read(length: number, buffer: Buffer): boolean {
    if (this.user === null) {
      // Bytes that nobody asked for would become the answer to somebody's next request.
      this.destroy();
      return false;
    }
    const used = this.parser.execute(buffer, 0, length);
    if (this.state === CLOSED) return false;
    if (this.parser.problem !== '') {
      this.fail(FAULTS.badResponse, this.parser.problem);
    } else if (this.user === null) {
      if (this.reusable && used === length) this.rest();
      else this.destroy();
    }
    return true;
  }

  private rest(): void {
    this.state = IDLE;
    if (this.pool.keep(this)) this.pool.wheel.arm(this, this.pool.idleMs(this.parser.head.keepAliveMs));
    else this.destroy();
  }

  /** FIN or the end of the socket, whichever comes first. */
  private ended(): void {
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

  private failed(error: NodeJS.ErrnoException): void {
    if (this.state === CLOSED) return;
    if (this.state === DIALING) {
      this.fail(error.code === 'ETIMEDOUT' ? FAULTS.connectTimeout : FAULTS.connectRefused, error.message);
    } else {
      this.fail(this.parser.untouched ? FAULTS.upstreamClosed : FAULTS.truncated, error.message);
    }
  }

  private fail(fault: Fault, detail: string): void {
    const user = this.user;
    this.destroy();
    if (user !== null) user.upstreamFailed(fault, detail);
  }
}
