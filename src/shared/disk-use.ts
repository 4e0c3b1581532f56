/**
 * How much of the disk the bodies of all workers take (`--buffering.maxDisk`): one word per worker, in pages, and the whole is
 * their sum. Whoever wants more adds it first and looks then, so that the whole is never above what is allowed.
 */
const PAGE_BYTES = 4_096;

export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

export function createDiskUse(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT);
}

/** A worker has ended, and its files with it. */
export function forgetDiskUse(buffer: SharedArrayBuffer, index: number): void {
  Atomics.store(new Int32Array(buffer), index, 0);
}

/** The side of one worker. */
export class DiskUse {
  private readonly words: Int32Array;
  private readonly index: number;
  private readonly most: number;

  /** `mostBytes`: of all workers together; 0: no limit. */
  constructor(buffer: SharedArrayBuffer, index: number, mostBytes: number) {
    this.words = new Int32Array(buffer);
    this.index = index;
    this.most = mostBytes === 0 ? Number.POSITIVE_INFINITY : Math.floor(mostBytes / PAGE_BYTES);
  }

  /** False: there is no room for so many. */
  take(pages: number): boolean {
    Atomics.add(this.words, this.index, pages);
    let all = 0;
    for (let at = 0; at < this.words.length; at++) all += Atomics.load(this.words, at);
    if (all <= this.most) return true;
    this.give(pages);
    return false;
  }

  give(pages: number): void {
    Atomics.sub(this.words, this.index, pages);
  }

  /** Of this worker. */
  get bytes(): number {
    return Atomics.load(this.words, this.index) * PAGE_BYTES;
  }
}
