/**
 * The main thread's half of tsuji, put together: sources → reconciler → compiler → publisher → workers, and the admin
 * pages that look at them.
 */

import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { Model } from '../model/model.ts';
import type { EffectiveSetting } from '../settings/effective.ts';
import type { Settings } from '../settings/settings.ts';
import { AccessLogControl } from './access-log/access-log.ts';
import { AdminServer } from './admin/admin-server.ts';
import { Balancing } from './balancing/balancing.ts';
import { Board } from './board/board.ts';
import { ChangeListeners } from './change-listeners.ts';
import { NodeReport } from './cluster/node-report.ts';
import { ClusterNodes } from './cluster/nodes.ts';
import { WorkerQuestions } from './explain/worker-questions.ts';
import { attempt } from './guarded.ts';
import { Prober } from './health-checks/probe.ts';
import { HealthSocket } from './health-socket.ts';
import { HistoryAnswers } from './history/history-answers.ts';
import { fetchKeySet } from './key-sets/fetch-key-set.ts';
import { KeySets } from './key-sets/key-sets.ts';
import { treeOf } from './keys/key-rows.ts';
import { ShadowWatch } from './keys/shadow-watch.ts';
import { addressText } from './listening.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import type { SnapshotKeeper } from './memory/snapshot-keeper.ts';
import { PasswordChecks } from './passwords/password-checks.ts';
import { PlaneView } from './plane-view.ts';
import { loadRootCAs } from './root-cas.ts';
import type { ModelChange } from './routing/reconciler.ts';
import { Routing } from './routing/routing.ts';
import { SeriesLimit } from './series-limit.ts';
import { ROUTES_PATIENCE_MS } from './service/report.ts';
import type { SourceLog } from './source/source-log.ts';
import type { StoredKeysReader } from './stored-keys.ts';
import { LiveTails } from './tail/live-tails.ts';
import { Certificates } from './tls/certificates.ts';
import { loadClientCAs } from './tls/client-cas.ts';
import { SharedTicketKeys } from './tls/shared-ticket-keys.ts';
import { TicketRing } from './tls/ticket-ring.ts';
import { SpanExporter } from './tracing/span-exporter.ts';
import { FrontendUsage } from './usage/frontend-usage.ts';
import { bootOptions } from './workers/boot-options.ts';
import { SharedMemory } from './workers/shared-memory.ts';
import { WorkerFleet } from './workers/worker-fleet.ts';
import { workerHeap } from './workers/worker-heap.ts';
import type { WorkerThreads } from './workers/worker-threads.ts';

/** How often a drain that waits says so. */
const DRAIN_STEP_MS = 5_000;

