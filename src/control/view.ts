/** What the admin pages may see of the control plane: questions, and one word that a person has to say (`confirmHeld`). */

import type { EventLoopUtilization } from 'node:perf_hooks';
import type { CountBuffers, MetricsOptions } from '../kernel/metrics-options.ts';
import type { Problem } from '../kernel/problems.ts';
import type { Backend, Model, Server } from '../model/model.ts';
import type { Explained, ExplainedRequest } from '../protocol/explanation.ts';
import type { EffectiveSetting } from '../settings/effective.ts';
import type { AccessLogView } from './access-log/access-log.ts';
import type { ServerStatus } from './balancing/server-status.ts';
import type { NodeList } from './cluster/node-report.ts';
import type { NoAnswer } from './explain/explanation.ts';
import type { HistoryAnswers } from './history/history-answers.ts';
import type { HeldStatus } from './memory/removal-guard.ts';
import type { SnapshotStatus } from './memory/snapshot-keeper.ts';
import type { SuspectsStatus } from './memory/suspects.ts';
import type { Revisions } from './routing/applied-revisions.ts';
import type { MergedKey } from './routing/kv-merge.ts';
import type { SourceName, SourceStatus } from './source/source.ts';
import type { LiveTails } from './tail/live-tails.ts';
import type { FrontendUsage } from './usage/frontend-usage.ts';

export type EntryPointView = {
  readonly name: string;
  /** As configured. */
  readonly address: string;
  /** The port that is really listened on, 0 before that. */
  readonly port: number;
};

export type WorkerView = {
  readonly index: number;
  readonly state: 'starting' | 'serving' | 'draining' | 'ended';
  /** The generation that it routes by, 0 before the first. */
  readonly generation: number;
  /** How often a worker of this index was replaced after a failure. */
  readonly restarts: number;
  /** Requests that ended with one of them. */
  readonly lostExchanges: number;
  /** Of its event loop since its thread began: looked at when it is called. null: there is no thread. */
  readonly loop: () => EventLoopUtilization | null;
};

/** A limit, and what of it is used: `open_files`, `series`. */
export type LimitUse = { readonly name: string; readonly value: number; readonly used: number };

/** What is known of one certificate; nothing of its key but the kind. */
export type CertificateView = {
  /** Where it is configured: a key, an entrypoint, or `self-signed`. */
  readonly from: string;
  /** Names of the entrypoints that serve it. */
  readonly entryPoints: readonly string[];
  /** Names of those that give it to clients whose name no certificate has. */
  readonly defaultOf: readonly string[];
  /** Lower case: common name, DNS names, addresses; empty when it could not be read. */
  readonly names: readonly string[];
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** Decimal. */
  readonly serial: string;
  readonly keyType: string;
  /** Unix milliseconds, 0 when it could not be read. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** An OCSP response goes with it. */
  readonly stapled: boolean;
  /** '' when all is well. */
  readonly problem: string;
};

/** A backend's circuit breaker (shared/spec kv-schema §4.4). */
export type BreakerView = {
  readonly state: 'standby' | 'tripped' | 'recovering';
  /** Unix milliseconds, 0 when it has never tripped. */
  readonly since: number;
  /** Since start. */
  readonly trips: number;
  readonly refused: number;
  /** Of the last 10 s and since the last trip. */
  readonly responses: number;
  /** Those of them with 502 or 504. */
  readonly networkErrors: number;
};

/** A backend's limit of requests in progress per source. */
export type LimitView = {
  /** Of all sources. */
  readonly inProgress: number;
  /** Of all sources, for a slot. */
  readonly waiting: number;
  /** Since start. */
  readonly refused: number;
};

/** A server as its health checks find it (shared/spec kv-schema §4.5). */
export type HealthView = {
  readonly state: 'unchecked' | 'up' | 'down';
  /** Unix milliseconds of the last change of `state` and of the last check, 0 before the first. */
  readonly since: number;
  readonly checkedAt: number;
  /** That the last check took. */
  readonly seconds: number;
  /** Why the last check was bad, '' for a good one. */
  readonly reason: string;
  /** Since it is checked. */
  readonly checks: number;
  readonly failed: number;
  /** The last 40, the newest last: `1` good, `0` bad. */
  readonly recent: string;
};

/** Can requests be routed? Not before the keys were read and every worker has the table that was made of them. */
export type LoadedView = {
  readonly ready: boolean;
  /** What it waits for, '' when ready. */
  readonly reason: string;
};

/** Spans that a collector has taken, that found no room, and that it has not taken. */
export type SpanCounts = { readonly exported: number; readonly dropped: number; readonly failed: number };

