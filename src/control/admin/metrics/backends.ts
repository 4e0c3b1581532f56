/** Families of backends and their servers: state, tries, connections, breakers, limits. */
import { tellLimit } from '../../../kernel/limit-log.ts';
import {
  BACKEND_STRIDE,
  CLOSED_BY_SERVER,
  CLOSED_BY_US,
  CONNECT_BOUNDS,
  CONNECT_BUCKETS,
  CONNECT_CAUSES,
  CONNECT_FAILURES,
  CONNECT_SECONDS,
  CONNECTS,
  IDLE,
  OPEN,
  REUSES,
  TRY_CAUSES,
  TRY_FAILURES,
} from '../../../shared/backend-counts.ts';
import {
  CLASSES,
  SERVER_BOUNDS,
  SERVER_BUCKETS,
  SERVER_FAILURES,
  SERVER_SECONDS,
} from '../../../shared/server-counts.ts';
import type { ServerStatus } from '../../balancing/server-status.ts';
import type { BreakerView, HealthView, LimitView } from '../../view.ts';
import { family, histograms, labelText, PAUSE, type Parts, type Row } from './exposition.ts';
import { hasNamesOf3, hasNamesOf17 } from './requests.ts';
import type { BackendRow, MetricsSource, ServerRow } from './source.ts';

const STATES = ['up', 'down', 'ejected', 'draining', 'suspect', 'unchecked'] as const;
const BREAKER_STATES: Readonly<Record<BreakerView['state'], number>> = { standby: 0, recovering: 1, tripped: 2 };

type State = {
  readonly service: string;
  readonly backend: string;
  readonly own: string;
  readonly status: ServerStatus;
  readonly health: HealthView | null;
};

/** As the label `state`: whether requests are sent to it, and what is known of it. */
function stateOf({ state, up }: ServerStatus, health: HealthView | null): (typeof STATES)[number] {
  if (state === 'down' || state === 'draining' || state === 'suspect') return state;
  if (state === 'ejected' || state === 'on trial') return 'ejected';
  if (!up) return 'down';
  return health === null || health.state === 'unchecked' ? 'unchecked' : 'up';
}

function* states(source: MetricsSource): Parts<State[]> {
  const { view } = source;
  const found: State[] = [];
  for (const backend of [...view.model().backends.values()]) {
    yield PAUSE;
    for (const { server, service, backend: ofBackend, own } of source.serverTexts(backend)) {
      found.push({
        service,
        backend: ofBackend,
        own,
        status: view.serverStatus(backend, server),
        health: backend.healthCheck === undefined ? null : view.health(backend.name, server.url),
      });
    }
  }
  return found;
}

function* map<T>(all: readonly T[], row: (one: T) => Row | null): Generator<Row> {
  for (const one of all) {
    const made = row(one);
    if (made !== null) yield made;
  }
}

/** Only what was ever counted. */
function counted(labels: string, value: number): Row | null {
  return value > 0 ? [labels, value] : null;
}

function* stateFamilies(source: MetricsSource): Parts {
  const all = yield* states(source);
  const up = 'Server that new requests are sent to.';
  const isUp = ({ status }: State): number => (status.up ? 1 : 0);
  if (hasNamesOf3(source) && source.options.services) {
    const rows = map(all, (one) => [one.service, isUp(one)]);
    yield* family('traefik_service_server_up', 'gauge', up, rows);
  }
  if (hasNamesOf17(source)) {
    const rows = map(all, (one) => [one.backend, isUp(one)]);
    yield* family('traefik_backend_server_up', 'gauge', up, rows);
  }
  const inFlight = map(all, ({ own, status }) => [own, status.inFlight]);
  yield* family('tsuji_backend_server_in_flight', 'gauge', 'Requests in progress with a server.', inFlight);
  const ejections = map(all, ({ own, status }) => counted(own, status.ejections));
  yield* family('tsuji_backend_server_ejections_total', 'counter', 'Times that a server was ejected.', ejections);
  const shown = all.slice(0, source.options.maxServers);
  const weights = map(shown, ({ own, status }) => [own, status.effectiveWeight]);
  yield* family('tsuji_server_weight', 'gauge', 'Weight of a server as it counts now.', weights);
  yield* family('tsuji_server_state', 'gauge', 'State of a server: 1 for the one that it is in.', stateRows(shown));
  const checked = all.filter(({ health }) => health !== null);
  const took = map(checked, ({ own, health }) => [own, health!.seconds]);
  const help = 'Time that the last health check of a server took.';
  yield* family('tsuji_health_check_duration_seconds', 'gauge', help, took);
  const checks = map(checked, ({ own, health }) => [own, health!.checks]);
  yield* family('tsuji_health_checks_total', 'counter', 'Health checks of a server since it is checked.', checks);
  const failed = map(checked, ({ own, health }) => [own, health!.failed]);
  yield* family('tsuji_health_checks_failed_total', 'counter', 'Those of them that failed.', failed);
}

function* stateRows(all: readonly State[]): Generator<Row> {
  for (const { own, status, health } of all) {
    const now = stateOf(status, health);
    for (const state of STATES) yield [`${own},state="${state}"`, state === now ? 1 : 0];
  }
}

