/**
 * Entrypoints behind a balancer that speaks the PROXY protocol (shared/spec proxying §13): takes the header off each
 * connection and remembers the client's address for as long as the connection lasts.
 */
import type { Socket } from 'node:net';
import type { TrustOptions } from '../../../kernel/entrypoint-options.ts';
import { IpRanges } from '../../../kernel/ip-ranges.ts';
import { log } from '../../../kernel/log.ts';
import { INCOMPLETE, MALFORMED, type ProxyHeader, readProxyHeader } from '../proxy-header.ts';
import { MORE, REFUSE, readFirst } from './first-read.ts';

/**
 * Names a connection by its ends, since the socket that TLS makes of another one has the same ends and no documented way
 * back to it.
 */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** Of this worker's open connections. Empty without an entrypoint that has the protocol. */
const clients = new Map<string, string>();

/** The client's address as the balancer tells it; undefined when it does not or is not believed. */
export function proxiedAddress(socket: Socket): string | undefined {
  return clients.size === 0 ? undefined : clients.get(endsOf(socket));
}

export class ProxiedPeers {
  /** null: every balancer is believed. */
  private readonly trusted: IpRanges | null;

  constructor({ insecure, trustedIPs }: TrustOptions) {
    this.trusted = insecure ? null : new IpRanges(trustedIPs);
  }

  /**
   * Calls `next` once, with the socket as if its header had not been there. A connection with a malformed header is
   * closed.
   */
  take(socket: Socket, next: () => void): void {
    const look = (seen: Buffer): number => {
      const header = readProxyHeader(seen);
      if (header === INCOMPLETE) return MORE;
      if (header === MALFORMED) {
        log.debug('connection refused', { reason: 'its PROXY header is malformed', peer: socket.remoteAddress ?? '' });
        return REFUSE;
      }
      this.remember(socket, header);
      return header.length;
    };
    readFirst(socket, look, next);
  }

  private remember(socket: Socket, { address }: ProxyHeader): void {
    if (address === '') return;
    if (this.trusted !== null && !this.trusted.contains(socket.remoteAddress ?? '')) return;
    const key = endsOf(socket);
    clients.set(key, address);
    socket.once('close', () => clients.delete(key));
  }
}
