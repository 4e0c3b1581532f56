/**
 * How many exchanges are in progress per backend and token (a client's address, a host, the value of a header), exact
 * over all workers: what `maxconn` limits. One buffer that main and all workers share.
 *
 *     byte 0     stripe 0 … 31                       a token belongs to one of them by its hash
 *                ├ line      lock, first free cell, cells ever used
 *                ├ heads     by hash: the first cell of its chain
 *                └ cells     next, hash, total, backend, length, 36 bytes of the token, one count per worker
 *     then       a pair of words per backend slot: in progress, refused
 *
 * A cell exists while its token has an exchange in progress, so what bounds the table is the number of exchanges, not
 * that of tokens which were ever seen. A token of more than 36 bytes is stored as its SHA-256. Links are numbers of
 * cells plus 1, 0 for none. Everything in a stripe is done under its lock, which is held for a moment.
 *
 * A worker counts its own part as well: when it dies, main takes that back (`laneDied`), and frees a lock that it held.
 *
 * The memory is address space until it is touched: 17 MiB and 1 MiB per worker.
 */
import { hash as digest, randomInt } from 'node:crypto';
import { SLOT_CAPACITY } from './slots.ts';

const STRIPES = 32;
const CELLS = 8192;
const HEADS = 8192;

const LOCK = 0;
const FREE = 1;
const USED = 2;
const LINE_WORDS = 16;

const NEXT = 0;
const HASH = 1;
const TOTAL = 2;
const BACKEND = 3;
const LENGTH = 4;
const TOKEN = 5;
const TOKEN_WORDS = 9;
const TOKEN_BYTES = TOKEN_WORDS * Int32Array.BYTES_PER_ELEMENT;
const LANES = TOKEN + TOKEN_WORDS;
/** In the word of the length: the token is a digest. */
const DIGEST = -1;

const IN_PROGRESS = 0;
const REFUSED = 1;
const BACKEND_WORDS = 2;

/** The holder of a lock is through in a moment, unless it has lost its processor. */
const SPINS = 2000;
const WAIT_MS = 1;

/** `workers`: how many lanes. */
export function createTokenCounts(workers: number): SharedArrayBuffer {
  const words = STRIPES * stripeWords(workers) + SLOT_CAPACITY * BACKEND_WORDS + LINE_WORDS;
  const buffer = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
  const counts = new Int32Array(buffer);
  // Last: how many lanes there are, and what makes hashes of this process unlike those of any other.
  counts[words - LINE_WORDS] = workers;
  counts[words - LINE_WORDS + 1] = randomInt(2 ** 31);
  return buffer;
}

function stripeWords(workers: number): number {
  return LINE_WORDS + HEADS + CELLS * (LANES + workers);
}

export class TokenCounts {
  private readonly words: Int32Array;
  private readonly seed: number;
  private readonly lanes: number;
  private readonly cellWords: number;
  private readonly stripeWords: number;
  private readonly backends: number;
  private readonly key = new Int32Array(TOKEN_WORDS);
  private readonly keyBytes = Buffer.from(this.key.buffer);

  /** `buffer`: made by `createTokenCounts`. */
  constructor(buffer: SharedArrayBuffer) {
    const words = new Int32Array(buffer);
    this.words = words;
    this.lanes = words[words.length - LINE_WORDS];
    this.seed = words[words.length - LINE_WORDS + 1];
    this.cellWords = LANES + this.lanes;
    this.stripeWords = stripeWords(this.lanes);
    this.backends = STRIPES * this.stripeWords;
  }

  /**
   * One more exchange of `token` with a backend, unless `most` are in progress. `lane`: of the worker. Returns what
   * `release` wants, 0 when it is refused.
   */
  take(lane: number, backend: number, token: string, most: number): number {
    const { words } = this;
    const length = this.readKey(token);
    const hash = this.hashOf(backend, length);
    const stripe = (hash >>> 27) * this.stripeWords;
    const head = stripe + LINE_WORDS + (hash & (HEADS - 1));
    this.lock(stripe, lane);
    let cell = this.find(stripe, head, hash, backend, length);
    if (cell === 0 && most > 0) cell = this.insert(stripe, head, hash, backend, length);
    const taken = cell !== 0 && words[cell + TOTAL] < most;
    if (taken) {
      words[cell + TOTAL]++;
      words[cell + LANES + lane]++;
    }
    this.unlock(stripe);
    Atomics.add(words, this.backends + backend * BACKEND_WORDS + (taken ? IN_PROGRESS : REFUSED), 1);
    return taken ? cell : 0;
  }

  /** Exactly once for each successful `take` of the same worker. `cell`: what it has returned. */
  release(lane: number, cell: number): void {
    const { words } = this;
    const stripe = Math.floor(cell / this.stripeWords) * this.stripeWords;
    this.lock(stripe, lane);
    const backend = words[cell + BACKEND];
    words[cell + LANES + lane]--;
    this.giveBack(stripe, cell, 1);
    this.unlock(stripe);
    Atomics.sub(words, this.backends + backend * BACKEND_WORDS + IN_PROGRESS, 1);
  }

