/** The control plane as the admin pages see it: each answer is looked up where it is known. */
import type { CountBuffers, MetricsOptions } from '../kernel/metrics-options.ts';
import type { Problem } from '../kernel/problems.ts';
import type { Backend, Model, Server } from '../model/model.ts';
import type { Explained, ExplainedRequest } from '../protocol/explanation.ts';
import type { EffectiveSetting } from '../settings/effective.ts';
import { changesOf } from '../shared/cursors.ts';
import type { AccessLogView } from './access-log/access-log.ts';
import { whyNotReady } from './admin/readiness.ts';
import type { ServerStatus } from './balancing/server-status.ts';
import type { NodeList } from './cluster/node-report.ts';
import type { NodeState } from './cluster/node-state.ts';
import type { NoAnswer } from './explain/explanation.ts';
import type { HistoryAnswers } from './history/history-answers.ts';
import { limitUses } from './limit-uses.ts';
import { addressText } from './listening.ts';
import type { HeldStatus } from './memory/removal-guard.ts';
import type { SnapshotStatus } from './memory/snapshot-keeper.ts';
import type { SuspectsStatus } from './memory/suspects.ts';
import type { PlaneParts } from './plane-parts.ts';
import type { Revisions } from './routing/applied-revisions.ts';
import type { ApplyTimes } from './routing/apply-times.ts';
import type { MergedKey } from './routing/kv-merge.ts';
import { providerOf } from './source/from-settings.ts';
import type { SourceName, SourceStatus } from './source/source.ts';
import type { LiveTails } from './tail/live-tails.ts';
import type { FrontendUsage } from './usage/frontend-usage.ts';
import type {
  BreakerView,
  CertificateView,
  ControlView,
  EntryPointView,
  HealthView,
  LimitUse,
  LimitView,
  LoadedView,
  SpanCounts,
  WorkerView,
} from './view.ts';

/** Nobody looks at how busy this node is. */
const UNWATCHED = { workers: null, rate: null, e5: null };

export class PlaneView implements ControlView {
  readonly version: string;
  readonly startedAt = Date.now();
  readonly provider: string;
  readonly prefix: string;
  private readonly parts: PlaneParts;

  constructor(parts: PlaneParts) {
    this.parts = parts;
    this.version = parts.version;
    this.provider = providerOf(parts.settings);
    this.prefix = parts.settings.etcd === null ? '' : parts.settings.etcd.prefix;
  }

  entryPoints(): EntryPointView[] {
    const { ports } = this.parts.fleet;
    return this.parts.settings.entryPoints.map(({ name, address }, i) => ({ name, address, port: ports[i] }));
  }

  model(): Model {
    return this.parts.routing.model;
  }

  *problems(): Generator<Problem> {
    const others = this.otherProblems();
    for (const problem of this.model().problems.values()) {
      if (!others.some((each) => each.has(problem.key))) yield problem;
    }
    for (const each of others) yield* each.values();
  }

  problemCount(): number {
    const { problems } = this.model();
    let count = problems.size;
    for (const each of this.otherProblems()) for (const key of each.keys()) if (!problems.has(key)) count++;
    return count;
  }

  /** Of keys of the model that something beside it cannot use; no key is in two of them. */
  private otherProblems(): readonly ReadonlyMap<string, Problem>[] {
    const { certificates, nodes, keySets, shadows } = this.parts;
    return [certificates.problems(), nodes.problems(), keySets.problems(), shadows.problems()];
  }

  keys(): Iterable<MergedKey> {
    return this.parts.routing.reconciler.keys();
  }

  key(key: string): MergedKey | null {
    return this.parts.routing.reconciler.key(key);
  }

  keysOf(kind: 'backends' | 'frontends', name: string): MergedKey[] {
    const names = [...this.parts.routing.builder.keysOf(kind, name).keys()].sort();
    return names.flatMap((key) => this.key(`${kind}/${name}/${key}`) ?? []);
  }

  explain(request: ExplainedRequest): Promise<Explained | NoAnswer> {
    return this.parts.questions.ask(request);
  }

  certificates(): CertificateView[] {
    return [...this.parts.certificates.views(), ...(this.parts.admin?.certificates() ?? [])];
  }

  sources(): SourceStatus[] {
    return this.parts.routing.statuses();
  }

  snapshot(): SnapshotStatus | null {
    return this.parts.snapshot.status();
  }

  held(): HeldStatus | null {
    return this.parts.routing.guard.status();
  }

  past(): HistoryAnswers | null {
    return this.parts.past;
  }

  suspects(): SuspectsStatus {
    return this.parts.routing.suspects.status();
  }

  confirmHeld(): void {
    this.parts.routing.guard.confirm();
  }

  workers(): WorkerView[] {
    return this.parts.fleet.views();
  }

  generation(): number {
    return this.parts.routing.publisher.generation;
  }

  appliedAt(): number {
    return this.parts.routing.publisher.appliedAt;
  }

  settled(): boolean {
    return this.parts.routing.isSettled;
  }

