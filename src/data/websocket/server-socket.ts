/**
 * The server's side of one WebSocket: dials, shakes hands, passes messages. The protocol itself is the library's.
 *
 *     DIALING ───ready───▶ ASKED ──101──▶ OPEN ──▶ ENDING ──▶ ENDED
 *        │                   ├──any other status──▶ REFUSED ──▶ ENDED     the response is its user's
 *        └───────────────────┴──error, timeout──▶ ENDED                   `serverFailed`
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
// ws: the WebSocket client library with the widest use, without dependencies; it frames, masks and checks towards servers.
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import { MAX_HEAD_BYTES } from '../../http/response-head.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { ServerView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { ConnectionCounts } from '../upstream/connection-counts.ts';
import { type DialTarget, dialDetail, peerOf } from '../upstream/dial.ts';
import type { UpstreamTimeouts } from '../upstream/timeouts.ts';
import { MAX_MESSAGE_BYTES } from './client-socket.ts';

/** What the server is asked; text with one character per byte. */
export type HandshakeRequest = {
  readonly target: string;
  readonly fields: Readonly<Record<string, string | string[]>>;
};

/** Whoever waits for the end of the handshake; exactly one of the first three comes. */
export interface HandshakeUser {
  /** `raw`: names and values of the 101 in turn. The events begin after this call. */
  serverOpened(raw: readonly string[]): void;
  /** Another status than 101. `response` is flowing only once somebody listens; `destroy` ends it. */
  serverRefused(response: IncomingMessage): void;
  /** `sent`: the request was written. */
  serverFailed(fault: Fault, detail: string, sent: boolean): void;
  /** The server has taken the connection; the handshake begins. */
  serverConnected(): void;
  /** An error of ours, in one of the above or in an event later on. Ends the exchange, whatever state it is in. */
  crash(error: unknown): void;
}

export interface ServerSocketEvents {
  serverMessage(message: Uint8Array, binary: boolean): void;
  serverPing(data: Uint8Array): void;
  /** After a `send` that returned false. */
  serverWritable(): void;
  /** For longer than the backend allows nothing has come from either side. */
  bothSilent(): void;
  /** Once. `problem`: what the server did wrong, '' when it ended by a close frame or by its connection. */
  serverClosed(code: number, reason: Uint8Array, problem: string): void;
}

const DIALING = 0;
const ASKED = 1;
const REFUSED = 2;
const OPEN = 3;
const ENDING = 4;
const ENDED = 5;

/** The library wants a URL; the connection is ours and the target is set later. */
const UNUSED_URL = 'ws://server/';
/** How long a server may take to answer our close frame, or to take what was sent before the end. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Frames with less are put together. */
const SMALL_BYTES = 2_048;
const MERGED_BYTES = 16_384;

/** Errors of the parser and of the library's own checks: the server answered, but not as it should. */
function isBadAnswer(error: NodeJS.ErrnoException): boolean {
  return error.code === undefined || error.code.startsWith('HPE_') || error.code.startsWith('WS_ERR_');
}

export class ServerSocket extends TimerEntry {
  /** Set by `serverOpened`, at the latest. */
  events: ServerSocketEvents | null = null;
  private readonly worker: WorkerContext;
  private readonly user: HandshakeUser;
  private readonly ws: WebSocket;
  private readonly target: DialTarget;
  private readonly timeouts: UpstreamTimeouts;
  private readonly counts: ConnectionCounts;
  private readonly dialedAt: number;
  /** Set by the dial within the constructor. */
  private socket!: Socket;
  private state = DIALING;
  private problem = '';
  private raw: readonly string[] = [];
  /** The socket is corked until the turn ends. */
  private merging = false;
  private readonly turnEnds = (): void => this.guard(() => this.flush());

