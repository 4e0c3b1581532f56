/** A control plane made of plain values that a test changes; `changed()` tells the listeners. */

import type { AccessLogView } from '../../../../src/control/access-log/access-log.ts';
import type { ServerStatus } from '../../../../src/control/balancing/server-status.ts';
import type { NodeList } from '../../../../src/control/cluster/node-report.ts';
import type { HeldStatus } from '../../../../src/control/memory/removal-guard.ts';
import type { SnapshotStatus } from '../../../../src/control/memory/snapshot-keeper.ts';
import type { SuspectsStatus } from '../../../../src/control/memory/suspects.ts';
import type { Revisions } from '../../../../src/control/routing/applied-revisions.ts';
import { ApplyTimes } from '../../../../src/control/routing/apply-times.ts';
import type { MergedKey } from '../../../../src/control/routing/kv-merge.ts';
import type { SourceStatus } from '../../../../src/control/source/source.ts';
import type {
  BreakerView,
  CertificateView,
  ControlView,
  EntryPointView,
  HealthView,
  LimitUse,
  LimitView,
  LoadedView,
  WorkerView,
} from '../../../../src/control/view.ts';
import type { CountBuffers, MetricsOptions } from '../../../../src/kernel/metrics-options.ts';
import type { Problem } from '../../../../src/kernel/problems.ts';
import type { Backend, Frontend, Server } from '../../../../src/model/model.ts';
import type { Explained } from '../../../../src/protocol/explanation.ts';
import type { EffectiveSetting } from '../../../../src/settings/effective.ts';
import type { WebSettings } from '../../../../src/settings/settings.ts';
import { OWN_HOST } from '../../../harness/own-host.ts';

export function server(name: string, url: string, weight = 1): Server {
  const { hostname, port, host } = new URL(url);
  return { name, url, scheme: 'http', host: hostname, port: Number(port || 80), hostHeader: host, weight };
}

export function backend(name: string, ...servers: Server[]): Backend {
  return { name, servers, method: 'wrr', pipelining: 0 };
}

export function frontend(name: string, backendName: string, rule: string, changes: Partial<Frontend> = {}): Frontend {
  return {
    name,
    backend: backendName,
    entryPoints: ['http'],
    routes: [{ name: 'test_1', rule }],
    priority: 0,
    rank: rule.length,
    passHostHeader: true,
    terms: [],
    options: {},
    ...changes,
  };
}

/** On a free port of the loopback. */
export function webSettings(changes: Partial<WebSettings> = {}): WebSettings {
  return {
    address: `${OWN_HOST}:0`,
    host: OWN_HOST,
    port: 0,
    path: '/',
    pages: 'all',
    dashboard: true,
    hosts: [],
    historyBytes: 8_000_000,
    tail: 'on',
    tls: null,
    whiteList: null,
    forwardedHeaders: { insecure: true, trustedIPs: [] },
    users: null,
    ...changes,
  };
}

export class FakeView implements ControlView {
  readonly version = '0.1.0';
  startedAt = Date.now();
  provider = 'etcd';
  prefix = '/traefik';
  accessLogView: AccessLogView | null = null;
  readonly backends = new Map<string, Backend>();
  readonly frontends = new Map<string, Frontend>();
  readonly keyProblems = new Map<string, Problem>();
  certificateList: CertificateView[] = [];
  readonly lanes: SharedArrayBuffer[] = [];
  readonly breakers = new Map<string, BreakerView>();
  readonly limits = new Map<string, LimitView>();
  /** By frontend and backend, a blank between them. */
  readonly mirrors = new Map<string, readonly number[]>();
  /** By backend and URL, a blank between them. */
  readonly healths = new Map<string, HealthView>();
  /** By slot. */
  backendNames: string[] = [];
  /** By slot: backend and URL, a blank between them. */
  serverNames: string[] = [];
  readonly counts: CountBuffers[] = [];
  metrics: MetricsOptions = {
    names: 'both',
    buckets: [0.1, 0.3, 1.2, 5],
    entryPoints: true,
    services: true,
    routers: false,
    suffix: '',
    headerLabels: [],
    maxServers: 5_000,
  };
  readonly times = new ApplyTimes();
  stale = 0;
  limitList: LimitUse[] = [];
  entryPointList: EntryPointView[] = [{ name: 'http', address: ':80', port: 8000 }];
  sourceList: SourceStatus[] = [];
  workerList: WorkerView[] = [
    { index: 0, state: 'serving', generation: 1, restarts: 0, lostExchanges: 0, loop: () => null },
  ];
  /** By `backend/server`. */
  readonly serverStates = new Map<string, Partial<ServerStatus>>();
  generationNow = 1;
  isSettled = true;
  isDraining = false;
  loadedNow: LoadedView = { ready: true, reason: '' };
  private readonly listeners = new Set<() => void>();

  put(...items: (Backend | Frontend)[]): void {
    for (const item of items) {
      if ('servers' in item) this.backends.set(item.name, item);
      else this.frontends.set(item.name, item);
    }
  }

