/**
 * Bytes that are to go out, gathered in a few long pieces. Whoever writes frames or heads asks for room and fills it in
 * place; whoever sends takes the pieces. An output without bytes has no memory of its own.
 */

/** The first piece of an output is short, as most of them never need another. */
const FIRST_BYTES = 16_384;
const PIECE_BYTES = 65_536;
/** The most that `reserve` may be asked for: the longest frame of HTTP/2 that we send, and its head. */
export const MAX_RESERVED = 16_393;
/** Free pieces that are kept, of each size. */
const KEPT_PIECES = 64;

/** With what Node's types do not tell of. */
export type Bytes = Buffer & {
  latin1Write(text: string, at: number, length: number): number;
  latin1Slice(start: number, end: number): string;
};

const NONE = Buffer.alloc(0) as Bytes;
const freeFirst: Bytes[] = [];
const freeNext: Bytes[] = [];

function take(first: boolean): Bytes {
  const free = first ? freeFirst : freeNext;
  return (
    free.pop() ?? (Buffer.allocUnsafeSlow(first ? FIRST_BYTES + MAX_RESERVED : PIECE_BYTES + MAX_RESERVED) as Bytes)
  );
}

/** Gives a piece back that `takePieces` has handed out, once nobody looks at it any more. */
export function recycle(piece: Uint8Array): void {
  keep(Buffer.from(piece.buffer) as Bytes);
}

function keep(whole: Bytes): void {
  const free = whole.length === FIRST_BYTES + MAX_RESERVED ? freeFirst : freeNext;
  if (free.length < KEPT_PIECES) free.push(whole);
}

export class ByteOutput {
  /** The piece that is being filled, up to `at`. Only valid up to the next call of `reserve`. */
  piece: Bytes = NONE;
  at = 0;
  private full: Bytes[] = [];
  private fullBytes = 0;

  /** Bytes in it. */
  get length(): number {
    return this.fullBytes + this.at;
  }

  /** Sees to it that `piece` has room for `bytes` (up to MAX_RESERVED) behind `at`; the caller writes there and moves `at`. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.piece.length) return;
    if (this.at > 0) {
      this.full.push(this.piece.subarray(0, this.at) as Bytes);
      this.fullBytes += this.at;
    }
    this.piece = take(this.piece === NONE);
    this.at = 0;
  }

  /** One byte per character. */
  text(text: string): void {
    let from = 0;
    do {
      const length = Math.min(text.length - from, MAX_RESERVED);
      this.reserve(length);
      const part = length === text.length ? text : text.slice(from, from + length);
      this.piece.latin1Write(part, this.at, length);
      this.at += length;
      from += length;
    } while (from < text.length);
  }

  /** Copies `bytes[start, end)`. */
  bytes(bytes: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      this.reserve(1);
      const length = Math.min(end - from, this.piece.length - this.at);
      const part = from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length);
      this.piece.set(part, this.at);
      this.at += length;
      from += length;
    }
  }

  /** Adds all that is in `other`, which is empty then. */
  append(other: ByteOutput): void {
    const pieces: Uint8Array[] = [];
    other.takePieces(pieces);
    for (const piece of pieces) {
      this.bytes(piece, 0, piece.length);
      recycle(piece);
    }
  }

  /** Empties it into `pieces`, in order. Each is to be given to `recycle` in the end. */
  takePieces(pieces: Uint8Array[]): void {
    for (const piece of this.full) pieces.push(piece);
    if (this.at > 0) pieces.push(this.piece.subarray(0, this.at));
    this.full.length = 0;
    this.fullBytes = 0;
    this.piece = NONE;
    this.at = 0;
  }

  /** Memory that it has, bytes. */
  get heldBytes(): number {
    return this.fullBytes + this.piece.length;
  }

  /** All of it is in one piece, or there is nothing. */
  get isOnePiece(): boolean {
    return this.fullBytes === 0;
  }

  /** The oldest of its bytes, as many as lie together; they stay. */
  firstPiece(): Uint8Array {
    return this.fullBytes > 0 ? this.full[0] : this.piece.subarray(0, this.at);
  }

  /** Forgets `firstPiece`, and uses its memory again. */
  dropFirst(): void {
    if (this.fullBytes > 0) {
      const piece = this.full.shift()!;
      this.fullBytes -= piece.length;
      recycle(piece);
    } else if (this.piece !== NONE) {
      keep(this.piece);
      this.piece = NONE;
      this.at = 0;
    }
  }

  /** Forgets all of it. */
  clear(): void {
    while (this.fullBytes > 0) this.dropFirst();
    this.dropFirst();
  }
}