function* serverFamilies(rows: readonly ServerRow[]): Parts {
  yield* family('tsuji_server_requests_total', 'counter', 'Tries by the class of their answer.', classRows(rows));
  const failures = map(rows, ({ labels, counts }) => counted(labels, counts[SERVER_FAILURES]));
  yield* family('tsuji_server_failures_total', 'counter', 'Tries that failed, retried or not.', failures);
  const used = rows.filter(({ counts }) => CLASSES.some((_, i) => counts[i] > 0));
  const took = used.map(({ labels, counts }) => ({
    labels,
    sum: counts[SERVER_SECONDS],
    values: counts,
    at: SERVER_BUCKETS,
  }));
  const help = 'From a connection to the head of the answer.';
  yield* histograms('tsuji_server_request_duration_seconds', help, SERVER_BOUNDS, took);
}

function* classRows(rows: readonly ServerRow[]): Generator<Row> {
  for (const { labels, counts } of rows) {
    for (const [i, name] of CLASSES.entries()) if (counts[i] > 0) yield [`${labels},class="${name}"`, counts[i]];
  }
}

function* causeRows(rows: readonly BackendRow[], causes: readonly string[], at: number): Generator<Row> {
  for (const { labels, counts } of rows) {
    for (const [i, cause] of causes.entries()) {
      if (counts[at + i] > 0) yield [`${labels},cause="${cause}"`, counts[at + i]];
    }
  }
}

function* connectionFamilies(all: readonly BackendRow[]): Parts {
  // Backends that were never asked have nothing to tell.
  const rows = all.filter(({ counts }) => counts.some((count, i) => i < BACKEND_STRIDE && count !== 0));
  const failures = causeRows(rows, TRY_CAUSES, TRY_FAILURES);
  yield* family('tsuji_backend_failures_total', 'counter', 'Tries that failed, retried or not.', failures);
  const connects = map(rows, ({ labels, counts }) => [labels, counts[CONNECTS]]);
  yield* family('tsuji_upstream_connects_total', 'counter', 'Connections to servers that came about.', connects);
  const reuses = map(rows, ({ labels, counts }) => [labels, counts[REUSES]]);
  const reused = 'Requests over connections that had served before.';
  yield* family('tsuji_upstream_reuses_total', 'counter', reused, reuses);
  const refused = causeRows(rows, CONNECT_CAUSES, CONNECT_FAILURES);
  const none = 'Connections to servers that did not come about.';
  yield* family('tsuji_upstream_connect_failures_total', 'counter', none, refused);
  const took = rows.map(({ labels, counts }) => ({
    labels,
    sum: counts[CONNECT_SECONDS],
    values: counts,
    at: CONNECT_BUCKETS,
  }));
  const help = 'Time that a connection to a server took, TLS included.';
  yield* histograms('tsuji_upstream_connect_duration_seconds', help, CONNECT_BOUNDS, took);
  yield* family('tsuji_upstream_connections', 'gauge', 'Connections to servers.', connectionRows(rows));
  const idle = 'Idle connections to servers that were closed, by whom.';
  yield* family('tsuji_upstream_closed_idle_total', 'counter', idle, closedRows(rows));
}

function* connectionRows(rows: readonly BackendRow[]): Generator<Row> {
  for (const { labels, counts } of rows) {
    yield [`${labels},state="idle"`, counts[IDLE]];
    yield [`${labels},state="active"`, counts[OPEN] - counts[IDLE]];
  }
}

function* closedRows(rows: readonly BackendRow[]): Generator<Row> {
  for (const { labels, counts } of rows) {
    yield [`${labels},by="us"`, counts[CLOSED_BY_US]];
    yield [`${labels},by="server"`, counts[CLOSED_BY_SERVER]];
  }
}

function* protectionFamilies({ view }: MetricsSource): Parts {
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
  const state = map(breakers, ({ labels, breaker }) => [labels, BREAKER_STATES[breaker.state]]);
  const states = 'Circuit breaker: 0 standby, 1 recovering, 2 tripped.';
  yield* family('tsuji_backend_breaker_state', 'gauge', states, state);
  const trips = map(breakers, ({ labels, breaker }) => [labels, breaker.trips]);
  yield* family('tsuji_backend_breaker_trips_total', 'counter', 'Times that a circuit breaker tripped.', trips);
  const refused = map(breakers, ({ labels, breaker }) => [labels, breaker.refused]);
  const help = 'Requests that a circuit breaker refused.';
  yield* family('tsuji_backend_breaker_refused_total', 'counter', help, refused);
  const running = map(limits, ({ labels, limit }) => [labels, limit.inProgress]);
  yield* family('tsuji_backend_maxconn_in_progress', 'gauge', 'Requests in progress that maxconn counts.', running);
  const waiting = map(limits, ({ labels, limit }) => [labels, limit.waiting]);
  yield* family('tsuji_backend_maxconn_waiting', 'gauge', 'Requests that wait for a slot of maxconn.', waiting);
  const over = map(limits, ({ labels, limit }) => [labels, limit.refused]);
  yield* family('tsuji_backend_maxconn_refused_total', 'counter', 'Requests that maxconn refused.', over);
}

export function* backendMetrics(source: MetricsSource): Parts {
  yield* stateFamilies(source);
  const { rows, folded } = yield* source.serverRows();
  yield* serverFamilies(rows);
  const help = 'Servers beyond --metrics.prometheus.maxServers, which share one series.';
  yield* family('tsuji_servers_folded', 'gauge', help, [['', folded]]);
  if (folded > 0) {
    const what = 'pages of metrics on which servers share one series';
    tellLimit({ limit: 'series', object: 'servers', value: source.options.maxServers, what });
  }
  yield* connectionFamilies(yield* source.backendRows());
  yield* protectionFamilies(source);
}
