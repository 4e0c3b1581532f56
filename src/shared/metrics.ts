/**
 * What a worker counts: one call when an exchange opens, one or two when it is done. Nothing here allocates or throws
 * once the lane is open, whatever is passed in. The bytes are described in metrics-layout.ts, the sums are made in
 * metrics-reader.ts.
 */
import { CODINGS, type Coding } from '../kernel/codings.ts';
import { latencyBucket } from './latency.ts';
import {
  FIRST_BACKEND,
  LaneView,
  labelsOf,
  MAX_ENTRY_POINTS,
  METHODS,
  OTHER_BACKENDS,
  PROTOCOL,
  PROTOCOLS,
  SERIES_BUCKETS,
  SERIES_COUNT,
  SERIES_REQUEST_BYTES,
  SERIES_RESPONSE_BYTES,
  SERIES_SECONDS,
  SUMMARY_CLIENT_ERRORS,
  SUMMARY_COUNT,
  SUMMARY_ERRORS,
  SUMMARY_LATENCY,
  SUMMARY_REDIRECTS,
  SUMMARY_REFUSED,
  SUMMARY_REQUEST_BYTES,
  SUMMARY_RESPONSE_BYTES,
  SUMMARY_RETRIES,
} from './metrics-layout.ts';
import { PROTECTIONS, type Protection } from './protections.ts';
import { RecordIndex } from './record-index.ts';

/** The number of a method: its place in METHODS. */
export function methodNumber(method: string): number {
  switch (method) {
    case 'GET':
      return 0;
    case 'HEAD':
      return 1;
    case 'POST':
      return 2;
    case 'PUT':
      return 3;
    case 'DELETE':
      return 4;
    case 'PATCH':
      return 5;
    case 'OPTIONS':
      return 6;
    case 'CONNECT':
      return 7;
    case 'TRACE':
      return 8;
    default:
      return 9;
  }
}

function entryPointOwner(entryPoint: number): number {
  return entryPoint & (MAX_ENTRY_POINTS - 1);
}

function backendOwner(slot: number): number {
  return slot >= 0 ? FIRST_BACKEND + slot : OTHER_BACKENDS;
}

function knownProtocol(protocol: number): number {
  return protocol > 0 && protocol < PROTOCOLS.length ? protocol | 0 : PROTOCOL.http;
}

/** UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS of gRPC, a bit each. */
const GRPC_ERRORS = (1 << 2) | (1 << 4) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 15);

function isError(code: number, protocol: number): boolean {
  if (code >= 500) return true;
  return protocol >= PROTOCOL.grpc && code < 32 && ((GRPC_ERRORS >>> code) & 1) === 1;
}

/** The writing side of a lane. One per worker; a lane must never have two at a time. */
export class MetricsLane {
  private readonly lane: LaneView;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bounds: Float64Array;
  private readonly seriesIndex: RecordIndex;
  private readonly summaryIndex: RecordIndex;
  private seriesUsed: number;
  private summariesUsed: number;

  /** Goes on where the last worker of this lane stopped. Throws TsujiError METRICS_LANE for any other buffer. */
  constructor(buffer: SharedArrayBuffer) {
    const lane = new LaneView(buffer);
    this.lane = lane;
    this.words = lane.words;
    this.doubles = lane.doubles;
    this.bounds = Float64Array.from(lane.bounds);
    this.seriesUsed = lane.seriesUsed();
    this.summariesUsed = lane.summariesUsed();
    this.seriesIndex = new RecordIndex(lane.words, lane.seriesStart * 2, lane.seriesStride * 2, lane.seriesCapacity);
    for (let i = 0; i < this.seriesUsed; i++) this.seriesIndex.add(i);
    this.summaryIndex = new RecordIndex(
      lane.words,
      lane.summaryStart * 2,
      lane.summaryStride * 2,
      lane.summaryCapacity,
    );
    for (let i = 0; i < this.summariesUsed; i++) this.summaryIndex.add(i);
    lane.clearOpen();
  }

  /** A request head was read. `protocol`: one of PROTOCOL. */
  exchangeOpened(entryPoint: number, method: string, protocol: number): void {
    this.words[this.openWord(entryPoint, method, protocol)]++;
  }

  /** Exactly once for each `exchangeOpened`, with the same arguments. */
  exchangeClosed(entryPoint: number, method: string, protocol: number): void {
    this.words[this.openWord(entryPoint, method, protocol)]--;
  }

  /** How many connections of clients that entrypoint has now. */
  connections(entryPoint: number, open: number): void {
    this.lane.setConnections(entryPointOwner(entryPoint), open);
  }

  upstreamOpened(): void {
    this.lane.addOpenUpstream(1);
  }

  upstreamClosed(): void {
    this.lane.addOpenUpstream(-1);
  }

  /** How many timeouts are armed now. */
  timersArmed(armed: number): void {
    this.lane.setTimers(armed);
  }

  /** How many bytes wait in this worker now: src/data/memory-budget.ts */
  buffered(bytes: number): void {
    this.lane.setBuffered(bytes);
  }

  /** So many bytes of a response were compressed to so many. */
  compressed(coding: Coding, before: number, after: number): void {
    this.lane.addCompressed(CODINGS.indexOf(coding), before, after);
  }

  /** How many bytes of the disk this worker's bodies take now: src/data/spool/spool-disk.ts */
  onDisk(bytes: number): void {
    this.lane.setOnDisk(bytes);
  }

