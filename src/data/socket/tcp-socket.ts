/**
 * A client's connection in the clear, on its TCP handle. A write that the system does not take at once keeps the pieces
 * of the output until it is done; nothing that was read is ever written from where it was read to, since the next read
 * would overwrite it under the write.
 */

import type { X509Certificate } from 'node:crypto';
import { recycle } from '../../kernel/byte-output.ts';
import { BaseSocket } from './base-socket.ts';
import { type HandleUser, type PeerName, type RawHandle, readBuffer, reasonOfStatus, StreamHandle } from './handles.ts';
import type { TlsFacts } from './tls-facts.ts';

const NONE: readonly X509Certificate[] = [];

export class TcpSocket extends BaseSocket implements HandleUser {
  readonly secure = false;
  readonly alpn = '';
  readonly serverName = '';
  private readonly handle: StreamHandle;
  /** Pieces of the write that is under way. */
  private readonly lent: Uint8Array[] = [];

  constructor(raw: RawHandle) {
    super();
    this.handle = new StreamHandle(raw, this, false);
  }

  /** Gives the connection to whoever carries TLS on it. */
  release(): RawHandle {
    this.letGo();
    return this.handle.release();
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
    return NONE;
  }

  tlsFacts(): TlsFacts | null {
    return null;
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
    const { handle, out, lent } = this;
    const bytes = out.length;
    let status: number;
    if (out.isOnePiece) {
      status = handle.write(out.firstPiece());
      if (status === 0) {
        out.dropFirst();
        return '';
      }
      out.takePieces(lent);
    } else {
      out.takePieces(lent);
      status = handle.writeAll(lent);
    }
    if (status === 1) {
      this.underWay = bytes;
      return '';
    }
    this.giveBack();
    return status === 0 ? '' : reasonOfStatus(status);
  }

  private giveBack(): void {
    for (const piece of this.lent) recycle(piece);
    this.lent.length = 0;
  }

  handleWrote(status: number): void {
    this.giveBack();
    this.wrote(status < 0 ? reasonOfStatus(status) : '');
  }

  protected shutDown(): void {
    this.handle.shutDown();
  }

  protected closeDown(abruptly: boolean): void {
    if (abruptly) this.handle.reset();
    else this.handle.close();
  }

  protected askPeer(): PeerName {
    return this.handle.peer();
  }
}
