/**
 * Counts the outcomes of one worker's exchanges. With every one: its entrypoint, its cause, its backend and its server, each at a
 * place that is known. Over TLS one more for its version and cipher; the rest only where a flag asks for it.
 */

import type { RequestHead } from '../../http/request-head.ts';
import { causeNumber } from '../../kernel/causes.ts';
import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import type { MetricsOptions } from '../../kernel/metrics-options.ts';
import { MAX_TLS_TRAITS, type TlsTraits } from '../../kernel/tls-traits.ts';
import type { BackendCounts } from '../../shared/backend-counts.ts';
import type { Exemplars } from '../../shared/exemplars.ts';
import { HistogramOwner, type Histograms } from '../../shared/histograms.ts';
import type { LabelCounts } from '../../shared/label-counts.ts';
import { FAMILY } from '../../shared/label-families.ts';
import { type MetricsLane, methodNumber } from '../../shared/metrics.ts';
import { METHODS, PROTOCOL, PROTOCOLS } from '../../shared/metrics-layout.ts';
import type { ServerCounts } from '../../shared/server-counts.ts';
import { bucketOf } from '../../shared/slot-counts.ts';
import type { BackendView, FrontendView, ServerView } from '../../table/views.ts';
import type { Marks } from './marks.ts';
import { countsForBackend, type Outcome } from './outcome.ts';

/** Where a worker counts beside its lane. */
export type WorkerCounts = {
  readonly servers: ServerCounts;
  readonly backends: BackendCounts;
  readonly labels: LabelCounts;
  readonly histograms: Histograms;
  /** null without tracing. */
  readonly exemplars: Exemplars | null;
};

type TryTimes = { readonly connected: number; readonly headCame: number };

/** Distinct values of one header label; the others are one. */
const MAX_HEADER_VALUES = 100;
const MAX_VALUE_LENGTH = 128;
const OTHER = '(other)';

export class RequestCounts {
  private readonly metrics: MetricsLane;
  private readonly counts: WorkerCounts;
  private readonly entryPoints: readonly EntryPoint[];
  private readonly options: MetricsOptions;
  /** Places by entrypoint and traits, 0 for none yet. */
  private readonly entryPointTls: Int32Array;
  /** Places by name of the backend, and traits. */
  private readonly backendTls = new Map<string, Int32Array>();
  /** Requests in progress are counted by backend: only Traefik 1.7 has that. */
  readonly countsOpen: boolean;
  /** Places by name of the backend, and method and protocol. */
  private readonly backendOpen = new Map<string, Int32Array>();
  /** Values that were seen of each header label. */
  private readonly headerValues: readonly Set<string>[];

  constructor(metrics: MetricsLane, counts: WorkerCounts, entryPoints: readonly EntryPoint[], options: MetricsOptions) {
    this.metrics = metrics;
    this.counts = counts;
    this.entryPoints = entryPoints;
    this.options = options;
    this.countsOpen = options.names !== '3';
    this.entryPointTls = new Int32Array(entryPoints.length * MAX_TLS_TRAITS);
    this.headerValues = options.headerLabels.map(() => new Set());
  }

  /** `headersOf` is to be asked. */
  get wantsHeaders(): boolean {
    return this.headerValues.length > 0;
  }

  /** Of a request, the values of the headers that are labels. */
  headersOf(head: RequestHead): readonly string[] {
    return this.options.headerLabels.map(({ header }, i) => {
      const value = header === 'host' ? head.host : (head.values(header)[0] ?? '');
      const seen = this.headerValues[i];
      if (seen.has(value)) return value;
      if (value.length > MAX_VALUE_LENGTH || value.includes('\0')) return OTHER;
      if (seen.size >= MAX_HEADER_VALUES) {
        const what = `requests with other values, counted as ${OTHER}`;
        tellLimit({ limit: 'series', object: `values of ${header}`, value: MAX_HEADER_VALUES, what });
        return OTHER;
      }
      seen.add(value);
      return value;
    });
  }

  count(outcome: Outcome): void {
    const { metrics } = this;
    const { entryPoint, method, code, protocol, seconds, requestBytes, responseBytes, backend, tls } = outcome;
    const { exemplars } = this.counts;
    const place = metrics.entryPointDone(entryPoint, method, code, protocol, seconds, requestBytes, responseBytes);
    if (exemplars !== null) setExemplar(exemplars, place, outcome);
    metrics.ended(entryPoint, causeNumber(outcome.cause));
    if (tls !== null) this.overTls(entryPoint, tls);
    if (outcome.headers !== null)
      this.byHeaders(FAMILY.entryPointHeaders, outcome, [this.entryPoints[entryPoint].name]);
    if (outcome.frontend !== null) this.histogramOfFrontend(outcome, outcome.frontend);
    if (backend === null || !countsForBackend(outcome.frontend)) return;
    const itsPlace = metrics.backendDone(backend.slot, method, code, protocol, seconds, requestBytes, responseBytes);
    if (exemplars !== null) setExemplar(exemplars, itsPlace, outcome);
    this.countTries(outcome);
    if (tls !== null) this.backendOverTls(backend, tls);
    if (outcome.headers !== null) this.byHeaders(FAMILY.backendHeaders, outcome, [backend.name]);
    if (this.options.routers && outcome.frontend !== null) this.countFrontend(outcome, outcome.frontend, backend);
  }

