/** A compressed page as it was, a piece at a time, in zlib's threads: for a client that takes no gzip. */
import { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { type Page, PIECE_BYTES } from './page.ts';

export class Unpacking {
  readonly page: Page;
  private readonly coder: Gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  private readonly pieces: AsyncIterator<Buffer>;
  private readonly onEnd: () => void;
  private isEnded = false;

  /** `onEnd`: called once. */
  constructor(page: Page, onEnd: () => void) {
    this.page = page;
    this.onEnd = onEnd;
    this.pieces = this.coder[Symbol.asyncIterator]();
    // It goes no further than the client does.
    Readable.from(page.pieces).pipe(this.coder);
  }

  /** Of all that `next` gives. */
  get bytes(): number {
    return this.page.textBytes;
  }

  /** null: that was all. */
  async next(): Promise<Buffer | null> {
    const { done, value } = await this.pieces.next();
    return done === true ? null : value;
  }

  /** Nothing more is asked for. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.coder.destroy();
    this.onEnd();
  }
}
