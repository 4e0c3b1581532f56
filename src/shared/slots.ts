/**
 * Slots: small numbers for backends and servers that outlive generations. What changes while serving (cursors,
 * counters, pools) is kept per slot, so it survives every publish. Main thread only; workers meet slots in the table.
 *
 *     name ──slotOf──▶ slot ──▶ line of cursors.ts, series of metrics.ts, pool of a worker
 *
 * A name keeps its slot for the life of the process, also while it is away from the model, because a server that
 * re-registers must find its state again. Only when all slots are taken, the names that have
 * been away longest lose theirs: those that no generation names which a worker may still route by.
 */
import { TsujiError } from '../kernel/errors.ts';

/** Slots of backends, and of servers. The lines of cursors.ts are as many. */
export const SLOT_CAPACITY = 262_144;

export type SlotRegistryOptions = {
  /** For messages: what the names are names of. */
  readonly kind: string;
  readonly capacity?: number;
  /** A slot changes its name: what is kept by slot begins anew. */
  readonly onReuse?: (slot: number) => void;
};

/** The name under which a server has its slot: the same URL in two backends is two servers. */
export function serverKey(backend: string, url: string): string {
  // One text of its own: a template's is kept with a pair of its parts beside it.
  return [backend, url].join('\0');
}

export class SlotRegistry {
  private readonly kind: string;
  private readonly capacity: number;
  private readonly onReuse: (slot: number) => void;
  private readonly slots = new Map<string, number>();
  private readonly names: string[] = [];
  /** By slot: the newest generation that names it. */
  private readonly lastNamed: number[] = [];
  /** By slot: in every table until it is released. */
  private readonly held: boolean[] = [];
  /** Every worker routes by this generation or a newer one. */
  private applied = 0;
  /** Slots that may be taken over, the longest unused last. */
  private reusable: number[] = [];

  constructor(options: SlotRegistryOptions) {
    this.kind = options.kind;
    this.capacity = options.capacity ?? SLOT_CAPACITY;
    this.onReuse = options.onReuse ?? (() => {});
  }

  /** How many slots were ever given out: all slots are below. */
  get size(): number {
    return this.names.length;
  }

  /** The slot of a name, -1 when it has none. Does not count as naming it. */
  find(name: string): number {
    // A map would have to go through all of the name to find out.
    return this.slots.size === 0 ? -1 : (this.slots.get(name) ?? -1);
  }

  /** The slot of a name in the table of `generation`. Throws TsujiError SLOTS_FULL. */
  slotOf(name: string, generation: number): number {
    const known = this.slots.get(name);
    if (known !== undefined) {
      this.lastNamed[known] = generation;
      return known;
    }
    const slot = this.names.length < this.capacity ? this.names.length : this.takeOver();
    this.slots.set(name, slot);
    this.names[slot] = name;
    this.lastNamed[slot] = generation;
    return slot;
  }

  /** As `slotOf`, and no generation needs to name it again until `release`. */
  hold(name: string, generation: number): number {
    const slot = this.slotOf(name, generation);
    this.held[slot] = true;
    return slot;
  }

  /** One that was held is in no table of `generation` or later. */
  release(slot: number, generation: number): void {
    if (this.held[slot] !== true) return;
    this.held[slot] = false;
    this.lastNamed[slot] = generation - 1;
  }

  /** '' for a slot that was never given out. */
  nameOf(slot: number): string {
    return this.names[slot] ?? '';
  }

  /** Tells that every worker routes by `generation` or a newer one, so that nothing older is in use any more. */
  retire(generation: number): void {
    if (generation > this.applied) this.applied = generation;
  }

  private takeOver(): number {
    const slot = this.popReusable() ?? (this.collectReusable() ? this.popReusable() : undefined);
    if (slot !== undefined) {
      this.slots.delete(this.names[slot]);
      this.onReuse(slot);
      return slot;
    }
    throw new TsujiError('SLOTS_FULL', `there have been too many ${this.kind}s: all ${this.capacity} slots are taken`);
  }

  /** A slot may have been named again after it was collected. */
  private popReusable(): number | undefined {
    for (let slot = this.reusable.pop(); slot !== undefined; slot = this.reusable.pop()) {
      if (this.isReusable(slot)) return slot;
    }
    return undefined;
  }

  private isReusable(slot: number): boolean {
    return this.held[slot] !== true && this.lastNamed[slot] < this.applied;
  }

  /** Looks through all slots, so rarely: what it finds serves for as many new names. */
  private collectReusable(): boolean {
    const found: number[] = [];
    for (let slot = 0; slot < this.lastNamed.length; slot++) {
      if (this.isReusable(slot)) found.push(slot);
    }
    this.reusable = found.sort((a, b) => this.lastNamed[b] - this.lastNamed[a]);
    return found.length > 0;
  }
}
