/**
 * What the service manager hears of tsuji, and when: READY=1 once it serves, WATCHDOG=1 whenever every worker has answered,
 * STOPPING=1 while it drains, and a line for people (`systemctl status`).
 */
import type { PlaneView } from '../plane-view.ts';
import type { ServiceNotifier } from './notify.ts';

/**
 * So long the routes are waited for before anybody is listened to, and then before we call ourselves ready. Whoever starts behind us finds them then; but a store
 * that is down must not end the start, since we serve as soon as it is there.
 */
export const ROUTES_PATIENCE_MS = 10_000;
/** Between two lines for people that nothing else calls for. */
const STATUS_MS = 10_000;
/** How often a drain says that it goes on, and how long it may be silent: it has a limit of its own. */
const DRAIN_STEP_MS = 5_000;
const DRAIN_SILENCE_MS = 30_000;

/** What is reported of: a control plane (control-plane.ts). */
export type Reported = {
  readonly view: Pick<
    PlaneView,
    'workers' | 'model' | 'problemCount' | 'loaded' | 'settled' | 'openExchanges' | 'onChange'
  >;
};

/**
 * Milliseconds within which WATCHDOG=1 has to come, 0: nobody waits for it. WATCHDOG_PID says whose business that is; it is
 * taken out of `env`, so that a successor of ours takes it for its own.
 */
export function watchdogMs(env: NodeJS.ProcessEnv, pid: number): number {
  const { WATCHDOG_USEC, WATCHDOG_PID } = env;
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== pid) return 0;
  delete env.WATCHDOG_PID;
  const micros = Number(WATCHDOG_USEC ?? 0);
  return Number.isFinite(micros) && micros > 0 ? micros / 1_000 : 0;
}

export class ServiceReport {
  private readonly notifier: ServiceNotifier;
  private plane: Reported | null = null;
  private leave: () => void = () => {};
  private isReady = false;
  private isStopping = false;
  private patience: NodeJS.Timeout | null = null;
  private statusTimer: NodeJS.Timeout | null = null;
  private told = '';

  constructor(notifier: ServiceNotifier) {
    this.notifier = notifier;
  }

  /** This one serves from now on, in the place of the one before. */
  watch(plane: Reported): void {
    if (!this.notifier.isHeard || this.isStopping) return;
    this.leave();
    this.plane = plane;
    this.leave = plane.view.onChange(() => this.changed());
    this.patience ??= setTimeout(() => this.ready(), ROUTES_PATIENCE_MS).unref();
    this.changed();
  }

  /** Every worker has answered since the last time. */
  alive(): void {
    if (!this.isStopping) this.notifier.notify({ WATCHDOG: '1' });
  }

  /** Files are read again; `reloaded` follows. */
  reloading(): void {
    if (this.isReady && !this.isStopping) this.notifier.notify({ RELOADING: '1' });
  }

  reloaded(): void {
    if (this.isReady && !this.isStopping) this.notifier.notify({ READY: '1' });
  }

  /** We drain by a signal, and end. */
  stopping(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.rest();
    this.drains({ STOPPING: '1' });
    setInterval(() => this.drains({}), DRAIN_STEP_MS).unref();
  }

  /** A successor, with that process id, serves, and speaks for the service: once that is known, our end is not its end. */
  async succeeded(pid: number): Promise<void> {
    this.isStopping = true;
    this.rest();
    await this.notifier.lastWord({ MAINPID: String(pid) });
  }

  private rest(): void {
    this.leave();
    for (const timer of [this.patience, this.statusTimer]) if (timer !== null) clearTimeout(timer);
  }

  private changed(): void {
    if (this.isStopping || this.plane === null) return;
    if (!this.isReady) {
      const { view } = this.plane;
      if (view.loaded().ready && view.settled()) this.ready();
      return;
    }
    this.statusTimer ??= setTimeout(() => {
      this.statusTimer = null;
      this.tellStatus();
    }, STATUS_MS).unref();
  }

  private ready(): void {
    if (this.isReady || this.isStopping) return;
    this.isReady = true;
    if (this.patience !== null) clearTimeout(this.patience);
    this.told = this.status();
    // Not MAINPID: a successor may still be given up, and its end would be that of the service. Its predecessor says it.
    this.notifier.notify({ READY: '1', STATUS: this.told });
  }

  private tellStatus(): void {
    const status = this.status();
    if (status === this.told) return;
    this.told = status;
    this.notifier.notify({ STATUS: status });
  }

  private drains(state: { readonly STOPPING?: '1' }): void {
    const open = this.plane?.view.openExchanges() ?? 0;
    const status = `Draining: ${open} requests in progress`;
    this.notifier.notify({ ...state, STATUS: status, EXTEND_TIMEOUT_USEC: String(DRAIN_SILENCE_MS * 1_000) });
  }

  private status(): string {
    if (this.plane === null) return '';
    const { view } = this.plane;
    const { frontends, backends } = view.model();
    const workers = view.workers();
    const serving = workers.filter(({ state }) => state === 'serving').length;
    if (!view.loaded().ready) return 'No routes yet: everybody gets 503';
    const counts = `${frontends.size} frontends, ${backends.size} backends, ${view.problemCount()} problems`;
    return `Serving with ${serving} of ${workers.length} workers: ${counts}`;
  }
}
