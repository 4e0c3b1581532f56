/** `/metrics`: the names of Traefik 1.7 (shared/spec cli-api §6) and our own under `tsuji_`. */
import { CAUSES } from '../../kernel/causes.ts';
import { MIRRORING, type MirroringOptions } from '../../middlewares/mirroring.ts';
import { DROP_REASONS } from '../../shared/access-log.ts';
import { type MetricsReader, ownerOf, type SeriesTotal } from '../../shared/metrics-reader.ts';
import { MIRROR_RESULTS } from '../../shared/mirror-counts.ts';
import { PROTECTIONS } from '../../shared/protections.ts';
import type { ServerStatus } from '../balancing/server-status.ts';
import type { BreakerView, ControlView, HealthView, LimitView } from '../view.ts';
import { head, histogramLines, labelText, sample, single } from './exposition.ts';
import { processMetrics } from './process-metrics.ts';

/** Nothing is said, but whoever makes the page may do something else: what goes before may take long. */
const PAUSE = '';
const SERIES_PER_PAUSE = 256;

type Labelled = { readonly labels: string; readonly series: SeriesTotal };

/** Name of the backends that found a metrics lane full. */
const OTHER_BACKENDS = '(other)';

/**
 * The series of what exists now, with their labels. Backends that are gone are left out, and go on counting where
 * they stopped when they return.
 */
function* labelled(
  view: ControlView,
  reader: MetricsReader,
): Generator<string, { entryPoints: Labelled[]; backends: Labelled[] }> {
  const entryPointNames = view.entryPoints().map(({ name }) => name);
  const known = view.model().backends;
  const entryPoints: Labelled[] = [];
  const backends: Labelled[] = [];
  for (const [index, series] of reader.series().entries()) {
    if (index % SERIES_PER_PAUSE === 0) yield PAUSE;
    const owner = ownerOf(series.owner);
    const common = [
      ['code', String(series.code)],
      ['method', series.method],
      ['protocol', series.protocol],
    ] as const;
    if (owner.kind === 'entryPoint') {
      const name = entryPointNames[owner.index];
      if (name !== undefined) entryPoints.push({ labels: labelText([...common, ['entrypoint', name]]), series });
    } else {
      const name = owner.kind === 'other' ? OTHER_BACKENDS : view.backendName(owner.slot);
      if (owner.kind === 'other' || known.has(name)) {
        backends.push({ labels: labelText([...common, ['backend', name]]), series });
      }
    }
  }
  return { entryPoints, backends };
}

function* requestFamilies(prefix: string, of: string, all: readonly Labelled[], bounds: readonly number[]) {
  yield head(`${prefix}_requests_total`, 'counter', `Requests that ${of} answered.`);
  for (const { labels, series } of all) yield sample(`${prefix}_requests_total`, labels, series.count);
  yield head(`${prefix}_request_duration_seconds`, 'histogram', `Time that ${of} took for a request.`);
  for (const { labels, series } of all) {
    yield histogramLines(`${prefix}_request_duration_seconds`, labels, bounds, series.buckets, series.seconds);
  }
  yield head(`${prefix}_requests_bytes_total`, 'counter', `Bytes in the bodies of requests to ${of}.`);
  for (const { labels, series } of all) yield sample(`${prefix}_requests_bytes_total`, labels, series.requestBytes);
  yield head(`${prefix}_responses_bytes_total`, 'counter', `Bytes in the bodies of responses from ${of}.`);
  for (const { labels, series } of all) yield sample(`${prefix}_responses_bytes_total`, labels, series.responseBytes);
}

function* endedFamily(view: ControlView, reader: MetricsReader) {
  yield head('tsuji_requests_ended_total', 'counter', 'Requests by the one cause of their end.');
  for (const [index, { name: entrypoint }] of view.entryPoints().entries()) {
    for (const [number, { name: cause }] of CAUSES.entries()) {
      const labels = labelText(Object.entries({ entrypoint, cause }));
      yield sample('tsuji_requests_ended_total', labels, reader.ended(index, number));
    }
  }
}

