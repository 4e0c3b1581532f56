/**
 * Asks every worker for a sign of life, again and again. Whoever gives none is told. A thread that stands still cannot be
 * ended by itself: `terminate`, and `process.exit` too, abort the process where handles of uWebSockets are open. So as long
 * as others serve it is left alone, and when none does any more the process ends as a whole.
 */
import { performance } from 'node:perf_hooks';
import { timerSpan } from '../../kernel/durations.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { WorkerFleet } from './worker-fleet.ts';

const LOOK_MS = 5_000;
/** Of the time in which a service manager wants to hear of us, how often it is looked. */
const LOOKS_PER_WATCHDOG = 3;
/** None has answered for so long, in looks: a process that was stopped for an hour has looked once. */
const STUCK_MS = 60_000;

export type WorkerWatchOptions = {
  /** Milliseconds within which a service manager wants to hear that we live; 0: none does. */
  readonly watchdogMs: number;
  /** Every worker has answered. */
  readonly onAlive: () => void;
  /** None has, for long. Once. */
  readonly onStuck: (ms: number) => void;
};

export type Watched = Pick<WorkerFleet, 'ask' | 'silent' | 'running' | 'isStuck'>;

export class WorkerWatch {
  private readonly options: WorkerWatchOptions;
  private readonly lookMs: number;
  private fleet: Watched | null = null;
  private timer: NodeJS.Timeout | null = null;
  private askedAt = 0;
  private stuckLooks = 0;

  constructor(options: WorkerWatchOptions) {
    this.options = options;
    this.lookMs = options.watchdogMs > 0 ? options.watchdogMs / LOOKS_PER_WATCHDOG : LOOK_MS;
  }

  /** These from now on, in the place of others. Until the process ends: a drain, too, waits for workers that stand still. */
  watch(fleet: Watched): void {
    this.fleet = fleet;
    this.timer ??= setInterval(() => this.look(), timerSpan(this.lookMs)).unref();
    this.ask(fleet);
  }

  private ask(fleet: Watched): void {
    this.askedAt = performance.now();
    this.stuckLooks = 0;
    fleet.ask();
  }

  private look(): void {
    const { fleet } = this;
    if (fleet === null) return;
    const silent = fleet.silent();
    if (fleet.running > 0 && silent.length === 0) {
      this.options.onAlive();
      this.ask(fleet);
      return;
    }
    const lag_ms = Math.round(performance.now() - this.askedAt);
    for (const worker of silent) log.event(EVENTS.workerSlow, String(worker), { worker, lag_ms });
    this.stuckLooks = fleet.isStuck ? this.stuckLooks + 1 : 0;
    if (this.stuckLooks === Math.ceil(STUCK_MS / this.lookMs)) this.options.onStuck(lag_ms);
  }
}
