/**
 * Hands new tables to all workers and follows their acknowledgements. The newest are kept for workers that
 * come later; an older one is forgotten, and with the last worker that leaves it the memory is freed.
 */
import type { BreakerChange } from '../../protocol/messages.ts';
import type { Tables } from '../../table/input.ts';
import type { WorkerFleet } from '../workers/worker-fleet.ts';

export class Publisher {
  /** The newest published generation, 0 before the first. */
  generation = 0;
  /** Unix milliseconds at which every worker had applied it, 0 before the first. */
  appliedAt = 0;
  /** Published tables. */
  count = 0;
  private tables: Tables | null = null;
  private readonly first = Promise.withResolvers<void>();
  private readonly breakers = new Map<string, SharedArrayBuffer>();
  private fleet: WorkerFleet | null = null;
  private readonly onApplied: (generation: number) => void;

  /** `onApplied`: no worker routes by an older generation any more. */
  constructor(onApplied: (generation: number) => void) {
    this.onApplied = onApplied;
  }

  attach(fleet: WorkerFleet): void {
    this.fleet = fleet;
  }

  /** Resolves with the first table. */
  get begun(): Promise<void> {
    return this.first.promise;
  }

  /** Every worker routes by it, or a newer one; 0 when there is none. */
  get appliedGeneration(): number {
    return this.fleet === null ? 0 : this.fleet.appliedGeneration();
  }

  /** Every worker that serves routes by the newest. */
  get isApplied(): boolean {
    return this.fleet !== null && this.appliedGeneration === this.generation;
  }

  publish(generation: number, tables: Tables, breakers: BreakerChange): void {
    this.generation = generation;
    this.tables = tables;
    for (const name of breakers.gone) this.breakers.delete(name);
    for (const [name, buffer] of breakers.put) this.breakers.set(name, buffer);
    this.count++;
    this.first.resolve();
    this.fleet?.broadcast({ kind: 'table', generation, ...tables, breakers });
  }

  /** A worker boots or has come up: unless it has the newest table, it gets it. Returns its generation, 0 for none. */
  welcome(index: number, generation: number): number {
    if (this.tables !== null && this.generation !== generation) {
      const breakers = { isAll: true, put: this.breakers, gone: [] };
      this.fleet?.send(index, { kind: 'table', generation: this.generation, ...this.tables, breakers });
    }
    return this.generation;
  }

  acknowledged(): void {
    const applied = this.appliedGeneration;
    if (applied === this.generation) this.appliedAt = Date.now();
    if (applied > 0) this.onApplied(applied);
  }
}