export interface ControlView {
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** Name of the one provider in the API: `etcdv3` with useAPIV3, `etcd` otherwise, `folder` when only a folder is followed. */
  readonly provider: string;
  /** With the leading slash, '' for a folder: what stands before a relative key. */
  readonly prefix: string;
  entryPoints(): readonly EntryPointView[];
  model(): Model;
  /** Problems of the keys, those of the model and those of the certificates; one per key, in no order. */
  problems(): Iterable<Problem>;
  problemCount(): number;
  /** All keys as they count, in no order. */
  keys(): Iterable<MergedKey>;
  /** null: no source has it. Relative to the prefix, as all keys here. */
  key(key: string): MergedKey | null;
  /** Of one object, in their order; unknown ones that are only counted are left out. */
  keysOf(kind: 'backends' | 'frontends', name: string): MergedKey[];
  /** What would become of a request. */
  explain(request: ExplainedRequest): Promise<Explained | NoAnswer>;
  certificates(): readonly CertificateView[];
  sources(): readonly SourceStatus[];
  /** null: the keys are not kept over a restart. */
  snapshot(): SnapshotStatus | null;
  /** What the guard against mass removal holds, null for nothing. */
  held(): HeldStatus | null;
  /** Who knows what was of the keys; null: there is no etcd. */
  past(): Pick<HistoryAnswers, 'ask'> | null;
  /** Servers whose lease ran out. */
  suspects(): SuspectsStatus;
  /** It is in force at once. The only thing here that changes anything. */
  confirmHeld(): void;
  workers(): readonly WorkerView[];
  /** The newest published generation, 0 before the first. */
  generation(): number;
  /** Unix milliseconds at which every worker had applied that generation; 0 before the first. */
  appliedAt(): number;
  /** What the model shows is what every worker routes by: nothing of it is half-way, being compiled or on its way. */
  settled(): boolean;
  /** Once ready, it stays so: what was loaded is in force also while no source answers. */
  loaded(): LoadedView;
  /** Of each source, the revision that every worker routes by. */
  applied(): Revisions;
  /** True as soon as that is so of `revision`, false when it was not within `ms`; null: too many wait already. */
  waitApplied(source: SourceName, revision: number, ms: number): Promise<boolean> | null;
  /** As `applied`, but it moves on with the store while nothing of ours changes, so that nodes can be compared. */
  appliedUpTo(): Revisions;
  /** All live nodes of the prefix, this one first. */
  nodes(): Promise<NodeList>;
  /** Counts of published tables. */
  reloads(): number;
  /** From SIGTERM on: /ping answers 503. */
  draining(): boolean;
  /** The name behind a slot of the metrics lanes, also when it has left the model; '' when it never had one. */
  backendName(slot: number): string;
  /** -1: it has none. */
  backendSlot(name: string): number;
  /** `key`: as `serverKey` makes it. */
  serverSlot(key: string): number;
  /** Names of those that lead to the backend, be it in their options. */
  frontendsOf(backend: string): Iterable<string>;
  /** Moves with each change of the health, ejection or weight of its servers; 0 for a slot below 0. */
  serverChanges(backendSlot: number): number;
  /** null: the backend has none. */
  breaker(backend: string): BreakerView | null;
  limit(backend: string): LimitView | null;
  /** Copies that the frontend has sent to the backend, in the order of MIRROR_RESULTS. */
  mirrored(frontend: string, backend: string): readonly number[];
  serverStatus(backend: Backend, server: Server): ServerStatus;
  /** What requests to the server have failed by of late, '' for nothing. */
  failure(backend: string, url: string): string;
  /** null: the server is not checked. */
  health(backend: string, url: string): HealthView | null;
  /** null: there is none. */
  accessLog(): AccessLogView | null;
  /** null: there are no traces. */
  spans(): SpanCounts | null;
  /** One lane of src/shared/metrics.ts per worker. */
  metricsLanes(): readonly SharedArrayBuffer[];
  /** As many. */
  countBuffers(): readonly CountBuffers[];
  metricsOptions(): MetricsOptions;
  /** From changes to the last worker that routes by them: seconds in all, and how often by APPLY_BOUNDS, not cumulative. */
  applyTimes(): { readonly sum: number; readonly buckets: Float64Array };
  /** For how long no source has confirmed what is in force; 0 while it is live. */
  staleSeconds(): number;
  limitUses(): readonly LimitUse[];
  /** Those in force, without secrets. */
  effectiveSettings(): readonly EffectiveSetting[];
  /** When frontends were used. */
  usage(): Pick<FrontendUsage, 'uses' | 'since'>;
  /** null: nobody may look at single requests. */
  tails(): Pick<LiveTails, 'watch'> | null;
  /** Calls back, at most a few times a second, after any of the above has changed. Returns what ends it. */
  onChange(listener: () => void): () => void;
}
