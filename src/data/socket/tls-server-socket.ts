/** A client's connection over TLS, from the first byte of its handshake on. */

import type { X509Certificate } from 'node:crypto';
import type { TlsEntryPoint } from '../../tls/tls-entrypoint.ts';
import { verifiedCertificates } from '../../tls/verified-client.ts';
import { HandleSocket } from './handle-socket.ts';
import { type RawHandle, StreamHandle } from './handles.ts';
import { type TlsFacts, tlsFactsOf } from './tls-facts.ts';
import { type HandshakeUser, TlsHandshake } from './tls-handshake.ts';

export interface SecuredUser {
  /** The handshake is through and its client may come in. */
  secured(socket: TlsServerSocket): void;
}

/** As `failure`: the client has no certificate that lets it in. */
export const NOT_ADMITTED = 'no client certificate';

export class TlsServerSocket extends HandleSocket implements HandshakeUser {
  readonly secure = true;
  alpn = '';
  serverName = '';
  private readonly handshake: TlsHandshake;
  protected readonly handle: StreamHandle;
  /** Null: it was told, or there is nothing to tell. */
  private awaited: SecuredUser | null;
  private done = false;
  /** Why the handshake came to nothing, '' while there is no reason. */
  failure = '';

  /**
   * `carrier`: nobody reads from it any more. `alpn`: as on the wire, see `alpnList`. A handshake that does not end is for
   * the caller to close.
   */
  constructor(carrier: RawHandle, entryPoint: TlsEntryPoint, alpn: Uint8Array, awaited: SecuredUser) {
    super();
    this.awaited = awaited;
    this.handshake = new TlsHandshake(carrier, entryPoint, alpn, this);
    this.handle = new StreamHandle(this.handshake.raw, this, false);
  }

  /** `early`: what has come before TLS was there. */
  beginHandshake(early: Uint8Array): void {
    this.handle.setReading(true);
    this.handshake.receive(early);
  }

  handshakeDone(): void {
    if (this.done || this.closed) return;
    this.done = true;
    try {
      const { handshake } = this;
      if (!handshake.isAdmitted) {
        this.failure = NOT_ADMITTED;
        this.close();
        return;
      }
      this.alpn = handshake.alpn;
      this.serverName = handshake.serverName;
      this.tls = handshake.traits;
      const { awaited } = this;
      this.awaited = null;
      awaited?.secured(this);
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  handshakeFailed(reason: string): void {
    if (!this.done) this.failure = reason;
    try {
      this.handleFailed(reason);
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.closed ? [] : verifiedCertificates(this.handshake);
  }

  tlsFacts(): TlsFacts | null {
    return this.closed ? null : tlsFactsOf(this.handshake, this.clientCertificates());
  }

  protected override setReading(on: boolean): void {
    // A handshake is read to its end, whoever waits for it.
    this.handle.setReading(on || !this.done);
  }

  override handleClosed(): void {
    this.handshake.free();
    super.handleClosed();
  }
}
