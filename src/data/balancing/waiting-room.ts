/**
 * The requests of one worker that wait for a slot of their backend's limit. Whose turn it is, over all workers, is settled in
 * shared memory (src/shared/token-counts.ts): a slot that is given back belongs to the first that waits, and a bell tells its
 * worker, which looks here whose it is.
 */

import { tellOwnError } from '../../kernel/own-error.ts';
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { TokenCounts } from '../../shared/token-counts.ts';

/** Whoever waits; exactly one of these comes, unless it leaves. */
export interface Waiter {
  /** `cell`: as TokenCounts has it; it is the waiter's from now on. */
  slotGranted(cell: number): void;
  waitedTooLong(): void;
}

export class Place extends TimerEntry {
  readonly number: number;
  readonly waiter: Waiter;
  /** Its slot is on its way, but nobody wants it any more. */
  hasLeft = false;
  private readonly room: WaitingRoom;

  constructor(room: WaitingRoom, number: number, waiter: Waiter) {
    super();
    this.room = room;
    this.number = number;
    this.waiter = waiter;
  }

  override expired(): void {
    this.room.timeIsOver(this);
  }
}

export class WaitingRoom {
  private readonly counts: TokenCounts;
  private readonly lane: number;
  private readonly wheel: TimerWheel;
  private readonly places = new Map<number, Place>();
  private listens = false;

  /** `lane`: of the worker. */
  constructor(counts: TokenCounts, lane: number, wheel: TimerWheel) {
    this.counts = counts;
    this.lane = lane;
    this.wheel = wheel;
  }

  /** `number`: of a place that was taken in `counts`. */
  enter(number: number, ms: number, waiter: Waiter): Place {
    const place = new Place(this, number, waiter);
    this.places.set(number, place);
    this.wheel.arm(place, ms);
    if (!this.listens) this.listen();
    return place;
  }

  /** It waits no more, and hears nothing more. */
  leave(place: Place): void {
    this.wheel.cancel(place);
    if (this.counts.withdraw(this.lane, place.number)) this.places.delete(place.number);
    else place.hasLeft = true;
  }

  timeIsOver(place: Place): void {
    if (!this.counts.withdraw(this.lane, place.number)) {
      // Its slot has come at the same moment.
      this.deliver();
      return;
    }
    this.places.delete(place.number);
    place.waiter.waitedTooLong();
  }

  private async listen(): Promise<void> {
    this.listens = true;
    try {
      while (this.places.size > 0) {
        const rings = this.counts.rings(this.lane);
        this.deliver();
        if (this.places.size > 0) await this.counts.ring(this.lane, rings);
      }
    } catch (error) {
      tellOwnError('queue of a backend', error);
    } finally {
      this.listens = false;
    }
  }

  private deliver(): void {
    for (const { waiter, cell } of this.counts.collect(this.lane)) {
      const place = this.places.get(waiter);
      this.places.delete(waiter);
      if (place === undefined || place.hasLeft) {
        this.counts.release(this.lane, cell);
      } else {
        this.wheel.cancel(place);
        place.waiter.slotGranted(cell);
      }
    }
  }
}
