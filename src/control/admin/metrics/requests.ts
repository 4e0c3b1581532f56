/** Families of requests, with the names of Traefik (shared/spec logs §4.1), and how they ended. */
import { CAUSES } from '../../../kernel/causes.ts';
import { type LabelledSum, OTHER } from '../../../shared/label-counts.ts';
import { FAMILY, type LabelFamily } from '../../../shared/label-families.ts';
import { ownerOf, type Series } from '../../../shared/metrics-reader.ts';
import {
  exemplarText,
  family,
  type Histogram,
  histograms,
  labelText,
  PAUSE,
  type Parts,
  type Row,
  single,
} from './exposition.ts';
import type { MetricsSource, Named } from './source.ts';

/** Values of one label of a header that have series of their own. */
const MAX_HEADER_VALUES = 100;
const SERIES_PER_PAUSE = 1_024;

/** One Traefik name for requests of something: `traefik_service`, with its label. */
type Kind = { readonly prefix: string; readonly label: string; readonly of: string };
const ENTRY_POINT: Kind = { prefix: 'traefik_entrypoint', label: 'entrypoint', of: 'an entrypoint' };
const SERVICE: Kind = { prefix: 'traefik_service', label: 'service', of: 'a backend' };
const BACKEND: Kind = { prefix: 'traefik_backend', label: 'backend', of: 'a backend' };
const ROUTER: Kind = { prefix: 'traefik_router', label: 'router', of: 'a frontend' };

/** Something that requests are counted of, all labels in `labels`. */
type Counted = {
  readonly labels: string;
  readonly sums: Pick<Series, 'count' | 'seconds' | 'requestBytes' | 'responseBytes' | 'buckets'>;
  /** null: it has no exemplars. */
  readonly series: Series | null;
};

export function hasNamesOf3({ options }: MetricsSource): boolean {
  return options.names !== '1.7';
}

export function hasNamesOf17({ options }: MetricsSource): boolean {
  return options.names !== '3';
}

function* withName(source: MetricsSource, { label }: Kind, all: readonly Named[]): Parts<Counted[]> {
  const counted: Counted[] = [];
  for (const { name, series } of all) {
    if (counted.length % SERIES_PER_PAUSE === 0) yield PAUSE;
    counted.push({ labels: source.labelsOf(label, name, series), sums: series, series });
  }
  return counted;
}

function* rows(all: readonly Counted[], value: (sums: Counted['sums']) => number): Generator<Row> {
  for (const { labels, sums } of all) yield [labels, value(sums)];
}

/** `isExemplary`: there may be exemplars. */
function* durations(source: MetricsSource, { prefix, of }: Kind, all: readonly Counted[], isExemplary: boolean): Parts {
  const bounds = source.reader.bounds();
  const exemplars = isExemplary ? source.exemplars() : null;
  const values = new Float64Array(bounds.length + 1);
  let current: Series | null = null;
  function* histogramRows(): Generator<Histogram> {
    for (const { labels, sums, series } of all) {
      sums.buckets(values);
      current = series;
      yield { labels, sum: sums.seconds, values, at: 0 };
    }
  }
  const exemplar =
    exemplars === null
      ? null
      : (bucket: number): string => (current === null ? '' : exemplarText(exemplars.newest(current, bucket)));
  const took = `Time that ${of} took for a request.`;
  yield* histograms(`${prefix}_request_duration_seconds`, took, bounds, histogramRows(), exemplar);
}

function* requestFamilies(
  source: MetricsSource,
  kind: Kind,
  all: readonly Counted[],
  byHeaders: Iterable<Row> | null,
  isOpen: boolean,
): Parts {
  const { prefix, of } = kind;
  const help = `Requests that ${of} answered.`;
  yield* family(`${prefix}_requests_total`, 'counter', help, byHeaders ?? rows(all, ({ count }) => count));
  yield* durations(source, kind, all, isOpen);
  const inBytes = rows(all, ({ requestBytes }) => requestBytes);
  yield* family(`${prefix}_requests_bytes_total`, 'counter', `Bytes in the bodies of requests to ${of}.`, inBytes);
  const outBytes = rows(all, ({ responseBytes }) => responseBytes);
  yield* family(`${prefix}_responses_bytes_total`, 'counter', `Bytes in the bodies of responses from ${of}.`, outBytes);
}

