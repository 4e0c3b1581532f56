/**
 * Small pieces of one body, put together until the turn of the event loop ends: uWebSockets tells of every chunk by
 * itself, and what follows costs as much for one byte as for thousands.
 */

/** Smaller ones are worth it. */
export const SMALL_BYTES = 2_048;
const MERGED_BYTES = 16_384;

export class SmallPieces {
  private readonly pass: (merged: Uint8Array) => void;
  private readonly failed: (error: unknown) => void;
  private buffer: Buffer | null = null;
  private length = 0;
  private scheduled = false;
  private readonly turnEnds = (): void => {
    this.scheduled = false;
    try {
      this.flush();
    } catch (error) {
      this.failed(error);
    }
  };

  /** `pass` gets what has come, valid only during the call; `failed` what it throws at the end of a turn. */
  constructor(pass: (merged: Uint8Array) => void, failed: (error: unknown) => void) {
    this.pass = pass;
    this.failed = failed;
  }

  /** `piece`: less than SMALL_BYTES. */
  add(piece: Uint8Array): void {
    if (this.length + piece.length > MERGED_BYTES) this.flush();
    this.buffer ??= Buffer.allocUnsafeSlow(MERGED_BYTES);
    this.buffer.set(piece, this.length);
    this.length += piece.length;
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.turnEnds);
  }

  /** Before anything else of the body is passed on. */
  flush(): void {
    const { buffer, length } = this;
    if (length === 0) return;
    this.length = 0;
    this.pass(buffer!.subarray(0, length));
  }

  /** Nobody wants the rest. */
  drop(): void {
    if (this.buffer === null) return;
    this.length = 0;
    this.buffer = null;
  }
}
