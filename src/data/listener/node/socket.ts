/** What node's sockets do not tell by themselves. */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { verifiedCertificates } from '../../../tls/verified-client.ts';
import { proxiedAddress } from './proxied-peers.ts';

const V4_IN_V6 = '::ffff:';

/** The peer's address, or the one that it tells by the PROXY protocol, as text, IPv4 without the clothes of IPv6; '' when it is gone. */
export function peerAddress(socket: Socket): string {
  const address = proxiedAddress(socket) ?? socket.remoteAddress ?? '';
  return address.startsWith(V4_IN_V6) ? address.slice(V4_IN_V6.length) : address;
}

/** What the client of a connection has presented by TLS, and was verified. */
export function clientCertificates(socket: Socket | TLSSocket): readonly X509Certificate[] {
  return 'encrypted' in socket && !socket.destroyed ? verifiedCertificates(socket) : [];
}

type Handle = {
  /** Of TLS: the handle below it. */
  readonly _parent?: Handle;
  readonly getpeername?: (out: object) => number;
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
};

function handleOf(socket: Socket): Handle | null {
  return (socket as Socket & { _handle?: Handle | null })._handle ?? null;
}

/**
 * Has the peer reset a connection that nobody reads from? Node remembers an address once it has told it, so the handle
 * is asked; should a later Node hide that, a paused client that is gone is noticed when its upload goes on.
 */
export function isPeerGone(socket: Socket): boolean {
  const handle = handleOf(socket);
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0;
}

/**
 * Bytes that the system has taken for the peer, which it does as the peer takes them. What node tells itself counts a
 * write in one piece; should a later Node hide the other figure, that one is used.
 */
export function bytesTaken(socket: Socket): number {
  const own = handleOf(socket);
  const handle = own?._parent ?? own;
  return handle?.writeQueueSize === undefined
    ? socket.bytesWritten - socket.writableLength
    : handle.bytesWritten - handle.writeQueueSize;
}

/** The same in bytes that were written to TLS, without what TLS makes of them. */
export function plainBytesTaken(socket: Socket): number {
  return socket.bytesWritten - bytesUntaken(socket);
}

/** Bytes that were written and the system has not taken yet: its peer takes nothing, or less than comes. */
export function bytesUntaken(socket: Socket): number {
  const own = handleOf(socket);
  return (own?._parent ?? own)?.writeQueueSize ?? 0;
}

/** Breaks a connection so that its client cannot take it for a proper end. */
export function breakOff(socket: Socket & { encrypted?: boolean }): void {
  // TLS has its own: a connection that ends without close_notify. Only a plain socket can be reset.
  if (socket.encrypted === true) socket.destroy();
  else socket.resetAndDestroy();
}
