/**
 * One backend's circuit breaker while it serves, in a buffer of its own that main and all workers share. It is made by
 * main when a backend has an expression, lives through every change of other keys, and is let go with its expression.
 *
 *     byte 0    words  state, era, allowed, asked, trips, refused, refused before it tripped
 *     byte 32   doubles  until, since, next check, stuck since     milliseconds of src/kernel/monotonic-clock.ts
 *     byte 64   lanes, one per worker, written by that worker alone; see breaker-statistics.ts
 *
 *              condition holds                10 s are over             10 s are over
 *     STANDBY ────────────────▶ TRIPPED ────────────────▶ RECOVERING ────────────────▶ STANDBY
 *                                  ▲                          │
 *                                  └── condition holds again ─┘      the last two: with the next request
 *
 * A change of state is one compareExchange to CHANGING, which exactly one thread wins; it writes what belongs to the new
 * state and then stores that. Whoever meets CHANGING looks again, and takes it for TRIPPED; where it lasts, its thread has
 * died, and it is TRIPPED.
 */

export const STANDBY = 0;
export const TRIPPED = 1;
export const RECOVERING = 2;
const CHANGING = 3;

/** Milliseconds (kv-schema §4.4). */
export const TRIPPED_MS = 10_000;
export const RECOVERING_MS = 10_000;
const CHECK_EVERY_MS = 100;

const STATE = 0;
const ERA = 1;
const ALLOWED = 2;
const ASKED = 3;
const TRIPS = 4;
const REFUSED = 5;
const REFUSED_BEFORE = 6;
const UNTIL = 4;
const SINCE = 5;
const NEXT_CHECK = 6;
/** Somebody has first looked in vain for the end of a change, 0 for nobody. */
const STUCK_SINCE = 7;

export const BREAKER_HEADER_BYTES = 64;
/** The few stores of a change take nanoseconds; whoever makes them may have lost its processor meanwhile. */
const LOOKS = 10_000;
/** Longer than any thread waits for its processor; whoever does, only repeats what others have done. */
const STUCK_MS = 1_000;

export class BreakerState {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly onChange: (state: number) => void;

  /** `onChange`: this call has changed the state. */
  constructor(buffer: SharedArrayBuffer, onChange: (state: number) => void = () => {}) {
    this.onChange = onChange;
    this.words = new Int32Array(buffer, 0, BREAKER_HEADER_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.doubles = new Float64Array(buffer, 0, BREAKER_HEADER_BYTES / Float64Array.BYTES_PER_ELEMENT);
  }

  /** One of STANDBY, TRIPPED, RECOVERING. */
  state(): number {
    let state = Atomics.load(this.words, STATE);
    for (let look = 0; state === CHANGING && look < LOOKS; look++) state = Atomics.load(this.words, STATE);
    return state === CHANGING ? TRIPPED : state;
  }

  /** The state as it looks from outside: that which the next request will find, even if none comes. */
  stateAt(now: number): number {
    const state = this.state();
    if (state === TRIPPED && now >= this.doubles[UNTIL]) return RECOVERING;
    return state === RECOVERING && now > this.doubles[UNTIL] ? STANDBY : state;
  }

  /** Statistics of another era than this do not count any more. */
  era(): number {
    return Atomics.load(this.words, ERA);
  }

  trips(): number {
    return Atomics.load(this.words, TRIPS) >>> 0;
  }

  refused(): number {
    return Atomics.load(this.words, REFUSED) >>> 0;
  }

  /** Since it has tripped. */
  refusedSince(): number {
    return (this.words[REFUSED] - this.words[REFUSED_BEFORE]) >>> 0;
  }

  /** When it came into this state, 0 for ever. */
  since(): number {
    return this.doubles[SINCE];
  }

  /** Of a breaker that is not in standby: may a request pass at `now`? Takes the steps that time has brought. */
  admits(now: number): boolean {
    for (;;) {
      switch (this.state()) {
        case STANDBY:
          return true;
        case TRIPPED:
          if (now < this.doubles[UNTIL]) return this.refuse();
          // Another thread may have done it; then the state is looked at again.
          if (this.claim(TRIPPED)) this.become(RECOVERING, now, RECOVERING_MS);
          else if (this.state() === TRIPPED) {
            this.freeStuck(now);
            return this.refuse();
          }
          break;
        default:
          if (now > this.doubles[UNTIL]) {
            if (this.claim(RECOVERING)) this.become(STANDBY, now, 0);
            break;
          }
          return this.admitsWhileRecovering(now) || this.refuse();
      }
    }
  }

  /** Is it time to look at the condition? At most every 100 ms; the first response ever is looked at. */
  isDue(now: number): boolean {
    if (now <= this.doubles[NEXT_CHECK]) return false;
    this.doubles[NEXT_CHECK] = now + CHECK_EVERY_MS;
    return true;
  }

  /** The condition holds. Its statistics begin anew. True when this call has tripped it. */
  trip(now: number): boolean {
    const state = this.state();
    if (state === TRIPPED || !this.claim(state)) return false;
    Atomics.add(this.words, TRIPS, 1);
    Atomics.add(this.words, ERA, 1);
    if (state === STANDBY) this.words[REFUSED_BEFORE] = this.words[REFUSED];
    this.become(TRIPPED, now, TRIPPED_MS);
    return true;
  }

  private claim(from: number): boolean {
    return Atomics.compareExchange(this.words, STATE, from, CHANGING) === from;
  }

  /** The thread that has claimed it may have died since. */
  private freeStuck(now: number): void {
    if (this.doubles[STUCK_SINCE] === 0) {
      this.doubles[STUCK_SINCE] = now;
    } else if (now - this.doubles[STUCK_SINCE] >= STUCK_MS) {
      this.doubles[STUCK_SINCE] = 0;
      Atomics.compareExchange(this.words, STATE, CHANGING, TRIPPED);
    }
  }

  private become(state: number, now: number, ms: number): void {
    this.doubles[STUCK_SINCE] = 0;
    this.doubles[SINCE] = now;
    this.doubles[UNTIL] = now + ms;
    this.words[ALLOWED] = 0;
    this.words[ASKED] = 0;
    Atomics.store(this.words, STATE, state);
    this.onChange(state);
  }

  /** Passes while those that passed stay below their part of all: it rises from 0 to 50 % in the time of recovery. */
  private admitsWhileRecovering(now: number): boolean {
    const { words } = this;
    const target = (0.5 * (now - this.doubles[SINCE])) / RECOVERING_MS;
    for (;;) {
      const allowed = Atomics.load(words, ALLOWED);
      const passes = (allowed + 1) / (Atomics.load(words, ASKED) + 1) < target;
      if (passes && Atomics.compareExchange(words, ALLOWED, allowed, allowed + 1) !== allowed) continue;
      Atomics.add(words, ASKED, 1);
      return passes;
    }
  }

  private refuse(): false {
    Atomics.add(this.words, REFUSED, 1);
    return false;
  }
}
