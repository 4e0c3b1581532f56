/**
 * The main thread's half of tsuji, put together: sources → reconciler → compiler → publisher → workers, and the admin
 * pages that look at them.
 */

import { timerSpan } from '../kernel/durations.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { LogFields } from '../kernel/log-line.ts';
import { ModelBuilder } from '../model/build-model.ts';
import type { Model } from '../model/model.ts';
import { RULE_WAIT_MS } from '../model/rule-wait.ts';
import type { EffectiveSetting } from '../settings/effective.ts';
import type { Settings } from '../settings/settings.ts';
import { MetricsReader } from '../shared/metrics-reader.ts';
import { SlotRegistry } from '../shared/slots.ts';
import { AccessLogControl } from './access-log/access-log.ts';
import { AdminServer } from './admin/admin-server.ts';
import { Breakers } from './balancing/breakers.ts';
import { ServerControl } from './balancing/server-control.ts';
import type { SharedServers } from './balancing/server-slots.ts';
import { Board } from './board/board.ts';
import { ChangeListeners } from './change-listeners.ts';
import { NodeReport } from './cluster/node-report.ts';
import { ClusterNodes } from './cluster/nodes.ts';
import { WorkerQuestions } from './explain/worker-questions.ts';
import { attempt } from './guarded.ts';
import { HealthChecks } from './health-checks/health-checks.ts';
import { Prober } from './health-checks/probe.ts';
import { HealthSocket } from './health-socket.ts';
import { HistoryAnswers } from './history/history-answers.ts';
import { fetchKeySet } from './key-sets/fetch-key-set.ts';
import { KeySets } from './key-sets/key-sets.ts';
import { treeOf } from './keys/key-rows.ts';
import { ShadowWatch } from './keys/shadow-watch.ts';
import { addressText } from './listening.ts';
import { BackendTraffic } from './memory/backend-traffic.ts';
import { RemovalGuard } from './memory/removal-guard.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import type { SnapshotKeeper } from './memory/snapshot-keeper.ts';
import { Suspects } from './memory/suspects.ts';
import { PasswordChecks } from './passwords/password-checks.ts';
import { PlaneView } from './plane-view.ts';
import { loadRootCAs } from './root-cas.ts';
import { AppliedRevisions, type Revisions } from './routing/applied-revisions.ts';
import { ApplyTimes } from './routing/apply-times.ts';
import { ConfigLog } from './routing/config-log.ts';
import { KeyFeed } from './routing/key-feed.ts';
import { modelSettings } from './routing/model-settings.ts';
import { Publisher } from './routing/publisher.ts';
import { type ModelChange, Reconciler } from './routing/reconciler.ts';
import { Slices } from './routing/slices.ts';
import { TableCycle } from './routing/table-cycle.ts';
import { TableFeed } from './routing/table-feed.ts';
import { SeriesLimit } from './series-limit.ts';
import { ROUTES_PATIENCE_MS } from './service/report.ts';
import { sourcesFrom } from './source/from-settings.ts';
import type { Source } from './source/source.ts';
import type { SourceLog } from './source/source-log.ts';
import type { StoredKeysReader } from './stored-keys.ts';
import { LiveTails } from './tail/live-tails.ts';
import { Certificates } from './tls/certificates.ts';
import { loadClientCAs } from './tls/client-cas.ts';
import { SharedTicketKeys } from './tls/shared-ticket-keys.ts';
import { TicketRing } from './tls/ticket-ring.ts';
import { SpanExporter } from './tracing/span-exporter.ts';
import { FrontendUsage } from './usage/frontend-usage.ts';
import { WatchedFiles } from './watched-files.ts';
import { bootOptions } from './workers/boot-options.ts';
import { SharedMemory } from './workers/shared-memory.ts';
import { WorkerFleet } from './workers/worker-fleet.ts';
import { workerHeap } from './workers/worker-heap.ts';
import type { WorkerThreads } from './workers/worker-threads.ts';

/** How often a drain that waits says so. */
const DRAIN_STEP_MS = 5_000;

