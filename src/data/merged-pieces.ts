/**
 * Puts pieces of a few bytes together that come in one turn of the event loop, so that who sends a body byte by byte, each
 * in a frame of its own, does not have us write it that way.
 */

/** Longer pieces are passed on as they are. */
const SMALL = 1_024;
/** So many bytes are not held back. */
const ENOUGH = 16_384;

export class MergedPieces {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private readonly pass: (bytes: Buffer) => void;

  /** `pass` is called with what is to be passed on; it may be called in a turn of its own. */
  constructor(pass: (bytes: Buffer) => void) {
    this.pass = pass;
  }

  add(piece: Buffer): void {
    if (this.pieces.length === 0) {
      if (piece.length >= SMALL) {
        this.pass(piece);
        return;
      }
      setImmediate(flush, this);
    }
    this.pieces.push(piece);
    this.bytes += piece.length;
    if (this.bytes >= ENOUGH) this.flush();
  }

  /** What waits, in one piece; it is not passed on any more. */
  take(): Buffer {
    const { pieces } = this;
    this.pieces = [];
    this.bytes = 0;
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  flush(): void {
    if (this.pieces.length > 0) this.pass(this.take());
  }
}

function flush(merged: MergedPieces): void {
  merged.flush();
}