function* tlsFamily({ prefix, of }: Kind, all: Iterable<Row>): Parts {
  yield* family(`${prefix}_requests_tls_total`, 'counter', `Requests over TLS that ${of} answered.`, all);
}

/** Rows of a family whose first labels are `names` in turn, where `known` says so of them. */
function* labelled(
  sums: readonly LabelledSum[],
  names: readonly string[],
  known: (labels: readonly string[]) => boolean,
  shown: (value: string, place: number) => string = (value) => value,
): Generator<Row> {
  for (const { labels, values } of sums) {
    if (!known(labels)) continue;
    yield [labelText(names.map((name, i) => [name, shown(labels[i] ?? OTHER, i)])), values[0]];
  }
}

/** requests_total with the labels of headers; null when none are asked for. */
function headerRows(
  source: MetricsSource,
  kind: LabelFamily,
  owners: readonly string[],
  known: (labels: readonly string[]) => boolean,
  shown: (value: string, place: number) => string,
): Iterable<Row> | null {
  const { headerLabels } = source.options;
  if (headerLabels.length === 0) return null;
  const fixed = [...owners, 'code', 'method', 'protocol'];
  const totals = new Map<string, number>();
  for (const { labels, values } of source.sums(kind)) {
    if (!known(labels)) continue;
    const own = headerLabels.map(({ label }, i): [string, string] => {
      const value = labels[fixed.length + i] ?? OTHER;
      return [label, boundedValue(source, i, value)];
    });
    const all = labelText([...fixed.map((name, i): [string, string] => [name, shown(labels[i], i)]), ...own]);
    totals.set(all, (totals.get(all) ?? 0) + values[0]);
  }
  return totals;
}

/** Each worker has values of its own, and all of them together are bounded as well. */
function boundedValue({ history }: MetricsSource, label: number, value: string): string {
  history.headerValues[label] ??= new Set();
  const seen = history.headerValues[label];
  if (seen.has(value)) return value;
  if (seen.size >= MAX_HEADER_VALUES) return OTHER;
  seen.add(value);
  return value;
}

/** Where the buckets of a frontend begin, behind its sums. */
const FRONTEND_BUCKETS = 4;

function frontendSeries(source: MetricsSource): Counted[] {
  return source.sums(FAMILY.frontends).flatMap(({ labels, values }) => {
    const [router, service, code, method, protocol] = labels;
    if (!source.knowsFrontend(router)) return [];
    const own: [string, string][] = [
      ['code', code],
      ['method', method],
      ['protocol', protocol],
      ['router', source.named(router)],
      ['service', source.named(service)],
    ];
    const [count, seconds, requestBytes, responseBytes] = values;
    const buckets = (sums: Float64Array): void => {
      sums.set(values.subarray(FRONTEND_BUCKETS, FRONTEND_BUCKETS + sums.length));
    };
    const sums = { count, seconds, requestBytes, responseBytes, buckets };
    return [{ labels: labelText(own), sums, series: null }];
  });
}

function* openConnections(source: MetricsSource, all: readonly Named[], kind: Kind): Parts {
  const { reader, view } = source;
  const entryPoints = view.entryPoints().map(({ name }) => name);
  const values = new Map<string, number>();
  const key = (name: string, method: string, protocol: string): string =>
    labelText([
      ['method', method],
      ['protocol', protocol],
      [kind.label, name],
    ]);
  // What was ever counted stays as a 0, because a gauge that vanishes reads as a lost target.
  for (const { name, series } of all) values.set(key(name, series.method, series.protocol), 0);
  for (const open of reader.openExchanges()) {
    const name = entryPoints[open.entryPoint];
    if (name !== undefined) values.set(key(name, open.method, open.protocol), open.value);
  }
  yield* family(`${kind.prefix}_open_connections`, 'gauge', `Requests in progress with ${kind.of}.`, values);
}

function* openBackends(source: MetricsSource): Parts {
  const { labels: names } = FAMILY.backendOpen;
  const known = ([, , backend]: readonly string[]): boolean => source.knowsBackend(backend);
  const shown = (value: string, place: number): string => (names[place] === 'backend' ? source.named(value) : value);
  const open = labelled(source.sums(FAMILY.backendOpen), names, known, shown);
  yield* family('traefik_backend_open_connections', 'gauge', 'Requests in progress with a backend.', open);
}