export class ControlPlane {
  private readonly settings: Settings;
  private readonly backendSlots = new SlotRegistry({
    kind: 'backend',
    onReuse: (slot) => this.memory.forgetBackend(slot),
  });
  private readonly serverSlots = new SlotRegistry({
    kind: 'server',
    onReuse: (slot) => {
      this.servers.forget(slot);
      this.memory.forgetServer(slot);
    },
  });
  private readonly memory: SharedMemory;
  private readonly breakers: Breakers;
  private readonly servers: ServerControl;
  private readonly healthChecks: HealthChecks;
  private readonly tables: TableCycle;
  private readonly passwords = new PasswordChecks();
  private readonly keySets: KeySets;
  private readonly nodes: ClusterNodes;
  private readonly nodeReport: NodeReport;
  private readonly files = new WatchedFiles((object) => this.reconciler.rebuild(object));
  /** null: there are no traces. */
  private readonly spans: SpanExporter | null;
  private readonly tails: LiveTails;
  private readonly usage: FrontendUsage;
  private readonly publisher: Publisher;
  readonly fleet: WorkerFleet;
  private readonly accessLog: AccessLogControl | null;
  private readonly reconciler: Reconciler;
  private readonly guard: RemovalGuard;
  private readonly suspects: Suspects;
  /** null: there is no etcd. */
  private readonly past: HistoryAnswers | null;
  private readonly sourceList: readonly Source[];
  private readonly certificateList: Certificates;
  private readonly ticketRing: TicketRing;
  /** Of each entrypoint. */
  private clientCAs: readonly (readonly string[])[];
  /** null where there are no pages for it. */
  private readonly board: Board | null;
  private readonly admin: AdminServer | null;
  private readonly healthSocket: HealthSocket;
  private readonly feed: KeyFeed;
  private readonly snapshot: SnapshotKeeper;
  private readonly configLog: ConfigLog;
  private readonly seriesLimit: SeriesLimit;
  private readonly applyTimes = new ApplyTimes();
  private readonly shadows: ShadowWatch = new ShadowWatch({
    model: () => this.current,
    prefix: () => treeOf(this.view),
    onChange: () => this.changes.notify(),
  });
  private readonly questions = new WorkerQuestions(() => this.fleet);
  private readonly changes = new ChangeListeners();
  private readonly applied = new AppliedRevisions({
    heard: () => new Map(this.view.sources().map(({ name, revision }) => [name, revision])),
    received: (source) => this.reconciler.received(source),
  });
  readonly view: PlaneView;
  private current: Model;
  private isDraining = false;
  private stopping = false;
  private readonly stopped = Promise.withResolvers<void>();

