/** Whom an entrypoint lets in that asks for client certificates, and what servers may hear of them. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

const NONE: readonly X509Certificate[] = [];

const verified = new WeakMap<object, readonly X509Certificate[]>();

/**
 * The client's own certificate; empty when it has none that was verified. Node tells a server of no other that it sends.
 * Read once per connection.
 */
export function verifiedCertificates(socket: TLSSocket): readonly X509Certificate[] {
  let certificates = verified.get(socket);
  if (certificates === undefined) {
    const own = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    certificates = own === undefined ? NONE : [own];
    verified.set(socket, certificates);
  }
  return certificates;
}

/**
 * Does a client whose handshake is through come with what it must? A resumed session brings the verdict of the handshake
 * that began it, by which time its certificate may have ended.
 * @param optional it may have none, but what it shows must hold
 */
export function isAdmitted(socket: TLSSocket, optional: boolean): boolean {
  const [own] = verifiedCertificates(socket);
  if (own === undefined) return optional && socket.getPeerX509Certificate() === undefined;
  const now = Date.now();
  return own.validFromDate.getTime() <= now && now <= own.validToDate.getTime();
}
