/**
 * Ends exchanges that take too long for `--respondingTimeouts.*`. Both times begin when the request's head is here (how
 * long a head may take is uWebSockets' to say): one ends with the request's body, the other with the response. An
 * exchange has one of these only where a timeout is set, so that it costs nothing otherwise.
 */
import { performance } from 'node:perf_hooks';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { WorkerContext } from '../context.ts';

export interface TimedExchange {
  /** All of the request has come. */
  readonly requestComplete: boolean;
  /** A local reply where nothing was answered yet, a broken connection otherwise. `detail` is for the log. */
  breakOff(fault: Fault, detail: string): void;
  crash(error: unknown): void;
}

const NEVER = Number.POSITIVE_INFINITY;

export class ExchangeTimer extends TimerEntry {
  private readonly worker: WorkerContext;
  private readonly exchange: TimedExchange;
  /** Milliseconds of performance.now(), as the next one. */
  private readBy = NEVER;
  private writeBy = NEVER;

  private constructor(worker: WorkerContext, exchange: TimedExchange) {
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
    const now = performance.now();
    this.readBy = readTimeoutMs > 0 && !this.exchange.requestComplete ? now + readTimeoutMs : NEVER;
    this.writeBy = writeTimeoutMs > 0 ? now + writeTimeoutMs : NEVER;
    this.armFrom(now);
  }

  stop(): void {
    this.worker.wheel.cancel(this);
  }

  override expired(): void {
    const now = performance.now();
    try {
      if (this.exchange.requestComplete) this.readBy = NEVER;
      if (now >= this.readBy) this.exchange.breakOff(FAULTS.requestTimeout, '');
      else if (now >= this.writeBy) this.exchange.breakOff(FAULTS.responseTimeout, '');
      else this.armFrom(now);
    } catch (error) {
      this.exchange.crash(error);
    }
  }

  private armFrom(now: number): void {
    const next = Math.min(this.readBy, this.writeBy);
    if (next !== NEVER) this.worker.wheel.arm(this, next - now);
  }
}