  /** @throws TypeError when a field has a name or value that HTTP does not allow */
  constructor(worker: WorkerContext, server: ServerView, request: HandshakeRequest, user: HandshakeUser) {
    super();
    this.worker = worker;
    this.user = user;
    const { target, timeouts, counts } = worker.pools.of(server);
    this.counts = counts;
    this.dialedAt = performance.now();
    this.target = target;
    this.timeouts = timeouts;
    const options: ClientOptions & { maxHeaderSize: number; closeTimeout: number } = {
      headers: request.fields as Record<string, string>,
      perMessageDeflate: false,
      // The client's own pong is passed on instead.
      autoPong: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxHeaderSize: MAX_HEAD_BYTES,
      closeTimeout: CLOSE_TIMEOUT_MS,
      createConnection: () => this.dial(),
      // The library would normalize the path of a URL.
      finishRequest: (out) => {
        out.path = request.target;
        out.end();
      },
    };
    if (timeouts.connectMs > 0) worker.wheel.arm(this, timeouts.connectMs);
    try {
      this.ws = new WebSocket(UNUSED_URL, options);
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.ws.on('error', (error) => this.guard(() => this.failed(error)));
    this.ws.on('upgrade', (response) => this.guard(() => this.answered(response)));
    this.ws.on('unexpected-response', (_, response) => this.guard(() => this.refused(response)));
    this.ws.on('open', () => this.guard(() => this.opened()));
  }

  private dial(): Socket {
    const socket = this.target.dial(null);
    this.socket = socket;
    socket.once('connect', () => this.guard(() => this.accepted()));
    socket.once(this.target.ready, () => this.guard(() => this.connected()));
    return socket;
  }

  /** What is thrown in an event of the socket, the library or the timer would end the whole worker. */
  private guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      try {
        this.destroy();
      } finally {
        this.user.crash(error);
      }
    }
  }

  /** Something has come from either side. */
  private isUsed(): void {
    if (this.timeouts.tunnelMs > 0 && this.state === OPEN) this.worker.wheel.arm(this, this.timeouts.tunnelMs);
  }

  /** `message` must stay unchanged from now on. False: send no more until `serverWritable`. */
  send(message: Buffer, binary: boolean): boolean {
    this.isUsed();
    if (message.length < SMALL_BYTES) this.merge();
    else this.flush();
    this.ws.send(message, { binary, compress: false });
    return this.flows();
  }

  /** `data`: at most 125 bytes. */
  ping(data: Buffer): boolean {
    this.isUsed();
    this.merge();
    this.ws.ping(data);
    return this.flows();
  }

  pong(data: Buffer): boolean {
    this.isUsed();
    this.merge();
    this.ws.pong(data);
    return this.flows();
  }

  /** Small frames of one turn of the event loop go out in one write: each by itself costs a system call. */
  private merge(): void {
    if (this.merging) return;
    this.merging = true;
    this.socket.cork();
    setImmediate(this.turnEnds);
  }

  private flush(): void {
    if (!this.merging) return;
    this.merging = false;
    this.socket.uncork();
  }

  private flows(): boolean {
    if (this.merging && this.socket.writableLength >= MERGED_BYTES) this.flush();
    return !this.socket.writableNeedDrain;
  }

  readonly protocol = '1.1';

  /** As of Upstream. */
  get peer(): string {
    return peerOf(this.socket);
  }

  /** Bytes that wait for the server. */
  get backlog(): number {
    return this.socket.writableLength;
  }

  pause(): void {
    if (this.state === OPEN) this.ws.pause();
  }

  resume(): void {
    if (this.state === OPEN) this.ws.resume();
  }

  /** Sends what waits, then a close frame. `serverClosed` follows. */
  close(code: number, reason: Uint8Array): void {
    if (this.state !== OPEN) return;
    // A paused one would never see the answer.
    this.ws.resume();
    this.state = ENDING;
    this.ws.close(code, Buffer.from(reason));
  }

  /** Sends what waits and ends the connection without a close frame. `serverClosed` follows. */
  abort(): void {
    if (this.state !== OPEN) return;
    this.ws.resume();
    this.state = ENDING;
    this.worker.wheel.arm(this, CLOSE_TIMEOUT_MS);
    this.socket.destroySoon();
  }

  /** Ends everything now. Its user hears nothing more. */
  destroy(): void {
    if (this.state === ENDED) return;
    this.state = ENDED;
    this.events = null;
    this.worker.wheel.cancel(this);
    // There is none when its dial has failed.
    (this.socket as Socket | undefined)?.destroy();
  }

  override expired(): void {
    this.guard(() => this.timedOut());
  }

  private timedOut(): void {
    if (this.state === DIALING)
      this.fail(FAULTS.connectTimeout, this.socket.connecting ? 'dial timeout' : 'TLS handshake timeout');
    else if (this.state === ASKED) this.fail(FAULTS.headerTimeout, 'response header timeout');
    else if (this.state === OPEN) this.tell((events) => events.bothSilent());
    else this.socket.destroy();
  }

  /** The TLS handshake, if there is one, is timed by itself. */
  private accepted(): void {
    this.socket.once('close', () => this.guard(() => this.counts.closed()));
    this.counts.opened();
    const { handshakeMs } = this.timeouts;
    if (this.state !== DIALING || !this.target.secure || handshakeMs === 0) return;
    this.worker.wheel.cancel(this);
    this.worker.wheel.arm(this, handshakeMs);
  }

  private connected(): void {
    if (this.state !== DIALING) return;
    this.state = ASKED;
    this.counts.connected(performance.now() - this.dialedAt);
    this.worker.wheel.cancel(this);
    this.user.serverConnected();
    const { headMs, connectMs } = this.timeouts;
    // As for every upgrade: other answers may be awaited for ever.
    const timeout = headMs === 0 ? connectMs : headMs;
    if (timeout > 0) this.worker.wheel.arm(this, timeout);
  }

  private answered(response: IncomingMessage): void {
    this.raw = response.rawHeaders;
    // Which subprotocol may be chosen is between the server and the client, not the library's to judge.
    delete response.headers['sec-websocket-protocol'];
  }

  private opened(): void {
    if (this.state !== ASKED) return;
    this.state = OPEN;
    this.worker.wheel.cancel(this);
    this.isUsed();
    this.ws.on('message', (data: RawData, binary) => {
      this.isUsed();
      this.tell((events) => events.serverMessage(data as Buffer, binary));
    });
    this.ws.on('ping', (data) => {
      this.isUsed();
      this.tell((events) => events.serverPing(data));
    });
    this.ws.on('close', (code, reason) => this.guard(() => this.closed(code, reason)));
    this.socket.on('drain', () => this.tell((events) => events.serverWritable()));
    this.user.serverOpened(this.raw);
  }

  private refused(response: IncomingMessage): void {
    if (this.state !== ASKED) return;
    this.state = REFUSED;
    this.worker.wheel.cancel(this);
    this.user.serverRefused(response);
  }

  private closed(code: number, reason: Buffer): void {
    this.tell((events) => {
      this.destroy();
      events.serverClosed(code, reason, this.problem);
    });
    this.destroy();
  }

  private tell(event: (events: ServerSocketEvents) => void): void {
    const { events } = this;
    if (events !== null) this.guard(() => event(events));
  }

  private failed(error: NodeJS.ErrnoException): void {
    const detail = error.message === '' ? String(error.code) : error.message;
    if (this.state === DIALING) {
      this.fail(this.target.fault(error), dialDetail(error));
    } else if (this.state === ASKED) {
      this.fail(isBadAnswer(error) ? FAULTS.badResponse : FAULTS.upstreamClosed, detail);
    } else if (isBadAnswer(error)) {
      // The library has told the server; `close` follows.
      this.problem = detail;
    }
  }

  private fail(fault: Fault, detail: string): void {
    const sent = this.state !== DIALING;
    if (!sent) this.counts.dialFailed(fault.cause);
    this.destroy();
    this.user.serverFailed(fault, detail, sent);
  }
}
