/**
 * The client's side of a WebSocket on uWebSockets (20.57), and how its limits are met.
 *
 * It answers pings itself and cannot send a pong. It takes close codes 1012–1014 and 3000–3999 for invalid. And it has
 * no call that stops reading from a WebSocket. For an HTTP response it has: `pause` and `resume` only tell the socket what
 * to poll for, the object of a WebSocket and that of a response hold the same socket, and uWS does not look at whose
 * method it is. So the two are borrowed; without them a server that does not read could make us keep all that its client
 * sends. What is to know of them, each shown by a test of the integration:
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
import type { HeldResponse } from './held-response.ts';
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
/** What `send` and `ping` return when all of it went to the kernel. */
const SENT = 1;

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
  private readonly wheel: TimerWheel;
  private readonly pauseSocket: Flow;
  private readonly resumeSocket: Flow;
  private paused = false;
  /** Pings of ours that are not answered. */
  private ownPings = 0;
  /** Something waited for the kernel when it was last looked at. */
  private waits = false;
  private aborting = false;
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
    this.sent += message.length;
    return this.ws === null || this.wasSent(this.ws.send(message, binary, false));
  }

  ping(data: Uint8Array): boolean {
    return this.ws === null || this.wasSent(this.ws.ping(data));
  }

  get backlog(): number {
    return this.ws === null ? 0 : this.ws.getBufferedAmount();
  }

  private wasSent(result: number): boolean {
    if (result === SENT) {
      // All of it went out, and so did what waited before.
      this.look();
      return true;
    }
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

  close(code: number, reason: Uint8Array): void {
    // While it is not read, the end of the client's side would stay unseen.
    this.resume();
    this.ws?.end(code, reason);
  }

  abort(): void {
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
      this.waits = false;
      this.download.reset();
      this.wheel.cancel(this);
      this.events.clientWritable();
    }
  }

  override expired(): void {
    try {
      this.look();
      if (!this.waits || this.ws === null) return;
      const taken = this.sent - this.ws.getBufferedAmount();
      if (this.download.isOverdue(true, taken, LOOK_EVERY_MS, this.downloadTimeoutMs)) this.ws.close();
      else this.wait();
    } catch (error) {
      this.events.crash(error);
    }
  }

  /** uWS has closed it: whoever uses it now makes uWS throw. */
  gone(): void {
    this.ws = null;
    this.wheel.cancel(this);
  }

  closed(code: number, message: ArrayBuffer): void {
    this.gone();
    const reason = new Uint8Array(message.slice(0));
    const text = code === ABNORMAL ? Buffer.from(message).toString() : '';
    this.events.clientClosed(code, reason, NO_CLOSE_FRAME.has(text) ? '' : text);
  }
}

/** A GET that asks for a WebSocket. Made inside the handler: from then on somebody listens for the abort. */
export class UwsHandshake extends UwsDownstream implements HandshakeDownstream {
  private readonly handshake: HttpResponse;
  private readonly context: us_socket_context_t;
  private readonly key: string;
  private readonly worker: WorkerContext;
  private readonly held: HeldResponse;

  constructor(
    response: HttpResponse,
    request: HttpRequest,
    context: us_socket_context_t,
    options: UwsDownstreamOptions,
    held: HeldResponse,
  ) {
    super({ ...options, recycle: nothing });
    this.attach(response);
    this.handshake = response;
    this.context = context;
    this.worker = options.worker;
    this.held = held;
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
    maxPayloadLength: MAX_MESSAGE_BYTES,
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
      socket.events.clientMessage(new Uint8Array(message), binary);
      socket.look();
    }),
    ping: guarded((socket, data: ArrayBuffer) => socket.events.clientPing(new Uint8Array(data))),
    pong: guarded((socket, data: ArrayBuffer) => socket.ponged(new Uint8Array(data))),
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
