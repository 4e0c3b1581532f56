/**
 * A client's connection in the clear, on its TCP handle. A write that the system does not take at once keeps the pieces
 * of the output until it is done; nothing that was read is ever written from where it was read to, since the next read
 * would overwrite it under the write.
 */

import type { X509Certificate } from 'node:crypto';
import { recycle } from '../../kernel/byte-output.ts';
import { HandleSocket } from './handle-socket.ts';
import { type RawHandle, reasonOfStatus, StreamHandle } from './handles.ts';
import type { TlsFacts } from './tls-facts.ts';

const NONE: readonly X509Certificate[] = [];

export class TcpSocket extends HandleSocket {
  readonly secure = false;
  readonly alpn = '';
  readonly serverName = '';
  protected readonly handle: StreamHandle;
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

  clientCertificates(): readonly X509Certificate[] {
    return NONE;
  }

  tlsFacts(): TlsFacts | null {
    return null;
  }

  protected override transmit(): string {
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

  override handleWrote(status: number): void {
    this.giveBack();
    super.handleWrote(status);
  }
}
