/**
 * Everything that the main thread decides about servers while they serve: ejections, slow start, drr. What it decides
 * stands in shared memory by slot (src/shared/server-state.ts), so it survives every change of keys.
 */
import type { Backend, Model, Server } from '../../model/model.ts';
import type { Changed } from '../../model/next-model.ts';
import type { ServerEvent, ServerFailed } from '../../protocol/messages.ts';
import { DOWN, IN } from '../../shared/server-state.ts';
import { serverKey } from '../../shared/slots.ts';
import type { Evidence } from '../memory/suspects.ts';
import { Ejector } from './ejector.ts';
import { FailingServers } from './failing-servers.ts';
import { ServerLog } from './server-log.ts';
import { isUsable, type SharedServers } from './server-slots.ts';
import { type ServerStatus, serverStatus } from './server-status.ts';
import { EffectiveWeights } from './weights.ts';

/** The servers of a backend that can be used, of how many, as the log says it. */
export type UpOf = (backend: Backend) => string;

export type EjectionTimes = { readonly firstMs: number; readonly longestMs: number };

export class ServerControl {
  private readonly shared: SharedServers;
  private readonly ejector: Ejector;
  private readonly weights: EffectiveWeights;
  private readonly failing: FailingServers;
  private readonly log: ServerLog;

  constructor(shared: SharedServers, times: EjectionTimes, onChange: () => void) {
    this.shared = shared;
    const { model, frontendsNaming } = shared;
    this.log = new ServerLog({
      model,
      frontendsNaming,
      isUsable: (backend, server) => this.isUsable(backend, server),
    });
    this.failing = new FailingServers(shared, {
      upOf: this.upOf,
      onChange: (backend) => this.look(backend),
    });
    this.weights = new EffectiveWeights(shared, onChange);
    this.ejector = new Ejector(shared, {
      ...times,
      onReturn: (backend, slot) => this.weights.returned(backend, slot),
      onChange,
    });
  }

  /** Backends that the next `modelChanged` brings. */
  touch(backends: Iterable<string>): void {
    this.weights.touch(backends);
  }

  /** A table of this model is about to be made; all its servers have slots. */
  modelChanged(model: Model): void {
    this.weights.modelChanged(model);
  }

  /** What is known of servers of that backend has changed. */
  look(backend: Backend): void {
    this.log.look(backend);
  }

  /** Backends that are new, different or gone in the newest model; `isFirst`: in the first one. */
  tellChanged(backends: Changed<Backend>, isFirst: boolean): void {
    this.log.changed(backends, isFirst);
  }

  /** Of all backends that `tellChanged` was told of. */
  get serverCount(): number {
    return this.log.serverCount;
  }

  readonly upOf: UpOf = (backend) => {
    const { servers } = backend;
    return `${servers.filter((server) => this.isUsable(backend, server)).length}/${servers.length}`;
  };

  /** Tries with a server have failed in a worker. */
  failed(message: ServerFailed): void {
    this.failing.heard(message);
  }

  /** What requests to it have failed by of late, '' for nothing. */
  failureOf(backend: string, url: string): string {
    return this.failing.reasonOf(this.shared.serverSlots.find(serverKey(backend, url)));
  }

  private isUsable(backend: Backend, server: Server): boolean {
    if (!isUsable(this.shared, backend, server)) return false;
    if (this.failing.isEmpty) return true;
    return !this.failing.isDown(this.shared.serverSlots.find(serverKey(backend.name, server.url)));
  }

  /** Whether a server serves, as far as requests and its health check tell. */
  evidence(backend: Backend, server: Server): Evidence {
    const { serverSlots, state } = this.shared;
    const slot = serverSlots.find(serverKey(backend.name, server.url));
    if (slot < 0) return { isDown: false, isFailing: false, good: 0 };
    return {
      isDown: state.health(slot) === DOWN,
      isFailing: this.failing.isDown(slot) || state.ejection(slot) !== IN,
      good: (state.ended(slot) - state.bad(slot)) >>> 0,
    };
  }

  /** A worker has seen something of a server. */
  received(event: ServerEvent, backendSlot: number, serverSlot: number): void {
    this.ejector.received(event, backendSlot, serverSlot);
  }

  /** `slots`: as many were ever given out. */
  workerEnded(index: number, slots: number): void {
    this.shared.state.laneDied(index, slots);
    this.ejector.workerEnded();
  }

  /** A server that was down is up again: its slow start begins, where it has one. */
  returned(backend: Backend, serverSlot: number): void {
    this.weights.returned(backend, serverSlot);
  }

  /** A slot has a new name. */
  forget(serverSlot: number): void {
    this.shared.state.reset(serverSlot);
    this.ejector.forget(serverSlot);
    this.failing.forget(serverSlot);
  }

  status(backend: Backend, server: Server): ServerStatus {
    return serverStatus(this.shared, this.ejector, this.weights, backend, server);
  }

  stop(): void {
    this.ejector.stop();
    this.failing.stop();
    this.weights.stop();
  }
}
