/**
 * Passive health: a server that refuses or breaks so many connections in a row is ejected, for a while that grows.
 *
 *     IN ──failing──▶ EJECTED ──its time is over──▶ TRIAL ──a request takes it──▶ TRYING ──answered──▶ IN
 *                        ▲                            │                              │
 *                        └──── twice as long ─────────┼──────────── it fails ────────┘
 *                                                     └── nobody took it for as long again ──▶ IN
 *
 * Workers see the failures, but only the main thread ejects, so that never more than half of a backend is ejected at
 * once, whoever fails at the same moment. It is on by default, unlike in Traefik, which has none (shared/study/field A3):
 * a server is left alone only while at least as many others are there, after connections that failed in a row without
 * one good answer in between, and first for a second only. At worst the others carry its share for that second.
 * When another one fails and there is no room left, those that have been out that long are tried at once: who serves
 * again makes room, and without it the newcomer's share would fail for as long as the others' times have grown to.
 */
import { timerSpan } from '../../kernel/durations.ts';
import { EVENTS, type LogEvent } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { LogFields } from '../../kernel/log-line.ts';
import type { Backend, Server } from '../../model/model.ts';
import type { ServerEvent } from '../../protocol/messages.ts';
import { DOWN, EJECTED, IN, TRIAL, TRYING } from '../../shared/server-state.ts';
import { guarded } from '../guarded.ts';
import { type SharedServers, type SlottedServer, slottedServers, tellWorkers } from './server-slots.ts';

export type EjectorOptions = {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A server serves again after an ejection. */
  readonly onReturn: (backend: Backend, slot: number) => void;
  readonly onChange: () => void;
};

type Ejection = {
  readonly backend: string;
  /** Ejections in a row. */
  row: number;
  timer: NodeJS.Timeout | null;
  /** Runs for the shortest time; from then on, null, it may be tried before its own is over. */
  rest: NodeJS.Timeout | null;
  /** performance.now() of its return, 0 while it is out. */
  returnedAt: number;
};

export class Ejector {
  private readonly shared: SharedServers;
  private readonly options: EjectorOptions;
  private readonly records = new Map<number, Ejection>();
  private readonly counts = new Map<number, number>();

  constructor(shared: SharedServers, options: EjectorOptions) {
    this.shared = shared;
    this.options = options;
  }

  /** Ejections since start. */
  count(slot: number): number {
    return this.counts.get(slot) ?? 0;
  }

  /** What a worker has seen. Slots as in its table, which may be an older one. */
  received(event: ServerEvent, backendSlot: number, slot: number): void {
    const { shared } = this;
    const backend = shared.model().backends.get(shared.backendSlots.nameOf(backendSlot));
    const servers = backend === undefined ? [] : slottedServers(shared, backend);
    const failed = servers.find((server) => server.slot === slot);
    // It has left while the message was on its way. What it was stays with its slot, should it come back.
    if (backend === undefined || failed === undefined) return;
    if (event === 'failing') this.failing(backend, servers, failed);
    else if (event === 'trialFailed') this.eject(backend, failed);
    else this.returned(backend, failed);
  }

  /** A request that was a trial has gone with its worker. */
  workerEnded(): void {
    const { state } = this.shared;
    for (const [slot, { backend }] of this.records) {
      if (!state.settleTrial(slot, TRIAL)) continue;
      const found = this.shared.model().backends.get(backend);
      if (found !== undefined) tellWorkers(this.shared, found);
    }
  }

  /** The slot has a new name. */
  forget(slot: number): void {
    const record = this.records.get(slot);
    if (record !== undefined) stopTimers(record);
    this.records.delete(slot);
    this.counts.delete(slot);
  }

  stop(): void {
    for (const record of this.records.values()) stopTimers(record);
    this.records.clear();
  }

  private failing(backend: Backend, servers: readonly SlottedServer[], failed: SlottedServer): void {
    const { state } = this.shared;
    if (state.ejection(failed.slot) !== IN) return;
    const usable = servers.filter(
      ({ server, slot }) => server.weight > 0 && server.draining !== true && state.health(slot) !== DOWN,
    );
    const ejected = usable.filter(({ slot }) => state.ejection(slot) !== IN).length;
    if ((ejected + 1) * 2 <= usable.length) this.eject(backend, failed);
    else for (const { slot } of usable) this.hasten(slot);
  }

