/**
 * From settings to a running control plane. The store may hold settings as well, which count more than all others: they
 * are waited for, but not for ever, since whoever watches `/ping` must find somebody. When they come later and say
 * something else than what runs, the control plane is made anew; no route was known before.
 *
 * A store that refuses, or does not answer at once, is not waited for where a snapshot says what it had: then that is in
 * force, settings and routes, until the store has been read.
 */
import { isDeepStrictEqual } from 'node:util';
import { timerSpan } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import { tellOwnError } from '../kernel/own-error.ts';
import { changesBetween, type Reading, type SettingChange, takenOn } from '../settings/changes.ts';
import { type EffectiveSetting, effectiveSettings } from '../settings/effective.ts';
import type { Given } from '../settings/given.ts';
import type { Settings } from '../settings/settings.ts';
import type { WithStored } from '../settings/stored-settings.ts';
import { AddressTrial } from './address-trial.ts';
import { ControlPlane } from './control-plane.ts';
import { letGoSoon } from './let-go.ts';
import { tellWarning, useLogSettings } from './log-settings.ts';
import { snapshotPath } from './memory/snapshot-file.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import { SnapshotKeeper } from './memory/snapshot-keeper.ts';
import { serviceManager } from './service/notify.ts';
import { ServiceReport, watchdogMs } from './service/report.ts';
import { checkFiles } from './setting-files.ts';
import { ENDPOINT_DEADLINE_MS } from './source/endpoint-loop.ts';
import { SourceLog } from './source/source-log.ts';
import { StoredKeysReader } from './stored-keys.ts';
import type { WorkerThreads } from './workers/worker-threads.ts';
import { WorkerWatch } from './workers/worker-watch.ts';

/** After that tsuji listens by the settings that it has. */
const PATIENCE_MS = 5_000;
/** Where a snapshot has all that the store would say. */
const PATIENCE_WITH_SNAPSHOT_MS = 250;
/** Where one endpoint may hang: that takes its time, and the next one answers. */
const PATIENCE_WITH_OTHERS_MS = ENDPOINT_DEADLINE_MS + 2_000;

/** Until the log is written. */
const LAST_WORDS_MS = 1_000;

/** Wherever they were written. */
function sameSettings(one: Settings, other: Settings): boolean {
  return isDeepStrictEqual({ ...one, origins: null }, { ...other, origins: null });
}

/** In the way that is left, and that leaves something to look into. */
function endStuck(lag_ms: number): void {
  log.event(EVENTS.workersStuck, '', { lag_ms });
  setTimeout(() => process.abort(), LAST_WORDS_MS);
}

/** All keys of the store, relative to the prefix. */
type StoreKeys = ReadonlyMap<string, string>;

/** The settings without those of the store. */
export type Reread = Reading & { readonly given: Given; readonly withStored: WithStored };

export class Launch {
  private readonly settings: Settings;
  private readonly withStored: WithStored;
  /** Of the store, that were put on top; null: they were not read. */
  private storedKeys: StoreKeys | null = null;
  private reloading = Promise.resolve();
  /** What was written of the settings in force, but for those of the store. */
  private texts: Reread['texts'];
  /** What was given of the settings in force, those of the store included. */
  private given: Given;
  private readonly version: string;
  private readonly threads: WorkerThreads;
  /** Another tsuji serves on the same addresses until this one does. */
  private readonly isSuccessor: boolean;
  private readonly sourceLog = new SourceLog();
  private readonly reader: StoredKeysReader;
  /** What the service manager hears. */
  readonly service = new ServiceReport(serviceManager);
  private readonly workers: WorkerWatch;
  private readonly snapshot: SnapshotKeeper;
  private plane: ControlPlane | null = null;
  private inForce: Settings;
  private readonly stopped = Promise.withResolvers<null>();
  private stopping = false;
  private draining = false;

  /** @throws TsujiError for TLS settings that cannot be used */
  constructor(
    { settings, texts, given, withStored }: Reread,
    version: string,
    threads: WorkerThreads,
    isSuccessor: boolean,
  ) {
    this.settings = settings;
    this.texts = texts;
    this.given = given;
    this.withStored = withStored;
    this.version = version;
    this.threads = threads;
    this.isSuccessor = isSuccessor;
    this.inForce = settings;
    this.reader = new StoredKeysReader(settings, this.sourceLog);
    const watchdog = watchdogMs(process.env, process.pid);
    this.workers = new WorkerWatch({
      watchdogMs: watchdog,
      onAlive: () => {
        if (watchdog > 0) this.service.alive();
      },
      onStuck: endStuck,
    });
    const path = snapshotPath(settings, process.env.STATE_DIRECTORY ?? '');
    this.snapshot = new SnapshotKeeper(path, settings.etcd?.prefix ?? '', version, settings.historyMb * 1_048_576);
  }

