/**
 * Our own status, for the dashboard and for scripts: `/api/status` gives both parts in one object, `/api/events`
 * each part as an event of its own, because the configuration is large and seldom changes.
 *
 * Everything here is listed: what is not named is not shown, whatever the model or the settings may come to hold.
 */
import { shownOptions } from '../../middlewares/kinds.ts';
import type { Backend, Frontend } from '../../model/model.ts';
import { type MetricsReader, ownerOf } from '../../shared/metrics-reader.ts';
import type { CertificateView, ControlView, EntryPointView } from '../view.ts';
import { firstProblems } from './first-problems.ts';
import { type JsonText, jsonListParts, jsonObjectParts, jsonText } from './json.ts';
import { type LiveNumbers, type LiveWindow, NO_NUMBERS } from './live-numbers.ts';

/** Somebody may write hundreds of thousands of bad keys: a page of all of them would help nobody. */
const MOST_PROBLEMS = 1_000;

/** Fields of an object, each made when its turn comes. */
type LazyFields = readonly (readonly [name: string, write: () => JsonText])[];

function plain(value: unknown): () => string {
  return () => jsonText(value);
}

function backendsOf(view: ControlView): Backend[] {
  return [...view.model().backends.values()];
}

function shownNumbers({ requests, retries, requestsPerSecond, errorsPerSecond, latency }: LiveNumbers) {
  return { requests, retries, requestsPerSecond, errorsPerSecond, latency };
}

/** Of the backends that had a request. */
function* backendNumbers(view: ControlView, live: LiveWindow, now: number): Generator<string> {
  const known = view.model().backends;
  yield* jsonListParts(
    (function* () {
      for (const [number, numbers] of live.numbers(now, 'backend')) {
        const owner = ownerOf(number);
        const name = owner.kind === 'backend' ? view.backendName(owner.slot) : '';
        if (known.has(name)) yield { name, ...shownNumbers(numbers) };
      }
    })(),
    jsonText,
  );
}

/** Of the backends that have a circuit breaker or a limit. */
function* protections(view: ControlView) {
  for (const { name, circuitBreaker, maxConn } of backendsOf(view)) {
    if (circuitBreaker === undefined && maxConn === undefined) continue;
    const breaker = view.breaker(name);
    const limit = view.limit(name);
    yield {
      name,
      breaker: breaker && {
        state: breaker.state,
        since: breaker.since,
        trips: breaker.trips,
        refused: breaker.refused,
        responses: breaker.responses,
        networkErrors: breaker.networkErrors,
      },
      limit: limit && { inProgress: limit.inProgress, waiting: limit.waiting, refused: limit.refused },
    };
  }
}

/** Of the servers that are checked. */
function* healthChecks(view: ControlView) {
  for (const { name, healthCheck, servers } of backendsOf(view)) {
    if (healthCheck === undefined) continue;
    for (const server of servers) {
      const health = view.health(name, server.url);
      if (health === null) continue;
      const { state, since, checkedAt, seconds, reason, checks, failed } = health;
      yield { backend: name, server: server.name, state, since, checkedAt, seconds, reason, checks, failed };
    }
  }
}

/** Of servers that have a request or another weight than the configured one; there may be very many others. */
function* serverNumbers(view: ControlView) {
  for (const backend of backendsOf(view)) {
    for (const server of backend.servers) {
      const { inFlight, effectiveWeight } = view.serverStatus(backend, server);
      if (inFlight === 0 && effectiveWeight === server.weight) continue;
      yield { backend: backend.name, server: server.name, inFlight, effectiveWeight };
    }
  }
}

function entryPoints(view: ControlView, reader: MetricsReader, live: LiveWindow, now: number) {
  const open = reader.openExchanges();
  const byIndex = new Map<number, LiveNumbers>();
  for (const [number, numbers] of live.numbers(now, 'entryPoint')) {
    const owner = ownerOf(number);
    if (owner.kind === 'entryPoint') byIndex.set(owner.index, numbers);
  }
  return view.entryPoints().map(({ name, address, port }: EntryPointView, index) => ({
    name,
    address,
    port,
    openExchanges: open.reduce((sum, { entryPoint: at, value }) => (at === index ? sum + value : sum), 0),
    numbers: shownNumbers(byIndex.get(index) ?? NO_NUMBERS),
  }));
}

/** What changes all the time. Durations in seconds, points in time in Unix milliseconds. */
function liveFields(view: ControlView, reader: MetricsReader, live: LiveWindow): LazyFields {
  const now = performance.now();
  return [
    ['version', plain(view.version)],
    ['provider', plain(view.provider)],
    ['prefix', plain(view.prefix)],
    ['now', plain(Date.now())],
    ['startedAt', plain(view.startedAt)],
    ['generation', plain(view.generation())],
    ['appliedAt', plain(view.appliedAt())],
    ['settled', plain(view.settled())],
    ['reloads', plain(view.reloads())],
    ['draining', plain(view.draining())],
    [
      'workers',
      plain(view.workers().map(({ index, state, generation, restarts }) => ({ index, state, generation, restarts }))),
    ],
    [
      'sources',
      plain(
        view
          .sources()
          .map(({ name, state, revision, confirmedAt, restarts, error, remembered, tree, aliasProblem }) => {
            return { name, state, revision, confirmedAt, restarts, error, remembered, tree, aliasProblem };
          }),
      ),
    ],
    ['held', plain(view.held())],
    ['suspects', plain(shownSuspects(view))],
    ['snapshot', plain(view.snapshot())],
    ['windowSeconds', plain(live.seconds(now))],
    ['openUpstreamConnections', plain(reader.openUpstreamConnections())],
    ['entryPoints', plain(entryPoints(view, reader, live, now))],
    ['backendNumbers', () => backendNumbers(view, live, now)],
    ['protections', () => jsonListParts(protections(view), jsonText)],
    ['serverNumbers', () => jsonListParts(serverNumbers(view), jsonText)],
    ['healthChecks', () => jsonListParts(healthChecks(view), jsonText)],
  ];
}

