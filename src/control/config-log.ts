/** Tells the log that routes are in force, once a second at most; what came faster is told together at its end. */
import { timerSpan } from '../kernel/durations.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { LogFields } from '../kernel/log-line.ts';
import { guarded } from './guarded.ts';
import type { ModelChange } from './reconciler.ts';

const SHORTEST_MS = 1_000;

export type ConfigLogOptions = {
  /** What is in force now: looked at for each line. */
  readonly fields: () => LogFields;
  /** Of the entrypoints. */
  readonly addresses: readonly string[];
};

export class ConfigLog {
  private readonly options: ConfigLogOptions;
  /** Objects that are new, different or gone since the last line. */
  private readonly changed = new Set<string>();
  /** performance.now() of the first change that is not in force yet, 0 for none. */
  private changedAt = 0;
  private applyMs = 0;
  private generation = 0;
  /** Generations since the last line. */
  private merged = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: ConfigLogOptions) {
    this.options = options;
  }

  touch({ backends, frontends, certificates }: ModelChange): void {
    // Problems alone make no table.
    if (backends.size + frontends.size + certificates.size === 0) return;
    if (this.changedAt === 0) this.changedAt = performance.now();
    for (const name of backends) this.changed.add(`backends/${name}`);
    for (const name of frontends) this.changed.add(`frontends/${name}`);
    for (const name of certificates) this.changed.add(`tls/${name}`);
  }

  /** Every worker routes by this generation, the newest. */
  applied(generation: number): void {
    if (generation === this.generation) return;
    const now = performance.now();
    this.merged += generation - this.generation;
    this.generation = generation;
    this.applyMs = this.changedAt === 0 ? 0 : Math.round(now - this.changedAt);
    this.changedAt = 0;
    const wait = this.toldAt + SHORTEST_MS - now;
    if (wait <= 0) this.tell();
    else
      this.timer ??= setTimeout(
        guarded('log of changes', () => this.tell()),
        timerSpan(wait),
      );
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private tell(): void {
    this.stop();
    this.toldAt = performance.now();
    const { generation, merged, applyMs: apply_ms } = this;
    const fields = { generation, ...this.options.fields(), changed: this.changed.size, merged, apply_ms };
    log.event(EVENTS.configApplied, '', fields);
    for (const address of this.options.addresses) log.info(`Server configuration reloaded on ${address}`);
    this.changed.clear();
    this.merged = 0;
  }
}
