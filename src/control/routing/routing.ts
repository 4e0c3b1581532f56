/**
 * From the keys of the sources to the tables of the workers, put together:
 *
 *     sources ─▶ KeyFeed ─▶ Suspects ─▶ RemovalGuard ─▶ Reconciler ⇄ ModelBuilder
 *                                                           │ a model
 *            workers ◀─ Publisher ◀─ tables ─ TableCycle ◀──┴──▶ whoever else follows it
 */
import { timerSpan } from '../../kernel/durations.ts';
import type { LogFields } from '../../kernel/log-line.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';
import { ModelBuilder } from '../../model/build-model.ts';
import type { Backend, Frontend, Model } from '../../model/model.ts';
import { RULE_WAIT_MS } from '../../model/rule-wait.ts';
import type { Settings } from '../../settings/settings.ts';
import { MetricsReader } from '../../shared/metrics-reader.ts';
import type { Balancing } from '../balancing/balancing.ts';
import { attempt } from '../guarded.ts';
import type { Prober } from '../health-checks/probe.ts';
import { BackendTraffic } from '../memory/backend-traffic.ts';
import { HeldFile } from '../memory/held-file.ts';
import { RemovalGuard } from '../memory/removal-guard.ts';
import type { RememberedSource } from '../memory/snapshot-format.ts';
import type { SnapshotKeeper } from '../memory/snapshot-keeper.ts';
import { Suspects } from '../memory/suspects.ts';
import { sourcesFrom } from '../source/from-settings.ts';
import type { Source, SourceStatus } from '../source/source.ts';
import type { SourceLog } from '../source/source-log.ts';
import type { StoredKeysReader } from '../stored-keys.ts';
import { WatchedFiles } from '../watched-files.ts';
import { AppliedRevisions, type Revisions } from './applied-revisions.ts';
import { ApplyTimes } from './apply-times.ts';
import { ConfigLog } from './config-log.ts';
import { KeyFeed } from './key-feed.ts';
import { modelSettings } from './model-settings.ts';
import { Publisher } from './publisher.ts';
import { type ModelChange, Reconciler, type ReconcilerOptions } from './reconciler.ts';
import { Slices } from './slices.ts';
import { TableCycle } from './table-cycle.ts';
import { TableFeed } from './table-feed.ts';
import { TouchedObjects } from './touched-objects.ts';

export type RoutingOptions = {
  readonly settings: Settings;
  /** What was read of the settings in the store, before `follow` at the latest. */
  readonly stored: StoredKeysReader;
  readonly sourceLog: SourceLog;
  readonly snapshot: SnapshotKeeper;
  readonly balancing: Balancing;
  /** Of metrics. */
  readonly lanes: readonly SharedArrayBuffer[];
  readonly prober: Prober;
  /** A model is in force here; its table is about to be made. */
  readonly onModel: (model: Model, changed: ModelChange) => void;
  /** The same, of some of the frontends that are new, different or gone; between two calls others have their turn. */
  readonly onFrontends: (model: Model, names: readonly string[]) => void;
  readonly onKeys: Required<ReconcilerOptions>['onKeys'];
  /** Of all keys, as the log says it. */
  readonly problemCount: () => number;
  readonly onChange: () => void;
};

export class Routing {
  private readonly options: RoutingOptions;
  readonly sources: readonly Source[];
  readonly files = new WatchedFiles((object) => this.reconciler.rebuild(object));
  readonly builder: ModelBuilder;
  readonly reconciler: Reconciler;
  readonly guard: RemovalGuard;
  readonly suspects: Suspects;
  readonly tables: TableCycle;
  readonly publisher: Publisher;
  readonly applied = new AppliedRevisions({
    heard: () => new Map(this.statuses().map(({ name, revision }) => [name, revision])),
    received: (source) => this.feed.received(source),
  });
  readonly applyTimes = new ApplyTimes();
  private readonly feed: KeyFeed;
  private readonly configLog: ConfigLog;
  private readonly held: HeldFile;
  private current: Model;
  // Since a table was made of it last.
  private readonly backends = new TouchedObjects<Backend>();
  private readonly frontends = new TouchedObjects<Frontend>();
  /** Of whose servers the log has not told yet. */
  private readonly untold = new TouchedObjects<Backend>();
  private hasTold = false;

