/**
 * A connection over TLS, on the handle of a TLSSocket whose handshake node has made. Node's socket keeps the errors and the
 * end; bytes go past it.
 */

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { verifiedCertificates } from '../../tls/verified-client.ts';
import { HandleSocket } from './handle-socket.ts';
import { type RawHandle, StreamHandle } from './handles.ts';
import { type TlsFacts, tlsFactsOf } from './tls-facts.ts';

export class TlsSocket extends HandleSocket {
  readonly secure = true;
  readonly alpn: string;
  readonly serverName: string;
  private readonly socket: TLSSocket;
  protected readonly handle: StreamHandle;

  /** Within `secureConnection`: nothing has come yet. */
  constructor(socket: TLSSocket, raw: RawHandle) {
    super();
    this.socket = socket;
    this.alpn = socket.alpnProtocol || '';
    this.serverName = (socket as TLSSocket & { servername?: string | false }).servername || '';
    this.handle = new StreamHandle(raw, this, true);
    socket.on('error', (error) => this.handleFailed(error.message));
    socket.on('close', () => this.socketClosed());
  }

  private socketClosed(): void {
    this.handle.letGo();
    try {
      this.gone();
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.closed ? [] : verifiedCertificates(this.socket);
  }

  tlsFacts(): TlsFacts | null {
    return this.closed ? null : tlsFactsOf(this.socket, this.clientCertificates());
  }

  /** Abruptly or not: an end without close_notify is what tells a peer that something is missing. */
  protected override closeDown(): void {
    this.handle.letGo();
    this.socket.destroy();
  }
}
