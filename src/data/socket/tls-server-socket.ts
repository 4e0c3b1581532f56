/**
 * A client's connection over TLS, from the first byte of its handshake on. What is written is encrypted within the call, so
 * the output's memory is free at once, but one write at a time: the next waits for its end, which comes a turn later even
 * if the system took all.
 */

import type { X509Certificate } from 'node:crypto';
import type { TlsEntryPoint } from '../../tls/tls-entrypoint.ts';
import { verifiedCertificates } from '../../tls/verified-client.ts';
import { BaseSocket } from './base-socket.ts';
import { type HandleUser, type PeerName, type RawHandle, readBuffer, reasonOfStatus, StreamHandle } from './handles.ts';
import { type TlsFacts, tlsFactsOf } from './tls-facts.ts';
import { type HandshakeUser, TlsHandshake } from './tls-handshake.ts';

export interface SecuredUser {
  /** The handshake is through and its client may come in. */
  secured(socket: TlsServerSocket): void;
}

/** As `failure`: the client has no certificate that lets it in. */
export const NOT_ADMITTED = 'no client certificate';

export class TlsServerSocket extends BaseSocket implements HandleUser, HandshakeUser {
  readonly secure = true;
  alpn = '';
  serverName = '';
  private readonly handshake: TlsHandshake;
  private readonly handle: StreamHandle;
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

  get taken(): number {
    return this.handle.taken;
  }

  isPeerGone(): boolean {
    return this.handle.isPeerGone();
  }

  keepAlive(ms: number): void {
    this.handle.keepAlive(ms / 1_000);
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.closed ? [] : verifiedCertificates(this.handshake);
  }

  tlsFacts(): TlsFacts | null {
    return this.closed ? null : tlsFactsOf(this.handshake, this.clientCertificates());
  }

  handleRead(length: number): void {
    this.came(readBuffer, length);
  }

  protected setReading(on: boolean): void {
    // A handshake is read to its end, whoever waits for it.
    this.handle.setReading(on || !this.done);
  }

  protected get isWriting(): boolean {
    return this.handle.isWriting;
  }

  protected transmit(): string {
    const { handle, out } = this;
    const piece = out.firstPiece();
    const status = handle.write(piece);
    if (status < 0) return reasonOfStatus(status);
    if (handle.queued > 0) this.underWay = piece.length;
    out.dropFirst();
    return '';
  }

  handleWrote(status: number): void {
    this.wrote(status < 0 ? reasonOfStatus(status) : '');
  }

  protected shutDown(): void {
    this.handle.shutDown();
  }

  protected closeDown(abruptly: boolean): void {
    if (abruptly) this.handle.reset();
    else this.handle.close();
  }

  override handleClosed(): void {
    this.handshake.free();
    super.handleClosed();
  }

  protected askPeer(): PeerName {
    return this.handle.peer();
  }
}