  /** @throws TsujiError for TLS settings of etcd that cannot be used */
  constructor(options: RoutingOptions) {
    this.options = options;
    const { settings, stored, balancing, prober, onChange } = options;
    this.sources = sourcesFrom(settings, stored.endpoints);
    const builder = new ModelBuilder({
      ...modelSettings(settings),
      stored,
      files: this.files,
      ruleWaitMs: RULE_WAIT_MS,
      isSuspect: (backend, server) => this.suspects.isSuspect(backend, server),
    });
    this.builder = builder;
    this.current = builder.model;
    const slices = new Slices();
    const names = settings.entryPoints.map((entryPoint) => entryPoint.name);
    this.tables = new TableCycle({
      slices,
      feed: new TableFeed(names, balancing.backendSlots, balancing.serverSlots),
      model: () => this.current,
      onTold: (generation) => this.followTold(generation),
      onTables: (generation, tables) => {
        this.publisher.publish(generation, tables, balancing.breakers.take());
        this.tellServers(slices);
      },
      onRefused: (refused) => this.reconciler.refuse(refused),
      onChange: () => this.settle(),
    });
    const reader = new MetricsReader(() => options.lanes);
    this.held = new HeldFile(options.snapshot.path, settings.etcd?.prefix ?? '');
    this.guard = new RemovalGuard({
      limits: settings.guard,
      frontends: () => this.current.frontends.size,
      keysOf: (kind, name) => builder.keysOf(kind, name),
      traffic: new BackendTraffic(reader, (slot) => balancing.backendSlots.nameOf(slot)),
      onRelease: () => this.reconciler.again(),
      onHeld: (held) => this.held.keep(held),
      onChange,
    });
    this.suspects = new Suspects({
      limitMs: settings.guard.suspectMs,
      sources: this.sources.map(({ name }) => name),
      model: () => this.current,
      keysOf: (source) => this.reconciler.keysOf(source),
      backendOf: (frontend) => builder.keysOf('frontends', frontend).get('backend') ?? '',
      evidenceOf: (backend, server) => balancing.servers.evidence(backend, server),
      connect: (server, timeoutMs) => prober.connect(server, timeoutMs),
      onMark: (backend) => this.reconciler.rebuild(`backends/${backend}`),
      onGone: (source, changes) => this.feed.letGo(source, changes),
      isBehind: () => this.feed.isBehind,
      onChange,
    });
    this.reconciler = new Reconciler({
      sources: this.sources,
      builder,
      slices,
      admit: (changes) => {
        this.suspects.obey(changes);
        return this.guard.admit(changes);
      },
      onKeys: (changes) => {
        this.tables.expect(changes.length);
        options.onKeys(changes);
      },
      onMissing: () => this.feed.recallMissing(),
      onTaken: (revisions) => this.taken(revisions),
      onModel: (model, changed, since) => this.modelChanged(model, changed, since),
      throttleMs: settings.providersThrottleMs,
      place: settings.etcd?.prefix || settings.folder,
    });
    this.feed = new KeyFeed({
      sources: this.sources,
      reconciler: this.reconciler,
      snapshot: options.snapshot,
      suspects: this.suspects,
      log: options.sourceLog,
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
      slices,
    });
    this.publisher = new Publisher((generation) => balancing.retire(generation));
  }

  /** The newest one. */
  get model(): Model {
    return this.current;
  }

  get isFollowing(): boolean {
    return this.feed.isStarted;
  }

