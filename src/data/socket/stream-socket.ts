/**
 * A client's connection on a socket of node's, in the clear or over TLS: for whoever cannot have its handle. Slower than
 * that, and otherwise the same.
 */

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { recycle } from '../../kernel/byte-output.ts';
import { type TlsConnection, tlsTraitsOf } from '../../kernel/tls-traits.ts';
import { verifiedCertificates } from '../../tls/verified-client.ts';
import { BaseSocket } from './base-socket.ts';
import type { PeerName } from './handles.ts';
import { type TlsFacts, tlsFactsOf } from './tls-facts.ts';

const NONE: readonly X509Certificate[] = [];

export class StreamSocket extends BaseSocket {
  readonly secure: boolean;
  readonly alpn: string;
  readonly serverName: string;
  private readonly socket: Socket;
  private writing = false;
  private readonly onData = (bytes: Buffer): void => this.step(() => this.came(bytes, bytes.length));
  private readonly onEnd = (): void => this.step(() => this.handleEnded());
  private readonly onError = (error: Error): void => this.step(() => this.handleFailed(error.message));
  private readonly onClose = (): void => this.step(() => this.gone());

  /** `socket`: it allows half-open connections, and nobody reads from it. */
  constructor(socket: Socket) {
    super();
    this.socket = socket;
    const { encrypted, alpnProtocol, servername } = socket as TLSSocket & { servername?: string | false };
    this.secure = encrypted === true;
    this.alpn = alpnProtocol || '';
    this.serverName = servername || '';
    if (this.secure) this.tls = tlsTraitsOf(socket as unknown as TlsConnection);
    socket.pause();
    socket.on('data', this.onData).on('end', this.onEnd).on('error', this.onError).on('close', this.onClose);
  }

  private step(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  /** Gives the connection to a server of node's, as if `unused`, which came over it, had not been read. */
  toSocket(unused: Uint8Array): Socket {
    this.letGo();
    const { socket } = this;
    socket.pause();
    socket.off('data', this.onData).off('end', this.onEnd).off('error', this.onError).off('close', this.onClose);
    if (unused.length > 0) socket.unshift(unused);
    return socket;
  }

  get taken(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  /** Node's socket does not tell. */
  isPeerGone(): boolean {
    return this.closed;
  }

  keepAlive(ms: number): void {
    this.socket.setKeepAlive(true, ms);
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.secure && !this.closed ? verifiedCertificates(this.socket as TLSSocket) : NONE;
  }

  tlsFacts(): TlsFacts | null {
    if (!this.secure || this.closed) return null;
    return tlsFactsOf(this.socket as TLSSocket, this.clientCertificates());
  }

  protected setReading(on: boolean): void {
    if (on) this.socket.resume();
    else this.socket.pause();
  }

  protected get isWriting(): boolean {
    return this.writing;
  }

  protected transmit(): string {
    const pieces: Uint8Array[] = [];
    this.underWay = this.out.length;
    this.out.takePieces(pieces);
    const last = pieces.length - 1;
    this.writing = true;
    this.socket.cork();
    for (const [at, piece] of pieces.entries()) {
      this.socket.write(piece, (error) => {
        recycle(piece);
        if (at < last) return;
        this.writing = false;
        this.step(() => this.wrote(error?.message ?? ''));
      });
    }
    this.socket.uncork();
    return '';
  }

  protected shutDown(): void {
    this.socket.end(() => this.step(() => this.handleShut()));
  }

  protected closeDown(abruptly: boolean): void {
    if (abruptly && !this.secure) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  protected askPeer(): PeerName {
    const { remoteAddress = '', remotePort = 0 } = this.socket;
    return { address: remoteAddress, port: remotePort };
  }
}
