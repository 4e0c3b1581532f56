/** How many nodes of the cluster live, in one word: main writes it, and workers look at it per request of a limit that is divided. */

export function createLiveNodes(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

export class LiveNodes {
  private readonly word: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.word = new Int32Array(buffer);
  }

  /** At least 1: this one. */
  get count(): number {
    return Math.max(1, Atomics.load(this.word, 0));
  }

  set count(nodes: number) {
    Atomics.store(this.word, 0, nodes);
  }
}
