/**
 * The client's side of a WebSocket on uWebSockets.
 *
 * Its limits (version 20.57): it answers pings itself and cannot send a pong; it takes close codes 1012–1014 and
 * 3000–3999 for invalid; and it has no call that stops reading from a WebSocket. For an HTTP response it has: `pause`
 * and `resume` only tell the socket which events to wait for, the object of a WebSocket and that of a response hold the
 * same socket, and uWS does not look at whose method it is. So the two are borrowed. Without that, a server that does
 * not read could make us keep all that its client sends. A test of the integration would show a version that differs.
 */

import type { WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import type { TimerWheel } from '../../kernel/timer-wheel.ts';
import {
  type ClientSocket,
  type ClientSocketEvents,
  type HandshakeDownstream,
  MAX_MESSAGE_BYTES,
} from '../websocket/client-socket.ts';
import type { HttpRequest, HttpResponse, us_socket_context_t } from './uws.ts';
import { UwsDownstream } from './uws-downstream.ts';

/** The server is read again when less than this waits for the client, bytes. */
const LOW_WATER_BYTES = 65_536;
/** What uWS says of a connection that ended without a close frame; every other text tells of an invalid frame. */
const NO_CLOSE_FRAME: ReadonlySet<string> = new Set(['', 'Received TCP FIN before WebSocket close frame']);
const ABNORMAL = 1006;
/** What `send` and `ping` return when all of it went to the kernel. */
const SENT = 1;

type UserData = { socket: UwsClientSocket };
type Flow = (this: unknown) => unknown;

function notRecycled(): void {}

export class UwsClientSocket implements ClientSocket {
  readonly events: ClientSocketEvents;
  /** Null before the handshake is out and after the end. */
  private ws: WebSocket<UserData> | null = null;
  private readonly pauseSocket: Flow;
  private readonly resumeSocket: Flow;
  private paused = false;
  private aborting = false;

  constructor(response: HttpResponse, events: ClientSocketEvents) {
    this.events = events;
    this.pauseSocket = response.pause;
    this.resumeSocket = response.resume;
  }

  opened(ws: WebSocket<UserData>): void {
    this.ws = ws;
  }

  send(message: Uint8Array, binary: boolean): boolean {
    return this.ws === null || this.ws.send(message, binary, false) === SENT;
  }

  ping(data: Uint8Array): boolean {
    return this.ws === null || this.ws.ping(data) === SENT;
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
  }

  close(code: number, reason: Uint8Array): void {
    // While it is not read, the end of the client's side would stay unseen.
    this.resume();
    this.ws?.end(code, reason);
  }

  abort(): void {
    this.resume();
    this.aborting = true;
    if (this.ws !== null && this.ws.getBufferedAmount() === 0) this.ws.close();
  }

  drained(): void {
    if (this.ws === null) return;
    const waiting = this.ws.getBufferedAmount();
    if (this.aborting) {
      if (waiting === 0) this.ws.close();
    } else if (waiting < LOW_WATER_BYTES) {
      this.events.clientWritable();
    }
  }

  closed(code: number, message: ArrayBuffer): void {
    this.ws = null;
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

  constructor(response: HttpResponse, request: HttpRequest, context: us_socket_context_t, wheel: TimerWheel) {
    super(notRecycled, wheel);
    this.attach(response);
    this.handshake = response;
    this.context = context;
    this.key = request.getHeader('sec-websocket-key');
  }

  upgrade(head: Uint8Array, events: ClientSocketEvents): ClientSocket {
    const response = this.handshake;
    const socket = new UwsClientSocket(response, events);
    response.cork(() => {
      response.writeStatus(head);
      const userData: UserData = { socket };
      response.upgrade(userData, this.key, '', '', this.context);
    });
    this.release(true);
    return socket;
  }
}

/** `upgrade` gets every GET with a Sec-WebSocket-Key. */
export function webSocketBehavior(
  upgrade: (response: HttpResponse, request: HttpRequest, context: us_socket_context_t) => void,
): WebSocketBehavior<UserData> {
  return {
    maxPayloadLength: MAX_MESSAGE_BYTES,
    // 0: never, for all three. The flow is stopped instead of dropping, and what is idle may stay.
    maxBackpressure: 0,
    idleTimeout: 0,
    maxLifetime: 0,
    sendPingsAutomatically: false,
    upgrade,
    open: (ws) => ws.getUserData().socket.opened(ws),
    message: (ws, message, binary) => ws.getUserData().socket.events.clientMessage(new Uint8Array(message), binary),
    ping: (ws, data) => ws.getUserData().socket.events.clientPing(new Uint8Array(data)),
    pong: (ws, data) => ws.getUserData().socket.events.clientPong(new Uint8Array(data)),
    drain: (ws) => ws.getUserData().socket.drained(),
    close: (ws, code, message) => ws.getUserData().socket.closed(code, message),
  };
}
