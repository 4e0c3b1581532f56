/**
 * What has come of a response on a stream of HTTP/2 and its client does not take: the session goes on, so it is copied and
 * waits here. Short pieces share memory, or a server could have us keep a buffer for each byte of a window.
 */
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import type { BufferHolder, MemoryBudget } from '../memory-budget.ts';

const PIECE_BYTES = 16_384;

/** The stream that it belongs to. */
export interface HeldBodyOwner {
  /** Its client takes what it is given. */
  readonly takesMore: boolean;
  give(piece: Uint8Array): void;
  failAs(fault: Fault, detail: string): void;
}

type Piece = { readonly bytes: Buffer; length: number };

export class HeldBody implements BufferHolder {
  heldBytes = 0;
  private pieces: Piece[] = [];
  private readonly stream: HeldBodyOwner;
  private readonly budget: MemoryBudget;

  constructor(stream: HeldBodyOwner, budget: MemoryBudget) {
    this.stream = stream;
    this.budget = budget;
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  /** `bytes[start, end)` are copied. The stream may fail for it. */
  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    let last = this.pieces.at(-1);
    if (last === undefined || last.length + length > last.bytes.length) {
      last = { bytes: Buffer.allocUnsafeSlow(Math.max(length, PIECE_BYTES)), length: 0 };
      this.pieces.push(last);
    }
    last.length += bytes.copy(last.bytes, last.length, start, end);
    this.count();
  }

  /** Gives the stream one after the other, as long as it takes more. */
  give(): void {
    const { pieces, stream } = this;
    let given = 0;
    while (given < pieces.length && stream.takesMore) {
      const { bytes, length } = pieces[given++];
      stream.give(bytes.subarray(0, length));
    }
    // Whoever has let go of all meanwhile has no use for the rest.
    if (pieces !== this.pieces) return;
    pieces.splice(0, given);
    this.count();
  }

  private count(): void {
    this.budget.hold(
      this,
      this.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
  }

  clear(): void {
    if (this.pieces.length > 0) this.pieces = [];
    if (this.heldBytes > 0) this.budget.release(this);
  }

  endOverBudget(): void {
    this.stream.failAs(FAULTS.overBudget, '');
  }
}