  /** Those of the command line until others have come. */
  get current(): Settings {
    return this.inForce;
  }

  /**
   * Resolves when tsuji listens and its routes are followed, or when it was stopped.
   * @throws TsujiError when an address cannot be listened on or a worker does not boot
   */
  async run(): Promise<void> {
    if (this.stopping) return;
    const reading = this.reader.read();
    const hasOthers = (this.settings.etcd?.endpoints.length ?? 0) > 1;
    const patienceMs = hasOthers ? PATIENCE_WITH_OTHERS_MS : PATIENCE_MS;
    const isRemembered = this.snapshot.open();
    // A successor has time: its predecessor serves.
    const firstMs = isRemembered && !this.isSuccessor ? PATIENCE_WITH_SNAPSHOT_MS : patienceMs;
    const answer = isRemembered && !this.isSuccessor ? Promise.race([reading, this.reader.refused]) : reading;
    let early = await this.within(firstMs, answer);
    if (early === null && isRemembered && !this.stopping) {
      const remembered = await this.snapshot.recall();
      if (remembered !== null) {
        await this.runRemembered(remembered, reading);
        return;
      }
      early = await this.within(patienceMs - firstMs, reading);
    }
    // Without its routes a successor is of no use.
    if (early === null && this.isSuccessor) early = await Promise.race([reading, this.stopped.promise]);
    this.snapshot.close();
    if (this.stopping) return;
    if (early !== null) {
      const settings = await this.judge(early);
      if (this.stopping) return;
      await this.start(settings, []);
    } else {
      log.event(EVENTS.settingsMissing, '', {});
      await this.start(this.settings, null);
      const settings = await this.otherSettings(reading);
      if (settings === null) this.plane?.follow([]);
      else await this.restart(settings, []);
    }
  }

  /** What `run` was to reach was reached, and nobody has ended it since. */
  get serves(): boolean {
    return this.plane !== null && !this.stopping && !this.draining;
  }

  /** `/ping` answers 503 from now on. */
  beginDrain(): void {
    this.draining = true;
    this.service.stopping();
    this.plane?.beginDrain();
  }

  /** A successor, with that process id, serves, and is asked from now on how tsuji is. `stop` follows. */
  async handOver(pid: number): Promise<void> {
    this.draining = true;
    // We serve on until the service manager knows, which would take our end for that of the service.
    await this.service.succeeded(pid);
    this.plane?.handOver();
  }