function* openFamilies(view: ControlView, reader: MetricsReader, entryPoints: readonly Labelled[]) {
  const names = view.entryPoints().map(({ name }) => name);
  const values = new Map<string, number>();
  const key = (index: number, method: string, protocol: string): string =>
    labelText([
      ['method', method],
      ['protocol', protocol],
      ['entrypoint', names[index]],
    ]);
  // What was ever counted stays as a 0, because a gauge that vanishes reads as a lost target.
  for (const { series } of entryPoints) values.set(key(series.owner, series.method, series.protocol), 0);
  let sum = 0;
  for (const open of reader.openExchanges()) {
    sum += open.value;
    if (open.entryPoint < names.length) values.set(key(open.entryPoint, open.method, open.protocol), open.value);
  }
  yield head('traefik_entrypoint_open_connections', 'gauge', 'Requests in progress.');
  for (const [labels, value] of values) yield sample('traefik_entrypoint_open_connections', labels, value);
  yield single('tsuji_open_exchanges', 'gauge', 'Requests in progress on all entrypoints.', sum);
  const upstream = reader.openUpstreamConnections();
  yield single('tsuji_open_upstream_connections', 'gauge', 'Connections to servers, idle ones included.', upstream);
  yield single('tsuji_armed_timers', 'gauge', 'Timeouts that are running in the workers.', reader.armedTimers());
  yield single('tsuji_buffered_bytes', 'gauge', 'What waits in the workers for slow peers.', reader.bufferedBytes());
  yield single('tsuji_buffered_disk_bytes', 'gauge', 'What bodies take in --buffering.dir.', reader.bytesOnDisk());
  const refused = reader.clientsRefused();
  yield single(
    'tsuji_connections_refused_total',
    'counter',
    'Clients for which no file descriptor was left, or beyond --limits.connections.',
    refused,
  );
  yield head(
    'tsuji_client_protection_total',
    'counter',
    'Clients that were refused something or ended for what they cost.',
  );
  for (const [index, count] of reader.protections().entries()) {
    if (count > 0) yield sample('tsuji_client_protection_total', labelText([['reason', PROTECTIONS[index]]]), count);
  }
  const ended = reader.overBudget();
  yield single('tsuji_buffer_limit_total', 'counter', 'What was ended because more waited than --limits allow.', ended);
}

function* backendFamilies(view: ControlView, reader: MetricsReader) {
  const { backends } = view.model();
  yield head('traefik_backend_retries_total', 'counter', 'Tries after the first one.');
  for (const [number, { retries }] of reader.summaries()) {
    const owner = ownerOf(number);
    const name = owner.kind === 'backend' ? view.backendName(owner.slot) : OTHER_BACKENDS;
    if (retries === 0 || (owner.kind === 'backend' && !backends.has(name))) continue;
    yield sample('traefik_backend_retries_total', labelText([['backend', name]]), retries);
  }
  yield head('tsuji_backend_retries_refused_total', 'counter', 'Retries that --retry.budget did not allow.');
  for (const [number, { retriesRefused }] of reader.summaries()) {
    const owner = ownerOf(number);
    const name = owner.kind === 'backend' ? view.backendName(owner.slot) : OTHER_BACKENDS;
    if (retriesRefused === 0 || (owner.kind === 'backend' && !backends.has(name))) continue;
    yield sample('tsuji_backend_retries_refused_total', labelText([['backend', name]]), retriesRefused);
  }
  yield* serverFamilies(view);
}

function* serverFamilies(view: ControlView) {
  const servers: { labels: string; status: ServerStatus }[] = [];
  for (const backend of [...view.model().backends.values()]) {
    yield PAUSE;
    // Two servers with one URL are one series.
    const seen = new Set<string>();
    for (const server of backend.servers) {
      if (seen.has(server.url)) continue;
      seen.add(server.url);
      const labels = labelText([
        ['backend', backend.name],
        ['url', server.url],
      ]);
      servers.push({ labels, status: view.serverStatus(backend, server) });
    }
  }
  yield head('traefik_backend_server_up', 'gauge', 'Server that new requests are sent to.');
  for (const { labels, status } of servers) yield sample('traefik_backend_server_up', labels, status.up ? 1 : 0);
  yield head('tsuji_backend_server_in_flight', 'gauge', 'Requests in progress with a server.');
  for (const { labels, status } of servers) yield sample('tsuji_backend_server_in_flight', labels, status.inFlight);
  yield head('tsuji_backend_server_ejections_total', 'counter', 'Times that a server was ejected.');
  for (const { labels, status } of servers) {
    if (status.ejections > 0) yield sample('tsuji_backend_server_ejections_total', labels, status.ejections);
  }
}

