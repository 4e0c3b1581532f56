/**
 * What a listener engine gives to a WebSocket exchange: the client's side of the handshake, and of the messages after
 * it. A second engine implements the same three and everything above stays as it is.
 */
import type { Downstream } from '../downstream.ts';

/**
 * Longest message, bytes, from either side. Messages are passed on whole, so each costs its length in memory while it
 * comes in, which no budget counts; a longer one ends its WebSocket.
 */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** The client of a handshake: gets an answer like any other, or becomes a WebSocket. */
export interface HandshakeDownstream extends Downstream {
  /** Answers 101; `clientOpened` comes within the call. `head` as in `Downstream.respond`. The last call but `release`. */
  upgrade(head: Uint8Array, events: ClientSocketEvents): void;
}

/** After `close` and `abort`, and after `clientClosed`, nothing may be called any more. */
export interface ClientSocket {
  /** False from the end of the connection on, also when `clientClosed` has failed. */
  readonly isOpen: boolean;
  /** It was ended since it did not take what waited for it. */
  readonly isTooSlow: boolean;
  /** Takes all of `message`, which may change afterwards. False: send no more until `clientWritable`. */
  send(message: Uint8Array, binary: boolean): boolean;
  /** `data`: at most 125 bytes. */
  ping(data: Uint8Array): boolean;
  /** Bytes that wait for the client. */
  readonly backlog: number;
  /** Stops and restarts reading. Some messages may still come; a new `pause` then holds again. */
  pause(): void;
  resume(): void;
  /** Sends what waits, then a close frame. `clientClosed` comes with the same code, possibly within the call. */
  close(code: number, reason: Uint8Array): void;
  /** Sends what waits and ends the connection without a close frame. `clientClosed` follows. */
  abort(): void;
  /** Ends the connection now, whatever waits. `clientClosed` follows. */
  destroy(): void;
}

export interface ClientSocketEvents {
  /** Comes before all others. */
  clientOpened(client: ClientSocket): void;
  /** `message` is valid only during the call. */
  clientMessage(message: Uint8Array, binary: boolean): void;
  /** The engine has answered it. `data` is valid only during the call. */
  clientPing(data: Uint8Array): void;
  clientPong(data: Uint8Array): void;
  /** After a `send` that returned false; maybe several times. */
  clientWritable(): void;
  /** Once. `problem`: what the client did wrong, '' when it ended by a close frame or by its connection. */
  clientClosed(code: number, reason: Uint8Array, problem: string): void;
  /** An error of ours in one of the above. Ends both sides. */
  crash(error: unknown): void;
}
