/** What a worker is made of before it listens: its context, out of the boot record. Nothing begins here. */
import { hostname } from 'node:os';
import { TimerWheel } from '../kernel/timer-wheel.ts';
import type { Boot, FromWorker } from '../protocol/messages.ts';
import { BackendCounts } from '../shared/backend-counts.ts';
import { RingWriter } from '../shared/byte-ring.ts';
import { DescriptorCounts } from '../shared/descriptor-counts.ts';
import { DiskUse } from '../shared/disk-use.ts';
import { Exemplars } from '../shared/exemplars.ts';
import { Histograms } from '../shared/histograms.ts';
import { LabelCounts } from '../shared/label-counts.ts';
import { LiveNodes } from '../shared/live-nodes.ts';
import { MetricsLane } from '../shared/metrics.ts';
import { MirrorCounts } from '../shared/mirror-counts.ts';
import { NonceCounts } from '../shared/nonce-counts.ts';
import { RateBuckets } from '../shared/rate-buckets.ts';
import { ServerCounts } from '../shared/server-counts.ts';
import { ServerLane, ServerState } from '../shared/server-state.ts';
import { TokenCounts } from '../shared/token-counts.ts';
import { TraceBudget } from '../shared/trace-budget.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { TicketKeys } from '../tls/ticket-keys.ts';
import { TlsEntryPoint } from '../tls/tls-entrypoint.ts';
import { AccessLog } from './access-log/access-log.ts';
import { AuthAnswers } from './auth/auth-answers.ts';
import { DigestNonces } from './auth/digest-nonces.ts';
import { KeySets } from './auth/key-sets.ts';
import { Passwords } from './auth/passwords.ts';
import { VerifiedTokens } from './auth/verified-tokens.ts';
import { FailureReports } from './balancing/failure-reports.ts';
import { RetryBudgets } from './balancing/retry-budget.ts';
import { WaitingRoom } from './balancing/waiting-room.ts';
import type { WorkerContext } from './context.ts';
import { Descriptors } from './descriptors.ts';
import { HeldBodies } from './exchange/outgoing-request.ts';
import { RequestCounts, type WorkerCounts } from './exchange/request-counts.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Observers } from './observers.ts';
import { RequestIds } from './request-ids.ts';
import { SpoolDisk } from './spool/spool-disk.ts';
import { LiveTail } from './tail/live-tail.ts';
import { Tracer } from './tracing/tracer.ts';
import { UpstreamPools } from './upstream/pools.ts';

type Post = (message: FromWorker) => void;

export type WorkerParts = {
  readonly context: WorkerContext;
  readonly ticketKeys: TicketKeys;
  readonly observers: Observers;
  readonly liveTail: LiveTail;
};

export function makeParts(boot: Boot, post: Post): WorkerParts {
  const metrics = new MetricsLane(boot.metrics);
  const counts: WorkerCounts = {
    servers: new ServerCounts(boot.counts.servers),
    backends: new BackendCounts(boot.counts.backends),
    labels: new LabelCounts(boot.counts.labels),
    histograms: new Histograms(boot.counts.histograms),
    exemplars: boot.counts.exemplars === null ? null : new Exemplars(boot.counts.exemplars),
  };
  const wheel = new TimerWheel((armed) => metrics.timersArmed(armed));
  const descriptors = new Descriptors(
    new DescriptorCounts(boot.descriptorCounts, boot.index),
    boot.options.mostConnections,
    metrics,
    () => pools.closeIdle(),
  );
  const budget = new MemoryBudget(boot.options.bufferLimits, metrics);
  const pools: UpstreamPools = new UpstreamPools(boot.options, wheel, metrics, counts.backends, descriptors, budget);
  const certificates = new CertificateStore();
  const tokenCounts = new TokenCounts(boot.tokenCounts);
  const ticketKeys = new TicketKeys(boot.tls.ticketKeys);
  const { bufferDisk } = boot.options;
  const entryPointNames = boot.entryPoints.map(({ name }) => name);
  const accessLog = boot.accessLog === null ? null : new AccessLog(boot.accessLog, boot.index, entryPointNames);
  const liveTail = new LiveTail(boot.tail, boot.index, entryPointNames, counts.labels);
  const observers = new Observers(accessLog);
  const context: WorkerContext = {
    index: boot.index,
    options: boot.options,
    entryPoints: boot.entryPoints,
    trusts: [],
    requestIds: new RequestIds(boot.options.requestId),
    tracer: tracerOf(boot, post),
    plans: [],
    wheel,
    cursors: new Int32Array(boot.cursors),
    serverState: new ServerState(boot.serverState),
    serverLane: new ServerLane(boot.serverState, boot.index),
    tokenCounts,
    waitingRoom: new WaitingRoom(tokenCounts, boot.index, wheel),
    rateBuckets: new RateBuckets(boot.rateBuckets, boot.index),
    liveNodes: new LiveNodes(boot.liveNodes),
    nonceCounts: new NonceCounts(boot.nonceCounts, boot.index),
    mirrorCounts: new MirrorCounts(boot.mirrorCounts),
    digestNonces: new DigestNonces(boot.tls.ticketKeys),
    passwords: new Passwords(post),
    keySets: new KeySets(boot.keySets, post),
    verifiedTokens: new VerifiedTokens(),
    authAnswers: new AuthAnswers(),
    retryBudgets: new RetryBudgets(boot.options.retryLimits),
    report: post,
    failureReports: new FailureReports(post),
    metrics,
    observers: null,
    counts,
    requestCounts: new RequestCounts(metrics, counts, boot.entryPoints, boot.options.metrics),
    heldBodies: new HeldBodies(),
    budget,
    disk: new SpoolDisk(
      bufferDisk.folder,
      new DiskUse(boot.diskUse, boot.index, bufferDisk.most),
      descriptors,
      metrics,
    ),
    pools,
    descriptors,
    certificates,
    tls: boot.entryPoints.map(({ engine, tls }, index) =>
      tls === null || engine === 'uws'
        ? null
        : new TlsEntryPoint(index, tls, boot.tls.clientCAs[index], certificates, ticketKeys),
    ),
    serverLine: `x-forwarded-server: ${hostname()}\r\n`,
    table: null,
    breakers: new Map(),
    draining: false,
    ending: null,
    openExchanges: 0,
    webSockets: new Set(),
    exchangeEnded: () => {},
  };
  return { context, ticketKeys, observers, liveTail };
}

function tracerOf({ options: { tracing }, entryPoints, spans, traceBudget }: Boot, post: Post): Tracer | null {
  if (tracing === null || spans === null) return null;
  return new Tracer({
    options: tracing,
    entryPoints: entryPoints.map(({ name }) => name),
    ring: new RingWriter(spans),
    budget: new TraceBudget(traceBudget, tracing.maxPerSecond),
    ringFills: () => post({ kind: 'spans' }),
  });
}