  /** Exchanges of all tokens with a backend. */
  inProgress(backend: number): number {
    return Atomics.load(this.words, this.backends + backend * BACKEND_WORDS + IN_PROGRESS);
  }

  /** Since start, modulo 2³². */
  refused(backend: number): number {
    return Atomics.load(this.words, this.backends + backend * BACKEND_WORDS + REFUSED) >>> 0;
  }

  /** Main only: the slot has a new name. What is in progress takes itself back. */
  forget(backend: number): void {
    Atomics.store(this.words, this.backends + backend * BACKEND_WORDS + REFUSED, 0);
  }

  /** A request is refused without a look at its token. */
  refuse(backend: number): void {
    Atomics.add(this.words, this.backends + backend * BACKEND_WORDS + REFUSED, 1);
  }

  /** Main only: that worker has ended, and what it had in progress with it. */
  laneDied(lane: number): void {
    const { words } = this;
    for (let i = 0; i < STRIPES; i++) {
      const stripe = i * this.stripeWords;
      Atomics.compareExchange(words, stripe + LOCK, lane + 1, 0);
      this.lock(stripe, this.lanes);
      const first = stripe + LINE_WORDS + HEADS;
      const end = first + words[stripe + USED] * this.cellWords;
      for (let cell = first; cell < end; cell += this.cellWords) {
        const count = words[cell + LANES + lane];
        if (count === 0) continue;
        words[cell + LANES + lane] = 0;
        Atomics.sub(words, this.backends + words[cell + BACKEND] * BACKEND_WORDS + IN_PROGRESS, count);
        this.giveBack(stripe, cell, count);
      }
      this.unlock(stripe);
    }
  }

  /** Brings the token into `key`. Returns its length in bytes, or DIGEST. */
  private readKey(token: string): number {
    this.key.fill(0);
    // A character has three bytes at most: most tokens are short enough to be sure at once.
    if (token.length * 3 <= TOKEN_BYTES || Buffer.byteLength(token) <= TOKEN_BYTES) return this.keyBytes.write(token);
    digest('sha256', token, 'buffer').copy(this.keyBytes);
    return DIGEST;
  }

  private hashOf(backend: number, length: number): number {
    let hash = this.seed ^ Math.imul(backend, 0x9e3779b1) ^ length;
    for (let i = 0; i < TOKEN_WORDS; i++) {
      hash = Math.imul(hash ^ this.key[i], 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  private find(stripe: number, head: number, hash: number, backend: number, length: number): number {
    const { words } = this;
    for (let link = words[head]; link !== 0; link = words[this.cellOf(stripe, link) + NEXT]) {
      const cell = this.cellOf(stripe, link);
      if (words[cell + HASH] !== hash || words[cell + BACKEND] !== backend || words[cell + LENGTH] !== length) continue;
      let i = 0;
      while (i < TOKEN_WORDS && words[cell + TOKEN + i] === this.key[i]) i++;
      if (i === TOKEN_WORDS) return cell;
    }
    return 0;
  }

  /** 0 when the stripe is full. */
  private insert(stripe: number, head: number, hash: number, backend: number, length: number): number {
    const { words } = this;
    let link = words[stripe + FREE];
    if (link !== 0) words[stripe + FREE] = words[this.cellOf(stripe, link) + NEXT];
    else if (words[stripe + USED] < CELLS) link = ++words[stripe + USED];
    else return 0;
    const cell = this.cellOf(stripe, link);
    words[cell + NEXT] = words[head];
    words[cell + HASH] = hash;
    words[cell + TOTAL] = 0;
    words[cell + BACKEND] = backend;
    words[cell + LENGTH] = length;
    words.set(this.key, cell + TOKEN);
    words[head] = link;
    return cell;
  }

  /** The last one of a token frees its cell. */
  private giveBack(stripe: number, cell: number, count: number): void {
    const { words } = this;
    words[cell + TOTAL] -= count;
    if (words[cell + TOTAL] > 0) return;
    let before = stripe + LINE_WORDS + (words[cell + HASH] & (HEADS - 1));
    const link = (cell - stripe - LINE_WORDS - HEADS) / this.cellWords + 1;
    while (words[before] !== link) before = this.cellOf(stripe, words[before]) + NEXT;
    words[before] = words[cell + NEXT];
    words[cell + NEXT] = words[stripe + FREE];
    words[stripe + FREE] = link;
  }

  private cellOf(stripe: number, link: number): number {
    return stripe + LINE_WORDS + HEADS + (link - 1) * this.cellWords;
  }

  private lock(stripe: number, lane: number): void {
    const { words } = this;
    for (let spin = 1; Atomics.compareExchange(words, stripe + LOCK, 0, lane + 1) !== 0; spin++) {
      if (spin % SPINS !== 0) continue;
      const holder = Atomics.load(words, stripe + LOCK);
      if (holder !== 0) Atomics.wait(words, stripe + LOCK, holder, WAIT_MS);
    }
  }

  private unlock(stripe: number): void {
    Atomics.store(this.words, stripe + LOCK, 0);
  }
}