function shownSuspects(view: ControlView) {
  const { count, servers } = view.suspects();
  return {
    count,
    servers: servers.map(({ backend, server, url, since, until }) => ({ backend, server, url, since, until })),
  };
}

function frontendJson(frontend: Frontend): string {
  return jsonText({
    name: frontend.name,
    backend: frontend.backend,
    entryPoints: frontend.entryPoints,
    routes: frontend.routes.map(({ name, rule }) => ({ name, rule })),
    priority: frontend.priority,
    rank: frontend.rank,
    passHostHeader: frontend.passHostHeader,
    options: shownOptions(frontend.options),
  });
}

/** Of the headers of a check only the names: their values are what lets it in. */
function shownHealthCheck({ healthCheck }: Backend) {
  if (healthCheck === undefined) return null;
  const { path, scheme, port, interval, intervalMs, hostname, headers, timeoutMs, rise, fall, startDown } = healthCheck;
  const headerNames = headers.map(([name]) => name);
  return { path, scheme, port, interval, intervalMs, hostname, headerNames, timeoutMs, rise, fall, startDown };
}

function backendFields(view: ControlView, backend: Backend): LazyFields {
  const { name, method, circuitBreaker, maxConn, sticky, hash, slowStartMs = 0, servers, leftOut = [] } = backend;
  return [
    ['name', plain(name)],
    ['method', plain(method)],
    ['healthCheck', plain(shownHealthCheck(backend))],
    ['breakerExpression', plain(circuitBreaker?.expression ?? null)],
    ['maxConn', plain(maxConn === undefined ? null : { amount: maxConn.amount, extractorFunc: maxConn.extractorFunc })],
    /** Name of the cookie, null without stickiness. */
    ['sticky', plain(sticky?.cookie ?? null)],
    ['hash', plain(hash === undefined ? null : { key: hash.key, bound: hash.bound })],
    ['slowStartSeconds', plain(slowStartMs / 1000)],
    [
      'servers',
      () =>
        jsonListParts(servers, (server) => {
          const { state, ejections } = view.serverStatus(backend, server);
          return jsonText({ name: server.name, url: server.url, weight: server.weight, state, ejections });
        }),
    ],
    /** By --constraints: no mistake. */
    [
      'leftOut',
      () =>
        jsonListParts(leftOut, (server) =>
          jsonText({ name: server.name, url: server.url, tags: server.tags, constraint: server.constraint }),
        ),
    ],
  ];
}

function certificateJson(certificate: CertificateView): string {
  const { from, entryPoints, defaultOf, names, commonName, dnsNames, serial, keyType } = certificate;
  const { notBefore, notAfter, stapled, problem } = certificate;
  return jsonText({
    from,
    entryPoints,
    defaultOf,
    names,
    commonName,
    dnsNames,
    serial,
    keyType,
    notBefore,
    notAfter,
    stapled,
    problem,
  });
}

function byText<T>(text: (item: T) => string): (one: T, other: T) => number {
  return (one, other) => (text(one) < text(other) ? -1 : 1);
}

/** What the keys say: frontends in the order in which they are tried, backends by name, certificates, problems by key, of very many the worst. */
function configurationFields(view: ControlView): LazyFields {
  const { frontends } = view.model();
  const byName = byText(({ name }: { name: string }) => name);
  const inOrder = [...frontends.values()].sort((one, other) => other.rank - one.rank || byName(one, other));
  const backends = backendsOf(view).sort(byName);
  const certificates = [...view.certificates()].sort(byText(({ from }) => from));
  const problems = firstProblems(view.problems(), MOST_PROBLEMS);
  return [
    ['configuredGeneration', plain(view.generation())],
    ['frontends', () => jsonListParts(inOrder, frontendJson)],
    ['backends', () => jsonListParts(backends, (backend) => objectParts(backendFields(view, backend)))],
    ['certificates', () => jsonListParts(certificates, certificateJson)],
    ['problems', () => jsonListParts(problems, ({ key, state, reason }) => jsonText({ key, state, reason }))],
    ['problemsNotShown', plain(view.problemCount() - problems.length)],
  ];
}

function objectParts(fields: LazyFields): Iterable<string> {
  return jsonObjectParts(fields, (write) => write());
}

export function liveStatus(view: ControlView, reader: MetricsReader, live: LiveWindow): Iterable<string> {
  return objectParts(liveFields(view, reader, live));
}

export function configurationStatus(view: ControlView): Iterable<string> {
  return objectParts(configurationFields(view));
}

export function wholeStatus(view: ControlView, reader: MetricsReader, live: LiveWindow): Iterable<string> {
  return objectParts([...liveFields(view, reader, live), ...configurationFields(view)]);
}
