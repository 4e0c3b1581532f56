/**
 * Finds a record of a metrics lane by its two key words, without allocation. Private to the worker; built anew from
 * the records when a worker takes over a lane.
 *
 * Open addressing with linear probing over at least twice as many cells as there can be records, so a probe always
 * ends. A cell holds the record's number + 1; 0 is empty.
 */
export class RecordIndex {
  private readonly words: Int32Array;
  private readonly start: number;
  private readonly stride: number;
  private readonly cells: Int32Array;
  private readonly mask: number;

  /** `start` and `stride` in 4-byte words; the key is the first two words of a record. */
  constructor(words: Int32Array, start: number, stride: number, capacity: number) {
    this.words = words;
    this.start = start;
    this.stride = stride;
    const size = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1) * 2));
    this.cells = new Int32Array(size);
    this.mask = size - 1;
  }

  /** The record's number, or -1. */
  find(first: number, second: number): number {
    const { words, cells, mask } = this;
    let cell = hash(first, second) & mask;
    for (let entry = cells[cell]; entry !== 0; entry = cells[cell]) {
      const at = this.start + (entry - 1) * this.stride;
      if (words[at] === first && words[at + 1] === second) return entry - 1;
      cell = (cell + 1) & mask;
    }
    return -1;
  }

  add(record: number): void {
    const at = this.start + record * this.stride;
    let cell = hash(this.words[at], this.words[at + 1]) & this.mask;
    while (this.cells[cell] !== 0) cell = (cell + 1) & this.mask;
    this.cells[cell] = record + 1;
  }
}

function hash(first: number, second: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
