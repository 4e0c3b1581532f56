/** Families of the configuration: tables, problems, sources, certificates, and what frontends ask for. */

import { MIRRORING, type MirroringOptions } from '../../../middlewares/mirroring.ts';
import { DROP_REASONS } from '../../../shared/access-log.ts';
import { FAMILY } from '../../../shared/label-families.ts';
import { MIRROR_RESULTS } from '../../../shared/mirror-counts.ts';
import { APPLY_BOUNDS } from '../../routing/apply-times.ts';
import { family, histograms, labelText, PAUSE, type Parts, type Row, single } from './exposition.ts';
import { histogramsOf, rowsOf } from './node.ts';
import { hasNamesOf17 } from './requests.ts';
import type { MetricsSource } from './source.ts';

const FRONTENDS_PER_PAUSE = 256;
const PROBLEM_STATES = ['rejected', 'defaulted', 'ignored'] as const;

export function* configMetrics(source: MetricsSource): Parts {
  const { view } = source;
  yield* single('traefik_config_reloads_total', 'counter', 'Configurations that were published.', view.reloads());
  const at = view.appliedAt() / 1000;
  const last = 'Last configuration in force, Unix time.';
  yield* single('traefik_config_last_reload_success', 'gauge', last, at);
  if (hasNamesOf17(source)) {
    const never = 'Always 0: a bad key costs its own object only.';
    yield* single('traefik_config_reloads_failure_total', 'counter', never, 0);
    yield* single('traefik_config_last_reload_failure', 'gauge', 'Always 0, see the failure counter.', 0);
  }
  yield* single('tsuji_config_generation', 'gauge', 'Newest published generation.', view.generation());
  const applied = view.workers().map(({ index, generation }): Row => [`worker="${index}"`, generation]);
  yield* family('tsuji_config_applied_generation', 'gauge', 'Generation that a worker routes by.', applied);
  const { sum, buckets } = view.applyTimes();
  const took = [{ labels: '', sum, values: buckets, at: 0 }];
  const help = 'From a change of keys to the last worker that routes by it.';
  yield* histograms('tsuji_config_apply_duration_seconds', help, APPLY_BOUNDS, took);
  const stale = 'For how long no source has confirmed what is in force; 0 while it is live.';
  yield* single('tsuji_config_stale_seconds', 'gauge', stale, view.staleSeconds());
  const upTo = [...view.appliedUpTo()].flatMap(([name, revision]): Row[] =>
    revision === '' ? [] : [[labelText([['source', name]]), Number(revision)]],
  );
  const revisions = 'Revision of the store up to which every worker routes by all that there is.';
  yield* family('tsuji_config_applied_revision', 'gauge', revisions, upTo);
  const held = 'Deleted keys that the guard against mass removal keeps in force.';
  yield* single('tsuji_config_held', 'gauge', held, view.held()?.keys ?? 0);
  const { count, outcomes } = view.suspects();
  yield* single('tsuji_servers_suspect', 'gauge', 'Servers in force whose lease ran out.', count);
  const became = Object.entries(outcomes).map(([outcome, times]): Row => [labelText([['outcome', outcome]]), times]);
  yield* family('tsuji_suspects_total', 'counter', 'Servers that were suspect, by what became of them.', became);
  yield* snapshotFamilies(source);
  const problems = new Map<string, number>(PROBLEM_STATES.map((state) => [state, 0]));
  for (const { state } of view.problems()) problems.set(state, (problems.get(state) ?? 0) + 1);
  const rejected = problems.get('rejected')!;
  const left = 'Keys whose object is left out for a mistake.';
  yield* single('tsuji_config_keys_rejected', 'gauge', left, rejected);
  const byState = [...problems].map(([state, count]): Row => [labelText([['state', state]]), count]);
  yield* family('tsuji_problems', 'gauge', 'Keys with a problem, by what became of them.', byState);
  const { frontends, backends, certificates } = view.model();
  let servers = 0;
  for (const backend of backends.values()) servers += backend.servers.length;
  const counts = { frontends: frontends.size, backends: backends.size, servers, certificates: certificates.size };
  const objects = Object.entries(counts).map(([kind, count]): Row => [`kind="${kind}"`, count]);
  yield* family('tsuji_config_objects', 'gauge', 'What the configuration has.', objects);
}

function* snapshotFamilies({ view }: MetricsSource): Parts {
  const snapshot = view.snapshot();
  const writes: Row[] = [];
  const age: Row[] = [];
  if (snapshot !== null) {
    writes.push(['result="ok"', snapshot.ok], ['result="failed"', snapshot.failed]);
    if (snapshot.writtenAt > 0) age.push(['', Math.max(0, Date.now() - snapshot.writtenAt) / 1_000]);
  }
  yield* family('tsuji_snapshot_age_seconds', 'gauge', 'Since the snapshot of the keys was written.', age);
  yield* family('tsuji_snapshot_writes_total', 'counter', 'Writes of the snapshot of the keys.', writes);
}

