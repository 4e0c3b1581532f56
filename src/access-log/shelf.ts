/**
 * Where texts stand that come again and again, so that a line names their place instead of having them copied. It has two halves: when one
 * is full the other is used anew, and whoever shows a text of a round before puts it there once more. What a line shows stays as it is
 * until that line is written, since one line does not fill a half.
 */
import { SHELF_BYTES } from '../shared/access-log.ts';

const WORD_BYTES = 8;
const HALF = SHELF_BYTES / 2 / WORD_BYTES;

/** Bytes as words, and where they stand on the one shelf that has them. */
export class Shelved {
  readonly words: Float64Array;
  /** Of the shelf when they were put there; 0: never. */
  round = 0;
  /** In bytes. */
  address = 0;

  constructor(words: Float64Array) {
    this.words = words;
  }
}

/** To index `at`. A loop, since V8 copies byte by byte into shared memory. */
export function copyWords(from: Float64Array, to: Float64Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i];
}

export class Shelf {
  /** What was shown in another one may be gone by the next line. */
  round = 1;
  private readonly memory: Float64Array;
  /** Indexes of words of that. */
  private readonly start: number;
  private next: number;

  /** `at`: an address in `memory`, in bytes. */
  constructor(memory: Float64Array, at: number) {
    this.memory = memory;
    this.start = at / WORD_BYTES;
    this.next = this.start;
  }

  /** The address of a text, which takes but a small part of a half. */
  place(text: Shelved): number {
    if (text.round === this.round) return text.address;
    const { words } = text;
    if (this.next + words.length > this.start + (this.isSecond ? 2 * HALF : HALF)) {
      this.round++;
      this.next = this.start + (this.isSecond ? HALF : 0);
    }
    const { next } = this;
    copyWords(words, this.memory, next);
    this.next = next + words.length;
    text.round = this.round;
    text.address = next * WORD_BYTES;
    return text.address;
  }

  private get isSecond(): boolean {
    return this.round % 2 === 0;
  }
}
