/**
 * The cursors of balancing: one line per backend slot in shared memory. Its first word counts the turns that were taken,
 * over all workers. Adding and reading is one atomic step, so two requests never get the same turn.
 *
 *     byte 0        64        128            one cache line each, so that workers which serve different backends
 *          │ slot 0 │ slot 1  │ …            do not slow each other down
 *          ├ word 0  turns                   every worker, with Atomics.add
 *          ├ word 1  changes of its servers  main and, after a trial, a worker: see server-state.ts
 *          └ word 2  another backend stands in for it: 1, else 0
 *
 * The count of changes stands beside the turns, so that a request which looks whether anything has changed touches no
 * other line of memory.
 *
 * Wrap-around: the word wraps from 2³² − 1 to 0. Where the length of a schedule is no divisor of 2³², the turn after
 * that one may repeat or skip some servers, once in 4 294 967 296 requests of a backend.
 *
 * The 16 MiB are address space: the system gives memory to the pages of slots that are in use.
 */
import { SLOT_CAPACITY } from './slots.ts';

const LINE_BYTES = 64;
const LINE_WORDS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** Lines of frontends that choose themselves, behind those of the backends. Two whose names have the same hash share one. */
const FRONTEND_LINES = 4_096;
/** Words of such a line. */
export const SPLIT_TURNS = 0;
export const MIRROR_TURNS = 1;

export function createCursors(): SharedArrayBuffer {
  return new SharedArrayBuffer((SLOT_CAPACITY + FRONTEND_LINES) * LINE_BYTES);
}

/** The line of a frontend, for `takeFrontendTurn`. */
export function lineOf(frontend: string): number {
  let hash = 0;
  for (let i = 0; i < frontend.length; i++) hash = Math.imul(hash ^ frontend.charCodeAt(i), 0x9e3779b1);
  return SLOT_CAPACITY + ((hash ^ (hash >>> 16)) & (FRONTEND_LINES - 1));
}

/** The number of this turn, 0 to 2³² − 1, of a frontend. `word`: one of SPLIT_TURNS and MIRROR_TURNS. */
export function takeFrontendTurn(cursors: Int32Array, line: number, word: number): number {
  return Atomics.add(cursors, line * LINE_WORDS + word, 1) >>> 0;
}

/** The number of this turn, 0 to 2³² − 1: take it modulo the length of the schedule. */
export function takeTurn(cursors: Int32Array, slot: number): number {
  return Atomics.add(cursors, slot * LINE_WORDS, 1) >>> 0;
}

/** Main only: the slot has a new name, whose first turn is the first. The count of changes goes on, as workers compare it. */
export function forgetTurns(cursors: Int32Array, slot: number): void {
  Atomics.store(cursors, slot * LINE_WORDS, 0);
  Atomics.store(cursors, slot * LINE_WORDS + 2, 0);
}

/** Another backend stands in for this one, or does no more. True for the one worker that is the first to say so. */
export function standsInChanged(cursors: Int32Array, slot: number, standsIn: boolean): boolean {
  const word = slot * LINE_WORDS + 2;
  const value = standsIn ? 1 : 0;
  return Atomics.load(cursors, word) !== value && Atomics.exchange(cursors, word, value) !== value;
}

/** How often `serversChanged` was called for this backend, modulo 2³². */
export function changesOf(cursors: Int32Array, slot: number): number {
  return Atomics.load(cursors, slot * LINE_WORDS + 1);
}

/** Every worker looks at the server-state.ts words of this backend's servers before its next turn. */
export function serversChanged(cursors: Int32Array, slot: number): void {
  Atomics.add(cursors, slot * LINE_WORDS + 1, 1);
}