  loaded(): LoadedView {
    if (this.appliedAt() > 0) return { ready: true, reason: '' };
    const { routing } = this.parts;
    if (!routing.tables.isNew) return { ready: false, reason: 'the first routing table is on its way' };
    if (routing.sources.length === 0) return { ready: false, reason: 'neither --etcd nor --folder is given' };
    const errors = this.sources().map(
      ({ name, state, error }) => `${name} is ${state}${error === '' ? '' : `: ${error}`}`,
    );
    const what = routing.isFollowing ? 'the keys' : 'the settings in the store';
    return { ready: false, reason: `${what} have not been read yet (${errors.join('; ')})` };
  }

  applied(): Revisions {
    return this.parts.routing.applied.applied;
  }

  waitApplied(source: SourceName, revision: number, ms: number): Promise<boolean> | null {
    const { applied, sources } = this.parts.routing;
    const waiting = applied.wait(source, revision, ms);
    sources.find(({ name }) => name === source)?.catchUp?.();
    return waiting;
  }

  appliedUpTo(): Revisions {
    return this.parts.routing.applied.upTo;
  }

  /** What the other nodes are told. */
  state(): Omit<NodeState, 'id' | 'name' | 'address'> {
    const { web } = this.parts.settings;
    return {
      admin: web === null ? '' : addressText({ host: web.host, port: this.parts.admin?.port ?? web.port }),
      adminTls: web?.tls != null,
      adminPath: web === null ? '/' : web.path,
      version: this.version,
      startedAt: this.startedAt,
      notReady: whyNotReady(this),
      generation: this.generation(),
      applied: Object.fromEntries(this.applied()),
      problems: this.problemCount(),
      ...(this.parts.board?.load() ?? UNWATCHED),
    };
  }

  nodes(): Promise<NodeList> {
    return this.parts.nodeReport.list();
  }

  reloads(): number {
    return this.parts.routing.publisher.count;
  }

  draining(): boolean {
    return this.parts.isDraining;
  }

  backendName(slot: number): string {
    return this.parts.balancing.backendSlots.nameOf(slot);
  }

  *frontendsOf(backend: string): Generator<string> {
    const { frontends } = this.model();
    for (const name of this.parts.routing.builder.frontendsNaming(backend)) if (frontends.has(name)) yield name;
  }

  serverChanges(backendSlot: number): number {
    return backendSlot < 0 ? 0 : changesOf(this.parts.memory.cursors, backendSlot);
  }

  breaker(backend: string): BreakerView | null {
    return this.parts.balancing.breakers.view(backend);
  }

  mirrored(frontend: string, backend: string): readonly number[] {
    return this.parts.memory.mirrorCounts.totals(frontend, backend);
  }

  limit(backend: string): LimitView | null {
    const { balancing, memory } = this.parts;
    const isLimited = this.model().backends.get(backend)?.maxConn !== undefined;
    const slot = isLimited ? balancing.backendSlots.find(backend) : -1;
    if (slot < 0) return null;
    const { tokenCounts } = memory;
    return {
      inProgress: tokenCounts.inProgress(slot),
      waiting: tokenCounts.waiting(slot),
      refused: tokenCounts.refused(slot),
    };
  }

  serverStatus(backend: Backend, server: Server): ServerStatus {
    return this.parts.balancing.servers.status(backend, server);
  }

  failure(backend: string, url: string): string {
    return this.parts.balancing.servers.failureOf(backend, url);
  }

  health(backend: string, url: string): HealthView | null {
    return this.parts.balancing.healthChecks.view(backend, url);
  }

  openExchanges(): number {
    return this.parts.memory.openExchanges();
  }

  spans(): SpanCounts | null {
    return this.parts.spans?.counts ?? null;
  }

  accessLog(): AccessLogView | null {
    return this.parts.accessLog?.view ?? null;
  }

  backendSlot(name: string): number {
    return this.parts.balancing.backendSlots.find(name);
  }

  serverSlot(key: string): number {
    return this.parts.balancing.serverSlots.find(key);
  }

  countBuffers(): readonly CountBuffers[] {
    return this.parts.memory.counts;
  }

  metricsOptions(): MetricsOptions {
    return this.parts.settings.metrics;
  }

  applyTimes(): ApplyTimes {
    return this.parts.routing.applyTimes;
  }

  staleSeconds(): number {
    const now = Date.now();
    // What never was there has nothing that could be stale.
    const stale = this.sources().filter(
      ({ state, confirmedAt }) => state !== 'live' && state !== 'absent' && confirmedAt > 0,
    );
    return stale.reduce((longest, { confirmedAt }) => Math.max(longest, (now - confirmedAt) / 1_000), 0);
  }

  usage(): FrontendUsage {
    return this.parts.usage;
  }

  tails(): LiveTails | null {
    return this.parts.settings.web?.tail === 'off' ? null : this.parts.tails;
  }

  effectiveSettings(): readonly EffectiveSetting[] {
    return this.parts.effective();
  }

  limitUses(): LimitUse[] {
    return limitUses(this.parts, this.model());
  }

  metricsLanes(): readonly SharedArrayBuffer[] {
    return this.parts.memory.lanes;
  }

  onChange(listener: () => void): () => void {
    return this.parts.changes.add(listener);
  }
}
