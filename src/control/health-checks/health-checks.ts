/**
 * Checks all servers of all backends that ask for it, each once, whatever the number of workers. What it finds goes into
 * the health word of the server (src/shared/server-state.ts), which every worker looks at before its next turn.
 *
 *     model ─▶ follow ─▶ one Check per server ─▶ (its time comes) ─▶ queue ─▶ probe ─▶ Verdict ─▶ health word
 *                                ▲                                              │
 *                                └────────── interval, with a random part ──────┘
 *
 * A server that leaves the model keeps its word: should it come back, it begins where it was, and is checked at once.
 */
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { OwnTrust } from '../../kernel/tls-trust.ts';
import type { HealthCheck } from '../../model/health-keys.ts';
import type { Backend, Server } from '../../model/model.ts';
import { DOWN, UNCHECKED, UP } from '../../shared/server-state.ts';
import { serverKey } from '../../shared/slots.ts';
import { type SharedServers, tellWorkers } from '../balancing/server-slots.ts';
import { attempt, guarded } from '../guarded.ts';
import type { HealthView } from '../view.ts';
import { type ProbeResult, type ProbeTarget, probeTarget } from './probe.ts';
import { Verdict } from './verdict.ts';

export type Probe = (target: ProbeTarget, timeoutMs: number, signal: AbortSignal) => Promise<ProbeResult>;

export type HealthCheckOptions = {
  readonly probe: Probe;
  /** A server went down or came up. */
  readonly onChange: () => void;
  /** A server that was down serves again. */
  /** The servers of a backend that can be used, of how many, as the log says it. */
  readonly upOf: (backend: Backend) => string;
  readonly onReturn: (backend: Backend, serverSlot: number) => void;
  /** 0 to below 1; for tests. */
  readonly random?: () => number;
};

/** Checks under way at a time. Dead servers hold one each for as long as their timeout. */
const MOST_AT_ONCE = 512;
/** Checks of a server whose results are kept. */
const MOST_RECENT = 40;
/** The part of an interval that is left to chance, so that checks which began together drift apart. */
const FIRST_SPREAD = 0.5;
const SPREAD = 0.1;

/** One server under observation. */
class Check {
  backend: Backend;
  server: Server;
  config: HealthCheck;
  readonly slot: number;
  readonly verdict: Verdict;
  timer: NodeJS.Timeout | null = null;
  /** Ends the probe that is under way, null when there is none. */
  running: AbortController | null = null;
  isQueued = false;
  /** Unix milliseconds. */
  since = 0;
  checkedAt = 0;
  last: ProbeResult | null = null;
  checks = 0;
  failed = 0;
  /** The last ones, the newest last: `1` good, `0` bad. */
  recent = '';

  constructor(backend: Backend, server: Server, config: HealthCheck, slot: number, verdict: Verdict) {
    this.backend = backend;
    this.server = server;
    this.config = config;
    this.slot = slot;
    this.verdict = verdict;
  }
}

/** What makes two checks ask the same thing of a server. */
function questionOf({ path, scheme, port, hostname, headers }: HealthCheck): string {
  return JSON.stringify([path, scheme, port, hostname, headers]);
}

export class HealthChecks {
  private readonly shared: SharedServers;
  private readonly options: HealthCheckOptions;
  private readonly random: () => number;
  /** Those with a check, by name, as they were last followed. */
  private readonly followed = new Map<string, HealthCheck>();
  /** Names of the backends that the next `follow` looks at. */
  private readonly touched = new Set<string>();
  /** There has been any. */
  private hasFollowed = false;
  /** Backend → checks by URL of the server. */
  private readonly checks = new Map<string, Map<string, Check>>();
  private queue: Check[] = [];
  private underWay = 0;
  private stopped = false;

  constructor(shared: SharedServers, options: HealthCheckOptions) {
    this.shared = shared;
    this.options = options;
    this.random = options.random ?? Math.random;
  }

  /** Backends that the next `follow` brings. */
  touch(backends: Iterable<string>): void {
    for (const name of backends) this.touched.add(name);
  }

  /** A table of this model is about to be made; its servers have slots. */
  follow(backends: ReadonlyMap<string, Backend>): void {
    if (this.stopped) return;
    for (const name of this.touched)
      attempt(`health checks of ${name}`, () => this.followNamed(name, backends.get(name)));
    this.touched.clear();
    this.work();
  }

  stop(): void {
    this.stopped = true;
    this.queue = [];
    for (const name of [...this.checks.keys()]) this.forget(name);
  }

  /** Of one server; null when it is not checked. */
  view(backend: string, url: string): HealthView | null {
    const check = this.checks.get(backend)?.get(url);
    if (check === undefined) return null;
    const { verdict, since, checkedAt, last, checks, failed, recent } = check;
    const seconds = last === null ? 0 : last.seconds;
    return { state: verdict.state, since, checkedAt, seconds, reason: last?.reason ?? '', checks, failed, recent };
  }

  private followNamed(name: string, backend: Backend | undefined): void {
    if (backend?.healthCheck === undefined) this.forget(name);
    // Its servers may have been down, now or when they were last seen.
    if (backend !== undefined && backend.healthCheck === undefined && this.hasFollowed) this.release(backend);
    else if (backend?.healthCheck !== undefined) this.followBackend(backend, backend.healthCheck);
  }

  private release(backend: Backend): void {
    for (const server of backend.servers) this.write(backend, this.slotOf(backend, server), UNCHECKED);
  }

