/** Tells the log that routes are in force, once a second at most; what came faster is told together at its end. */
import { timerSpan } from '../../kernel/durations.ts';
import { configurationReloaded, EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { LogFields } from '../../kernel/log-line.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';
import type { Model } from '../../model/model.ts';
import { guarded } from '../guarded.ts';
import type { ModelChange } from './reconciler.ts';
import { Slices } from './slices.ts';
import { TouchedObjects } from './touched-objects.ts';

const SHORTEST_MS = 1_000;
const KINDS = ['backends', 'frontends', 'certificates'] as const;
type Kind = (typeof KINDS)[number];

export type ConfigLogOptions = {
  /** The newest one. */
  readonly model: () => Pick<Model, 'backends' | 'frontends' | 'certificates'>;
  /** What is in force now: looked at for each line. */
  readonly fields: () => LogFields;
  /** A change is in force, so many seconds after it. */
  readonly onApplied: (seconds: number) => void;
  /** Of the entrypoints. */
  readonly addresses: readonly string[];
  /** In whose turns it looks at what has changed; absent: its own. */
  readonly slices?: Slices;
};

type ObjectCounts = { added: number; removed: number; changed: number };

export class ConfigLog {
  private readonly options: ConfigLogOptions;
  private readonly slices: Slices;
  /** Objects that are new, different or gone since the last line. */
  private readonly touched: Readonly<Record<Kind, TouchedObjects<unknown>>> = {
    backends: new TouchedObjects(),
    frontends: new TouchedObjects(),
    certificates: new TouchedObjects(),
  };
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
    this.slices = options.slices ?? new Slices();
  }

  /** `since`: performance.now() of the first of the changes. */
  touch({ backends, frontends, certificates }: ModelChange, since: number): void {
    // Problems alone make no table.
    if (backends.size + frontends.size + certificates.size === 0) return;
    if (this.changedAt === 0) this.changedAt = since;
    this.touched.backends.add(backends);
    this.touched.frontends.add(frontends);
    this.touched.certificates.add(certificates);
  }

  /** Every worker routes by this generation, the newest. */
  applied(generation: number): void {
    if (generation === this.generation) return;
    const now = performance.now();
    this.merged += generation - this.generation;
    this.generation = generation;
    this.applyMs = this.changedAt === 0 ? 0 : Math.round(now - this.changedAt);
    if (this.changedAt > 0) this.options.onApplied((now - this.changedAt) / 1_000);
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
    this.slices.run(
      () => this.takingChanges(),
      (changes) => this.tellWith(changes),
      (error) => tellOwnError('log of changes', error),
    );
  }

  private tellWith(changes: ObjectCounts): void {
    const { generation, merged, applyMs: apply_ms } = this;
    log.event(EVENTS.configApplied, '', { generation, ...this.options.fields(), ...changes, merged, apply_ms });
    for (const address of this.options.addresses) log.event(configurationReloaded(address), address, { address });
    this.merged = 0;
  }

  /** Objects since the last line; what came and went in between is none. */
  private *takingChanges(): Steps<ObjectCounts> {
    const model = this.options.model();
    const counts = { added: 0, removed: 0, changed: 0 };
    for (const kind of KINDS) {
      for (const [name, before] of this.touched[kind].take()) {
        yield;
        const was = before !== null;
        const is = model[kind].has(name);
        if (was && is) counts.changed++;
        else if (was) counts.removed++;
        else if (is) counts.added++;
      }
    }
    return counts;
  }
}
