/**
 * A set of texts that knows its first ones in their order, whichever came first: those are listed, the rest is counted.
 * Each addition costs a logarithm of the rest, at whatever end it is, and so does each text that `refill` lists.
 */
import { placeOf } from '../kernel/sorted.ts';

/** So many that have gone may stay in the heap of few. */
const SPARE = 1_000;

/** Smallest text first; may hold the same one twice. */
class TextHeap {
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  push(text: string): void {
    const texts = this.#texts;
    let at = texts.length;
    for (let above = (at - 1) >> 1; at > 0 && text < texts[above]; above = (at - 1) >> 1) {
      texts[at] = texts[above];
      at = above;
    }
    texts[at] = text;
  }

  pop(): string | undefined {
    const texts = this.#texts;
    const top = texts[0];
    const last = texts.pop();
    if (last === undefined || texts.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= texts.length) break;
      if (below + 1 < texts.length && texts[below + 1] < texts[below]) below++;
      if (last <= texts[below]) break;
      texts[at] = texts[below];
      at = below;
    }
    texts[at] = last;
    return top;
  }
}

/** What is only counted. */
class Rest {
  readonly keys = new Set<string>();
  /** All of them, and some that have gone. */
  #heap = new TextHeap();

  add(key: string): void {
    this.keys.add(key);
    this.#heap.push(key);
  }

  delete(key: string): boolean {
    if (!this.keys.delete(key)) return false;
    if (this.#heap.size > 2 * this.keys.size + SPARE) {
      this.#heap = new TextHeap();
      for (const each of this.keys) this.#heap.push(each);
    }
    return true;
  }

  takeFirst(): string | undefined {
    for (;;) {
      const next = this.#heap.pop();
      if (next === undefined || this.keys.delete(next)) return next;
    }
  }
}

export class FirstKeys {
  readonly #most: number;
  /** In order. */
  readonly #first: string[] = [];
  /** null: all have always been among the first. */
  #rest: Rest | null = null;

  /** `most`: so many are listed. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Of those that are not listed. */
  get restSize(): number {
    return this.#rest?.keys.size ?? 0;
  }

  has(key: string): boolean {
    return this.isListed(key) || this.#rest?.keys.has(key) === true;
  }

  isListed(key: string): boolean {
    return this.#first[placeOf(this.#first, key)] === key;
  }

  /** Returns what is listed, or not listed any more, because of it. */
  add(key: string): readonly string[] {
    if (this.has(key)) return [];
    const refilled = this.refill();
    const place = placeOf(this.#first, key);
    this.#first.splice(place, 0, key);
    if (this.#first.length <= this.#most) return [...refilled, key];
    const last = this.#first.pop()!;
    this.#rest ??= new Rest();
    this.#rest.add(last);
    return last === key ? refilled : [...refilled, key, last];
  }

  /** Returns itself if it was listed. Who is listed in its place, says `refill`. */
  delete(key: string): readonly string[] {
    const place = placeOf(this.#first, key);
    if (this.#first[place] !== key) {
      this.#rest?.delete(key);
      return [];
    }
    this.#first.splice(place, 1);
    return [key];
  }

  /** Lists those that come next as far as there is room, and returns them. Once for many deletions: most of these may go as well. */
  refill(): readonly string[] {
    const moved: string[] = [];
    while (this.#first.length < this.#most && this.restSize > 0) {
      const next = this.#rest!.takeFirst()!;
      this.#first.push(next);
      moved.push(next);
    }
    return moved;
  }
}