  private followBackend(backend: Backend, healthCheck: HealthCheck): void {
    const before = this.followed.get(backend.name);
    this.followed.set(backend.name, healthCheck);
    this.hasFollowed = true;
    const old = this.checks.get(backend.name) ?? new Map<string, Check>();
    const next = new Map<string, Check>();
    const isAnother = before === undefined || questionOf(before) !== questionOf(healthCheck);
    for (const server of backend.servers) {
      const known = old.get(server.url);
      old.delete(server.url);
      const check = known ?? this.begin(backend, server, healthCheck);
      next.set(server.url, check);
      const isQuicker = check.config.intervalMs !== healthCheck.intervalMs;
      Object.assign(check, { backend, server, config: healthCheck });
      if (known === undefined) this.due(check);
      else if (isAnother) this.restart(check);
      else if (isQuicker && check.running === null && !check.isQueued) this.schedule(check, this.random());
    }
    for (const check of old.values()) this.end(check);
    this.checks.set(backend.name, next);
  }

  private begin(backend: Backend, server: Server, config: HealthCheck): Check {
    const slot = this.slotOf(backend, server);
    const { state } = this.shared;
    if (config.startDown && state.health(slot) === UNCHECKED) this.write(backend, slot, DOWN);
    const word = state.health(slot);
    const verdict = new Verdict(word === DOWN ? 'down' : word === UP ? 'up' : 'unchecked');
    return new Check(backend, server, config, slot, verdict);
  }

  private forget(name: string): void {
    for (const check of this.checks.get(name)?.values() ?? []) this.end(check);
    this.checks.delete(name);
    this.followed.delete(name);
  }

  private end(check: Check): void {
    if (check.timer !== null) clearTimeout(check.timer);
    check.timer = null;
    check.running?.abort();
    check.running = null;
    if (check.isQueued) this.queue = this.queue.filter((queued) => queued !== check);
    check.isQueued = false;
  }

  /** Something else is asked from now on. What was found stands until the answers to that say otherwise. */
  private restart(check: Check): void {
    this.end(check);
    check.verdict.beginAnew();
    this.due(check);
  }

  private due(check: Check): void {
    check.timer = null;
    check.isQueued = true;
    this.queue.push(check);
  }

  /** `part`: of the interval, that is left to wait. */
  private schedule(check: Check, part: number): void {
    if (check.timer !== null) clearTimeout(check.timer);
    const due = guarded('health checks', () => {
      this.due(check);
      this.work();
    });
    check.timer = setTimeout(due, timerSpan(check.config.intervalMs * part));
  }

  private work(): void {
    while (this.underWay < MOST_AT_ONCE && this.queue.length > 0) {
      const check = this.queue.shift()!;
      check.isQueued = false;
      void this.run(check).catch((error: unknown) => tellOwnError(`health check of ${check.backend.name}`, error));
    }
  }

  private async run(check: Check): Promise<void> {
    const aborter = new AbortController();
    check.running = aborter;
    this.underWay++;
    const result = await this.ask(check, aborter.signal);
    this.underWay--;
    // It was ended or begun anew meanwhile.
    if (check.running === aborter) {
      check.running = null;
      attempt(`health check of ${check.backend.name}`, () => this.take(check, result));
      const spread = check.checks === 1 ? FIRST_SPREAD : SPREAD;
      const spent = (result.seconds * 1000) / check.config.intervalMs;
      this.schedule(check, Math.max(1 - spread * this.random() - spent, 0));
    }
    this.work();
  }

  private async ask(check: Check, signal: AbortSignal): Promise<ProbeResult> {
    try {
      const tls = (check.backend.options?.tls as OwnTrust | undefined) ?? null;
      const target = probeTarget(check.server, check.config, tls);
      return await this.options.probe(target, check.config.timeoutMs, signal);
    } catch (error) {
      return { good: false, reason: reasonOf(error), seconds: 0 };
    }
  }

  private take(check: Check, result: ProbeResult): void {
    const { verdict, backend, config, slot } = check;
    check.checks++;
    if (!result.good) check.failed++;
    check.recent = (check.recent + (result.good ? '1' : '0')).slice(-MOST_RECENT);
    check.checkedAt = Date.now();
    check.last = result;
    const before = verdict.state;
    const inRow = verdict.against + 1;
    if (!verdict.take(result.good, config.rise, config.fall)) return;
    check.since = check.checkedAt;
    this.write(backend, slot, result.good ? UP : DOWN);
    if (!result.good || before === 'down') this.tell(check, result, inRow);
    if (result.good && before === 'down') this.options.onReturn(backend, slot);
    this.options.onChange();
  }

  /** `inRow`: checks in a row that say so. */
  private tell({ backend, server }: Check, { good, reason, seconds }: ProbeResult, inRow: number): void {
    const place = { backend: backend.name, server: server.name, url: server.url, by: 'check' };
    const found = { took_ms: Math.round(seconds * 1000), ...(good ? {} : { reason, fails: inRow }) };
    const fields = { ...place, ...found, up_of: this.options.upOf(backend) };
    log.event(good ? EVENTS.serverUp : EVENTS.serverDown, `${backend.name} ${server.url}`, fields);
  }

  private slotOf(backend: Backend, server: Server): number {
    return this.shared.serverSlots.find(serverKey(backend.name, server.url));
  }

  private write(backend: Backend, slot: number, health: number): void {
    if (slot >= 0 && this.shared.state.setHealth(slot, health)) tellWorkers(this.shared, backend);
  }
}
