/**
 * The end of a connection behind an answer that came before all of its request (RFC 9112 §9.6): what its client still sends
 * is read past for a moment, as a reset would take the answer from it.
 */
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { HttpResponse } from './uws.ts';

/** Milliseconds. */
export const LINGER_MS = 1_000;

/** On uWebSockets: its response is left open, and with it the connection. */
export class UwsLinger extends TimerEntry {
  private readonly response: HttpResponse;
  private readonly wheel: TimerWheel;

  constructor(response: HttpResponse, wheel: TimerWheel) {
    super();
    this.response = response;
    this.wheel = wheel;
    wheel.arm(this, LINGER_MS);
    // It may have been paused for a server.
    response.resume();
  }

  /** All of the request has come, or enough of it. */
  override expired(): void {
    this.cancel();
    this.response.close();
  }

  /** The connection is gone. */
  cancel(): void {
    this.wheel.cancel(this);
  }
}
