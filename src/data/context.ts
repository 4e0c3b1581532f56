/** What everything in one worker shares. One per worker thread; made at boot, the table is swapped between two events. */

import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import type { Fault } from '../kernel/errors.ts';
import type { TimerWheel } from '../kernel/timer-wheel.ts';
import type { BootOptions, FromWorker } from '../protocol/messages.ts';
import type { LiveNodes } from '../shared/live-nodes.ts';
import type { MetricsLane } from '../shared/metrics.ts';
import type { MirrorCounts } from '../shared/mirror-counts.ts';
import type { NonceCounts } from '../shared/nonce-counts.ts';
import type { RateBuckets } from '../shared/rate-buckets.ts';
import type { ServerLane, ServerState } from '../shared/server-state.ts';
import type { TokenCounts } from '../shared/token-counts.ts';
import type { RoutingTable } from '../table/reader.ts';
import type { CertificateStore } from '../tls/certificate-store.ts';
import type { TlsEntryPoint } from '../tls/tls-entrypoint.ts';
import type { AuthAnswers } from './auth/auth-answers.ts';
import type { DigestNonces } from './auth/digest-nonces.ts';
import type { KeySets } from './auth/key-sets.ts';
import type { Passwords } from './auth/passwords.ts';
import type { VerifiedTokens } from './auth/verified-tokens.ts';
import type { FailureReports } from './balancing/failure-reports.ts';
import type { RetryBudgets } from './balancing/retry-budget.ts';
import type { WaitingRoom } from './balancing/waiting-room.ts';
import type { Descriptors } from './descriptors.ts';
import type { HeldBodies } from './exchange/outgoing-request.ts';
import type { RequestCounts, WorkerCounts } from './exchange/request-counts.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Plan } from './middleware.ts';
import type { Observers } from './observers.ts';
import type { RequestIds } from './request-ids.ts';
import type { SpoolDisk } from './spool/spool-disk.ts';
import type { Tracer } from './tracing/tracer.ts';
import type { Trust } from './trust.ts';
import type { UpstreamPools } from './upstream/pools.ts';

/** An exchange that ends only when it is told to. */
export interface LongLived {
  /** Says goodbye to both sides. */
  shutDown(): void;
  destroy(): void;
}

export type WorkerContext = {
  /** Of this worker; its lane in everything that has lanes. */
  readonly index: number;
  readonly options: BootOptions;
  /** Others in their place, with other options, when files were read again. */
  entryPoints: readonly EntryPoint[];
  /** Whom each entrypoint believes; null: everybody. */
  trusts: readonly (Trust | null)[];
  /** What names all requests, where their frontend has no word of its own. */
  readonly requestIds: RequestIds;
  /** null: there are no traces. */
  readonly tracer: Tracer | null;
  /** What each entrypoint does to its requests; null for one that lets everything through as it is. */
  plans: readonly (Plan | null)[];
  readonly wheel: TimerWheel;
  /** src/shared/cursors.ts */
  readonly cursors: Int32Array;
  readonly serverState: ServerState;
  /** This worker's part of it. */
  readonly serverLane: ServerLane;
  readonly tokenCounts: TokenCounts;
  readonly waitingRoom: WaitingRoom;
  readonly rateBuckets: RateBuckets;
  readonly liveNodes: LiveNodes;
  readonly nonceCounts: NonceCounts;
  readonly mirrorCounts: MirrorCounts;
  readonly digestNonces: DigestNonces;
  readonly passwords: Passwords;
  readonly keySets: KeySets;
  readonly verifiedTokens: VerifiedTokens;
  readonly authAnswers: AuthAnswers;
  readonly retryBudgets: RetryBudgets;
  /** Tells the main thread. */
  readonly report: (message: FromWorker) => void;
  readonly failureReports: FailureReports;
  readonly metrics: MetricsLane;
  /** null: there is no access log, and nobody looks at a live tail. */
  observers: Observers | null;
  readonly counts: WorkerCounts;
  readonly requestCounts: RequestCounts;
  readonly heldBodies: HeldBodies;
  readonly budget: MemoryBudget;
  readonly disk: SpoolDisk;
  readonly pools: UpstreamPools;
  readonly descriptors: Descriptors;
  readonly certificates: CertificateStore;
  /** Of each entrypoint of our own engine, null for one without TLS. */
  readonly tls: readonly (TlsEntryPoint | null)[];
  /** `x-forwarded-server: name\r\n` of this host. */
  readonly serverLine: string;
  /** Null until the first table has come: everything is 503 then, since nobody knows yet what there is. */
  table: RoutingTable | null;
  /** Of the backends of that table, by name: src/shared/breaker-state.ts */
  readonly breakers: Map<string, SharedArrayBuffer>;
  /** Nothing new is accepted; responses ask their client to close. */
  draining: boolean;
  /** Why what is open ends with the worker, from the moment at which that is cut; null before. */
  ending: Fault | null;
  /** Requests without their end. */
  openExchanges: number;
  /** Those of them that are WebSockets: at the end of the worker they are told. */
  readonly webSockets: Set<LongLived>;
  /** Called when an exchange has ended: a drain waits for the last one. */
  exchangeEnded: () => void;
};
