/** A connection that we have dialed, as bytes: on its handle where that can be had, else on node's socket. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ByteSocket } from './byte-socket.ts';
import { takeHandle, tlsHandle } from './handles.ts';
import { StreamSocket } from './stream-socket.ts';
import { TcpSocket } from './tcp-socket.ts';
import { TlsSocket } from './tls-socket.ts';

/** `socket`: within `connect`, or with TLS within `secureConnect`: nothing has come yet. It closes with what is returned. */
export function dialedSocket(socket: Socket): ByteSocket {
  if ((socket as TLSSocket).encrypted === true) {
    const handle = tlsHandle(socket as TLSSocket);
    return handle === null ? new StreamSocket(socket) : new TlsSocket(socket as TLSSocket, handle);
  }
  const handle = takeHandle(socket);
  if (handle === null) return new StreamSocket(socket);
  const direct = new TcpSocket(handle);
  direct.host = { socketGone: () => void socket.destroy() };
  return direct;
}
