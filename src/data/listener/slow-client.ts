/**
 * Keeps slow clients alive, and ends those that do nothing. uWebSockets cuts a client that uploads less than 16 kB/s or
 * stops reading for some time (10 s by its source, longer by the clock), also one whose upload we have paused for a
 * slow server. Its `resume` starts that clock anew; for a stalled response a write that fails again does.
 */
import { TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { HttpResponse } from './uws.ts';

/** How often a client is looked at; well below the time after which uWS may cut it. */
const WATCH_MS = 4_000;
/** The same while its upload is paused: only this tells then that it is gone. */
const WATCH_PAUSED_MS = 1_000;
/** A client that owes bytes, or does not take them, may do nothing for so long (as nginx has it). */
const QUIET_MS = 60_000;

export interface WatchedClient {
  /** Null when the response is over. */
  liveResponse(): HttpResponse | null;
  /** A part of the response waits for the client. */
  isStalled(): boolean;
  /** Tries that part again; true when some of it went out. */
  retryWrite(): boolean;
}

export class SlowClientWatch extends TimerEntry {
  private readonly client: WatchedClient;
  private readonly wheel: TimerWheel;
  private receiving = false;
  private paused = false;
  /** A byte went to or came from the client since the last look. */
  private moved = false;
  private quietMs = 0;

  constructor(client: WatchedClient, wheel: TimerWheel) {
    super();
    this.client = client;
    this.wheel = wheel;
  }

  /** A body is expected. */
  uploadBegins(): void {
    this.receiving = true;
    this.paused = false;
    this.begin();
  }

  uploadMoved(last: boolean): void {
    this.moved = true;
    if (last) this.receiving = false;
  }

  uploadPaused(): void {
    this.paused = true;
    this.wheel.arm(this, WATCH_PAUSED_MS);
  }

  uploadResumed(): void {
    this.paused = false;
    this.begin();
  }

  downloadStalls(): void {
    this.begin();
  }

  downloadMoved(): void {
    this.moved = true;
  }

  end(): void {
    this.receiving = false;
    this.paused = false;
    this.wheel.cancel(this);
  }

  override expired(): void {
    const response = this.client.liveResponse();
    if (response === null) return;
    if (this.paused) {
      // While it is paused uWS listens for nothing; a connection that was reset has no peer any more.
      if (response.getRemoteAddress().byteLength === 0) {
        response.close();
        return;
      }
      response.resume();
      response.pause();
    } else {
      const stalled = this.client.isStalled();
      this.quietMs = this.moved || !(this.receiving || stalled) ? 0 : this.quietMs + WATCH_MS;
      if (this.quietMs >= QUIET_MS) {
        response.close();
        return;
      }
      this.moved = false;
      // `resume` on a stalled response would end uWS's wait for room.
      if (stalled) this.moved = this.client.retryWrite();
      else response.resume();
    }
    if (this.client.liveResponse() !== null) this.wheel.arm(this, this.paused ? WATCH_PAUSED_MS : WATCH_MS);
  }

  private begin(): void {
    if (this.slot !== -1) return;
    this.moved = true;
    this.quietMs = 0;
    this.wheel.arm(this, WATCH_MS);
  }
}