  /**
   * `stored`: what was read of the settings in the store, before `follow` at the latest.
   * @throws TsujiError for TLS settings that cannot be used
   */
  constructor(
    settings: Settings,
    version: string,
    stored: StoredKeysReader,
    sourceLog: SourceLog,
    snapshot: SnapshotKeeper,
    threads: WorkerThreads,
    effective: () => readonly EffectiveSetting[],
  ) {
    this.snapshot = snapshot;
    this.settings = settings;
    const prefix = settings.etcd === null ? '' : settings.etcd.prefix;
    const memory = new SharedMemory(settings.workers, settings.metrics.buckets, settings.tracing !== null);
    this.memory = memory;
    const onChange = (): void => this.changes.notify();
    this.breakers = new Breakers(settings.workers);
    const shared: SharedServers = {
      state: memory.serverState,
      cursors: memory.cursors,
      backendSlots: this.backendSlots,
      serverSlots: this.serverSlots,
      model: () => this.current,
      frontendsNaming: (backend) => builder.frontendsNaming(backend),
      onServers: (backend) => this.servers.look(backend),
    };
    const times = { firstMs: settings.ejectionTimeMs, longestMs: settings.ejectionMaxTimeMs };
    this.servers = new ServerControl(shared, times, onChange);
    const rootCAs = settings.rootCAs === null ? null : loadRootCAs(settings.rootCAs, settings.origins.rootCAs);
    const prober = new Prober({ insecureSkipVerify: settings.insecureSkipVerify, rootCAs });
    this.healthChecks = new HealthChecks(shared, {
      probe: prober.probe,
      onReturn: (backend, slot) => this.servers.returned(backend, slot),
      upOf: this.servers.upOf,
      onChange,
    });
    this.sourceList = sourcesFrom(settings, stored.endpoints);
    const names = settings.entryPoints.map((entryPoint) => entryPoint.name);
    const builder = new ModelBuilder({
      ...modelSettings(settings),
      stored,
      files: this.files,
      ruleWaitMs: RULE_WAIT_MS,
      isSuspect: (backend, server) => this.suspects.isSuspect(backend, server),
    });
    this.current = builder.model;
    const slices = new Slices();
    this.tables = new TableCycle({
      slices,
      feed: new TableFeed(names, this.backendSlots, this.serverSlots),
      model: () => this.current,
      onTold: (generation) => this.followTold(generation),
      onTables: (generation, tables) => this.publisher.publish(generation, tables, this.breakers.take()),
      onRefused: (refused) => this.reconciler.refuse(refused),
      onChange: () => {
        this.settle();
        onChange();
      },
    });
    const traffic = new BackendTraffic(new MetricsReader(() => memory.lanes), (slot) => this.backendSlots.nameOf(slot));
    this.guard = new RemovalGuard({
      limits: settings.guard,
      frontends: () => this.current.frontends.size,
      keysOf: (kind, name) => builder.keysOf(kind, name),
      traffic,
      onRelease: () => this.reconciler.again(),
      onChange,
    });
    this.past = settings.etcd === null ? null : new HistoryAnswers(settings.etcd, snapshot.path);
    this.suspects = new Suspects({
      limitMs: settings.guard.suspectMs,
      sources: this.sourceList.map(({ name }) => name),
      model: () => this.current,
      keysOf: (source) => this.reconciler.keysOf(source),
      backendOf: (frontend) => builder.keysOf('frontends', frontend).get('backend') ?? '',
      evidenceOf: (backend, server) => this.servers.evidence(backend, server),
      connect: (server, timeoutMs) => prober.connect(server, timeoutMs),
      onMark: (backend) => this.reconciler.rebuild(`backends/${backend}`),
      onGone: (source, changes) => this.feed.letGo(source, changes),
      onChange,
    });
    this.reconciler = new Reconciler({
      sources: this.sourceList,
      builder,
      slices,
      admit: (changes) => {
        this.suspects.obey(changes);
        return this.guard.admit(changes);
      },
      onKeys: (changes) => this.board?.tookKeys(changes),
      onTaken: (revisions) => this.taken(revisions),
      onModel: (model, changed, since) => this.modelChanged(model, changed, since),
      throttleMs: settings.providersThrottleMs,
      place: prefix === '' ? settings.folder : prefix,
    });
    this.feed = new KeyFeed({
      sources: this.sourceList,
      reconciler: this.reconciler,
      snapshot,
      suspects: this.suspects,
      log: sourceLog,
      onChange: () => {
        this.applied.look();
        onChange();
      },
    });
    this.configLog = new ConfigLog({
      model: () => this.current,
      fields: () => this.inForce(),
      onApplied: (seconds) => this.applyTimes.observe(seconds),
      addresses: settings.entryPoints.map(({ address }) => address),
    });
    this.publisher = new Publisher((generation) => {
      this.backendSlots.retire(generation);
      this.serverSlots.retire(generation);
    });
    this.clientCAs = settings.entryPoints.map(loadClientCAs);
    this.certificateList = new Certificates({
      entryPoints: settings.entryPoints,
      fetchesOcsp: settings.tls.ocsp,
      onPublish: (added, removed) => this.fleet.broadcastSinceBoot({ kind: 'certificates', added, removed }),
      onChange,
    });
    this.ticketRing = new TicketRing({
      store: settings.tls.ticketKeys === 'etcd' ? new SharedTicketKeys(settings.etcd!) : null,
      onRing: (ring) => {
        this.fleet.broadcastSinceBoot({ kind: 'ticketKeys', ring });
        this.admin?.rotateTicketKeys(ring);
      },
    });
    this.nodes = new ClusterNodes({
      etcd: settings.etcd,
      onCount: (count) => {
        memory.liveNodes.count = count;
      },
      onChange,
    });
    // Who reads once does not follow, and is in step with nobody.
    this.nodeReport = new NodeReport(settings.etcd?.watch === true ? settings.etcd : null, () => this.view.state());
    this.changes.add(() => this.nodeReport.touch());
    this.keySets = new KeySets({
      prefix,
      onProblems: onChange,
      fetch: (url) => fetchKeySet(url, rootCAs),
      onChange: (changed, removed) => this.fleet.broadcastSinceBoot({ kind: 'keySets', changed, removed }),
      onAnswer: (index, changed, removed) => this.fleet.send(index, { kind: 'keySets', changed, removed }),
    });
    this.accessLog = settings.accessLog === null ? null : new AccessLogControl(settings.accessLog, settings.workers);
    const { tracing, workers } = settings;
    this.spans = tracing === null ? null : new SpanExporter(tracing, workers, version);
    const kept = snapshot.status();
    this.usage = new FrontendUsage(() => this.current, memory.histograms, kept === null ? '' : `${kept.path}.usage`);
    this.tails = new LiveTails(workers, settings.web?.tail === 'full', (tails) =>
      this.fleet.broadcastSinceBoot({ kind: 'tails', tails }),
    );
    const options = bootOptions(settings, rootCAs);
    this.fleet = new WorkerFleet({
      count: settings.workers,
      threads,
      logLevel: settings.logLevel,
      heap: workerHeap(settings.workerHeapMb, settings.workers),
      entryPoints: settings.entryPoints,
      options,
      tls: () => ({
        clientCAs: this.clientCAs,
        certificates: this.certificateList.published(),
        ticketKeys: this.ticketRing.ring(),
      }),
      keySets: () => this.keySets.published(),
      shared: memory.buffers,
      accessLog: this.accessLog,
      lanes: memory.lanes,
      spans: this.spans?.rings ?? [],
      tails: this.tails,
      counts: memory.counts,
      openOf: (index) => memory.openExchanges(index),
      onWelcome: (index, generation) => this.publisher.welcome(index, generation),
      onApplied: () => {
        this.publisher.acknowledged();
        this.settle();
        if (!this.tables.isBusy && this.publisher.isApplied) this.configLog.applied(this.publisher.generation);
        onChange();
      },
      onPassword: (index, { id, password, hash }) => {
        void this.passwords
          .check(password, hash)
          .then((isRight) => this.fleet.send(index, { kind: 'passwordChecked', id, isRight }));
      },
      onKeySet: (index, url) => this.keySets.asked(index, url),
      onSpans: () => this.spans?.collect(),
      onExplained: ({ id, explained }) => this.questions.answered(id, explained),
      onServer: ({ event, backend, server }) => this.servers.received(event, backend, server),
      onServerFailed: (message) => this.servers.failed(message),
      onEnded: (index) => {
        this.servers.workerEnded(index, this.serverSlots.size);
        memory.workerEnded(index, this.backendSlots.size);
      },
      onChange,
    });
    this.seriesLimit = new SeriesLimit(memory);
    this.publisher.attach(this.fleet);
    this.view = new PlaneView({
      settings,
      version,
      stored,
      sources: this.sourceList,
      snapshot,
      model: () => this.current,
      tables: this.tables,
      publisher: this.publisher,
      fleet: this.fleet,
      applied: this.applied,
      questions: this.questions,
      shadows: this.shadows,
      keys: this.reconciler,
      builder,
      guard: this.guard,
      suspects: this.suspects,
      past: this.past,
      certificates: this.certificateList,
      nodes: this.nodes,
      nodeReport: this.nodeReport,
      keySets: this.keySets,
      admin: () => this.admin,
      memory,
      accessLog: this.accessLog,
      spans: this.spans,
      frontendsNaming: (backend) => builder.frontendsNaming(backend),
      tails: this.tails,
      usage: this.usage,
      backendSlots: this.backendSlots,
      serverSlots: this.serverSlots,
      applyTimes: this.applyTimes,
      mostConnections: options.mostConnections,
      servers: this.servers,
      breakers: this.breakers,
      healthChecks: this.healthChecks,
      changes: this.changes,
      effective,
      load: () => this.board?.load() ?? { workers: null, rate: null, e5: null },
      isFollowing: () => this.feed.isStarted,
      isDraining: () => this.isDraining,
    });
    this.healthSocket = new HealthSocket(this.view, settings.web);
    const { web } = settings;
    const onLoad = (): void => this.nodeReport.touch();
    this.board = web?.pages === 'all' ? new Board(this.view, { historyBytes: web.historyBytes, onLoad }) : null;
    this.admin =
      web === null
        ? null
        : new AdminServer(this.view, web, {
            ...(this.board === null ? {} : { board: this.board }),
            keepTrailingSlash: settings.keepTrailingSlash,
            checkPassword: (password, hash) => this.passwords.check(password, hash),
            ticketKeys: this.ticketRing.ring(),
            accessLog: this.accessLog?.internals ?? null,
            onChange,
          });
  }

