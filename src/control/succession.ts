/**
 * The upgrade without a gap: at SIGUSR2 the same command line is run anew, by what lies at its paths now. The successor
 * listens beside us on the same ports (SO_REUSEPORT) once it has routes, and says so; then we drain and end. Until that
 * moment we serve as if nothing was, and go on doing so when it ends or does not get that far in time.
 *
 *     predecessor ── started, with TSUJI_PREDECESSOR and an IPC channel ──▶ successor
 *     predecessor ◀──────────────────── ready ───────────────────────────── successor     listens, with routes
 *     predecessor    drains, ends                                            successor     serves
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { timerSpan } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';

const VARIABLE = 'TSUJI_PREDECESSOR';
const READY = 'ready';
/** From SIGTERM to SIGKILL for a successor that is given up. */
const END_MS = 5_000;
const STARTED_IN = process.cwd();

const STARTING = 'tsuji is still starting';
const FIRST_PROCESS = 'tsuji is process 1, with which its container ends: start another container';

/** Node as it was called, so that a link which leads elsewhere now is followed anew. */
function nodePath(): string {
  const { argv0, execPath } = process;
  const path = argv0.includes('/') ? resolve(STARTED_IN, argv0) : execPath;
  return existsSync(path) ? path : execPath;
}

/** Our side of a succession in which we are the successor. */
export class Predecessor {
  /** Null: nobody has started us to take over. The variable is taken out of `env`. */
  static from(env: NodeJS.ProcessEnv): Predecessor | null {
    const named = env[VARIABLE] !== undefined;
    delete env[VARIABLE];
    return named && process.connected ? new Predecessor() : null;
  }

  /** We listen and have routes: it may go. It may have gone already, which is as good. */
  tellReady(): void {
    if (!process.connected) return;
    process.send?.(READY, undefined, undefined, () => {
      if (process.connected) process.disconnect();
    });
  }
}

export type SuccessionOptions = {
  /** In which a successor has to be ready; 0: for ever. */
  readonly patienceMs: number;
  /** A successor, with that process id, serves: we drain. */
  readonly onReady: (pid: number) => void;
};

export class Succession {
  private child: ChildProcess | null = null;
  private patience: NodeJS.Timeout | undefined;
  /** Why there can be none, '' when there can. */
  private obstacle = STARTING;

  /** We serve: there may be a successor. */
  allow(): void {
    if (this.obstacle === STARTING) this.obstacle = process.pid === 1 ? FIRST_PROCESS : '';
  }

  begin(options: SuccessionOptions): void {
    if (this.child !== null) {
      const reason = `successor ${this.child.pid} is starting already`;
      log.event(EVENTS.signalIgnored, 'SIGUSR2', { signal: 'SIGUSR2', reason });
      return;
    }
    if (this.obstacle !== '') {
      log.event(EVENTS.successorFailed, '', { reason: this.obstacle });
      return;
    }
    let child: ChildProcess;
    try {
      child = spawn(nodePath(), [...process.execArgv, ...process.argv.slice(1)], {
        cwd: existsSync(STARTED_IN) ? STARTED_IN : undefined,
        env: { ...process.env, [VARIABLE]: String(process.pid) },
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      });
    } catch (error) {
      log.event(EVENTS.successorFailed, '', { reason: reasonOf(error) });
      return;
    }
    this.child = child;
    const startedAt = performance.now();
    log.event(EVENTS.successorStarted, '', { pid: child.pid ?? 0 });
    if (options.patienceMs > 0) {
      const seconds = options.patienceMs / 1_000;
      this.patience = setTimeout(() => this.giveUp(`not ready within ${seconds} s`), timerSpan(options.patienceMs));
    }
    child.once('error', (error) => this.failed(child, reasonOf(error)));
    child.once('exit', (code, signal) => this.failed(child, `it ended with ${signal ?? `code ${code}`}`));
    child.on('message', (message) => {
      if (message !== READY || this.child !== child) return;
      const after_ms = Math.round(performance.now() - startedAt);
      const pid = child.pid ?? 0;
      log.event(EVENTS.successorReady, '', { pid, after_ms });
      this.letGo();
      child.unref();
      options.onReady(pid);
    });
  }

  /** We end: there is to be no successor, and one that is starting ends with us. */
  end(reason: string): void {
    this.obstacle = reason;
    this.giveUp(reason);
  }

  private letGo(): void {
    clearTimeout(this.patience);
    this.child = null;
  }

  private failed(child: ChildProcess, reason: string): void {
    if (this.child !== child) return;
    log.event(EVENTS.successorFailed, '', { pid: child.pid ?? 0, reason });
    this.letGo();
  }

  private giveUp(reason: string): void {
    const { child } = this;
    if (child === null) return;
    this.failed(child, reason);
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), END_MS);
    child.once('exit', () => clearTimeout(force));
  }
}