function* healthFamilies(view: ControlView) {
  const found: { labels: string; health: HealthView }[] = [];
  for (const { name, healthCheck, servers } of [...view.model().backends.values()]) {
    if (healthCheck === undefined) continue;
    yield PAUSE;
    for (const { url } of servers) {
      const health = view.health(name, url);
      const labels = labelText([
        ['backend', name],
        ['url', url],
      ]);
      if (health !== null) found.push({ labels, health });
    }
  }
  if (found.length === 0) return;
  yield head('tsuji_health_check_duration_seconds', 'gauge', 'Time that the last health check of a server took.');
  for (const { labels, health } of found) yield sample('tsuji_health_check_duration_seconds', labels, health.seconds);
  yield head('tsuji_health_checks_total', 'counter', 'Health checks of a server since it is checked.');
  for (const { labels, health } of found) yield sample('tsuji_health_checks_total', labels, health.checks);
  yield head('tsuji_health_checks_failed_total', 'counter', 'Those of them that failed.');
  for (const { labels, health } of found) yield sample('tsuji_health_checks_failed_total', labels, health.failed);
}

const BREAKER_STATES: Readonly<Record<BreakerView['state'], number>> = { standby: 0, recovering: 1, tripped: 2 };

function* protectionFamilies(view: ControlView) {
  const breakers: { labels: string; breaker: BreakerView }[] = [];
  const limits: { labels: string; limit: LimitView }[] = [];
  for (const name of [...view.model().backends.keys()]) {
    yield PAUSE;
    const labels = labelText([['backend', name]]);
    const breaker = view.breaker(name);
    const limit = view.limit(name);
    if (breaker !== null) breakers.push({ labels, breaker });
    if (limit !== null) limits.push({ labels, limit });
  }
  if (breakers.length > 0) {
    yield head('tsuji_backend_breaker_state', 'gauge', 'Circuit breaker: 0 standby, 1 recovering, 2 tripped.');
    for (const { labels, breaker } of breakers) {
      yield sample('tsuji_backend_breaker_state', labels, BREAKER_STATES[breaker.state]);
    }
    yield head('tsuji_backend_breaker_trips_total', 'counter', 'Times that a circuit breaker tripped.');
    for (const { labels, breaker } of breakers)
      yield sample('tsuji_backend_breaker_trips_total', labels, breaker.trips);
    yield head('tsuji_backend_breaker_refused_total', 'counter', 'Requests that a circuit breaker refused.');
    for (const { labels, breaker } of breakers) {
      yield sample('tsuji_backend_breaker_refused_total', labels, breaker.refused);
    }
  }
  if (limits.length === 0) return;
  yield head('tsuji_backend_maxconn_in_progress', 'gauge', 'Requests in progress that maxconn counts.');
  for (const { labels, limit } of limits) yield sample('tsuji_backend_maxconn_in_progress', labels, limit.inProgress);
  yield head('tsuji_backend_maxconn_waiting', 'gauge', 'Requests that wait for a slot of maxconn.');
  for (const { labels, limit } of limits) yield sample('tsuji_backend_maxconn_waiting', labels, limit.waiting);
  yield head('tsuji_backend_maxconn_refused_total', 'counter', 'Requests that maxconn refused.');
  for (const { labels, limit } of limits) yield sample('tsuji_backend_maxconn_refused_total', labels, limit.refused);
}

function* optionFamilies(view: ControlView, reader: MetricsReader) {
  const mirrored: { labels: string; count: number }[] = [];
  let seen = 0;
  for (const { name: frontend, options } of [...view.model().frontends.values()]) {
    if (++seen % SERIES_PER_PAUSE === 0) yield PAUSE;
    const own = options[MIRRORING.name] as MirroringOptions | undefined;
    for (const backend of new Set(own?.mirrors.map((mirror) => mirror.backend))) {
      for (const [i, count] of view.mirrored(frontend, backend).entries()) {
        const labels = { frontend, backend, result: MIRROR_RESULTS[i] };
        mirrored.push({ labels: labelText(Object.entries(labels)), count });
      }
    }
  }
  if (mirrored.length > 0) {
    yield head('tsuji_mirror_requests_total', 'counter', 'Copies of requests for mirrors.');
    for (const { labels, count } of mirrored) yield sample('tsuji_mirror_requests_total', labels, count);
  }
  const used = reader.compressed().filter(({ before }) => before > 0);
  if (used.length === 0) return;
  yield head('tsuji_compression_bytes_total', 'counter', 'Bytes of responses before and after compression.');
  for (const { coding, before, after } of used) {
    for (const [side, bytes] of Object.entries({ in: before, out: after })) {
      yield sample('tsuji_compression_bytes_total', labelText(Object.entries({ encoding: coding, side })), bytes);
    }
  }
}

