/**
 * Hands each new table to all workers and follows their acknowledgements. The newest table is kept for workers that
 * come later; an older one is forgotten, and with the last worker that leaves it the memory is freed.
 */
import type { ToWorker } from '../protocol/messages.ts';
import type { WorkerFleet } from './worker-fleet.ts';

export class Publisher {
  /** The newest published generation, 0 before the first. */
  generation = 0;
  /** Unix milliseconds at which every worker had applied it, 0 before the first. */
  appliedAt = 0;
  /** Published tables. */
  count = 0;
  private table: Extract<ToWorker, { kind: 'table' }> | null = null;
  private fleet: WorkerFleet | null = null;
  private readonly onApplied: (generation: number) => void;

  /** `onApplied`: no worker routes by an older generation any more. */
  constructor(onApplied: (generation: number) => void) {
    this.onApplied = onApplied;
  }

  attach(fleet: WorkerFleet): void {
    this.fleet = fleet;
  }

  /** `breakers`: of the backends in the table, by name. */
  publish(generation: number, table: SharedArrayBuffer, breakers: ReadonlyMap<string, SharedArrayBuffer>): void {
    this.generation = generation;
    this.table = { kind: 'table', generation, table, breakers };
    this.count++;
    this.fleet?.broadcast(this.table);
  }

  /** A worker boots or has come up: unless it has the newest table, it gets it. Returns its generation, 0 for none. */
  welcome(index: number, generation: number): number {
    if (this.table !== null && this.generation !== generation) this.fleet?.send(index, this.table);
    return this.generation;
  }

  acknowledged(): void {
    if (this.fleet === null) return;
    const applied = this.fleet.appliedGeneration();
    if (applied === this.generation) this.appliedAt = Date.now();
    if (applied > 0) this.onApplied(applied);
  }
}
