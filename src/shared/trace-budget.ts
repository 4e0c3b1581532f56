/**
 * New traces that all workers together may keep in a second (shared/spec logs §5.3).
 *
 *     second │ traces in it      Int32 each
 *
 * Where two workers come to a new second at once a few more may pass, which does not matter.
 */
const SECOND = 0;
const COUNT = 1;

export function createTraceBudget(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

export class TraceBudget {
  private readonly words: Int32Array;
  private readonly perSecond: number;

  /** `perSecond`: 0 for no bound. */
  constructor(buffer: SharedArrayBuffer, perSecond: number) {
    this.words = new Int32Array(buffer);
    this.perSecond = perSecond;
  }

  /** One more, at `now` in Unix milliseconds. False: there is no room for it. */
  take(now: number): boolean {
    const { words, perSecond } = this;
    if (perSecond === 0) return true;
    const second = Math.floor(now / 1_000) | 0;
    if (Atomics.load(words, SECOND) !== second) {
      Atomics.store(words, SECOND, second);
      Atomics.store(words, COUNT, 0);
    }
    if (Atomics.load(words, COUNT) >= perSecond) return false;
    return Atomics.add(words, COUNT, 1) < perSecond;
  }
}