/** Named as in Traefik 2 and later, where this metric comes from. */
export function* certificateMetrics({ view }: MetricsSource): Parts {
  // One certificate that is configured twice is one series.
  const values = new Map<string, number>();
  for (const { commonName, serial, dnsNames, notAfter } of view.certificates()) {
    if (notAfter === 0) continue;
    const labels = labelText([
      ['cn', commonName],
      ['serial', serial],
      ['sans', [...dnsNames].sort().join(',')],
    ]);
    values.set(labels, notAfter / 1000);
  }
  const help = 'End of the validity of a certificate, Unix time.';
  yield* family('traefik_tls_certs_not_after', 'gauge', help, values);
}

export function* sourceMetrics({ view }: MetricsSource): Parts {
  // A store without this API is no fault, so it must not read as one that is down.
  const sources = view.sources().filter(({ state }) => state !== 'absent');
  const rows = (value: (one: (typeof sources)[number]) => number): Row[] =>
    sources.map((one) => [labelText([['source', one.name]]), value(one)]);
  const up = rows(({ state }) => (state === 'live' ? 1 : 0));
  yield* family('tsuji_source_up', 'gauge', 'Is the source of keys in reach and up to date?', up);
  const confirmed = rows(({ confirmedAt }) => confirmedAt / 1000);
  const help = 'Last time the store confirmed our state, Unix time.';
  yield* family('tsuji_source_confirmed_seconds', 'gauge', help, confirmed);
  const restarts = rows((one) => one.restarts);
  const anew = 'Watches started anew after a failure or a silence.';
  yield* family('tsuji_source_restarts_total', 'counter', anew, restarts);
}

function* mirrorRows({ view }: MetricsSource): Parts<Row[]> {
  const found: Row[] = [];
  let seen = 0;
  for (const { name: frontend, options } of [...view.model().frontends.values()]) {
    if (++seen % FRONTENDS_PER_PAUSE === 0) yield PAUSE;
    const own = options[MIRRORING.name] as MirroringOptions | undefined;
    for (const backend of new Set(own?.mirrors.map((mirror) => mirror.backend))) {
      for (const [i, count] of view.mirrored(frontend, backend).entries()) {
        found.push([labelText(Object.entries({ frontend, backend, result: MIRROR_RESULTS[i] })), count]);
      }
    }
  }
  return found;
}

export function* accessLogMetrics({ view }: MetricsSource): Parts {
  const { lines, bytes, dropped } = view.accessLog() ?? { lines: 0, bytes: 0, dropped: [] };
  const written = 'Lines of the access log that were written.';
  yield* single('tsuji_access_log_lines_total', 'counter', written, lines);
  yield* single('tsuji_access_log_bytes_total', 'counter', 'Bytes of these.', bytes);
  const lost = DROP_REASONS.map((reason, i): Row => [labelText([['reason', reason]]), dropped[i] ?? 0]);
  yield* family('tsuji_access_log_dropped_total', 'counter', 'Lines of the access log that were lost.', lost);
}

export function* traceMetrics({ view }: MetricsSource): Parts {
  const counts = view.spans() ?? { exported: 0, dropped: 0, failed: 0 };
  const rows = Object.entries(counts).map(([result, count]): Row => [`result="${result}"`, count]);
  const help = 'Spans of traces: the collector has them, there was no room, it did not take them.';
  yield* family('tsuji_spans_total', 'counter', help, rows);
}

export function* optionMetrics(source: MetricsSource): Parts {
  const mirrored = yield* mirrorRows(source);
  yield* family('tsuji_mirror_requests_total', 'counter', 'Copies of requests for mirrors.', mirrored);
  const used = source.reader.compressed().filter(({ before }) => before > 0);
  const sides = used.flatMap(({ coding, before, after }): Row[] => [
    [
      labelText([
        ['encoding', coding],
        ['side', 'in'],
      ]),
      before,
    ],
    [
      labelText([
        ['encoding', coding],
        ['side', 'out'],
      ]),
      after,
    ],
  ]);
  const help = 'Bytes of responses before and after compression.';
  yield* family('tsuji_compression_bytes_total', 'counter', help, sides);
  const refused = rowsOf(source, FAMILY.rateLimited);
  yield* family('tsuji_ratelimit_refused_total', 'counter', 'Requests that a rate limit refused.', refused);
  const asked = rowsOf(source, FAMILY.auth);
  yield* family('tsuji_auth_requests_total', 'counter', 'Requests by what their authentication came to.', asked);
  const took = histogramsOf(source, FAMILY.authSeconds);
  const time = 'Time that authentication took.';
  yield* histograms('tsuji_auth_duration_seconds', time, FAMILY.authSeconds.bounds!, took);
}
