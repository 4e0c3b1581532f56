/** Families of the node itself: entrypoints, workers, what waits, limits. */
import { HistogramReader } from '../../../shared/histograms.ts';
import type { LabelFamily } from '../../../shared/label-families.ts';
import { FAMILY } from '../../../shared/label-families.ts';
import { PROTECTIONS } from '../../../shared/protections.ts';
import { family, type Histogram, histograms, labelText, type Parts, type Row, single } from './exposition.ts';
import { hasNamesOf3 } from './requests.ts';
import type { MetricsSource } from './source.ts';

/** Does the series belong to something that is there? */
function isKnown(source: MetricsSource, kind: LabelFamily, labels: readonly string[]): boolean {
  return kind.labels[0] !== 'frontend' || labels[0] === '' || source.knowsFrontend(labels[0]);
}

/** Counters of a family whose labels are named as they are counted. */
export function* rowsOf(source: MetricsSource, kind: LabelFamily): Generator<Row> {
  for (const { labels, values } of source.sums(kind)) {
    if (isKnown(source, kind, labels)) yield [namedLabels(kind, labels), values[0]];
  }
}

export function* histogramsOf(source: MetricsSource, kind: LabelFamily): Generator<Histogram> {
  for (const { labels, values } of source.sums(kind)) {
    if (!isKnown(source, kind, labels)) continue;
    yield { labels: namedLabels(kind, labels), sum: values[0], values, at: 1 };
  }
}

/** An empty label is none. */
function namedLabels(kind: LabelFamily, labels: readonly string[]): string {
  return labelText(kind.labels.map((name, i) => [name, labels[i]] as const).filter(([, value]) => value !== ''));
}

export function* listenerMetrics(source: MetricsSource): Parts {
  const { reader, view } = source;
  if (hasNamesOf3(source) && source.options.entryPoints) {
    const open = view.entryPoints().map(({ name }, index): Row => {
      return [
        labelText([
          ['entrypoint', name],
          ['protocol', 'TCP'],
        ]),
        reader.connections(index),
      ];
    });
    yield* family('traefik_open_connections', 'gauge', 'Connections of clients that are open.', open);
  }
  const all = 'Connections of clients that were accepted.';
  yield* family('tsuji_downstream_connections_total', 'counter', all, rowsOf(source, FAMILY.connections));
  const closed = 'Connections of clients that were closed before anything was served on them.';
  yield* family('tsuji_downstream_rejected_total', 'counter', closed, rowsOf(source, FAMILY.rejected));
  yield* family(
    'tsuji_tls_handshakes_total',
    'counter',
    'TLS handshakes of clients.',
    rowsOf(source, FAMILY.handshakes),
  );
  const failed = 'TLS handshakes of clients that came to nothing.';
  yield* family('tsuji_tls_handshake_failures_total', 'counter', failed, rowsOf(source, FAMILY.handshakeFailures));
  const { bounds } = FAMILY.handshakeSeconds;
  const took = histogramsOf(source, FAMILY.handshakeSeconds);
  yield* histograms('tsuji_tls_handshake_duration_seconds', 'Time that a TLS handshake took.', bounds!, took);
  const refused = 'Clients for which no file descriptor was left, or beyond --limits.connections.';
  yield* single('tsuji_connections_refused_total', 'counter', refused, reader.clientsRefused());
  const counts = reader.protections();
  const protections = PROTECTIONS.flatMap((reason, i): Row[] =>
    counts[i] > 0 ? [[labelText([['reason', reason]]), counts[i]]] : [],
  );
  const help = 'Clients that were refused something or ended for what they cost.';
  yield* family('tsuji_client_protection_total', 'counter', help, protections);
}

export function* workerMetrics(source: MetricsSource): Parts {
  const { reader, view } = source;
  const workers = view.workers();
  const ofWorkers = (value: (worker: (typeof workers)[number]) => number): Row[] =>
    workers.map((worker) => [labelText([['worker', String(worker.index)]]), value(worker)]);
  const upstream = reader.openUpstreamConnections();
  yield* single('tsuji_open_upstream_connections', 'gauge', 'Connections to servers, idle ones included.', upstream);
  yield* single('tsuji_armed_timers', 'gauge', 'Timeouts that are running in the workers.', reader.armedTimers());
  yield* single('tsuji_buffered_bytes', 'gauge', 'What waits in the workers for slow peers.', reader.bufferedBytes());
  yield* single('tsuji_buffered_disk_bytes', 'gauge', 'What bodies take in --buffering.dir.', reader.bytesOnDisk());
  const ended = 'What was ended because more waited than --limits allow.';
  yield* single('tsuji_buffer_limit_total', 'counter', ended, reader.overBudget());
  const restarts = ofWorkers((worker) => worker.restarts);
  yield* family('tsuji_worker_restarts_total', 'counter', 'Workers replaced after a failure.', restarts);
  const lost = ofWorkers((worker) => worker.lostExchanges);
  const died = 'Requests in progress that ended with their worker.';
  yield* family('tsuji_worker_lost_exchanges_total', 'counter', died, lost);
  const used = ofWorkers((worker) => source.utilization(worker));
  const busy = 'Share of its time that the event loop of a worker was busy, since the last page.';
  yield* family('tsuji_worker_loop_utilization', 'gauge', busy, used);
  const late = 'How late a timer of a worker was, asked every 100 ms.';
  const { bounds } = FAMILY.lag;
  yield* histograms('tsuji_worker_loop_lag_seconds', late, bounds!, histogramsOf(source, FAMILY.lag));
  yield* family(
    'tsuji_worker_heap_bytes',
    'gauge',
    'Memory of the JavaScript of a worker.',
    rowsOf(source, FAMILY.heap),
  );
  const watched = 'Requests that live tails have looked at.';
  yield* family('tsuji_tail_requests_total', 'counter', watched, rowsOf(source, FAMILY.tail));
  const gc = 'Time that a worker spent collecting garbage.';
  yield* family('tsuji_worker_gc_seconds_total', 'counter', gc, rowsOf(source, FAMILY.collections));
}

export function* limitMetrics(source: MetricsSource): Parts {
  const limits = source.view.limitUses();
  const rows = (value: (limit: (typeof limits)[number]) => number): Row[] =>
    limits.map((limit) => [labelText([['limit', limit.name]]), value(limit)]);
  yield* family(
    'tsuji_limit_value',
    'gauge',
    'What a limit allows.',
    rows(({ value }) => value),
  );
  yield* family(
    'tsuji_limit_used',
    'gauge',
    'What of it is used.',
    rows(({ used }) => used),
  );
  const help = 'Times that something was counted as (other) since there was no room for its labels.';
  const reader = new HistogramReader(source.view.countBuffers().map((buffers) => buffers.histograms));
  const folded = source.labels.folded() + source.reader.folded() + reader.folded();
  yield* single('tsuji_series_folded_total', 'counter', help, folded);
}
