/**
 * TLS of the admin address: the certificates, ciphers and client certificates of its entrypoint, by the same means as on
 * any entrypoint of node's. Its certificates are read anew when their files change.
 */

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { timerSpan } from '../../kernel/durations.ts';
import type { EntryPointTls } from '../../kernel/entrypoint-options.ts';
import type { TicketKeyRing } from '../../protocol/messages.ts';
import { CertificateStore } from '../../tls/certificate-store.ts';
import { TicketKeys } from '../../tls/ticket-keys.ts';
import { TlsEntryPoint } from '../../tls/tls-entrypoint.ts';
import { Certificates } from '../tls/certificates.ts';
import { loadClientCAs } from '../tls/client-cas.ts';
import type { CertificateView } from '../view.ts';

/** How its certificates name it. */
const NAME = 'admin';

/** The two ends of a connection, which the socket that decrypts shares with the one that was accepted. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

export class SecureFront {
  private readonly certificates: Certificates;
  private readonly tickets: TicketKeys;
  private readonly served: TlsEntryPoint;
  private readonly server: Server;
  /** What is to be done with connections whose handshake is under way. */
  private readonly pending = new Map<string, (socket: TLSSocket) => void>();

  /**
   * @param handshakeMs of a whole handshake
   * @throws TsujiError BAD_ENTRY_POINT for authorities that cannot be read
   */
  constructor(tls: EntryPointTls, ring: TicketKeyRing, handshakeMs: number, onChange: () => void) {
    const entryPoint = { name: NAME, tls };
    const store = new CertificateStore();
    this.certificates = new Certificates({
      entryPoints: [entryPoint],
      fetchesOcsp: false,
      onPublish: (added, removed) => store.apply(added, removed),
      onChange,
    });
    this.tickets = new TicketKeys(ring);
    this.served = new TlsEntryPoint(0, tls, loadClientCAs(entryPoint), store, this.tickets);
    const options = { handshakeTimeout: timerSpan(handshakeMs), ALPNProtocols: ['http/1.1'] };
    this.server = createServer({ ...this.served.serverOptions(), ...options });
    // The connection that was accepted is destroyed with it, which is all that there is to do.
    this.server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.served.attach(this.server, (socket) => this.secured(socket));
  }

  /** Resolves when there is a certificate to show. */
  start(): Promise<void> {
    return this.certificates.start();
  }

  stop(): void {
    this.certificates.stop();
  }

  /** Resolves when certificates whose files have changed were read. */
  lookNow(): Promise<void> {
    return this.certificates.lookNow();
  }

  /** @throws TsujiError BAD_ENTRY_POINT for authorities that cannot be read; those from before stay */
  renew(tls: EntryPointTls): void {
    this.served.renew(loadClientCAs({ name: NAME, tls }));
  }

  rotate(ring: TicketKeyRing): void {
    this.tickets.rotate(ring);
  }

  views(): CertificateView[] {
    return this.certificates.views();
  }

  /** `open` gets the socket that decrypts, if the handshake succeeds; otherwise `socket` is closed. */
  accept(socket: Socket, open: (secure: TLSSocket) => void): void {
    const ends = endsOf(socket);
    this.pending.set(ends, open);
    socket.on('close', () => this.pending.delete(ends));
    this.server.emit('connection', socket);
  }

  private secured(socket: TLSSocket): void {
    const ends = endsOf(socket);
    const open = this.pending.get(ends);
    this.pending.delete(ends);
    if (open === undefined) socket.destroy();
    else open(socket);
  }
}