export class ControlPlane {
  private readonly settings: Settings;
  private readonly memory: SharedMemory;
  private readonly balancing: Balancing;
  private readonly routing: Routing;
  private readonly passwords = new PasswordChecks();
  private readonly keySets: KeySets;
  private readonly nodes: ClusterNodes;
  private readonly nodeReport: NodeReport;
  /** null: there are no traces. */
  private readonly spans: SpanExporter | null;
  private readonly tails: LiveTails;
  private readonly usage: FrontendUsage;
  readonly fleet: WorkerFleet;
  private readonly accessLog: AccessLogControl | null;
  /** null: there is no etcd. */
  private readonly past: HistoryAnswers | null;
  private readonly certificateList: Certificates;
  private readonly ticketRing: TicketRing;
  /** Of each entrypoint. */
  private clientCAs: readonly (readonly string[])[];
  /** null where there are no pages for it. */
  private readonly board: Board | null;
  private readonly admin: AdminServer | null;
  private readonly healthSocket: HealthSocket;
  private readonly snapshot: SnapshotKeeper;
  private readonly seriesLimit: SeriesLimit;
  private readonly shadows: ShadowWatch = new ShadowWatch({
    model: () => this.routing.model,
    prefix: () => treeOf(this.view),
    onChange: () => this.changes.notify(),
  });
  private readonly questions = new WorkerQuestions(() => this.fleet);
  private readonly changes = new ChangeListeners();
  readonly view: PlaneView;
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
    const memory = new SharedMemory(settings.workers, settings.metrics.buckets, settings.tracing !== null);
    this.memory = memory;
    const onChange = (): void => this.changes.notify();
    const rootCAs = settings.rootCAs === null ? null : loadRootCAs(settings.rootCAs, settings.origins.rootCAs);
    const prober = new Prober({ insecureSkipVerify: settings.insecureSkipVerify, rootCAs });
    this.balancing = new Balancing({
      settings,
      memory,
      prober,
      model: () => this.routing.model,
      frontendsNaming: (backend) => this.routing.builder.frontendsNaming(backend),
      onChange,
    });
    this.routing = new Routing({
      settings,
      stored,
      sourceLog,
      snapshot,
      balancing: this.balancing,
      lanes: memory.lanes,
      prober,
      onModel: (model, changed) => this.modelChanged(model, changed),
      onKeys: (changes) => this.board?.tookKeys(changes),
      problemCount: () => this.view.problemCount(),
      onChange,
    });
    this.past = settings.etcd === null ? null : new HistoryAnswers(settings.etcd, snapshot.path);
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
      prefix: settings.etcd === null ? '' : settings.etcd.prefix,
      onProblems: onChange,
      fetch: (url) => fetchKeySet(url, rootCAs),
      onChange: (changed, removed) => this.fleet.broadcastSinceBoot({ kind: 'keySets', changed, removed }),
      onAnswer: (index, changed, removed) => this.fleet.send(index, { kind: 'keySets', changed, removed }),
    });
    this.accessLog = settings.accessLog === null ? null : new AccessLogControl(settings.accessLog, settings.workers);
    const { tracing, workers } = settings;
    this.spans = tracing === null ? null : new SpanExporter(tracing, workers, version);
    const kept = snapshot.status();
    this.usage = new FrontendUsage(
      () => this.routing.model,
      memory.histograms,
      kept === null ? '' : `${kept.path}.usage`,
    );
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
      onWelcome: (index, generation) => this.routing.publisher.welcome(index, generation),
      onApplied: () => this.routing.acknowledged(),
      onPassword: (index, { id, password, hash }) => {
        void this.passwords
          .check(password, hash)
          .then((isRight) => this.fleet.send(index, { kind: 'passwordChecked', id, isRight }));
      },
      onKeySet: (index, url) => this.keySets.asked(index, url),
      onSpans: () => this.spans?.collect(),
      onExplained: ({ id, explained }) => this.questions.answered(id, explained),
      onServer: ({ event, backend, server }) => this.balancing.servers.received(event, backend, server),
      onServerFailed: (message) => this.balancing.servers.failed(message),
      onEnded: (index) => this.balancing.workerEnded(index),
      onChange,
    });
    this.seriesLimit = new SeriesLimit(memory);
    this.routing.publisher.attach(this.fleet);
    this.view = new PlaneView({
      settings,
      version,
      routing: this.routing,
      balancing: this.balancing,
      snapshot,
      fleet: this.fleet,
      questions: this.questions,
      shadows: this.shadows,
      past: this.past,
      certificates: this.certificateList,
      nodes: this.nodes,
      nodeReport: this.nodeReport,
      keySets: this.keySets,
      admin: () => this.admin,
      memory,
      accessLog: this.accessLog,
      spans: this.spans,
      tails: this.tails,
      usage: this.usage,
      mostConnections: options.mostConnections,
      changes: this.changes,
      effective,
      load: () => this.board?.load() ?? { workers: null, rate: null, e5: null },
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
    if (isSuccessor) this.routing.reconciler.waitForAll();
    this.healthSocket.start();
    this.board?.start();
    await this.certificateList.start();
    if (this.stopping) return;
    if (remembered !== null) {
      this.follow(remembered);
      await this.routing.begun(isSuccessor ? null : ROUTES_PATIENCE_MS, this.stopped.promise);
    }
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

  /** Routes follow as the sources answer. `remembered`: what they begin with. Once; later calls do nothing. */
  follow(remembered: readonly RememberedSource[]): void {
    if (this.stopping || this.routing.isFollowing) return;
    this.routing.follow(remembered);
    this.nodeReport.start();
  }

  /**
   * Resolves when certificates, keys, and files that frontends and backends name were read again, where they have changed;
   * what cannot be used is a problem of its object.
   */
  async rereadFiles(): Promise<void> {
    await Promise.all([this.certificateList.lookNow(), this.routing.files.lookNow(), this.admin?.rereadFiles()]);
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
    this.seriesLimit.stop();
    this.shadows.stop();
    this.balancing.stop();
    this.certificateList.stop();
    this.ticketRing.stop();
    this.keySets.stop();
    const { usage, nodes, nodeReport, spans } = this;
    await Promise.all([this.routing.stop(), usage.stop(), nodes.stop(), nodeReport.stop(), spans?.stop()]);
    this.changes.stop();
    this.healthSocket.stop();
    this.board?.stop();
    await this.admin?.close();
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

  private modelChanged(model: Model, changed: ModelChange): void {
    attempt('live nodes', () => this.nodes.follow(model.frontends, changed.frontends));
    attempt('key sets', () => this.keySets.follow(model.frontends, changed.frontends));
    attempt('certificates', () => this.certificateList.apply(model.certificates, changed.certificates));
    this.shadows.touch();
    this.changes.notify();
  }
}