  /**
   * Resolves when every entrypoint and the admin address are listened on. `remembered`: what routes begin with until the
   * sources answer; nobody is refused then for lack of routes, since they are there before anybody is listened to. A successor
   * waits for them without limit, because others serve meanwhile; anybody else for ten seconds. null: the store is out of
   * reach, and no route is known before `follow`.
   * @throws TsujiError when an address cannot be listened on or a worker does not boot
   */
  async start(isSuccessor: boolean, remembered: readonly RememberedSource[] | null): Promise<void> {
    // Half of the routes would be worse than those of the predecessor.
    if (isSuccessor) this.reconciler.waitForAll();
    this.healthSocket.start();
    this.board?.start();
    await this.certificateList.start();
    if (this.stopping) return;
    if (remembered !== null) await this.loadRoutes(remembered, isSuccessor ? null : ROUTES_PATIENCE_MS);
    await this.accessLog?.start();
    if (this.stopping) return;
    await this.fleet.start(isSuccessor);
    // A signal may have come while the workers booted.
    if (this.stopping) return;
    this.tellEntryPoints();
    if (this.admin !== null) {
      const { port } = await this.admin.listen(isSuccessor);
      if (this.stopping) return;
      const { host, path } = this.settings.web!;
      log.event(EVENTS.adminListening, '', { address: addressText({ host, port }), path });
    }
    this.ticketRing.start();
    this.spans?.start();
    this.usage.start();
    this.seriesLimit.start();
  }

