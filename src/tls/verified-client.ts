/** Whom an entrypoint lets in that asks for client certificates, and what servers may hear of them. */
import type { X509Certificate } from 'node:crypto';

/** A connection whose handshake is through; node's TLSSocket is one. */
export interface ShownCertificate {
  /** The client has shown a certificate, and it was verified. */
  readonly authorized: boolean;
  getPeerX509Certificate(): X509Certificate | undefined;
}

const NONE: readonly X509Certificate[] = [];

const verified = new WeakMap<object, readonly X509Certificate[]>();

/**
 * The client's own certificate; empty when it has none that was verified. Node tells a server of no other that it sends.
 * Read once per connection.
 */
export function verifiedCertificates(socket: ShownCertificate): readonly X509Certificate[] {
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
export function isAdmitted(socket: ShownCertificate, optional: boolean): boolean {
  const [own] = verifiedCertificates(socket);
  if (own === undefined) return optional && socket.getPeerX509Certificate() === undefined;
  const now = Date.now();
  return own.validFromDate.getTime() <= now && now <= own.validToDate.getTime();
}
