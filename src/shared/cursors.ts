/**
 * The cursors of balancing: one word per backend slot in shared memory, counting the turns that were taken, over all
 * workers. Adding and reading is one atomic step, so two requests never get the same turn.
 *
 *     byte 0        64        128            written by: every worker, with Atomics.add; main writes nothing
 *          │ slot 0 │ slot 1  │ …            one cache line each, so that workers which serve different backends
 *          └ turns  └ turns                  do not slow each other down
 *
 * Wrap-around: the word wraps from 2³² − 1 to 0. Where the length of a schedule is no divisor of 2³², the turn after
 * that one may repeat or skip some servers, once in 4 294 967 296 requests of a backend.
 *
 * The 16 MiB are address space: the system gives memory to the pages of slots that are in use.
 */
import { SLOT_CAPACITY } from './slots.ts';

const LINE_BYTES = 64;
const LINE_WORDS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

export function createCursors(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOT_CAPACITY * LINE_BYTES);
}

/** The number of this turn, 0 to 2³² − 1: take it modulo the length of the schedule. */
export function takeTurn(cursors: Int32Array, slot: number): number {
  return Atomics.add(cursors, slot * LINE_WORDS, 1) >>> 0;
}
