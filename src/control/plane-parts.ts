/** The parts of the main thread, put together: who hears of what from whom. Nothing begins here. */
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
import type { SnapshotKeeper } from './memory/snapshot-keeper.ts';
import { PasswordChecks } from './passwords/password-checks.ts';
import { PlaneView } from './plane-view.ts';
import { loadRootCAs } from './root-cas.ts';
import type { ModelChange } from './routing/reconciler.ts';
import { Routing } from './routing/routing.ts';
import { SeriesLimit } from './series-limit.ts';
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

export type PlaneOptions = {
  readonly settings: Settings;
  readonly version: string;
  /** What was read of the settings in the store, before routes are followed at the latest. */
  readonly stored: StoredKeysReader;
  readonly sourceLog: SourceLog;
  readonly snapshot: SnapshotKeeper;
  readonly threads: WorkerThreads;
  /** Those in force. */
  readonly effective: () => readonly EffectiveSetting[];
};

export class PlaneParts {
  readonly settings: Settings;
  readonly version: string;
  readonly effective: () => readonly EffectiveSetting[];
  readonly snapshot: SnapshotKeeper;
  readonly memory: SharedMemory;
  readonly balancing: Balancing;
  readonly routing: Routing;
  readonly passwords = new PasswordChecks();
  readonly keySets: KeySets;
  readonly nodes: ClusterNodes;
  readonly nodeReport: NodeReport;
  /** null: there are no traces. */
  readonly spans: SpanExporter | null;
  readonly tails: LiveTails;
  readonly usage: FrontendUsage;
  readonly fleet: WorkerFleet;
  /** As file descriptors allow; 0: no limit is known. */
  readonly mostConnections: number;
  readonly accessLog: AccessLogControl | null;
  /** null: there is no etcd. */
  readonly past: HistoryAnswers | null;
  readonly certificates: Certificates;
  readonly ticketRing: TicketRing;
  /** Of each entrypoint, as they are now. */
  clientCAs: readonly (readonly string[])[];
  /** null where there are no pages for it. */
  readonly board: Board | null;
  readonly admin: AdminServer | null;
  readonly healthSocket: HealthSocket;
  readonly seriesLimit: SeriesLimit;
  readonly shadows: ShadowWatch = new ShadowWatch({
    model: () => this.routing.model,
    prefix: () => treeOf(this.view),
    onChange: () => this.changes.notify(),
  });
  readonly questions = new WorkerQuestions(() => this.fleet);
  readonly changes = new ChangeListeners();
  readonly view: PlaneView;
  /** Whoever asks is to go elsewhere. */
  isDraining = false;

  /** @throws TsujiError for TLS settings that cannot be used */
  constructor({ settings, version, stored, sourceLog, snapshot, threads, effective }: PlaneOptions) {
    this.settings = settings;
    this.version = version;
    this.effective = effective;
    this.snapshot = snapshot;
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
      onFrontends: (model, names) => this.frontendsChanged(model, names),
      onKeys: (changes) => this.board?.tookKeys(changes),
      problemCount: () => this.view.problemCount(),
      onChange,
    });
    this.past = settings.etcd === null ? null : new HistoryAnswers(settings.etcd, snapshot.path);
    this.clientCAs = settings.entryPoints.map(loadClientCAs);
    this.certificates = new Certificates({
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
    this.mostConnections = options.mostConnections;
    this.fleet = new WorkerFleet({
      count: settings.workers,
      threads,
      logLevel: settings.logLevel,
      heap: workerHeap(settings.workerHeapMb, settings.workers),
      entryPoints: settings.entryPoints,
      options,
      tls: () => ({
        clientCAs: this.clientCAs,
        certificates: this.certificates.published(),
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
    this.view = new PlaneView(this);
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

  /** Whoever follows it beside routes. */
  private modelChanged(model: Model, changed: ModelChange): void {
    attempt('certificates', () => this.certificates.apply(model.certificates, changed.certificates));
    this.shadows.touch();
    this.changes.notify();
  }

  private frontendsChanged({ frontends }: Model, names: readonly string[]): void {
    attempt('live nodes', () => this.nodes.follow(frontends, names));
    attempt('key sets', () => this.keySets.follow(frontends, names));
  }
}
