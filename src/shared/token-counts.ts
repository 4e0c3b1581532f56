/**
 * How many exchanges are in progress per backend and token (a client's address, a host, the value of a header), exact
 * over all workers: what `maxconn` limits. One buffer that main and all workers share.
 *
 *     byte 0     stripe 0 … 31                       a token belongs to one of them by its hash
 *                ├ line      lock, first free cell, cells ever used
 *                ├ heads     by hash: the first cell of its chain
 *                └ cells     next, hash, total, backend, length, 36 bytes of the token, first and last that waits, one count
 *                            per worker
 *     then       words per backend slot: in progress, refused, waiting
 *     then       a line per worker: how often its bell rang, the first cell that was granted to it
 *
 * A cell exists while its token has an exchange in progress, so what bounds the table is the number of exchanges, not
 * that of tokens which were ever seen. A token of more than 36 bytes is stored as its SHA-256. Links are numbers of
 * cells plus 1, 0 for none. Everything in a stripe is done under its lock, which is held for a moment.
 *
 * Whoever is refused may wait, in a cell of the same kind, for a slot of its token. Those of one token stand in one row,
 * whatever worker they belong to, and a slot that is given back goes to the first of them before anybody else gets it: its
 * cell goes over to the list of what was granted to its worker, and the bell of that worker rings.
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
const FIRST = TOKEN + TOKEN_WORDS;
const LAST = FIRST + 1;
const LANES = LAST + 1;
/** In the word of the length: the token is a digest. */
const DIGEST = -1;

/** Of a cell that waits, in the places of the above: the cell of its token, whether it was granted, its worker, the limit. */
const OWNER = HASH;
const GRANTED = TOTAL;
const LANE = LENGTH;
const MOST = TOKEN;

const IN_PROGRESS = 0;
const REFUSED = 1;
const WAITING = 2;
const BACKEND_WORDS = 3;

/** Of the line of a worker. */
const BELL = 0;
const MAIL = 1;

/** The holder of a lock is through in a moment, unless it has lost its processor. */
const SPINS = 2000;
const WAIT_MS = 1;

/** `workers`: how many lanes. */
export function createTokenCounts(workers: number): SharedArrayBuffer {
  const words = STRIPES * stripeWords(workers) + SLOT_CAPACITY * BACKEND_WORDS + (workers + 1) * LINE_WORDS;
  const buffer = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
  const counts = new Int32Array(buffer);
  // Last: how many lanes there are, and what makes hashes of this process unlike those of any other.
  counts[words - LINE_WORDS] = workers;
  counts[words - LINE_WORDS + 1] = randomInt(2 ** 31);
  return buffer;
}

