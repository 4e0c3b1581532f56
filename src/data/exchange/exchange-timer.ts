/**
 * Ends exchanges that take too long, for `--respondingTimeouts.*` or for their frontend. Times begin when the request's head
 * is here (how long a head may take is uWebSockets' to say): one ends with the request's body, the others with the response.
 * An exchange has one of these only where a timeout is set, so that it costs nothing otherwise.
 */
import { performance } from 'node:perf_hooks';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../context.ts';

export interface TimedExchange {
  /** All of the request has come. */
  readonly requestComplete: boolean;
  /** More of the request is to come, and whether it does is up to its client. */
  readonly awaitsClient: boolean;
  /** A local reply where nothing was answered yet, a broken connection otherwise. `detail` is for the log. */
  breakOff(fault: Fault, detail: string): void;
  crash(error: unknown): void;
}

const NEVER = Number.POSITIVE_INFINITY;

export class ExchangeTimer extends TimerEntry {
  private readonly worker: WorkerContext;
  private readonly exchange: TimedExchange;
  /** Milliseconds of performance.now(), as all below. */
  private readBy = NEVER;
  private writeBy = NEVER;
  /** Some of the request's body must have come. */
  private moreBy = NEVER;
  /** Milliseconds; 0: the client may be silent. */
  private silenceMs = 0;

  constructor(worker: WorkerContext, exchange: TimedExchange) {
    super();
    this.worker = worker;
    this.exchange = exchange;
  }

  /** null when no timeout is set. */
  static for(worker: WorkerContext, exchange: TimedExchange): ExchangeTimer | null {
    const { readTimeoutMs, writeTimeoutMs } = worker.options;
    return readTimeoutMs > 0 || writeTimeoutMs > 0 ? new ExchangeTimer(worker, exchange) : null;
  }

  start(): void {
    const { readTimeoutMs, writeTimeoutMs } = this.worker.options;
    this.readBy = NEVER;
    this.writeBy = NEVER;
    this.moreBy = NEVER;
    this.silenceMs = 0;
    if (readTimeoutMs === 0 && writeTimeoutMs === 0) return;
    const now = performance.now();
    if (readTimeoutMs > 0 && !this.exchange.requestComplete) this.readBy = now + readTimeoutMs;
    if (writeTimeoutMs > 0) this.writeBy = now + writeTimeoutMs;
    this.armFrom(now);
  }

  /**
   * What the frontend says. `startedAt`: when the head was here; `totalMs`: for all of the exchange, 0 for ever; `silenceMs`: in
   * which some of a body must come, 0 for ever, in the place of `--respondingTimeouts.readTimeout`; null: as the flags say.
   */
  limit(startedAt: number, totalMs: number | null, silenceMs: number | null): void {
    const now = performance.now();
    if (totalMs !== null && totalMs > 0) this.writeBy = Math.min(this.writeBy, startedAt + totalMs);
    if (silenceMs !== null) {
      this.readBy = NEVER;
      this.silenceMs = silenceMs;
      if (silenceMs > 0 && !this.exchange.requestComplete) this.moreBy = now + silenceMs;
    }
    this.armFrom(now);
  }

  /** Some of the request's body has come, or may come again. */
  progressed(): void {
    if (this.silenceMs > 0) this.moreBy = performance.now() + this.silenceMs;
  }

  stop(): void {
    this.worker.wheel.cancel(this);
  }

  override expired(): void {
    const now = performance.now();
    try {
      if (this.exchange.requestComplete) {
        this.readBy = NEVER;
        this.moreBy = NEVER;
      } else if (this.moreBy !== NEVER && !this.exchange.awaitsClient) {
        this.moreBy = now + this.silenceMs;
      }
      if (now >= this.readBy || now >= this.moreBy) this.exchange.breakOff(FAULTS.requestTimeout, '');
      else if (now >= this.writeBy) this.exchange.breakOff(FAULTS.responseTimeout, '');
      else this.armFrom(now);
    } catch (error) {
      this.exchange.crash(error);
    }
  }

  private armFrom(now: number): void {
    const next = Math.min(this.readBy, this.writeBy, this.moreBy);
    if (next !== NEVER) this.worker.wheel.arm(this, next - now);
  }
}