  /** What the model shows is what every worker routes by: nothing of it is half-way, being compiled or on its way. */
  get isSettled(): boolean {
    return !this.reconciler.isHalfWay && this.isApplied;
  }

  /** Nothing is being compiled or on its way. */
  private get isApplied(): boolean {
    return !this.tables.isBusy && this.publisher.isApplied;
  }

  /** Of the sources, or of those that read the settings as long as no route is followed. */
  statuses(): SourceStatus[] {
    return this.isFollowing ? this.sources.map((source) => source.status()) : this.options.stored.statuses();
  }

  /** What the guard held in an earlier run is held on. Before `follow`. */
  async recallHeld(): Promise<void> {
    const held = await this.held.read();
    if (held !== null) this.guard.recall(held);
  }

  /** A successor keeps what it holds from now on. */
  handOver(): void {
    void this.held.stop();
  }

  /** Routes follow as the sources answer. `remembered`: what they begin with. Once. */
  follow(remembered: readonly RememberedSource[]): void {
    this.feed.start(remembered);
  }

  /**
   * Resolves when the first table was made, `ended` did, or `patienceMs` are over (null: never). What workers boot with is the
   * newest one.
   */
  async begun(patienceMs: number | null, ended: Promise<void>): Promise<void> {
    if (this.sources.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = patienceMs === null ? undefined : setTimeout(resolve, timerSpan(patienceMs));
    await Promise.race([this.publisher.begun, promise.then(() => this.feed.recallMissing()), ended]);
    clearTimeout(patience);
  }

  /** A worker routes by a newer table. */
  acknowledged(): void {
    this.publisher.acknowledged();
    this.settle();
    if (this.isApplied) this.configLog.applied(this.publisher.generation);
  }

  async stop(): Promise<void> {
    this.configLog.stop();
    this.reconciler.stop();
    this.guard.stop();
    this.files.stop();
    await Promise.all([this.feed.stop(), this.held.stop()]);
    this.applied.stop();
    await this.tables.stop();
  }

  /** What the log says of the routes in force. */
  private inForce(): LogFields {
    const { backends, frontends, certificates } = this.current;
    const revisions = this.sources.map((source) => source.status()).filter(({ revision }) => revision !== '');
    const revision = revisions.map((status) => `${status.name}@${status.revision}`).join(' ');
    const counts = {
      frontends: frontends.size,
      backends: backends.size,
      servers: this.options.balancing.servers.serverCount,
      certificates: certificates.size,
    };
    return { revision, ...counts, problems: this.options.problemCount() };
  }

  /** A model follows right away, or there is nothing in it that workers must be told. */
  private taken(revisions: Revisions): void {
    this.applied.took(revisions);
    setImmediate(() => this.settle());
  }

  private settle(): void {
    this.applied.settle(this.publisher.appliedGeneration, this.tables.isBusy);
    this.options.onChange();
  }

  private modelChanged(model: Model, changed: ModelChange, since: number): void {
    this.current = model;
    attempt('log of changes', () => this.configLog.touch(changed, since));
    this.backends.add(changed.backends);
    this.untold.add(changed.backends);
    this.frontends.add(changed.frontends);
    this.options.onModel(model, changed);
    this.tables.next(changed);
  }

  /** Right after the builder was told of a model, which may have changed when its table is made. */
  private *followTold(generation: number): Steps<void> {
    this.applied.tell(generation);
    const { balancing, onFrontends } = this.options;
    yield* balancing.follow(this.current, this.backends.take());
    for (const changed of this.frontends.take().parts()) {
      yield;
      onFrontends(this.current, [...changed.keys()]);
    }
  }

  /** Workers have the table: they do not wait for lines of the log. */
  private tellServers(slices: Slices): void {
    const isFirst = !this.hasTold;
    this.hasTold = true;
    slices.run(
      () => this.options.balancing.telling(this.untold.take(), isFirst),
      () => {},
      (error) => tellOwnError('log of servers', error),
    );
  }
}
