/**
 * How many exchanges are in progress per backend and token (a client's address, a host, the value of a header), exact
 * over all workers: what `maxconn` limits. One buffer that main and all workers share.
 *
 *     byte 0     the cells of all tokens, in stripes (token-cells.ts): in progress, who waits, and one count per worker
 *     then       words per backend slot: in progress, refused, waiting
 *     then       a line per worker: how often its bell rang, the first cell that was granted to it
 *
 * A cell exists while its token has an exchange in progress, so what bounds the table is the number of exchanges, not
 * that of tokens which were ever seen. Everything in a stripe is done under its lock, which is held for a moment.
 *
 * Whoever is refused may wait, in a cell of the same kind, for a slot of its token. Those of one token stand in one row,
 * whatever worker they belong to, and a slot that is given back goes to the first of them before anybody else gets it: its
 * cell goes over to the list of what was granted to its worker, and the bell of that worker rings.
 *
 * A worker counts its own part as well: when it dies, main takes that back (`laneDied`), and frees a lock that it held.
 *
 * The memory is address space until it is touched: 17 MiB and 1 MiB per worker.
 */
import { randomInt } from 'node:crypto';
import { SLOT_CAPACITY } from './slots.ts';
import {
  BACKEND,
  cellsWords,
  FIRST,
  HASH,
  LANES,
  LAST,
  LENGTH,
  LINE_WORDS,
  NEXT,
  TOKEN,
  TOTAL,
  TokenCells,
} from './token-cells.ts';

/** Of a cell that waits, in the places of what a token has: the cell of its token, whether it was granted, its worker, the limit. */
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

