/**
 * What the main thread knows and decides of backends and servers while they serve, put together: their slots, health checks,
 * ejections and weights, and circuit breakers.
 */
import type { Steps } from '../../kernel/steps.ts';
import type { Backend, Model } from '../../model/model.ts';
import type { Settings } from '../../settings/settings.ts';
import { SlotRegistry } from '../../shared/slots.ts';
import { attempt } from '../guarded.ts';
import { HealthChecks } from '../health-checks/health-checks.ts';
import type { Prober } from '../health-checks/probe.ts';
import type { TouchedObjects } from '../routing/touched-objects.ts';
import type { SharedMemory } from '../workers/shared-memory.ts';
import { Breakers } from './breakers.ts';
import { ServerControl } from './server-control.ts';
import type { SharedServers } from './server-slots.ts';

export type BalancingOptions = Pick<SharedServers, 'model' | 'frontendsNaming'> & {
  readonly settings: Pick<Settings, 'workers' | 'ejectionTimeMs' | 'ejectionMaxTimeMs'>;
  readonly memory: SharedMemory;
  readonly prober: Prober;
  readonly onChange: () => void;
};

export class Balancing {
  private readonly memory: SharedMemory;
  readonly backendSlots = new SlotRegistry({
    kind: 'backend',
    onReuse: (slot) => this.memory.forgetBackend(slot),
  });
  readonly serverSlots = new SlotRegistry({
    kind: 'server',
    onReuse: (slot) => {
      this.servers.forget(slot);
      this.memory.forgetServer(slot);
    },
  });
  readonly breakers: Breakers;
  readonly servers: ServerControl;
  readonly healthChecks: HealthChecks;

  constructor({ settings, memory, prober, model, frontendsNaming, onChange }: BalancingOptions) {
    this.memory = memory;
    this.breakers = new Breakers(settings.workers);
    const shared: SharedServers = {
      state: memory.serverState,
      cursors: memory.cursors,
      backendSlots: this.backendSlots,
      serverSlots: this.serverSlots,
      model,
      frontendsNaming,
      onServers: (backend) => this.servers.look(backend),
    };
    const times = { firstMs: settings.ejectionTimeMs, longestMs: settings.ejectionMaxTimeMs };
    this.servers = new ServerControl(shared, times, onChange);
    this.healthChecks = new HealthChecks(shared, {
      probe: prober.probe,
      onReturn: (backend, slot) => this.servers.returned(backend, slot),
      upOf: this.servers.upOf,
      onChange,
    });
  }

  /** A table of this model is about to be made; all its servers have slots. `changed`: backends that are new, different or gone. */
  *follow(model: Model, changed: TouchedObjects<Backend>): Steps<void> {
    for (const part of changed.parts()) {
      yield;
      const names = [...part.keys()];
      this.servers.touch(names);
      this.servers.modelChanged(model);
      this.healthChecks.touch(names);
      this.healthChecks.follow(model.backends);
      this.breakers.touch(names);
      this.breakers.follow(model.backends);
    }
  }

  /** Tells what has become of servers of backends that are new, different or gone; `isFirst`: they were there at the start. */
  *telling(changed: TouchedObjects<Backend>, isFirst: boolean): Steps<void> {
    for (const part of changed.parts()) {
      yield;
      attempt('log of servers', () => this.servers.tellChanged(part, isFirst));
    }
  }

  /** No worker routes by an older generation any more. */
  retire(generation: number): void {
    this.backendSlots.retire(generation);
    this.serverSlots.retire(generation);
  }

  workerEnded(index: number): void {
    this.servers.workerEnded(index, this.serverSlots.size);
    this.memory.workerEnded(index, this.backendSlots.size);
  }

  stop(): void {
    this.healthChecks.stop();
    this.servers.stop();
  }
}