/** A slot that somebody has waited for. */
export type Granted = {
  /** What `wait` has returned. */
  readonly waiter: number;
  /** As `take` returns it. */
  readonly cell: number;
};

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
  private readonly lines: number;
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
    this.lines = this.backends + SLOT_CAPACITY * BACKEND_WORDS;
  }

  /**
   * One more exchange of `token` with a backend, unless `most` are in progress. `lane`: of the worker. Returns what
   * `release` wants, 0 when it is refused.
   */
  take(lane: number, backend: number, token: string, most: number): number {
    return this.takeOrWait(lane, backend, token, most, 0);
  }

  /**
   * The same, but what is refused waits behind the others of its token, as long as fewer than `places` wait for the backend:
   * then the result is below 0, and less that sign what `collect` and `withdraw` call its waiter.
   */
  takeOrWait(lane: number, backend: number, token: string, most: number, places: number): number {
    const { words } = this;
    const length = this.readKey(token);
    const hash = this.hashOf(backend, length);
    const stripe = (hash >>> 27) * this.stripeWords;
    const head = stripe + LINE_WORDS + (hash & (HEADS - 1));
    this.lock(stripe, lane);
    let cell = this.find(stripe, head, hash, backend, length);
    if (cell === 0 && most > 0) cell = this.insert(stripe, head, hash, backend, length);
    // The limit may have been raised since they came.
    if (cell !== 0 && words[cell + FIRST] !== 0) this.grant(stripe, cell);
    let result = 0;
    if (cell !== 0 && words[cell + FIRST] === 0 && words[cell + TOTAL] < most) {
      words[cell + TOTAL]++;
      words[cell + LANES + lane]++;
      result = cell;
    } else if (cell !== 0 && most > 0 && places > 0) {
      result = -this.enqueue(stripe, cell, lane, backend, most, places);
    }
    this.unlock(stripe);
    if (result >= 0) {
      Atomics.add(words, this.backends + backend * BACKEND_WORDS + (result > 0 ? IN_PROGRESS : REFUSED), 1);
    }
    return result;
  }

  /** 0 when there is no place. */
  private enqueue(stripe: number, owner: number, lane: number, backend: number, most: number, places: number): number {
    const { words } = this;
    const waiting = this.backends + backend * BACKEND_WORDS + WAITING;
    const link = Atomics.add(words, waiting, 1) < places ? this.freeLink(stripe) : 0;
    if (link === 0) {
      Atomics.sub(words, waiting, 1);
      return 0;
    }
    const cell = this.cellOf(stripe, link);
    words[cell + NEXT] = 0;
    words[cell + OWNER] = owner;
    words[cell + GRANTED] = 0;
    words[cell + BACKEND] = backend;
    words[cell + LANE] = lane;
    words[cell + MOST] = most;
    words[cell + FIRST] = 0;
    if (words[owner + FIRST] === 0) words[owner + FIRST] = link;
    else words[this.cellOf(stripe, words[owner + LAST]) + NEXT] = link;
    words[owner + LAST] = link;
    return cell;
  }

  /** Slots of a token that are free go to those that wait. */
  private grant(stripe: number, owner: number): void {
    const { words } = this;
    for (let link = words[owner + FIRST]; link !== 0; link = words[owner + FIRST]) {
      const waiter = this.cellOf(stripe, link);
      if (words[owner + TOTAL] >= words[waiter + MOST]) return;
      const lane = words[waiter + LANE];
      words[owner + FIRST] = words[waiter + NEXT];
      words[owner + TOTAL]++;
      words[owner + LANES + lane]++;
      words[waiter + GRANTED] = 1;
      const backend = this.backends + words[waiter + BACKEND] * BACKEND_WORDS;
      Atomics.sub(words, backend + WAITING, 1);
      Atomics.add(words, backend + IN_PROGRESS, 1);
      const line = this.lines + lane * LINE_WORDS;
      let before: number;
      do {
        before = Atomics.load(words, line + MAIL);
        words[waiter + NEXT] = before;
      } while (Atomics.compareExchange(words, line + MAIL, before, waiter) !== before);
      Atomics.add(words, line + BELL, 1);
      Atomics.notify(words, line + BELL);
    }
  }

  /** How often the bell of that worker rang, modulo 2³². */
  rings(lane: number): number {
    return Atomics.load(this.words, this.lines + lane * LINE_WORDS + BELL);
  }

  /** Settled when the bell has rung more often than so. Does not keep its thread alive. */
  async ring(lane: number, rings: number): Promise<void> {
    await Atomics.waitAsync(this.words, this.lines + lane * LINE_WORDS + BELL, rings).value;
  }

  /** What was granted to that worker since it was last asked, first things first; each is its own from now on. */
  collect(lane: number): Granted[] {
    const { words } = this;
    const granted: Granted[] = [];
    let waiter = Atomics.exchange(words, this.lines + lane * LINE_WORDS + MAIL, 0);
    while (waiter !== 0) {
      const next = words[waiter + NEXT];
      granted.push({ waiter, cell: words[waiter + OWNER] });
      const stripe = this.stripeOf(waiter);
      this.lock(stripe, lane);
      this.free(stripe, waiter);
      this.unlock(stripe);
      waiter = next;
    }
    return granted.reverse();
  }

  /** It waits no more. False: its slot was granted meanwhile, and comes with `collect`. */
  withdraw(lane: number, waiter: number): boolean {
    const stripe = this.stripeOf(waiter);
    this.lock(stripe, lane);
    const waits = this.words[waiter + GRANTED] === 0;
    if (waits) this.unlink(stripe, this.words[waiter + OWNER], (cell) => cell === waiter);
    this.unlock(stripe);
    return waits;
  }

  /** Takes those that are `meant` out of the row of a token. */
  private unlink(stripe: number, owner: number, meant: (waiter: number) => boolean): void {
    const { words } = this;
    let before = 0;
    for (let link = words[owner + FIRST]; link !== 0; ) {
      const waiter = this.cellOf(stripe, link);
      const next = words[waiter + NEXT];
      if (!meant(waiter)) {
        before = link;
      } else {
        if (before === 0) words[owner + FIRST] = next;
        else words[this.cellOf(stripe, before) + NEXT] = next;
        if (words[owner + LAST] === link) words[owner + LAST] = before;
        Atomics.sub(words, this.backends + words[waiter + BACKEND] * BACKEND_WORDS + WAITING, 1);
        this.free(stripe, waiter);
      }
      link = next;
    }
  }

  /** Exactly once for each successful `take` of the same worker. `cell`: what it has returned. */
  release(lane: number, cell: number): void {
    const { words } = this;
    const stripe = this.stripeOf(cell);
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

  /** Of all tokens, for a slot. */
  waiting(backend: number): number {
    return Atomics.load(this.words, this.backends + backend * BACKEND_WORDS + WAITING);
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
        if (words[cell + FIRST] !== 0) this.unlink(stripe, cell, (waiter) => words[waiter + LANE] === lane);
        const count = words[cell + LANES + lane];
        if (count === 0) continue;
        words[cell + LANES + lane] = 0;
        Atomics.sub(words, this.backends + words[cell + BACKEND] * BACKEND_WORDS + IN_PROGRESS, count);
        this.giveBack(stripe, cell, count);
      }
      this.unlock(stripe);
    }
    // Their slots were counted as its own.
    this.collect(lane);
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
    const link = this.freeLink(stripe);
    if (link === 0) return 0;
    const cell = this.cellOf(stripe, link);
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
  private freeLink(stripe: number): number {
    const { words } = this;
    const link = words[stripe + FREE];
    if (link !== 0) words[stripe + FREE] = words[this.cellOf(stripe, link) + NEXT];
    else if (words[stripe + USED] < CELLS) return ++words[stripe + USED];
    return link;
  }

  private free(stripe: number, cell: number): void {
    const { words } = this;
    words[cell + NEXT] = words[stripe + FREE];
    words[cell + FIRST] = 0;
    words[stripe + FREE] = this.linkOf(stripe, cell);
  }

  /** What is given back goes to those that wait. The last one of a token frees its cell. */
  private giveBack(stripe: number, cell: number, count: number): void {
    const { words } = this;
    words[cell + TOTAL] -= count;
    if (words[cell + FIRST] !== 0) this.grant(stripe, cell);
    if (words[cell + TOTAL] > 0) return;
    let before = stripe + LINE_WORDS + (words[cell + HASH] & (HEADS - 1));
    const link = this.linkOf(stripe, cell);
    while (words[before] !== link) before = this.cellOf(stripe, words[before]) + NEXT;
    words[before] = words[cell + NEXT];
    this.free(stripe, cell);
  }

  private stripeOf(cell: number): number {
    return Math.floor(cell / this.stripeWords) * this.stripeWords;
  }

  private linkOf(stripe: number, cell: number): number {
    return (cell - stripe - LINE_WORDS - HEADS) / this.cellWords + 1;
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