  /** Until the first table was made, or `patienceMs` are over (null: never). What workers boot with is the newest one. */
  private async loadRoutes(remembered: readonly RememberedSource[], patienceMs: number | null): Promise<void> {
    this.follow(remembered);
    if (this.sourceList.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = patienceMs === null ? undefined : setTimeout(resolve, timerSpan(patienceMs));
    await Promise.race([this.publisher.begun, promise, this.stopped.promise]);
    clearTimeout(patience);
  }

  /** Routes follow as the sources answer. `remembered`: what they begin with. Once; later calls do nothing. */
  follow(remembered: readonly RememberedSource[]): void {
    if (this.stopping || this.feed.isStarted) return;
    this.feed.start(remembered);
    this.nodeReport.start();
  }

  /**
   * Resolves when certificates, keys, and files that frontends and backends name were read again, where they have changed;
   * what cannot be used is a problem of its object.
   */
  async rereadFiles(): Promise<void> {
    await Promise.all([this.certificateList.lookNow(), this.files.lookNow(), this.admin?.rereadFiles()]);
  }

  /**
   * Takes on what of changed settings a running control plane can, and reads authorities of client certificates again.
   * @throws TsujiError for authorities that cannot be used; then nothing has changed
   */
  reload({ logLevel, entryPoints, web }: Settings): void {
    this.clientCAs = entryPoints.map(loadClientCAs);
    if (web !== null) this.admin?.reload(web);
    this.fleet.reload(logLevel, entryPoints, this.clientCAs);
  }

  /** `/ping` answers 503 from now on, so that whoever asks stops sending; everything else works on. */
  beginDrain(): void {
    this.isDraining = true;
    this.changes.notify();
  }

  /** A successor serves: whoever asks how tsuji is should ask that one. `stop` follows. */
  handOver(): void {
    this.beginDrain();
    this.healthSocket.stop();
    this.board?.stop();
    void this.admin?.close();
    // The successor keeps it from now on.
    void this.snapshot.stop();
    void this.usage.stop();
  }

  /** Ends everything; exchanges that run may end within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    const wasAsked = this.isDraining;
    this.isDraining = true;
    this.stopping = true;
    this.stopped.resolve();
    await this.drain(graceMs, wasAsked);
    this.configLog.stop();
    this.seriesLimit.stop();
    this.reconciler.stop();
    this.guard.stop();
    this.shadows.stop();
    this.files.stop();
    this.healthChecks.stop();
    this.servers.stop();
    this.certificateList.stop();
    this.ticketRing.stop();
    this.keySets.stop();
    await this.usage.stop();
    await Promise.all([this.nodes.stop(), this.nodeReport.stop(), this.spans?.stop()]);
    await this.feed.stop();
    this.changes.stop();
    this.applied.stop();
    this.healthSocket.stop();
    this.board?.stop();
    await this.admin?.close();
    await this.tables.stop();
    await Promise.all([this.passwords.close(), this.past?.stop()]);
    await this.accessLog?.stop();
  }

  /** `wasAsked`: it is the drain of a signal, and no failed or other start. */
  private async drain(graceMs: number, wasAsked: boolean): Promise<void> {
    const startedAt = performance.now();
    const open = (): number => this.memory.openExchanges();
    let cut = 0;
    const step = setInterval(() => log.event(EVENTS.drainStep, '', { open: open() }), DRAIN_STEP_MS).unref();
    await this.fleet.drain(graceMs, () => {
      cut = open();
    });
    clearInterval(step);
    if (wasAsked) log.event(EVENTS.drainEnd, '', { took_ms: Math.round(performance.now() - startedAt), cut });
  }

  private tellEntryPoints(): void {
    const { ports } = this.fleet;
    for (const [i, { name: entrypoint, host, engine, tls, proxyProtocol }] of this.settings.entryPoints.entries()) {
      const address = addressText({ host, port: ports[i] });
      const kind = { tls: tls !== null, engine, proxy_protocol: proxyProtocol !== null };
      log.event(EVENTS.listening, entrypoint, { entrypoint, address, ...kind });
    }
  }

  /** What the log says of the routes in force. */
  private inForce(): LogFields {
    const { backends, frontends, certificates } = this.current;
    const revisions = this.sourceList.map((source) => source.status()).filter(({ revision }) => revision !== '');
    const revision = revisions.map((status) => `${status.name}@${status.revision}`).join(' ');
    const counts = {
      frontends: frontends.size,
      backends: backends.size,
      servers: this.servers.serverCount,
      certificates: certificates.size,
    };
    return { revision, ...counts, problems: this.view.problemCount() };
  }

  /** A model follows right away, or there is nothing in it that workers must be told. */
  private taken(revisions: Revisions): void {
    this.applied.took(revisions);
    setImmediate(() => this.settle());
  }

  private settle(): void {
    this.applied.settle(this.fleet.appliedGeneration(), this.tables.isBusy);
    this.changes.notify();
  }

  private modelChanged(model: Model, changed: ModelChange, since: number): void {
    this.current = model;
    attempt('log of changes', () => this.configLog.touch(changed, since));
    attempt('log of servers', () => this.servers.tellChanged(changed.backends));
    this.servers.touch(changed.backends);
    this.healthChecks.touch(changed.backends);
    this.breakers.touch(changed.backends);
    attempt('live nodes', () => this.nodes.follow(model.frontends, changed.frontends));
    attempt('key sets', () => this.keySets.follow(model.frontends, changed.frontends));
    attempt('certificates', () => this.certificateList.apply(model.certificates, changed.certificates));
    this.shadows.touch();
    this.changes.notify();
    this.tables.next(changed);
  }

  /** Right after the builder was told of a model, which may have changed when its table is made. */
  private followTold(generation: number): void {
    this.applied.tell(generation);
    this.servers.modelChanged(this.current);
    this.healthChecks.follow(this.current.backends);
    this.breakers.follow(this.current.backends);
  }
}
