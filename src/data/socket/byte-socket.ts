/**
 * A connection as bytes, in the clear or over TLS, whatever carries it (tcp-socket.ts, tls-socket.ts, stream-socket.ts).
 * Protocols are written against this: what they write gathers in `out` and goes out by one call at the end of the turn.
 *
 * After `close`, `reset` or `socketClosed` every call does nothing.
 */
import type { X509Certificate } from 'node:crypto';
import type { ByteOutput } from '../../kernel/byte-output.ts';
import type { TlsTraits } from '../../kernel/tls-traits.ts';
import type { TlsFacts } from './tls-facts.ts';

export interface ByteSocket {
  readonly secure: boolean;
  /** Of TLS, once its handshake is through; else null. */
  readonly tls?: TlsTraits | null;
  /** What ALPN has chosen, '' for nothing. */
  readonly alpn: string;
  /** Of TLS: the name that the client has asked for, '' for none. */
  readonly serverName: string;
  /** It is closed: nothing is sent or heard any more. */
  readonly closed: boolean;
  /** What is to go out: fill it, then call `flushSoon`. */
  readonly out: ByteOutput;
  /** Bytes that were written and that the system has not taken yet, those in `out` too. */
  readonly backlog: number;
  /** Memory that holds them, and what has come and was not used, bytes. */
  readonly heldBytes: number;
  /** Bytes that have come, and that the system has taken for the peer, which it does as the peer takes them. */
  readonly received: number;
  readonly taken: number;

  /** From now on `user` hears of it, and bytes are read. Again for another user: what the one before has not used comes to it. */
  begin(user: SocketUser): void;
  /** Sends what is in `out` at the end of this turn of the event loop. */
  flushSoon(): void;
  /** Sends as much of it now as the system takes: for long bodies, so that `backlog` tells whether the peer is slower. */
  flush(): void;
  /** No more `socketRead` until `resume`. */
  pause(): void;
  /** The next `socketRead` comes later, never within this call. */
  resume(): void;
  /** No more `socketRead` within this turn of the event loop: the connection has had its share. */
  rest(): void;
  /** Sends what was written, then ends our side (close_notify, FIN). What the peer sends still comes; when it ends too, it is closed. */
  end(): void;
  /** The same of a peer that has nothing more to send, as it has said: closed without waiting for its end. */
  endAndClose(): void;
  /** Breaks it, so that the peer cannot take it for a proper end: a reset; with TLS, an end without close_notify. */
  reset(): void;
  /** Closes it at once; what was not sent is lost. */
  close(): void;
  /** The peer has reset it, or its system is gone: asked of a connection that nobody reads from. A system call. */
  isPeerGone(): boolean;
  /** From when on, milliseconds of quiet, the peer's system is asked whether somebody is there. */
  keepAlive(ms: number): void;
  /** As text, IPv4 without the clothes of IPv6; what a PROXY header has said counts more. */
  peerAddress(): string;
  /** 0 where it is not known. */
  peerPort(): number;
  /** What the peer has presented by TLS and was verified, its own certificate first; empty for none. */
  clientCertificates(): readonly X509Certificate[];
  /** null in the clear, and when it is closed. */
  tlsFacts(): TlsFacts | null;
}

export interface SocketUser {
  /**
   * `bytes[start, end)` have come; valid during the call. Returns how far they were used: what is left comes again, with
   * more behind it; after `pause` or `rest` when reading goes on, else with what comes next, for which it is copied.
   */
  socketRead(bytes: Buffer, start: number, end: number): number;
  /** The peer has ended its side. What it had sent before has come. */
  socketEnded(): void;
  /** What was written is out, after a flush that left some of it. */
  socketDrained(): void;
  /** It is closed, by whomever: the last call. `reason`: of a failure, '' for a proper end and for ours. */
  socketClosed(reason: string): void;
  /** One of the above has thrown: whoever runs on it is to be told; the socket closes after this call. */
  socketCrashed(error: unknown): void;
}
