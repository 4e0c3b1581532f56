/**
 * A client's connection over TLS, on the handle of a TLSSocket whose handshake node has made. Node's socket keeps the
 * errors and the end; bytes go past it. What is written is encrypted within the call, so the output's memory is free at
 * once, but one write at a time: the next waits for its end, which comes a turn later even if the system took all.
 */

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { verifiedCertificates } from '../../tls/verified-client.ts';
import { BaseSocket } from './base-socket.ts';
import { type HandleUser, type PeerName, type RawHandle, readBuffer, reasonOfStatus, StreamHandle } from './handles.ts';
import { type TlsFacts, tlsFactsOf } from './tls-facts.ts';

export class TlsSocket extends BaseSocket implements HandleUser {
  readonly secure = true;
  readonly alpn: string;
  readonly serverName: string;
  private readonly socket: TLSSocket;
  private readonly handle: StreamHandle;

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
    return this.closed ? [] : verifiedCertificates(this.socket);
  }

  tlsFacts(): TlsFacts | null {
    return this.closed ? null : tlsFactsOf(this.socket, this.clientCertificates());
  }

  handleRead(length: number): void {
    this.came(readBuffer, length);
  }

  protected setReading(on: boolean): void {
    this.handle.setReading(on);
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

  /** Abruptly or not: an end without close_notify is what tells a peer that something is missing. */
  protected closeDown(): void {
    this.handle.letGo();
    this.socket.destroy();
  }

  protected askPeer(): PeerName {
    return this.handle.peer();
  }
}
