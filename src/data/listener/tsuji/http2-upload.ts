/**
 * The body of a request on its way to its exchange: what was announced of it against what comes, the window of its stream,
 * and what waits while the exchange takes nothing, which is never more than that window.
 */
import { ReceiveWindow, type WindowGrowth } from '../../../http2/windows.ts';
import { MOST_STREAM_WINDOW, STREAM_WINDOW } from './http2-limits.ts';

const NOTHING = Buffer.alloc(0);

export class Http2Upload {
  /** It has not come to its end. */
  receiving = false;
  /** The exchange takes nothing. */
  paused = false;
  /** Its client may take all the time that it likes. */
  patient = false;
  /** Of its content, bytes. */
  bytes = 0;
  readonly window = new ReceiveWindow(STREAM_WINDOW, MOST_STREAM_WINDOW);
  /** What was announced and has not come; below 0 where nothing was. */
  private left = -1;
  private waiting: Uint8Array[] = [];
  waitingBytes = 0;
  /** The end waits behind them. */
  private endWaits = false;

  /** `length`: as announced, below 0 for none. */
  begin(receiving: boolean, length: number, now: number): void {
    this.receiving = receiving;
    this.paused = false;
    this.patient = false;
    this.bytes = 0;
    this.window.begin(now);
    this.left = length;
  }

  /** What is wrong with `bytes` more, '' for nothing. */
  announce(bytes: number): string {
    if (this.left < 0) return '';
    this.left -= bytes;
    return this.left < 0 ? 'more than its Content-Length' : '';
  }

  /** What is wrong with its end, '' for nothing. */
  complete(): string {
    this.receiving = false;
    return this.left > 0 ? 'less than its Content-Length' : '';
  }

  /** Something waits, or has to: what comes is to be kept. */
  get keeps(): boolean {
    return this.paused || this.waiting.length > 0;
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.waiting.push(Buffer.from(bytes.subarray(start, end)));
    this.waitingBytes += end - start;
  }

  keepEnd(): void {
    this.endWaits = true;
  }

  /** Passes on what waits, piece by piece, until the exchange takes no more. */
  passOn(pass: (chunk: Uint8Array, last: boolean) => void): void {
    while (!this.paused && (this.waiting.length > 0 || this.endWaits)) {
      const chunk = this.waiting.shift() ?? NOTHING;
      this.waitingBytes -= chunk.length;
      const last = this.endWaits && this.waiting.length === 0;
      if (last) this.endWaits = false;
      this.window.use(chunk.length);
      pass(chunk, last);
    }
  }

  /** Its stream is over. */
  end(growth: WindowGrowth): void {
    this.window.end(growth);
    this.receiving = false;
    this.paused = false;
    this.drop();
  }

  /** Forgets what waits. */
  drop(): void {
    if (this.waiting.length > 0) this.waiting = [];
    this.waitingBytes = 0;
    this.endWaits = false;
  }
}