function* accessLogFamilies(view: ControlView) {
  const accessLog = view.accessLog();
  if (accessLog === null) return;
  const { lines, bytes, dropped } = accessLog;
  yield single('tsuji_access_log_lines_total', 'counter', 'Lines of the access log that were written.', lines);
  yield single('tsuji_access_log_bytes_total', 'counter', 'Bytes of these.', bytes);
  yield head('tsuji_access_log_dropped_total', 'counter', 'Lines of the access log that were lost.');
  for (const [index, reason] of DROP_REASONS.entries()) {
    yield sample('tsuji_access_log_dropped_total', labelText([['reason', reason]]), dropped[index]);
  }
}

function* configFamilies(view: ControlView) {
  const appliedAt = view.appliedAt() / 1000;
  yield single('traefik_config_reloads_total', 'counter', 'Configurations that were published.', view.reloads());
  yield single('traefik_config_reloads_failure_total', 'counter', 'Always 0: a bad key costs its own object only.', 0);
  yield single('traefik_config_last_reload_success', 'gauge', 'Last configuration in force, Unix time.', appliedAt);
  yield single('traefik_config_last_reload_failure', 'gauge', 'Always 0, see the failure counter.', 0);
  yield single('tsuji_config_generation', 'gauge', 'Newest published generation.', view.generation());
  yield head('tsuji_config_applied_generation', 'gauge', 'Generation that a worker routes by.');
  for (const { index, generation } of view.workers()) {
    yield sample('tsuji_config_applied_generation', labelText([['worker', String(index)]]), generation);
  }
  let rejected = 0;
  for (const { state } of view.problems()) if (state === 'rejected') rejected++;
  yield single('tsuji_config_keys_rejected', 'gauge', 'Keys whose object is left out for a mistake.', rejected);
}

/** Named as in Traefik 2 and later, where this metric comes from. */
function* certificateFamilies(view: ControlView) {
  const certificates = view.certificates().filter(({ notAfter }) => notAfter > 0);
  if (certificates.length === 0) return;
  yield head('traefik_tls_certs_not_after', 'gauge', 'End of the validity of a certificate, Unix time.');
  // One certificate that is configured twice is one series.
  const values = new Map<string, number>();
  for (const { commonName, serial, dnsNames, notAfter } of certificates) {
    const labels = labelText([
      ['cn', commonName],
      ['serial', serial],
      ['sans', [...dnsNames].sort().join(',')],
    ]);
    values.set(labels, notAfter / 1000);
  }
  for (const [labels, value] of values) yield sample('traefik_tls_certs_not_after', labels, value);
}

function* sourceFamilies(view: ControlView) {
  // A store without this API is no fault, so it must not read as one that is down.
  const sources = view.sources().filter(({ state }) => state !== 'absent');
  yield head('tsuji_source_up', 'gauge', 'Is the source of keys in reach and up to date?');
  for (const { name, state } of sources) {
    yield sample('tsuji_source_up', labelText([['source', name]]), state === 'live' ? 1 : 0);
  }
  yield head('tsuji_source_confirmed_seconds', 'gauge', 'Last time the store confirmed our state, Unix time.');
  for (const { name, confirmedAt } of sources) {
    yield sample('tsuji_source_confirmed_seconds', labelText([['source', name]]), confirmedAt / 1000);
  }
  yield head('tsuji_source_restarts_total', 'counter', 'Watches started anew after a failure or a silence.');
  for (const { name, restarts } of sources) {
    yield sample('tsuji_source_restarts_total', labelText([['source', name]]), restarts);
  }
}

/** The page in parts. `lag`: of the main thread's event loop, in seconds. */
export function* metricsPage(view: ControlView, reader: MetricsReader, lag: number): Generator<string> {
  const bounds = reader.bounds();
  const { entryPoints, backends } = yield* labelled(view, reader);
  yield* requestFamilies('traefik_entrypoint', 'an entrypoint', entryPoints, bounds);
  yield* endedFamily(view, reader);
  yield* openFamilies(view, reader, entryPoints);
  yield* requestFamilies('traefik_backend', 'a backend', backends, bounds);
  yield* backendFamilies(view, reader);
  yield* healthFamilies(view);
  yield* protectionFamilies(view);
  yield* optionFamilies(view, reader);
  yield* accessLogFamilies(view);
  yield* configFamilies(view);
  yield* certificateFamilies(view);
  yield* sourceFamilies(view);
  yield head('tsuji_worker_restarts_total', 'counter', 'Workers replaced after a failure.');
  for (const { index, restarts } of view.workers()) {
    yield sample('tsuji_worker_restarts_total', labelText([['worker', String(index)]]), restarts);
  }
  yield head('tsuji_build_info', 'gauge', 'Version of tsuji.');
  yield sample('tsuji_build_info', labelText([['version', view.version]]), 1);
  yield processMetrics(view.startedAt, lag);
}
