/**
 * The effective weights of servers, where they are not the configured ones: slow start and `drr`. The main thread alone
 * computes them and writes them to server-state.ts, so that all workers make the same schedule of them.
 *
 *     effective = (drr's weight or the configured one) × percent of its slow start
 */
import type { Backend, Model } from '../../model/model.ts';
import { DOWN, IN } from '../../shared/server-state.ts';
import { attempt, guarded } from '../guarded.ts';
import { Drr } from './drr.ts';
import { type SharedServers, slottedServers, tellWorkers } from './server-slots.ts';

const STEP_MS = 200;
const STEPS_PER_SECOND = 1000 / STEP_MS;
/** A server in slow start gets this much of its weight at once, percent, so that even a long start shows what it can do. */
const FIRST_PERCENT = 5;

type Managed = {
  readonly drr: Drr | null;
  /** Slots that were in the backend with the table before, draining ones aside. */
  slots: ReadonlySet<number>;
  /** Configured weights by slot, for drr to begin anew when they change. */
  weights: string;
  /** Slot → performance.now() at which its slow start began. */
  readonly starts: Map<number, number>;
};

const UNMANAGED: Pick<Managed, 'drr' | 'starts'> = Object.freeze({ drr: null, starts: new Map() });

/** How far a server is, 5 to 100. */
export function startPercent(sinceMs: number, slowStartMs: number): number {
  return Math.min(100, Math.max(FIRST_PERCENT, Math.floor((100 * sinceMs) / slowStartMs)));
}

export class EffectiveWeights {
  private readonly shared: SharedServers;
  private readonly onChange: () => void;
  private readonly managed = new Map<string, Managed>();
  /** Those of them whose weights move by themselves. */
  private readonly moving = new Set<string>();
  private readonly touched = new Set<string>();
  /** There has been any. */
  private hasManaged = false;
  private timer: NodeJS.Timeout | null = null;
  private steps = 0;

  /** `onChange`: a server begins or ends its slow start. */
  constructor(shared: SharedServers, onChange: () => void) {
    this.shared = shared;
    this.onChange = onChange;
  }

  touch(backends: Iterable<string>): void {
    for (const name of backends) this.touched.add(name);
  }

  /** A table of this model is about to be made; its servers have slots. */
  modelChanged(model: Model): void {
    for (const name of this.touched) attempt(`weights of ${name}`, () => this.follow(name, model.backends.get(name)));
    this.touched.clear();
    this.keepTime();
  }

  private follow(name: string, backend: Backend | undefined): void {
    if (backend !== undefined && isManaged(backend)) {
      this.learn(backend);
      return;
    }
    this.managed.delete(name);
    this.moving.delete(name);
    // Its servers may still have weights of when it was managed, be that before it was away.
    if (backend !== undefined && this.hasManaged) this.write(backend, UNMANAGED);
  }

  /** A server of this backend serves again: after an ejection, or after it was down. */
  returned(backend: Backend, slot: number): void {
    const managed = this.managed.get(backend.name);
    if (managed === undefined || backend.slowStartMs === undefined) return;
    managed.starts.set(slot, performance.now());
    this.onChange();
    this.write(backend, managed);
    this.keepTime();
  }

  /** Percent of its weight that a server in slow start gets, 100 for any other. */
  percent(backend: Backend, slot: number): number {
    const since = this.managed.get(backend.name)?.starts.get(slot);
    if (since === undefined || backend.slowStartMs === undefined) return 100;
    return startPercent(performance.now() - since, backend.slowStartMs);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.managed.clear();
    this.moving.clear();
  }

  private learn(backend: Backend): void {
    const servers = slottedServers(this.shared, backend);
    const known = this.managed.get(backend.name);
    const managed: Managed = {
      drr: backend.method === 'drr' ? (known?.drr ?? new Drr()) : null,
      slots: new Set(servers.filter(({ server }) => server.draining !== true).map(({ slot }) => slot)),
      weights: servers.map(({ server, slot }) => `${slot}:${server.weight}`).join(),
      starts: known?.starts ?? new Map(),
    };
    if (known !== undefined && known.weights !== managed.weights) managed.drr?.reset();
    for (const slot of managed.starts.keys()) if (!managed.slots.has(slot)) managed.starts.delete(slot);
    // Where nobody served before, there is nobody to carry the load of a slow starter.
    if (backend.slowStartMs !== undefined && known !== undefined && this.anyServes(known)) {
      for (const slot of managed.slots) if (!known.slots.has(slot)) managed.starts.set(slot, performance.now());
    }
    this.managed.set(backend.name, managed);
    this.hasManaged = true;
    this.write(backend, managed);
  }

  private anyServes({ slots }: Managed): boolean {
    const { state } = this.shared;
    for (const slot of slots) if (state.health(slot) !== DOWN && state.ejection(slot) === IN) return true;
    return false;
  }

  /** The timer runs only while something moves by itself. */
  private keepTime(): void {
    const needed = this.moving.size > 0;
    if (needed && this.timer === null) {
      this.timer = setInterval(
        guarded('weights', () => this.step()),
        STEP_MS,
      );
      this.timer.unref();
    } else if (!needed && this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }

  private step(): void {
    this.steps++;
    const secondOver = this.steps % STEPS_PER_SECOND === 0;
    const { backends } = this.shared.model();
    for (const name of this.moving) {
      const backend = backends.get(name);
      const managed = this.managed.get(name);
      if (backend !== undefined && managed !== undefined)
        attempt(`weights of ${name}`, () => this.move(backend, managed, secondOver));
    }
    this.keepTime();
  }

  private move(backend: Backend, managed: Managed, secondOver: boolean): void {
    const moved = secondOver && managed.drr !== null && this.rate(backend, managed.drr);
    if (moved || managed.starts.size > 0) this.write(backend, managed);
  }

  private rate(backend: Backend, drr: Drr): boolean {
    const { state } = this.shared;
    const usable = slottedServers(this.shared, backend).filter(
      ({ server, slot }) => server.weight > 0 && server.draining !== true && state.health(slot) !== DOWN,
    );
    const registered = usable.filter(({ server }) => server.suspect !== true);
    const inUse = registered.length > 0 ? registered : usable;
    return drr.second(
      inUse.map(({ server, slot }) => ({
        slot,
        weight: server.weight,
        ended: state.ended(slot),
        bad: state.bad(slot),
      })),
    );
  }

  private write(backend: Backend, { drr, starts }: Pick<Managed, 'drr' | 'starts'>): void {
    const now = performance.now();
    const { slowStartMs } = backend;
    const startsBefore = starts.size;
    for (const [slot, since] of starts) {
      if (slowStartMs === undefined || now - since >= slowStartMs) starts.delete(slot);
    }
    if (starts.size !== startsBefore) this.onChange();
    if (drr !== null || starts.size > 0) this.moving.add(backend.name);
    else this.moving.delete(backend.name);
    const scale = starts.size > 0 ? 100 : 1;
    let changed = false;
    for (const { server, slot } of slottedServers(this.shared, backend)) {
      const since = starts.get(slot);
      const percent = since === undefined ? scale : startPercent(now - since, slowStartMs!);
      const base = drr === null ? server.weight : drr.weight(slot, server.weight);
      const weight = drr === null && scale === 1 ? 0 : base * percent;
      if (this.shared.state.setWeight(slot, weight)) changed = true;
    }
    if (changed) tellWorkers(this.shared, backend);
  }
}

function isManaged({ method, slowStartMs }: Backend): boolean {
  return method === 'drr' || slowStartMs !== undefined;
}
