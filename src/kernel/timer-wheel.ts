/**
 * One coarse clock per thread for all timeouts of connections and exchanges.
 *
 *     slot  0        1        2              255
 *         [ • ]───[ • ]───[ • ]── … ──────[ • ]      a ring of doubly linked lists; one slot is TICK_MS
 *           │       │
 *          entry   entry ⇄ entry                     an entry hangs in the slot in which it is looked at next
 *
 * Arming again with a later deadline is one store: the entry stays where it hangs and moves on when its slot comes.
 * A deadline beyond one turn of the ring is looked at once per turn. Timeouts are late by up to two ticks, never early.
 * The interval runs only while something is armed and never keeps the thread alive.
 */

// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';

import { tellOwnError } from './own-error.ts';

export const TICK_MS = 50;
/** A turn of the event loop that takes longer has kept the next ones from reading. */
const LATE_MS = 4 * TICK_MS;
const SLOTS = 256;
const SLOT_MASK = SLOTS - 1;

/** Something with a deadline. Extend it; `expired` is called once for each arming that was not cancelled. */
export abstract class TimerEntry {
  /** Milliseconds of `performance.now()`; 0 while not armed. */
  deadline = 0;
  next: TimerEntry | null = null;
  previous: TimerEntry | null = null;
  /** The deadline does not count until it is armed anew. */
  onHold = false;
  /** Index of the slot that it hangs in, -1 for none. */
  slot = -1;

  abstract expired(): void;
}

export class TimerWheel {
  private readonly heads: (TimerEntry | null)[] = new Array(SLOTS).fill(null);
  private cursor = 0;
  /** Time of the slot under the cursor. */
  private cursorTime = 0;
  private hanging = 0;
  private interval: NodeJS.Timeout | null = null;
  private readonly looked: (armed: number) => void;

  /** `looked` hears after every tick how many entries hang in the wheel, the last time of none. */
  constructor(looked: (armed: number) => void = () => {}) {
    this.looked = looked;
  }

  /** How many entries hang in the wheel: zero when nothing waits for anything. */
  get size(): number {
    return this.hanging;
  }

  /** Calls `entry.expired()` in `ms` milliseconds or a little later. Arming again replaces the deadline. */
  arm(entry: TimerEntry, ms: number): void {
    const deadline = performance.now() + ms;
    entry.onHold = false;
    if (entry.slot !== -1) {
      if (deadline >= entry.deadline) {
        entry.deadline = deadline;
        return;
      }
      this.unhang(entry);
    }
    entry.deadline = deadline;
    if (this.interval === null) this.startTicking();
    this.hang(entry);
  }

  /**
   * Suspends a deadline that will be set anew soon: one store, without a look at the clock. The entry stays where it
   * hangs; one that was not armed is left alone.
   */
  hold(entry: TimerEntry): void {
    entry.onHold = entry.slot !== -1;
  }

  cancel(entry: TimerEntry): void {
    entry.deadline = 0;
    entry.onHold = false;
    if (entry.slot !== -1) this.unhang(entry);
  }

  private startTicking(): void {
    this.cursorTime = performance.now();
    this.interval = setInterval(tick, TICK_MS, this);
    this.interval.unref();
  }

  private hang(entry: TimerEntry): void {
    const ticks = Math.ceil((entry.deadline - this.cursorTime) / TICK_MS);
    // Never the slot under the cursor: it was emptied in this turn.
    const slot = (this.cursor + Math.min(Math.max(ticks, 1), SLOT_MASK)) & SLOT_MASK;
    const head = this.heads[slot];
    entry.slot = slot;
    entry.previous = null;
    entry.next = head;
    if (head !== null) head.previous = entry;
    this.heads[slot] = entry;
    this.hanging++;
  }

  private unhang(entry: TimerEntry): void {
    if (entry.previous === null) this.heads[entry.slot] = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next !== null) entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
    entry.slot = -1;
    this.hanging--;
  }

  /** The thread was held up: what has come for it meanwhile is to be read before anybody is found silent. */
  isLate(now: number): boolean {
    return now - this.cursorTime > LATE_MS;
  }

  /** Looks at every slot that has come due; a late timer callback looks at several. */
  turn(now: number): void {
    // After a pause longer than a turn (a stopped process) every slot is due, once.
    let due = Math.min(Math.floor((now - this.cursorTime) / TICK_MS), SLOTS);
    if (now - this.cursorTime > SLOTS * TICK_MS) this.cursorTime = now - due * TICK_MS;
    for (; due > 0; due--) {
      this.cursor = (this.cursor + 1) & SLOT_MASK;
      this.cursorTime += TICK_MS;
      let entry = this.heads[this.cursor];
      while (entry !== null) {
        this.unhang(entry);
        if (entry.onHold) {
          entry.deadline = now + SLOTS * TICK_MS;
          this.hang(entry);
        } else if (entry.deadline > now) {
          this.hang(entry);
        } else {
          entry.deadline = 0;
          expire(entry);
        }
        // Whatever `expired` did to the list, its head is what is still to be looked at; an entry hung again is elsewhere.
        entry = this.heads[this.cursor];
      }
    }
    this.looked(this.hanging);
    if (this.hanging === 0 && this.interval !== null) {
      clearInterval(this.interval);
      this.interval = null;
    }
  }
}

/** An error of one entry must not keep the others of its slot waiting, nor end the thread. */
function expire(entry: TimerEntry): void {
  try {
    entry.expired();
  } catch (error) {
    tellOwnError('timer', error);
  }
}

function tick(wheel: TimerWheel): void {
  const now = performance.now();
  if (wheel.isLate(now)) setImmediate(turnNow, wheel);
  else wheel.turn(now);
}

function turnNow(wheel: TimerWheel): void {
  wheel.turn(performance.now());
}