function* retryFamilies(source: MetricsSource, retries: readonly (readonly [string, number])[]): Parts {
  const named = (label: string): Row[] =>
    retries.map(([name, count]) => [labelText([[label, source.named(name)]]), count]);
  const help = 'Tries after the first one.';
  if (hasNamesOf3(source) && source.options.services) {
    yield* family('traefik_service_retries_total', 'counter', help, named('service'));
  }
  if (hasNamesOf17(source)) yield* family('traefik_backend_retries_total', 'counter', help, named('backend'));
}

/** `isOpen`: for OpenMetrics, which has exemplars. */
export function* requestMetrics(source: MetricsSource, isOpen: boolean): Parts {
  const { reader, view, options } = source;
  const { entryPoints, backends } = yield* source.requests();
  const always = (): boolean => true;
  const ofBackend = ([backend]: readonly string[]): boolean => source.knowsBackend(backend);
  const ofFrontend = ([frontend]: readonly string[]): boolean => source.knowsFrontend(frontend);
  const suffixFirst = (value: string, place: number): string => (place === 0 ? source.named(value) : value);
  const suffixTwo = (value: string, place: number): string => (place < 2 ? source.named(value) : value);
  const plain = (value: string): string => value;
  const tlsLabels = ['tls_version', 'tls_cipher'];

  if (options.entryPoints) {
    const counted = yield* withName(source, ENTRY_POINT, entryPoints);
    const headers = headerRows(source, FAMILY.entryPointHeaders, ['entrypoint'], always, plain);
    yield* requestFamilies(source, ENTRY_POINT, counted, headers, isOpen);
    if (hasNamesOf3(source)) {
      const sums = source.sums(FAMILY.entryPointTls);
      yield* tlsFamily(ENTRY_POINT, labelled(sums, ['entrypoint', ...tlsLabels], always));
    }
    if (hasNamesOf17(source)) yield* openConnections(source, entryPoints, ENTRY_POINT);
  }
  for (const kind of [SERVICE, BACKEND]) {
    const is3 = kind === SERVICE;
    if (is3 ? !hasNamesOf3(source) || !options.services : !hasNamesOf17(source)) continue;
    const counted = yield* withName(source, kind, backends);
    const headers = headerRows(source, FAMILY.backendHeaders, [kind.label], ofBackend, suffixFirst);
    yield* requestFamilies(source, kind, counted, headers, isOpen);
    if (!is3) continue;
    const sums = source.sums(FAMILY.backendTls);
    yield* tlsFamily(kind, labelled(sums, ['service', ...tlsLabels], ofBackend, suffixFirst));
  }
  if (hasNamesOf17(source)) yield* openBackends(source);
  if (options.routers && hasNamesOf3(source)) {
    const headers = headerRows(source, FAMILY.frontendHeaders, ['router', 'service'], ofFrontend, suffixTwo);
    yield* requestFamilies(source, ROUTER, frontendSeries(source), headers, isOpen);
    const sums = source.sums(FAMILY.frontendTls);
    yield* tlsFamily(ROUTER, labelled(sums, ['router', 'service', ...tlsLabels], ofFrontend, suffixTwo));
  }

  const retries: [string, number][] = [];
  const refused: Row[] = [];
  for (const [number, total] of reader.summaries()) {
    const owner = ownerOf(number);
    if (owner.kind === 'entryPoint') continue;
    const name = owner.kind === 'backend' ? view.backendName(owner.slot) : OTHER;
    if (!source.knowsBackend(name)) continue;
    if (total.retries > 0) retries.push([name, total.retries]);
    if (total.retriesRefused > 0) refused.push([labelText([['backend', name]]), total.retriesRefused]);
  }
  yield* retryFamilies(source, retries);
  const help = 'Retries that --retry.budget did not allow.';
  yield* family('tsuji_backend_retries_refused_total', 'counter', help, refused);
  yield* family('tsuji_requests_ended_total', 'counter', 'Requests by the one cause of their end.', endedRows(source));
  const open = reader.openExchanges().reduce((sum, { value }) => sum + value, 0);
  yield* single('tsuji_open_exchanges', 'gauge', 'Requests in progress on all entrypoints.', open);
}

function* endedRows({ view, reader }: MetricsSource): Generator<Row> {
  for (const [index, { name }] of view.entryPoints().entries()) {
    const entryPoint = labelText([['entrypoint', name]]);
    for (const [number, cause] of CAUSES.entries()) {
      yield [`${entryPoint},cause="${cause.name}"`, reader.ended(index, number)];
    }
  }
}