  /** Also of one whose metrics nobody wants: it was used. */
  private histogramOfFrontend({ protocol, status, seconds, marks }: Outcome, frontend: FrontendView): void {
    frontend.histogram ??= HistogramOwner.ofFrontend(frontend.name);
    // How long somebody keeps a WebSocket says nothing of how fast answers are.
    const latency = protocol === PROTOCOL.websocket ? -1 : seconds;
    this.counts.histograms.answered(frontend.histogram as HistogramOwner, status, latency, secondsOf(marks));
  }

  private countTries({ marks, server, status }: Outcome): void {
    if (marks.failed.length > 0) this.countFailures(marks, status);
    if (server === null || marks.tryBegan < 0) return;
    this.countTry(server, marks, status, marks);
  }

  private countTry(server: ServerView, { headCame, connected }: TryTimes, status: number, marks: Marks): void {
    const { servers, histograms } = this.counts;
    const isAnswered = headCame >= 0;
    const seconds = isAnswered ? (headCame - connected) / 1_000 : -1;
    if (isAnswered) servers.answered(server.slot, status, seconds);
    else servers.unanswered(server.slot);
    server.histogram ??= HistogramOwner.ofServer(server.slot);
    histograms.answered(server.histogram as HistogramOwner, isAnswered ? status : 0, seconds, secondsOf(marks));
  }

  private countFailures(marks: Marks, status: number): void {
    const { servers, backends } = this.counts;
    for (const failed of marks.failed) {
      const { server, fault, status: own } = failed;
      this.countTry(server, failed, own === 0 ? status : own, marks);
      // One that was answered, and not liked, has not failed.
      if (fault === null) continue;
      servers.failed(server.slot);
      backends.tryFailed(server.backendSlot, fault.cause);
    }
  }

  private overTls(entryPoint: number, { number, version, cipher }: TlsTraits): void {
    const { labels } = this.counts;
    const at = entryPoint * MAX_TLS_TRAITS + number;
    if (this.entryPointTls[at] === 0) {
      this.entryPointTls[at] = labels.at(FAMILY.entryPointTls, [this.entryPoints[entryPoint].name, version, cipher]);
    }
    labels.add(this.entryPointTls[at]);
  }

  private backendOverTls({ name }: BackendView, { number, version, cipher }: TlsTraits): void {
    const { labels } = this.counts;
    const places = placesOf(this.backendTls, name, MAX_TLS_TRAITS);
    if (places[number] === 0) places[number] = labels.at(FAMILY.backendTls, [name, version, cipher]);
    labels.add(places[number]);
  }

  /** A request has come to the backend. Returns what `closed` is to be told, once. */
  opened({ name }: BackendView, method: string, protocol: number): number {
    const { labels } = this.counts;
    const places = placesOf(this.backendOpen, name, METHODS.length * PROTOCOLS.length);
    const at = methodNumber(method) * PROTOCOLS.length + protocol;
    if (places[at] === 0) {
      places[at] = labels.at(FAMILY.backendOpen, [METHODS[methodNumber(method)], PROTOCOLS[protocol], name]);
    }
    labels.add(places[at]);
    return places[at];
  }

  closed(place: number): void {
    this.counts.labels.add(place, -1);
  }

  private byHeaders(family: (typeof FAMILY)[keyof typeof FAMILY], outcome: Outcome, owner: readonly string[]): void {
    const { labels } = this.counts;
    labels.add(labels.at(family, [...owner, ...labelsOf(outcome), ...outcome.headers!]));
  }

  private countFrontend(outcome: Outcome, { name }: FrontendView, backend: BackendView): void {
    const { labels } = this.counts;
    const { seconds, requestBytes, responseBytes, tls } = outcome;
    const { buckets } = this.options;
    const owner = [name, backend.name];
    const at = labels.at(FAMILY.frontends, [...owner, ...labelsOf(outcome)], 5 + buckets.length);
    labels.add(at);
    labels.add(at + 1, seconds);
    labels.add(at + 2, requestBytes);
    labels.add(at + 3, responseBytes);
    labels.add(at + 4 + bucketOf(buckets, seconds));
    if (tls !== null) labels.add(labels.at(FAMILY.frontendTls, [...owner, tls.version, tls.cipher]));
    if (outcome.headers !== null) this.byHeaders(FAMILY.frontendHeaders, outcome, owner);
  }
}

/** 0 for what has no place yet. */
function placesOf(byName: Map<string, Int32Array>, name: string, size: number): Int32Array {
  let places = byName.get(name);
  if (places === undefined) {
    places = new Int32Array(size);
    byName.set(name, places);
  }
  return places;
}

/** Of Unix, when it ended. */
function secondsOf({ wall, total }: Marks): number {
  return Math.floor((wall + total) / 1_000);
}

/** Where its trace is kept. */
function setExemplar(exemplars: Exemplars, place: number, { trace, seconds, marks }: Outcome): void {
  if (trace?.isSampled) exemplars.set(place, trace.traceId, seconds, (marks.wall + marks.total) / 1_000);
}

/** As the labels code, method and protocol. */
function labelsOf({ code, method, protocol }: Outcome): readonly string[] {
  return [String(code), METHODS[methodNumber(method)], PROTOCOLS[protocol] ?? PROTOCOLS[0]];
}
