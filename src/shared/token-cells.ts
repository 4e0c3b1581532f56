/**
 * The cells of `token-counts.ts`: one per token of a backend, found by its hash, in stripes that each have a lock.
 *
 *     a stripe   line      lock, first free cell, cells ever used
 *                heads     by hash: the first cell of its chain
 *                cells     next, hash, total, backend, length, 36 bytes of the token, first and last that waits, one count
 *                          per worker
 *
 * A token of more than 36 bytes is stored as its SHA-256. Links are numbers of cells plus 1, 0 for none. But for locks
 * all is done under that of its stripe. A free cell may be taken for something else than a token (`freeLink`).
 */
import { hash as digest } from 'node:crypto';

const STRIPES = 32;
const CELLS = 8192;
const HEADS = 8192;

const LOCK = 0;
const FREE = 1;
const USED = 2;
export const LINE_WORDS = 16;

export const NEXT = 0;
export const HASH = 1;
export const TOTAL = 2;
export const BACKEND = 3;
export const LENGTH = 4;
export const TOKEN = 5;
const TOKEN_WORDS = 9;
const TOKEN_BYTES = TOKEN_WORDS * Int32Array.BYTES_PER_ELEMENT;
export const FIRST = TOKEN + TOKEN_WORDS;
export const LAST = FIRST + 1;
export const LANES = LAST + 1;
/** In the word of the length: the token is a digest. */
const DIGEST = -1;

/** The holder of a lock is through in a moment, unless it has lost its processor. */
const SPINS = 2000;
const WAIT_MS = 1;

function stripeWords(workers: number): number {
  return LINE_WORDS + HEADS + CELLS * (LANES + workers);
}

/** Of all stripes; they come first in their buffer. `workers`: how many lanes. */
export function cellsWords(workers: number): number {
  return STRIPES * stripeWords(workers);
}

export class TokenCells {
  private readonly words: Int32Array;
  private readonly seed: number;
  private readonly cellWords: number;
  private readonly stripeWords: number;
  private readonly key = new Int32Array(TOKEN_WORDS);
  private readonly keyBytes = Buffer.from(this.key.buffer);

  /** `seed`: the same for all who share them. */
  constructor(words: Int32Array, lanes: number, seed: number) {
    this.words = words;
    this.seed = seed;
    this.cellWords = LANES + lanes;
    this.stripeWords = stripeWords(lanes);
  }

  /** The token that `hashOf`, `find` and `insert` are about from now on. Returns its length in bytes, or DIGEST. */
  readKey(token: string): number {
    this.key.fill(0);
    // A character has three bytes at most: most tokens are short enough to be sure at once.
    if (token.length * 3 <= TOKEN_BYTES || Buffer.byteLength(token) <= TOKEN_BYTES) return this.keyBytes.write(token);
    digest('sha256', token, 'buffer').copy(this.keyBytes);
    return DIGEST;
  }

  hashOf(backend: number, length: number): number {
    let hash = this.seed ^ Math.imul(backend, 0x9e3779b1) ^ length;
    for (let i = 0; i < TOKEN_WORDS; i++) {
      hash = Math.imul(hash ^ this.key[i], 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  find(stripe: number, hash: number, backend: number, length: number): number {
    const { words } = this;
    for (let link = words[this.headOf(stripe, hash)]; link !== 0; link = words[this.cellOf(stripe, link) + NEXT]) {
      const cell = this.cellOf(stripe, link);
      if (words[cell + HASH] !== hash || words[cell + BACKEND] !== backend || words[cell + LENGTH] !== length) continue;
      let i = 0;
      while (i < TOKEN_WORDS && words[cell + TOKEN + i] === this.key[i]) i++;
      if (i === TOKEN_WORDS) return cell;
    }
    return 0;
  }

  /** 0 when the stripe is full. */
  insert(stripe: number, hash: number, backend: number, length: number): number {
    const { words } = this;
    const link = this.freeLink(stripe);
    if (link === 0) return 0;
    const cell = this.cellOf(stripe, link);
    const head = this.headOf(stripe, hash);
    words[cell + NEXT] = words[head];
    words[cell + HASH] = hash;
    words[cell + TOTAL] = 0;
    words[cell + BACKEND] = backend;
    words[cell + LENGTH] = length;
    words[cell + FIRST] = 0;
    words.set(this.key, cell + TOKEN);
    words[head] = link;
    return cell;
  }

  /** 0 when the stripe is full. */
  freeLink(stripe: number): number {
    const { words } = this;
    const link = words[stripe + FREE];
    if (link !== 0) words[stripe + FREE] = words[this.cellOf(stripe, link) + NEXT];
    else if (words[stripe + USED] < CELLS) return ++words[stripe + USED];
    return link;
  }

  free(stripe: number, cell: number): void {
    const { words } = this;
    words[cell + NEXT] = words[stripe + FREE];
    words[cell + FIRST] = 0;
    words[stripe + FREE] = this.linkOf(stripe, cell);
  }

  /** Takes it out of the chain of its hash, and frees it. */
  remove(stripe: number, cell: number): void {
    const { words } = this;
    const link = this.linkOf(stripe, cell);
    let before = this.headOf(stripe, words[cell + HASH]);
    while (words[before] !== link) before = this.cellOf(stripe, words[before]) + NEXT;
    words[before] = words[cell + NEXT];
    this.free(stripe, cell);
  }

  /** As `stripeWith` gives them. */
  *stripes(): Iterable<number> {
    for (let i = 0; i < STRIPES; i++) yield i * this.stripeWords;
  }

  /** Those that are free as well: these have nothing in them. */
  *everUsed(stripe: number): Iterable<number> {
    const first = stripe + LINE_WORDS + HEADS;
    const end = first + this.words[stripe + USED] * this.cellWords;
    for (let cell = first; cell < end; cell += this.cellWords) yield cell;
  }

  /** The stripe to which a token belongs. */
  stripeWith(hash: number): number {
    return (hash >>> 27) * this.stripeWords;
  }

  private headOf(stripe: number, hash: number): number {
    return stripe + LINE_WORDS + (hash & (HEADS - 1));
  }

  /** The stripe in which a cell lies. */
  stripeOf(cell: number): number {
    return Math.floor(cell / this.stripeWords) * this.stripeWords;
  }

  private linkOf(stripe: number, cell: number): number {
    return (cell - stripe - LINE_WORDS - HEADS) / this.cellWords + 1;
  }

  cellOf(stripe: number, link: number): number {
    return stripe + LINE_WORDS + HEADS + (link - 1) * this.cellWords;
  }

  lock(stripe: number, lane: number): void {
    const { words } = this;
    for (let spin = 1; Atomics.compareExchange(words, stripe + LOCK, 0, lane + 1) !== 0; spin++) {
      if (spin % SPINS !== 0) continue;
      const holder = Atomics.load(words, stripe + LOCK);
      if (holder !== 0) Atomics.wait(words, stripe + LOCK, holder, WAIT_MS);
    }
  }

  unlock(stripe: number): void {
    Atomics.store(this.words, stripe + LOCK, 0);
  }
  /** The lock of a worker that has ended. */
  unlockFor(stripe: number, lane: number): void {
    Atomics.compareExchange(this.words, stripe + LOCK, lane + 1, 0);
  }
}