  /** A connection was closed as soon as it was accepted: src/data/descriptors.ts */
  clientRefused(): void {
    this.lane.addClientRefused();
  }

  /** A client was refused something, or ended, because it costs more than it may. */
  protection(reason: Protection): void {
    this.lane.addProtection(PROTECTIONS.indexOf(reason));
  }

  /** Something was ended because too much waited. */
  overBudget(): void {
    this.lane.addOverBudget();
  }

  /**
   * An exchange ended. `entryPoint`: its index; `code`: what the client was sent, of gRPC its status there; `seconds`: from
   * the request head to the last byte of the response; sizes are those of the bodies. Returns the place of its bucket, for its
   * exemplar.
   */
  entryPointDone(
    entryPoint: number,
    method: string,
    code: number,
    protocol: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): number {
    return this.done(entryPointOwner(entryPoint), method, code, protocol, seconds, requestBytes, responseBytes);
  }

  /** An exchange ended for `cause`, a number of kernel/causes.ts. */
  ended(entryPoint: number, cause: number): void {
    this.lane.addEnded(entryPointOwner(entryPoint), cause);
  }

  /** The same for the backend that the exchange was routed to, local replies included. */
  backendDone(
    backendSlot: number,
    method: string,
    code: number,
    protocol: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): number {
    return this.done(backendOwner(backendSlot), method, code, protocol, seconds, requestBytes, responseBytes);
  }

  /** A try after the first one. */
  retries(backendSlot: number): void {
    this.doubles[this.summary(backendOwner(backendSlot)) + SUMMARY_RETRIES]++;
  }

  /** A retry that the budget did not allow. */
  retryRefused(backendSlot: number): void {
    this.doubles[this.summary(backendOwner(backendSlot)) + SUMMARY_REFUSED]++;
  }

  private done(
    owner: number,
    method: string,
    code: number,
    protocol: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): number {
    const { doubles, bounds, lane } = this;
    // One NaN would poison a sum for ever.
    const duration = seconds >= 0 && seconds < Number.MAX_SAFE_INTEGER ? seconds : 0;
    const least = protocol >= PROTOCOL.grpc ? 0 : 100;
    const status = code >= least && code <= 999 ? code | 0 : 0;

    const record = this.series(owner, labelsOf(methodNumber(method), status, knownProtocol(protocol)));
    const series = lane.seriesStart + record * lane.seriesStride;
    doubles[series + SERIES_COUNT]++;
    doubles[series + SERIES_SECONDS] += duration;
    if (requestBytes > 0) doubles[series + SERIES_REQUEST_BYTES] += requestBytes;
    if (responseBytes > 0) doubles[series + SERIES_RESPONSE_BYTES] += responseBytes;
    let bucket = 0;
    while (bucket < bounds.length && duration > bounds[bucket]) bucket++;
    doubles[series + SERIES_BUCKETS + bucket]++;

    const summary = this.summary(owner);
    doubles[summary + SUMMARY_COUNT]++;
    if (isError(status, protocol)) doubles[summary + SUMMARY_ERRORS]++;
    else if (status >= 400 || (status > 0 && status < 100)) doubles[summary + SUMMARY_CLIENT_ERRORS]++;
    else if (status >= 300) doubles[summary + SUMMARY_REDIRECTS]++;
    if (requestBytes > 0) doubles[summary + SUMMARY_REQUEST_BYTES] += requestBytes;
    if (responseBytes > 0) doubles[summary + SUMMARY_RESPONSE_BYTES] += responseBytes;
    // How long somebody keeps a WebSocket says nothing of how fast answers are.
    if (protocol !== PROTOCOL.websocket) this.words[summary * 2 + SUMMARY_LATENCY + latencyBucket(duration)]++;
    return record * (bounds.length + 1) + bucket;
  }

  /** The number of the record of the series. */
  private series(owner: number, labels: number): number {
    const record = this.seriesIndex.find(owner, labels);
    return record < 0 ? this.claimSeries(owner, labels) : record;
  }

  private claimSeries(owner: number, labels: number): number {
    const { lane } = this;
    if (this.seriesUsed === lane.seriesCapacity) return owner < FIRST_BACKEND ? owner : OTHER_BACKENDS;
    const record = this.seriesUsed;
    const at = (lane.seriesStart + record * lane.seriesStride) * 2;
    this.words[at] = owner;
    this.words[at + 1] = labels;
    this.seriesIndex.add(record);
    this.seriesUsed = record + 1;
    lane.setSeriesUsed(record + 1);
    return record;
  }

  /** Start of the summary in 8-byte words. */
  private summary(owner: number): number {
    const { lane } = this;
    let record = owner < FIRST_BACKEND ? owner : this.summaryIndex.find(owner, 0);
    if (record < 0) record = this.claimSummary(owner);
    return lane.summaryStart + record * lane.summaryStride;
  }

  private claimSummary(owner: number): number {
    const { lane } = this;
    if (this.summariesUsed === lane.summaryCapacity) return OTHER_BACKENDS;
    const record = this.summariesUsed;
    this.words[(lane.summaryStart + record * lane.summaryStride) * 2] = owner;
    this.summaryIndex.add(record);
    this.summariesUsed = record + 1;
    lane.setSummariesUsed(record + 1);
    return record;
  }

  private openWord(entryPoint: number, method: string, protocol: number): number {
    const row = entryPointOwner(entryPoint) * METHODS.length + methodNumber(method);
    return this.lane.openStart + row * PROTOCOLS.length + knownProtocol(protocol);
  }
}