  /** Ends everything; exchanges that run may end within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    this.stopped.resolve(null);
    await Promise.all([this.reader.stop(), this.plane?.stop(graceMs)]);
  }

  /** null when it has not come by then, or tsuji was stopped. */
  private async within<Value>(ms: number, awaited: Promise<Value>): Promise<Value | null> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, timerSpan(ms), null);
    });
    const first = await Promise.race([awaited, patience, this.stopped.promise]);
    clearTimeout(timer);
    return first;
  }

  /** With all that the store had when it was last followed. */
  private async runRemembered(sources: readonly RememberedSource[], reading: Promise<StoreKeys>): Promise<void> {
    const known = this.reader.recall(sources);
    const settings = await this.judge(known);
    if (this.stopping) return;
    await this.start(settings, sources);
    this.catchUp(reading, sources).catch((error: unknown) => tellOwnError('settings in the store', error));
  }

  /** The store answers again: what it says of tsuji itself counts. */
  private async catchUp(reading: Promise<StoreKeys>, sources: readonly RememberedSource[]): Promise<void> {
    const settings = await this.otherSettings(reading);
    if (settings === null) return;
    const statuses = this.plane?.view.sources() ?? [];
    const isRemembered = (name: string): boolean =>
      statuses.some((status) => status.name === name && status.remembered === true);
    const remembered = sources.filter(({ name }) => isRemembered(name));
    await this.restart(settings, remembered);
  }

  /** Those of the store when they have come; null when they are those in force, or tsuji was stopped. */
  private async otherSettings(reading: Promise<StoreKeys>): Promise<Settings | null> {
    const late = await Promise.race([reading, this.stopped.promise]);
    if (late === null) return null;
    const settings = await this.judge(late);
    return this.stopping || sameSettings(settings, this.inForce) ? null : settings;
  }

  private async restart(settings: Settings, remembered: readonly RememberedSource[]): Promise<void> {
    log.event(EVENTS.settingsChanged, '', {});
    await this.plane?.stop(0);
    if (!this.stopping) await this.start(settings, remembered);
  }

  /** Files are read again, one time after the other. `reread`: the settings, without those of the store. */
  reload(reread: () => Reread): Promise<void> {
    this.reloading = this.reloading.then(() => this.reloadOnce(reread)).catch((error) => tellOwnError('reload', error));
    return this.reloading;
  }

  private async reloadOnce(reread: () => Reread): Promise<void> {
    const { plane } = this;
    if (plane === null || !this.serves) {
      log.event(EVENTS.reloadFailed, '', { reason: 'tsuji does not serve' });
      return;
    }
    this.service.reloading();
    const startedAt = performance.now();
    await plane.rereadFiles();
    let changes: readonly SettingChange[] = [];
    try {
      changes = this.takeOn(reread(), plane);
    } catch (error) {
      log.event(EVENTS.reloadFailed, '', { reason: reasonOf(error) });
    }
    for (const { setting, isLive } of changes) {
      const in_force = isLive ? 'now' : 'after a restart';
      log.event(EVENTS.settingChanged, setting, { setting, in_force }, isLive ? 'info' : 'warning');
    }
    // Behind those lines, which a higher level would swallow.
    useLogSettings(this.inForce);
    log.event(EVENTS.reloaded, '', { changed: changes.length, took_ms: Math.round(performance.now() - startedAt) });
    this.service.reloaded();
  }

  /** @throws TsujiError for settings that cannot be used; then nothing has changed */
  private takeOn(reread: Reread, plane: ControlPlane): SettingChange[] {
    const { texts, withStored } = reread;
    const { settings: stored, given } = this.storedKeys === null ? reread : withStored(this.storedKeys, checkFiles);
    checkFiles(stored);
    const [before, after] = [
      { settings: this.inForce, texts: this.texts },
      { settings: stored, texts },
    ];
    const next = takenOn(before, after);
    plane.reload(next.settings);
    this.inForce = next.settings;
    this.texts = next.texts;
    const changes = changesBetween(before, after);
    // Else some of what is given is not in force.
    if (changes.every(({ isLive }) => isLive)) this.given = given;
    return changes;
  }

  private async judge(keys: StoreKeys): Promise<Settings> {
    this.storedKeys = keys;
    const addresses = new AddressTrial(this.settings, this.isSuccessor);
    const check = (settings: Settings): void => {
      checkFiles(settings);
      addresses.check(settings);
    };
    let stored = this.withStored(keys, check);
    while (await addresses.findsFault(stored.settings)) stored = this.withStored(keys, check);
    this.reader.judged(stored);
    this.given = stored.given;
    const inForce = [...keys].filter(([key, value]) => this.reader.problemOf(key, value) === '').map(([key]) => key);
    if (inForce.length > 0) log.event(EVENTS.settingsStored, '', { keys: inForce.sort().join(',') });
    return stored.settings;
  }

  /** `remembered`: what routes begin with; null: they are not followed yet. */
  private async start(settings: Settings, remembered: readonly RememberedSource[] | null): Promise<void> {
    const told = this.plane === null ? [] : this.inForce.warnings;
    this.inForce = settings;
    useLogSettings(settings);
    for (const warning of settings.warnings) {
      if (!told.some((one) => isDeepStrictEqual(one, warning))) tellWarning(warning);
    }
    const { version, reader: stored, sourceLog, snapshot, threads } = this;
    const effective = (): readonly EffectiveSetting[] => effectiveSettings(this.given, this.inForce);
    this.plane = new ControlPlane({ settings, version, stored, sourceLog, snapshot, threads, effective });
    if (this.draining) this.plane.beginDrain();
    await this.plane.start(this.isSuccessor, remembered);
    this.service.watch(this.plane);
    this.workers.watch(this.plane.fleet);
    // What was needed to load all this code.
    letGoSoon();
  }
}