/** `workers`: how many lanes. */
export function createTokenCounts(workers: number): SharedArrayBuffer {
  const words = cellsWords(workers) + SLOT_CAPACITY * BACKEND_WORDS + (workers + 1) * LINE_WORDS;
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

export class TokenCounts {
  private readonly words: Int32Array;
  private readonly cells: TokenCells;
  private readonly lanes: number;
  private readonly backends: number;
  private readonly lines: number;

  /** `buffer`: made by `createTokenCounts`. */
  constructor(buffer: SharedArrayBuffer) {
    const words = new Int32Array(buffer);
    this.words = words;
    this.lanes = words[words.length - LINE_WORDS];
    this.cells = new TokenCells(words, this.lanes, words[words.length - LINE_WORDS + 1]);
    this.backends = cellsWords(this.lanes);
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
    const length = this.cells.readKey(token);
    const hash = this.cells.hashOf(backend, length);
    const stripe = this.cells.stripeWith(hash);
    this.cells.lock(stripe, lane);
    let cell = this.cells.find(stripe, hash, backend, length);
    if (cell === 0 && most > 0) cell = this.cells.insert(stripe, hash, backend, length);
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
    this.cells.unlock(stripe);
    if (result >= 0) {
      Atomics.add(words, this.backends + backend * BACKEND_WORDS + (result > 0 ? IN_PROGRESS : REFUSED), 1);
    }
    return result;
  }

  /** Exchanges of `token` that are in progress with a backend, and whether others of it wait for a slot. Changes nothing. */
  look(lane: number, backend: number, token: string): { readonly inProgress: number; readonly othersWait: boolean } {
    const { words, cells } = this;
    const length = cells.readKey(token);
    const hash = cells.hashOf(backend, length);
    const stripe = cells.stripeWith(hash);
    cells.lock(stripe, lane);
    const cell = cells.find(stripe, hash, backend, length);
    const found = {
      inProgress: cell === 0 ? 0 : words[cell + TOTAL],
      othersWait: cell !== 0 && words[cell + FIRST] !== 0,
    };
    cells.unlock(stripe);
    return found;
  }

  /** 0 when there is no place. */
  private enqueue(stripe: number, owner: number, lane: number, backend: number, most: number, places: number): number {
    const { words } = this;
    const waiting = this.backends + backend * BACKEND_WORDS + WAITING;
    const link = Atomics.add(words, waiting, 1) < places ? this.cells.freeLink(stripe) : 0;
    if (link === 0) {
      Atomics.sub(words, waiting, 1);
      return 0;
    }
    const cell = this.cells.cellOf(stripe, link);
    words[cell + NEXT] = 0;
    words[cell + OWNER] = owner;
    words[cell + GRANTED] = 0;
    words[cell + BACKEND] = backend;
    words[cell + LANE] = lane;
    words[cell + MOST] = most;
    words[cell + FIRST] = 0;
    if (words[owner + FIRST] === 0) words[owner + FIRST] = link;
    else words[this.cells.cellOf(stripe, words[owner + LAST]) + NEXT] = link;
    words[owner + LAST] = link;
    return cell;
  }

  /** Slots of a token that are free go to those that wait. */
  private grant(stripe: number, owner: number): void {
    const { words } = this;
    for (let link = words[owner + FIRST]; link !== 0; link = words[owner + FIRST]) {
      const waiter = this.cells.cellOf(stripe, link);
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
      const stripe = this.cells.stripeOf(waiter);
      this.cells.lock(stripe, lane);
      this.cells.free(stripe, waiter);
      this.cells.unlock(stripe);
      waiter = next;
    }
    return granted.reverse();
  }

  /** It waits no more. False: its slot was granted meanwhile, and comes with `collect`. */
  withdraw(lane: number, waiter: number): boolean {
    const stripe = this.cells.stripeOf(waiter);
    this.cells.lock(stripe, lane);
    const waits = this.words[waiter + GRANTED] === 0;
    if (waits) this.unlink(stripe, this.words[waiter + OWNER], (cell) => cell === waiter);
    this.cells.unlock(stripe);
    return waits;
  }

  /** Takes those that are `meant` out of the row of a token. */
  private unlink(stripe: number, owner: number, meant: (waiter: number) => boolean): void {
    const { words } = this;
    let before = 0;
    for (let link = words[owner + FIRST]; link !== 0; ) {
      const waiter = this.cells.cellOf(stripe, link);
      const next = words[waiter + NEXT];
      if (!meant(waiter)) {
        before = link;
      } else {
        if (before === 0) words[owner + FIRST] = next;
        else words[this.cells.cellOf(stripe, before) + NEXT] = next;
        if (words[owner + LAST] === link) words[owner + LAST] = before;
        Atomics.sub(words, this.backends + words[waiter + BACKEND] * BACKEND_WORDS + WAITING, 1);
        this.cells.free(stripe, waiter);
      }
      link = next;
    }
  }

  /** Exactly once for each successful `take` of the same worker. `cell`: what it has returned. */
  release(lane: number, cell: number): void {
    const { words } = this;
    const stripe = this.cells.stripeOf(cell);
    this.cells.lock(stripe, lane);
    const backend = words[cell + BACKEND];
    words[cell + LANES + lane]--;
    this.giveBack(stripe, cell, 1);
    this.cells.unlock(stripe);
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
    for (const stripe of this.cells.stripes()) {
      this.cells.unlockFor(stripe, lane);
      this.cells.lock(stripe, this.lanes);
      for (const cell of this.cells.everUsed(stripe)) {
        if (words[cell + FIRST] !== 0) this.unlink(stripe, cell, (waiter) => words[waiter + LANE] === lane);
        const count = words[cell + LANES + lane];
        if (count === 0) continue;
        words[cell + LANES + lane] = 0;
        Atomics.sub(words, this.backends + words[cell + BACKEND] * BACKEND_WORDS + IN_PROGRESS, count);
        this.giveBack(stripe, cell, count);
      }
      this.cells.unlock(stripe);
    }
    // Their slots were counted as its own.
    this.collect(lane);
  }

  /** What is given back goes to those that wait. The last one of a token frees its cell. */
  private giveBack(stripe: number, cell: number, count: number): void {
    const { words } = this;
    words[cell + TOTAL] -= count;
    if (words[cell + FIRST] !== 0) this.grant(stripe, cell);
    if (words[cell + TOTAL] > 0) return;
    this.cells.remove(stripe, cell);
  }
}