  reject(key: string, reason: string, state: Problem['state'] = 'rejected'): void {
    this.keyProblems.set(key, { key, state, reason });
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }

  listenerCount(): number {
    return this.listeners.size;
  }

  serverStatus(backend: Backend, server: Server): ServerStatus {
    const given = this.serverStates.get(`${backend.name}/${server.name}`);
    const up = server.weight > 0;
    const state = up ? 'in rotation' : 'not used';
    return { state, up, inFlight: 0, effectiveWeight: server.weight, ejections: 0, ...given };
  }
  entryPoints(): readonly EntryPointView[] {
    return this.entryPointList;
  }
  model() {
    return {
      backends: this.backends,
      frontends: this.frontends,
      certificates: new Map(),
      problems: this.keyProblems,
    };
  }
  problems() {
    return this.keyProblems.values();
  }
  problemCount() {
    return this.keyProblems.size;
  }
  readonly stored = new Map<string, MergedKey>();
  keys(): Iterable<MergedKey> {
    return this.stored.values();
  }
  key(key: string): MergedKey | null {
    return this.stored.get(key) ?? null;
  }
  keysOf(kind: string, name: string): MergedKey[] {
    return [...this.stored.values()].filter(({ key }) => key.startsWith(`${kind}/${name}/`));
  }
  explained: Explained | null = null;
  async explain(): Promise<Explained | { reason: string }> {
    return this.explained ?? { reason: 'no worker serves' };
  }
  certificates(): readonly CertificateView[] {
    return this.certificateList;
  }
  sources(): readonly SourceStatus[] {
    return this.sourceList;
  }
  nodes(): Promise<NodeList> {
    return Promise.resolve({ nodes: [], more: 0, reason: '' });
  }
  revisions: Revisions = new Map();
  applied(): Revisions {
    return this.revisions;
  }
  appliedUpTo(): Revisions {
    return this.revisions;
  }
  waitApplied(): Promise<boolean> {
    return Promise.resolve(false);
  }
  confirmed = 0;
  confirmHeld(): void {
    this.confirmed++;
  }
  heldNow: HeldStatus | null = null;
  held(): HeldStatus | null {
    return this.heldNow;
  }
  past(): null {
    return null;
  }
  suspectsNow: SuspectsStatus = { count: 0, servers: [], outcomes: { returned: 0, deleted: 0, failed: 0, time: 0 } };
  suspects(): SuspectsStatus {
    return this.suspectsNow;
  }
  snapshotNow: SnapshotStatus | null = null;
  snapshot(): SnapshotStatus | null {
    return this.snapshotNow;
  }
  workers(): readonly WorkerView[] {
    return this.workerList;
  }
  generation(): number {
    return this.generationNow;
  }
  appliedAt(): number {
    return this.generationNow === 0 ? 0 : this.startedAt + 500;
  }
  settled(): boolean {
    return this.isSettled;
  }
  loaded(): LoadedView {
    return this.loadedNow;
  }
  reloads(): number {
    return this.generationNow;
  }
  draining(): boolean {
    return this.isDraining;
  }
  backendName(slot: number): string {
    return this.backendNames[slot] ?? '';
  }
  *frontendsOf(backend: string): Generator<string> {
    for (const frontend of this.frontends.values()) if (frontend.backend === backend) yield frontend.name;
  }
  changesOfServers = 0;
  serverChanges(): number {
    return this.changesOfServers;
  }
  breaker(name: string): BreakerView | null {
    return this.breakers.get(name) ?? null;
  }
  failure(): string {
    return '';
  }

  health(name: string, url: string): HealthView | null {
    return this.healths.get(`${name} ${url}`) ?? null;
  }
  mirrored(frontend: string, backend: string): readonly number[] {
    return this.mirrors.get(`${frontend} ${backend}`) ?? [0, 0, 0];
  }

  limit(name: string): LimitView | null {
    return this.limits.get(name) ?? null;
  }
  spans() {
    return null;
  }
  tails() {
    return null;
  }
  usage() {
    return { since: 0, uses: async () => [] };
  }

  accessLog(): AccessLogView | null {
    return this.accessLogView;
  }

  backendSlot(name: string): number {
    return this.backendNames.indexOf(name);
  }
  serverSlot(key: string): number {
    return this.serverNames.indexOf(key.replace('\0', ' '));
  }
  countBuffers(): readonly CountBuffers[] {
    return this.counts;
  }
  metricsOptions(): MetricsOptions {
    return this.metrics;
  }
  applyTimes(): ApplyTimes {
    return this.times;
  }
  staleSeconds(): number {
    return this.stale;
  }
  settingList: EffectiveSetting[] = [];
  effectiveSettings(): readonly EffectiveSetting[] {
    return this.settingList;
  }
  limitUses(): readonly LimitUse[] {
    return this.limitList;
  }
  metricsLanes(): readonly SharedArrayBuffer[] {
    return this.lanes;
  }
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}
