/**
 * What is known of each server while it serves, by server slot, in one buffer that main and all workers share.
 *
 *     byte 0       64       128             lines: one cache line per slot, read at every change and written seldom
 *          │ slot 0 │ slot 1  │ … │
 *          ├ word 0  health                 main                           UNCHECKED, UP, DOWN
 *          ├ word 1  ejection               main; a worker for a trial     IN, EJECTED, TRIAL, TRYING
 *          ├ word 2  failures in a row      workers, with Atomics          tries
 *          └ word 3  weight                 main                           0: as configured
 *     byte 16 MiB                           lanes: one per worker, 16 bytes per slot, written by that worker alone
 *          │ lane 0: slot 0 │ slot 1 │ … │ lane 1: slot 0 │ …
 *          ├ word 0  exchanges in flight
 *          ├ word 1  exchanges that ended   since start, wraps around
 *          └ word 2  those answered 500–504, or not at all; wraps around
 *
 * Whoever changes word 0, 1 or 3 tells the workers by `serversChanged` of cursors.ts afterwards: they look at these
 * words only then. A lane is not shared for writing, so that counting costs a worker two plain stores and no other
 * worker's time; who wants the number in flight adds the lanes up. When a worker dies, main sets what its lane has in
 * flight to 0 before it is replaced (`laneDied`), so nothing stays counted.
 *
 * The memory is address space until it is touched: 16 MiB and 4 MiB per worker.
 */
import { SLOT_CAPACITY } from './slots.ts';

const LINE_BYTES = 64;
const LINE_WORDS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;
const HEALTH = 0;
const EJECTION = 1;
const FAILURES = 2;
const WEIGHT = 3;

const LANE_SLOT_WORDS = 4;
const LANES_WORD = SLOT_CAPACITY * LINE_WORDS;
const LANE_WORDS = SLOT_CAPACITY * LANE_SLOT_WORDS;
const IN_FLIGHT = 0;
const ENDED = 1;
const BAD = 2;

/** Health, as the health checks of the main thread find it. Only DOWN keeps requests away. */
export const UNCHECKED = 0;
export const UP = 1;
export const DOWN = 2;

/** Ejection: not ejected. */
export const IN = 0;
/** It gets no requests until its time is over. */
export const EJECTED = 1;
/** Its time is over: the next request that may be sent twice tries it. */
export const TRIAL = 2;
/** One request is on its way to it; all others stay away. */
export const TRYING = 3;

/** `workers`: how many lanes. */
export function createServerState(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((LANES_WORD + workers * LANE_WORDS) * Int32Array.BYTES_PER_ELEMENT);
}

/** Everything but the counting, for main and workers alike. */
export class ServerState {
  private readonly words: Int32Array;
  private readonly lanes: number;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.lanes = (this.words.length - LANES_WORD) / LANE_WORDS;
  }

  health(slot: number): number {
    return Atomics.load(this.words, slot * LINE_WORDS + HEALTH);
  }

  /** Main only. True when it is a change: then `serversChanged` follows. */
  setHealth(slot: number, health: number): boolean {
    return Atomics.exchange(this.words, slot * LINE_WORDS + HEALTH, health) !== health;
  }

  ejection(slot: number): number {
    return Atomics.load(this.words, slot * LINE_WORDS + EJECTION);
  }

  /** Main only. */
  setEjection(slot: number, ejection: number): void {
    Atomics.store(this.words, slot * LINE_WORDS + EJECTION, ejection);
  }

  /** TRIAL → TRYING: true for exactly one of all workers. */
  claimTrial(slot: number): boolean {
    return Atomics.compareExchange(this.words, slot * LINE_WORDS + EJECTION, TRIAL, TRYING) === TRIAL;
  }

  /** TRYING → `to`. False when main has decided something else meanwhile. */
  settleTrial(slot: number, to: number): boolean {
    return Atomics.compareExchange(this.words, slot * LINE_WORDS + EJECTION, TRYING, to) === TRYING;
  }

  /** One more failed try. Returns how many in a row, over all workers. */
  addFailure(slot: number): number {
    return Atomics.add(this.words, slot * LINE_WORDS + FAILURES, 1) + 1;
  }

  failures(slot: number): number {
    return Atomics.load(this.words, slot * LINE_WORDS + FAILURES);
  }

  /** A try has succeeded. Stores only where there is something to forget, so that the line stays in every cache. */
  forgetFailures(slot: number): void {
    const word = slot * LINE_WORDS + FAILURES;
    if (this.words[word] !== 0) Atomics.store(this.words, word, 0);
  }

  /** 0: as configured. */
  weight(slot: number): number {
    return Atomics.load(this.words, slot * LINE_WORDS + WEIGHT);
  }

  /** Main only. True when it is a change: then `serversChanged` follows. */
  setWeight(slot: number, weight: number): boolean {
    return Atomics.exchange(this.words, slot * LINE_WORDS + WEIGHT, weight) !== weight;
  }

  /** Exchanges that all workers have with it, never less than 0. */
  inFlight(slot: number): number {
    const sum = this.sum(slot, IN_FLIGHT);
    return sum > 0 ? sum : 0;
  }

  /** Exchanges that ended since start, modulo 2³². */
  ended(slot: number): number {
    return this.sum(slot, ENDED) >>> 0;
  }

  /** Those of `ended` that the server answered with 500 to 504 or not at all, modulo 2³². */
  bad(slot: number): number {
    return this.sum(slot, BAD) >>> 0;
  }

  /**
   * Main only: the slot has a new name. What is in flight stays counted: exchanges that still run with the server of
   * the old name take it back themselves.
   */
  reset(slot: number): void {
    this.words.fill(0, slot * LINE_WORDS, (slot + 1) * LINE_WORDS);
  }

  /** Main only: that worker has ended, and what it had in flight with it. `slots`: those below were ever given out. */
  laneDied(lane: number, slots: number): void {
    const start = LANES_WORD + lane * LANE_WORDS + IN_FLIGHT;
    for (let slot = 0; slot < slots; slot++) {
      const word = start + slot * LANE_SLOT_WORDS;
      // Reading an untouched page costs no memory, writing does.
      if (this.words[word] !== 0) Atomics.store(this.words, word, 0);
    }
  }

  private sum(slot: number, word: number): number {
    const { words, lanes } = this;
    let sum = 0;
    let at = LANES_WORD + slot * LANE_SLOT_WORDS + word;
    for (let lane = 0; lane < lanes; lane++, at += LANE_WORDS) sum += Atomics.load(words, at);
    return sum;
  }
}

/** The counting of one worker, in its own lane. Plain stores: nobody else writes there while the worker lives. */
export class ServerLane {
  private readonly words: Int32Array;
  private readonly start: number;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.words = new Int32Array(buffer);
    this.start = LANES_WORD + worker * LANE_WORDS;
  }

  /** An exchange, or a try of it, begins with the server. */
  begin(slot: number): void {
    this.words[this.start + slot * LANE_SLOT_WORDS + IN_FLIGHT]++;
  }

  /** Exactly once for each `begin`. `bad`: the server answered with 500 to 504, or not at all. */
  end(slot: number, bad: boolean): void {
    const at = this.start + slot * LANE_SLOT_WORDS;
    const { words } = this;
    words[at + IN_FLIGHT]--;
    words[at + ENDED]++;
    if (bad) words[at + BAD]++;
  }
}
