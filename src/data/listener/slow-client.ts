/**
 * Keeps clients that are slow but alive from being cut by uWebSockets, and ends those that make no progress
 * (`--respondingTimeouts.uploadTimeout` and `.downloadTimeout`).
 *
 * uWS (20.57) cuts a client that uploads less than 16 kB/s or stops reading for some time (10 s by its source, 32 by the
 * clock), also one whose upload we have paused for a slow server. Its `resume` starts that clock anew; for a stalled
 * response a write that fails again does.
 */
import { TICK_MS, TimerEntry, type TimerWheel } from '../../kernel/timer-wheel.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import { Progress } from './progress.ts';
import type { HttpResponse } from './uws.ts';

/** How often a client is looked at, at least; well below the time after which uWS may cut it. */
const WATCH_MS = 4_000;
/** The same while its upload is paused: only this tells then that it is gone. */
const WATCH_PAUSED_MS = 1_000;
/** Looks per timeout, so that one is late by no more than a quarter. */
const LOOKS = 4;

export interface WatchedClient {
  /** Null when the response is over. */
  liveResponse(): HttpResponse | null;
  /** A part of the response waits for the client. */
  isStalled(): boolean;
  /** Bytes of the response that the kernel has taken; counts on. */
  takenBytes(): number;
  /** Tries that part again. */
  retryWrite(): void;
  /** The body that is awaited does not come. */
  uploadOverdue(): void;
  /** The response is not taken: ends its connection. */
  downloadOverdue(): void;
}

function lookEveryMs({ uploadTimeoutMs, downloadTimeoutMs }: BootOptions): number {
  const shortest = Math.min(uploadTimeoutMs || Number.POSITIVE_INFINITY, downloadTimeoutMs || Number.POSITIVE_INFINITY);
  return Math.max(Math.min(WATCH_MS, shortest / LOOKS), TICK_MS);
}

export class SlowClientWatch extends TimerEntry {
  private readonly client: WatchedClient;
  private readonly wheel: TimerWheel;
  private readonly options: BootOptions;
  private readonly everyMs: number;
  private receiving = false;
  private paused = false;
  /** Somebody waits for the body: no gRPC, whose streams may be quiet, and no response has begun. */
  private awaited = false;
  /** Of the body, since it began. */
  private brought = 0;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private lookMs = 0;
  /** It was armed for this exchange. */
  private active = false;

  constructor(client: WatchedClient, wheel: TimerWheel, options: BootOptions) {
    super();
    this.client = client;
    this.wheel = wheel;
    this.options = options;
    this.everyMs = lookEveryMs(options);
  }

  /** A body is expected. `timed`: it must make progress. */
  uploadBegins(timed: boolean): void {
    this.receiving = true;
    this.paused = false;
    this.awaited = timed;
    this.begin();
  }

  uploadMoved(bytes: number, last: boolean): void {
    this.brought += bytes;
    if (last) this.receiving = false;
  }

  uploadPaused(): void {
    this.paused = true;
    this.lookIn(Math.min(this.everyMs, WATCH_PAUSED_MS));
  }

  uploadResumed(): void {
    this.paused = false;
    this.begin();
  }

  responseBegins(): void {
    this.awaited = false;
  }

  downloadStalls(): void {
    this.begin();
  }

  /** The exchange is over. Costs a look at a field when there was nothing to watch. */
  end(): void {
    if (!this.active) return;
    this.active = false;
    this.receiving = false;
    this.paused = false;
    this.brought = 0;
    this.upload.reset();
    this.download.reset();
    this.wheel.cancel(this);
  }

  override expired(): void {
    const { client, options } = this;
    const response = client.liveResponse();
    if (response === null) return;
    // While it is paused uWS listens for nothing; a connection that was reset has no peer any more.
    if (this.paused && response.getRemoteAddress().byteLength === 0) {
      response.close();
      return;
    }
    const stalled = client.isStalled();
    const awaited = this.receiving && this.awaited && !this.paused;
    if (this.upload.isOverdue(awaited, this.brought, this.lookMs, options.uploadTimeoutMs)) {
      client.uploadOverdue();
      return;
    }
    const taken = stalled ? client.takenBytes() : 0;
    if (this.download.isOverdue(stalled, taken, this.lookMs, options.downloadTimeoutMs)) {
      client.downloadOverdue();
      return;
    }
    // `resume` on a stalled response would end uWS's wait for room.
    if (stalled) {
      client.retryWrite();
    } else {
      response.resume();
      if (this.paused) response.pause();
    }
    if (client.liveResponse() !== null)
      this.lookIn(this.paused ? Math.min(this.everyMs, WATCH_PAUSED_MS) : this.everyMs);
  }

  private begin(): void {
    if (this.slot === -1) this.lookIn(this.everyMs);
  }

  private lookIn(ms: number): void {
    this.active = true;
    this.lookMs = ms;
    this.wheel.arm(this, ms);
  }
}
