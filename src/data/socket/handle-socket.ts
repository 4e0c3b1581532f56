/** A connection on one of node's handles: what it has in common in the clear and over TLS, whoever made the handshake. */
import { BaseSocket } from './base-socket.ts';
import { type HandleUser, type PeerName, readBuffer, reasonOfStatus, type StreamHandle } from './handles.ts';

export abstract class HandleSocket extends BaseSocket implements HandleUser {
  protected abstract readonly handle: StreamHandle;

  get taken(): number {
    return this.handle.taken;
  }

  isPeerGone(): boolean {
    return this.handle.isPeerGone();
  }

  keepAlive(ms: number): void {
    this.handle.keepAlive(ms / 1_000);
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

  /**
   * Over TLS: what is written is encrypted within the call, so the output's memory is free at once, but one write at a time:
   * the next waits for its end, which comes a turn later even if the system took all.
   */
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

  protected askPeer(): PeerName {
    return this.handle.peer();
  }
}