  private eject(backend: Backend, { server, slot }: SlottedServer): void {
    const { firstMs, longestMs } = this.options;
    const now = performance.now();
    const record = this.records.get(slot) ?? { backend: backend.name, row: 0, timer: null, rest: null, returnedAt: 0 };
    stopTimers(record);
    // Who fails again soon after its return goes on where it was.
    if (record.returnedAt > 0 && now - record.returnedAt > longestMs) record.row = 0;
    record.row++;
    record.returnedAt = 0;
    const ms = Math.min(firstMs * 2 ** (record.row - 1), Math.max(longestMs, firstMs));
    record.timer = setTimeout(
      guarded('ejector', () => this.openTrial(slot, record, ms)),
      timerSpan(ms),
    );
    record.rest = setTimeout(() => {
      record.rest = null;
    }, timerSpan(firstMs));
    this.records.set(slot, record);
    this.counts.set(slot, this.count(slot) + 1);
    this.set(backend, slot, EJECTED);
    this.tell(EVENTS.serverEjected, backend, server, { for_ms: ms, in_a_row: record.row });
  }

  /** Another server of its backend fails, and may not be ejected beside this one. */
  private hasten(slot: number): void {
    const record = this.records.get(slot);
    if (record === undefined || record.rest !== null || this.shared.state.ejection(slot) !== EJECTED) return;
    stopTimers(record);
    this.openTrial(slot, record, this.options.firstMs);
  }

  private openTrial(slot: number, record: Ejection, ms: number): void {
    record.timer = setTimeout(
      guarded('ejector', () => this.closeTrial(slot, record)),
      timerSpan(ms),
    );
    this.setNamed(record, slot, TRIAL);
  }

  /** No request came that may be sent twice: all it can do is to serve. */
  private closeTrial(slot: number, record: Ejection): void {
    record.timer = null;
    if (this.shared.state.ejection(slot) !== TRIAL) return;
    record.returnedAt = performance.now();
    this.setNamed(record, slot, IN);
    const backend = this.shared.model().backends.get(record.backend);
    const servers = backend === undefined ? [] : slottedServers(this.shared, backend);
    const found = servers.find((server) => server.slot === slot);
    // One that a check has found down meanwhile is back when that says so.
    if (found !== undefined && this.shared.state.health(slot) !== DOWN)
      this.tell(EVENTS.serverReturned, backend!, found.server, {});
  }

  private returned(backend: Backend, { server, slot }: SlottedServer): void {
    const record = this.records.get(slot);
    if (record !== undefined) {
      stopTimers(record);
      record.returnedAt = performance.now();
    }
    this.tell(EVENTS.serverReturned, backend, server, {});
    this.options.onReturn(backend, slot);
    this.options.onChange();
  }

  private tell(event: LogEvent, backend: Backend, { name: server, url }: Server, more: LogFields): void {
    const slots = slottedServers(this.shared, backend);
    const out = slots.filter(({ slot }) => this.shared.state.ejection(slot) !== IN).length;
    const fields = { backend: backend.name, server, url, ...more, ejected_of: `${out}/${backend.servers.length}` };
    log.event(event, `${backend.name} ${url}`, fields);
  }

  private setNamed(record: Ejection, slot: number, ejection: number): void {
    const backend = this.shared.model().backends.get(record.backend);
    if (backend === undefined) this.shared.state.setEjection(slot, ejection);
    else this.set(backend, slot, ejection);
  }

  private set(backend: Backend, slot: number, ejection: number): void {
    this.shared.state.setEjection(slot, ejection);
    tellWorkers(this.shared, backend);
    this.options.onChange();
  }
}

function stopTimers(record: Ejection): void {
  if (record.timer !== null) clearTimeout(record.timer);
  if (record.rest !== null) clearTimeout(record.rest);
  record.timer = null;
  record.rest = null;
}

/** Is it waiting for, or in, its trial? */
export function isOnTrial(ejection: number): boolean {
  return ejection === TRIAL || ejection === TRYING;
}
