/**
 * Our own status, for the dashboard and for scripts: `/api/status` gives both parts in one object, `/api/events`
 * each part as an event of its own, because the configuration is large and seldom changes.
 */
import { shownOptions } from '../../middlewares/kinds.ts';
import type { Backend } from '../../model/model.ts';
import { type MetricsReader, ownerOf } from '../../shared/metrics-reader.ts';
import type { BreakerView, ControlView, HealthView, LimitView } from '../view.ts';
import { jsonText } from './json.ts';
import { type LiveNumbers, type LiveWindow, NO_NUMBERS } from './live-numbers.ts';

type NamedNumbers = LiveNumbers & { readonly name: string };

function numbersByName(
  view: ControlView,
  live: LiveWindow,
  now: number,
): { entryPoints: ReadonlyMap<number, LiveNumbers>; backends: NamedNumbers[] } {
  const entryPoints = new Map<number, LiveNumbers>();
  const backends: NamedNumbers[] = [];
  const known = view.model().backends;
  for (const [number, numbers] of live.numbers(now)) {
    const owner = ownerOf(number);
    if (owner.kind === 'entryPoint') entryPoints.set(owner.index, numbers);
    if (owner.kind !== 'backend') continue;
    const name = view.backendName(owner.slot);
    if (known.has(name)) backends.push({ name, ...numbers });
  }
  return { entryPoints, backends };
}

/** Of the backends that have a circuit breaker or a limit. */
function protections(view: ControlView) {
  const found: { name: string; breaker: BreakerView | null; limit: LimitView | null }[] = [];
  for (const { name, circuitBreaker, maxConn } of view.model().backends.values()) {
    if (circuitBreaker === undefined && maxConn === undefined) continue;
    found.push({ name, breaker: view.breaker(name), limit: view.limit(name) });
  }
  return found;
}

/** Of the servers that are checked. */
function healthChecks(view: ControlView) {
  const found: ({ backend: string; server: string } & HealthView)[] = [];
  for (const { name, healthCheck, servers } of view.model().backends.values()) {
    if (healthCheck === undefined) continue;
    for (const server of servers) {
      const health = view.health(name, server.url);
      if (health !== null) found.push({ backend: name, server: server.name, ...health });
    }
  }
  return found;
}

/** Of servers that have a request or another weight than the configured one; there may be very many others. */
function serverNumbers(view: ControlView) {
  const numbers: { backend: string; server: string; inFlight: number; effectiveWeight: number }[] = [];
  for (const backend of view.model().backends.values()) {
    for (const server of backend.servers) {
      const { inFlight, effectiveWeight } = view.serverStatus(backend, server);
      if (inFlight === 0 && effectiveWeight === server.weight) continue;
      numbers.push({ backend: backend.name, server: server.name, inFlight, effectiveWeight });
    }
  }
  return numbers;
}

/** What changes all the time. Durations in seconds, points in time in Unix milliseconds. */
function liveStatus(view: ControlView, reader: MetricsReader, live: LiveWindow) {
  const now = performance.now();
  const numbers = numbersByName(view, live, now);
  const open = reader.openExchanges();
  return {
    version: view.version,
    provider: view.provider,
    prefix: view.prefix,
    now: Date.now(),
    startedAt: view.startedAt,
    generation: view.generation(),
    appliedAt: view.appliedAt(),
    settled: view.settled(),
    reloads: view.reloads(),
    draining: view.draining(),
    workers: view.workers(),
    sources: view.sources(),
    windowSeconds: live.seconds(now),
    openUpstreamConnections: reader.openUpstreamConnections(),
    entryPoints: view.entryPoints().map((entryPoint, index) => ({
      ...entryPoint,
      openExchanges: open.reduce((sum, { entryPoint: at, value }) => (at === index ? sum + value : sum), 0),
      numbers: numbers.entryPoints.get(index) ?? NO_NUMBERS,
    })),
    /** Those that had a request. */
    backendNumbers: numbers.backends,
    protections: protections(view),
    serverNumbers: serverNumbers(view),
    healthChecks: healthChecks(view),
  };
}

function maxConnOf({ maxConn }: Backend): { amount: number; extractorFunc: string } | null {
  if (maxConn === undefined) return null;
  const { amount, extractorFunc } = maxConn;
  return { amount, extractorFunc };
}

/** What the keys say: frontends in the order in which they are tried, backends by name, certificates, problems by key. */
function configuration(view: ControlView) {
  const { frontends, backends } = view.model();
  const name = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return {
    configuredGeneration: view.generation(),
    frontends: [...frontends.values()]
      .sort((a, b) => b.rank - a.rank || name(a, b))
      .map(({ terms: _, options, ...shown }) => ({ ...shown, options: shownOptions(options) })),
    backends: [...backends.values()].sort(name).map((backend) => ({
      name: backend.name,
      method: backend.method,
      healthCheck: backend.healthCheck ?? null,
      breakerExpression: backend.circuitBreaker?.expression ?? null,
      maxConn: maxConnOf(backend),
      /** Name of the cookie, null without stickiness. */
      sticky: backend.sticky?.cookie ?? null,
      hash: backend.hash ?? null,
      slowStartSeconds: (backend.slowStartMs ?? 0) / 1000,
      servers: backend.servers.map((server) => ({
        name: server.name,
        url: server.url,
        weight: server.weight,
        state: view.serverStatus(backend, server).state,
        ejections: view.serverStatus(backend, server).ejections,
      })),
      /** By --constraints: no mistake. */
      leftOut: backend.leftOut ?? [],
    })),
    certificates: [...view.certificates()].sort((a, b) => (a.from < b.from ? -1 : 1)),
    problems: [...view.problems().values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  };
}

export function liveStatusJson(view: ControlView, reader: MetricsReader, live: LiveWindow): string {
  return jsonText(liveStatus(view, reader, live));
}

export function configurationJson(view: ControlView): string {
  return jsonText(configuration(view));
}

export function statusJson(view: ControlView, reader: MetricsReader, live: LiveWindow): string {
  return jsonText({ ...liveStatus(view, reader, live), ...configuration(view) });
}
