/**
 * The client's side of a WebSocket on uWebSockets (20.57), and how its limits are met.
 *
 * It answers pings itself and cannot send a pong. It takes close codes 1012–1014 and 3000–3999 of a client for invalid,
 * and does not say which it was. And it has no call that stops reading from a WebSocket. For an HTTP response it has:
 * `pause` and `resume` only tell the socket what to poll for, the object of a WebSocket and that of a response hold the
 * same socket, and uWS does not look at whose method it is. So the two are borrowed; without them a server that does not
 * read could make us keep all that its client sends. What is to know of them, each shown by a test of the integration:
 *  - `pause` stops the sending as well. So while both directions are stopped, what waits is sent by looking at it from
 *    time to time: an empty cork sends it.
 *  - A write that the kernel refuses starts the reading again, and reading goes on for as long as each read fills its
 *    512 KiB, with nothing else in between. So messages may come while it is paused.
 *  - `resume` arms a timer that is meant for HTTP requests and counts some random time for a WebSocket; of all things
 *    only a read disarms it. So the client is pinged, and its pong is for us.
 */
import type { WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../context.ts';
import {
  type ClientSocket,
  type ClientSocketEvents,
  type HandshakeDownstream,
  MAX_MESSAGE_BYTES,
} from '../websocket/client-socket.ts';
import { TurnCount } from './event-turn.ts';
import { Progress } from './progress.ts';
import type { HttpRequest, HttpResponse, us_socket_context_t } from './uws.ts';
import { UwsDownstream, type UwsDownstreamOptions } from './uws-downstream.ts';

/** The server is read again when less than this waits for the client, bytes. */
const LOW_WATER_BYTES = 65_536;
/** How often what waits is looked at, besides uWS's own event. */
const LOOK_EVERY_MS = 50;
/** What uWS says of a connection that ended without a close frame; every other text tells of an invalid frame. */
const NO_CLOSE_FRAME: ReadonlySet<string> = new Set(['', 'Received TCP FIN before WebSocket close frame']);
const ABNORMAL = 1006;
const POLICY = 1008;
const TOO_BIG = 1009;
/** A frame with less is tiny: it costs as much as a large one. */
const TINY_BYTES = 32;
/**
 * So many of them in one turn of the event loop are a flood. One read of uWS holds some 70 000, and nothing else is served
 * until they are through; a client that means them comes nowhere near.
 */
const MAX_TINY_FRAMES = 8_192;
/** What `send` and `ping` return when all of it went to the kernel. */
const SENT = 1;
/** Some of it waits in uWS. */
const WAITS = 0;
/** Messages with less are put together, up to so many bytes. */
const SMALL_BYTES = 2_048;
const BATCH_BYTES = 16_384;

const EMPTY = new Uint8Array(0);

type UserData = { socket: UwsClientSocket };
type Flow = (this: unknown) => unknown;

function nothing(): void {}

/**
 * What the kernel does not take waits in uWS. Its `drain` event tells only of what goes out when the socket becomes
 * writable; what goes out because something was read or sent meanwhile it does not tell. So while something waits, it
 * is looked at from time to time as well.
 */
export class UwsClientSocket extends TimerEntry implements ClientSocket {
  readonly events: ClientSocketEvents;
  /** Null before the handshake is out and after the end. */
  private ws: WebSocket<UserData> | null = null;
  isTooSlow = false;
  private readonly wheel: TimerWheel;
  private readonly pauseSocket: Flow;
  private readonly resumeSocket: Flow;
  private paused = false;
  /** Pings of ours that are not answered. */
  private ownPings = 0;
  /** Something waited for the kernel when it was last looked at. */
  private waits = false;
  private aborting = false;
  /** What the client did wrong, '' for nothing. */
  private problem = '';
  /** Small messages of this turn. */
  private batch: { readonly data: Buffer; readonly binary: boolean }[] = [];
  private batchBytes = 0;
  private readonly corkBatch = (): void => {
    for (const { data, binary } of this.batch) this.ws!.send(data, binary, false);
  };
  private readonly batchEnds = (): void => {
    try {
      this.sendBatch();
    } catch (error) {
      this.events.crash(error);
    }
  };
  private readonly tinyFrames = new TurnCount();
  /** Bytes of messages, since it was opened. */
  private sent = 0;
  private readonly download = new Progress();
  private readonly downloadTimeoutMs: number;

  constructor(response: HttpResponse, { wheel, options }: WorkerContext, events: ClientSocketEvents) {
    super();
    this.events = events;
    this.wheel = wheel;
    this.downloadTimeoutMs = options.downloadTimeoutMs;
    this.pauseSocket = response.pause;
    this.resumeSocket = response.resume;
  }

  get isOpen(): boolean {
    return this.ws !== null;
  }

  opened(ws: WebSocket<UserData>): void {
    this.ws = ws;
    this.events.clientOpened(this);
  }

  send(message: Uint8Array, binary: boolean): boolean {
    if (this.ws === null) return true;
    this.sent += message.length;
    if (this.waits || message.length >= SMALL_BYTES) {
      this.sendBatch();
      return this.wasSent(this.ws.send(message, binary, false));
    }
    if (this.batch.length === 0) setImmediate(this.batchEnds);
    this.batch.push({ data: Buffer.from(message), binary });
    this.batchBytes += message.length;
    return this.batchBytes < BATCH_BYTES || this.sendBatch();
  }

  ping(data: Uint8Array): boolean {
    this.sendBatch();
    return this.ws === null || this.wasSent(this.ws.ping(data));
  }

  /** Small messages of one turn of the event loop go out together: each by itself costs a system call. */
  private sendBatch(): boolean {
    if (this.ws === null || this.batch.length === 0) return true;
    this.ws.cork(this.corkBatch);
    this.batch = [];
    this.batchBytes = 0;
    return this.wasSent(this.ws.getBufferedAmount() === 0 ? SENT : WAITS);
  }

  get backlog(): number {
    return this.ws === null ? 0 : this.batchBytes + this.ws.getBufferedAmount();
  }

  private wasSent(result: number): boolean {
    if (result === SENT) {
      // All of it went out, and so did what waited before.
      this.look();
      return true;
    }
    // After a long message that went out in part, in its own event of room, uWS no longer asks the kernel for any. The
    // empty cork tries what is left, and when that fails it asks.
    this.ws!.cork(nothing);
    if (this.paused) this.pauseSocket.call(this.ws);
    this.wait();
    return false;
  }

  private wait(): void {
    this.waits = true;
    this.wheel.arm(this, LOOK_EVERY_MS);
  }

  pause(): void {
    if (this.ws === null || this.aborting) return;
    // Not only the first time: a write that the kernel refuses makes uWS read again.
    this.paused = true;
    this.pauseSocket.call(this.ws);
  }

  resume(): void {
    if (!this.paused || this.ws === null) return;
    this.paused = false;
    this.resumeSocket.call(this.ws);
    this.ownPings++;
    this.ping(EMPTY);
  }

  ponged(data: Uint8Array): void {
    if (this.ownPings > 0 && data.length === 0) this.ownPings--;
    else this.events.clientPong(data);
  }

  /** A frame has come. False: it is one that ends the WebSocket. */
  takes(bytes: number): boolean {
    if (bytes > MAX_MESSAGE_BYTES) return this.refuse(TOO_BIG, 'Received too big message');
    if (bytes >= TINY_BYTES) return true;
    return this.tinyFrames.add() <= MAX_TINY_FRAMES || this.refuse(POLICY, 'Received too many tiny frames at once');
  }

  private refuse(code: number, problem: string): false {
    if (this.problem === '') {
      this.problem = problem;
      this.close(code, Buffer.from(problem));
    }
    return false;
  }

  close(code: number, reason: Uint8Array): void {
    this.sendBatch();
    // While it is not read, the end of the client's side would stay unseen.
    this.resume();
    this.ws?.end(code, reason);
  }

  abort(): void {
    this.sendBatch();
    this.resume();
    this.aborting = true;
    this.wait();
    this.look();
  }

  destroy(): void {
    this.ws?.close();
  }

  /** May more be sent, or the end be made, that waited for what was sent before? */
  look(): void {
    if (this.ws === null || !this.waits) return;
    if (this.paused) {
      this.ws.cork(nothing);
      // The kernel may have refused some of it.
      this.pauseSocket.call(this.ws);
    }
    const bytes = this.ws.getBufferedAmount();
    if (this.aborting) {
      if (bytes === 0) this.ws.close();
    } else if (bytes < LOW_WATER_BYTES) {
      if (bytes === 0) {
        this.waits = false;
        this.download.reset();
        this.wheel.cancel(this);
      }
      this.events.clientWritable();
    }
  }

  override expired(): void {
    try {
      this.look();
      if (!this.waits || this.ws === null) return;
      const taken = this.sent - this.ws.getBufferedAmount();
      this.isTooSlow = this.download.isOverdue(true, taken, LOOK_EVERY_MS, this.downloadTimeoutMs);
      if (this.isTooSlow) this.ws.close();
      else this.wait();
    } catch (error) {
      this.events.crash(error);
    }
  }

  /** uWS has closed it: whoever uses it now makes uWS throw. */
  gone(): void {
    this.ws = null;
    this.batch = [];
    this.wheel.cancel(this);
  }

  closed(code: number, message: ArrayBuffer): void {
    this.gone();
    const reason = new Uint8Array(message.slice(0));
    const text = code === ABNORMAL ? Buffer.from(message).toString() : this.problem;
    this.events.clientClosed(code, reason, NO_CLOSE_FRAME.has(text) ? '' : text);
  }
}

/** A GET that asks for a WebSocket. Made inside the handler: from then on somebody listens for the abort. */
export class UwsHandshake extends UwsDownstream implements HandshakeDownstream {
  private readonly handshake: HttpResponse;
  private readonly context: us_socket_context_t;
  private readonly key: string;
  private readonly worker: WorkerContext;

  constructor(
    response: HttpResponse,
    request: HttpRequest,
    context: us_socket_context_t,
    options: UwsDownstreamOptions,
  ) {
    super({ ...options, recycle: nothing });
    this.attach(response);
    this.handshake = response;
    this.context = context;
    this.worker = options.worker;
    this.key = request.getHeader('sec-websocket-key');
  }

  upgrade(head: Uint8Array, events: ClientSocketEvents): void {
    const response = this.handshake;
    const socket = new UwsClientSocket(response, this.worker, events);
    this.held.run(response, () => {
      response.writeStatus(head);
      const userData: UserData = { socket };
      response.upgrade(userData, this.key, '', '', this.context);
    });
    this.release(true);
  }
}

/** What a handler throws would end the whole worker. */
function guarded<Rest extends unknown[]>(handle: (socket: UwsClientSocket, ...rest: Rest) => void) {
  return (ws: WebSocket<UserData>, ...rest: Rest): void => {
    const { socket } = ws.getUserData();
    try {
      handle(socket, ...rest);
    } catch (error) {
      socket.events.crash(error);
    }
  };
}

/** `upgrade` gets every GET with a Sec-WebSocket-Key; `opened` tells that a connection speaks HTTP no more. */
export function webSocketBehavior(
  upgrade: (response: HttpResponse, request: HttpRequest, context: us_socket_context_t) => void,
  opened: () => void,
): WebSocketBehavior<UserData> {
  return {
    // Beyond this uWS breaks the connection without a word. What is between is told 1009.
    maxPayloadLength: 2 * MAX_MESSAGE_BYTES,
    // 0: never, for all three. The flow is stopped instead of dropping, and what is idle may stay.
    maxBackpressure: 0,
    idleTimeout: 0,
    maxLifetime: 0,
    sendPingsAutomatically: false,
    upgrade,
    open: (ws) => {
      opened();
      const { socket } = ws.getUserData();
      try {
        socket.opened(ws);
      } catch (error) {
        // Nobody has it who could close it.
        ws.close();
        socket.events.crash(error);
      }
    },
    message: guarded((socket, message: ArrayBuffer, binary: boolean) => {
      if (!socket.takes(message.byteLength)) return;
      socket.events.clientMessage(new Uint8Array(message), binary);
      socket.look();
    }),
    ping: guarded((socket, data: ArrayBuffer) => {
      if (socket.takes(data.byteLength)) socket.events.clientPing(new Uint8Array(data));
    }),
    pong: guarded((socket, data: ArrayBuffer) => {
      if (socket.takes(data.byteLength)) socket.ponged(new Uint8Array(data));
    }),
    drain: guarded((socket) => socket.look()),
    close: (ws, code, message) => {
      const { socket } = ws.getUserData();
      try {
        socket.closed(code, message);
      } catch (error) {
        socket.gone();
        socket.events.crash(error);
      }
    },
  };
}
