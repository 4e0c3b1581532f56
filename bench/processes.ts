/**
 * Every process and folder that a benchmark run makes, so that all of them are gone afterwards: at the end, after an
 * error, and after Ctrl-C.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Commands, with the core that they are tied to; null leaves the choice to the kernel. */
export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

export type Started = {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves with the exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
};

const STOP_MS = 5_000;
const KEPT_OUTPUT = 4 * 1024 * 1024;

export class Processes {
  readonly #running = new Set<Started>();
  readonly #folders = new Set<string>();
  readonly #undo = new Set<() => void>();
  readonly #pins = spawnSync('taskset', ['-V']).status === 0;

  constructor() {
    process.once('exit', () => this.#endNow());
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      // Not `once`: a second signal (npm and `timeout` both send one) would end us before everything is stopped.
      process.on(signal, () => process.exit(code));
    }
  }

  /** Whether processes can be tied to cores here. */
  get pins(): boolean {
    return this.#pins;
  }

  start(name: string, core: number | null, command: Command): Started {
    const pinned = core !== null && this.#pins;
    const file = pinned ? 'taskset' : command.file;
    const args = pinned ? ['-c', String(core), command.file, ...command.args] : command.args;
    // A process group of its own: Ctrl-C then reaches only us, and one signal ends a master with its workers.
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...command.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_OUTPUT);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_OUTPUT);
    });
    const ended = new Promise<number | null>((resolve) => {
      child.once('error', (error) => {
        stderr += error.message;
        resolve(-1);
      });
      child.once('close', (code) => resolve(code));
    });
    const started: Started = {
      name,
      pid: child.pid ?? -1,
      child,
      ended,
      stdout: () => stdout,
      stderr: () => stderr,
    };
    this.#running.add(started);
    void ended.then(() => this.#running.delete(started));
    return started;
  }

  /** Runs a command to its end. @throws Error with what it wrote when it fails or takes longer than `limitMs`. */
  async run(name: string, core: number | null, command: Command, limitMs: number): Promise<string> {
    const started = this.start(name, core, command);
    const abort = new AbortController();
    const late = sleep(limitMs, 'late' as const, { signal: abort.signal }).catch(() => 'late' as const);
    const code = await Promise.race([started.ended, late]);
    abort.abort();
    if (code === 'late') {
      await this.stop(started);
      throw new Error(`${name} took longer than ${limitMs} ms`);
    }
    if (code !== 0) throw new Error(`${name} failed (${code}): ${started.stderr().trim() || started.stdout().trim()}`);
    return started.stdout();
  }

  async stop(started: Started): Promise<void> {
    if (!this.#running.has(started)) return;
    signal(started, 'SIGTERM');
    const abort = new AbortController();
    const late = sleep(STOP_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([started.ended, late]);
    abort.abort();
    if (this.#running.has(started)) {
      signal(started, 'SIGKILL');
      await started.ended;
    }
  }

  /** A new folder, in memory where the system offers such a place, so that no disk takes part in what is measured. */
  folder(name: string): string {
    const path = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `tsuji-bench-${name}-`));
    this.#folders.add(path);
    return path;
  }

  /** Something else to undo at the very end; must be synchronous. */
  onEnd(undo: () => void): void {
    this.#undo.add(undo);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((started) => this.stop(started)));
    this.#endNow();
  }

  #endNow(): void {
    for (const started of this.#running) signal(started, 'SIGKILL');
    for (const undo of this.#undo) undo();
    for (const path of this.#folders) rmSync(path, { recursive: true, force: true });
    this.#undo.clear();
    this.#folders.clear();
  }
}

/** To the whole group of a process that we started. It may be gone already. */
function signal(started: Started, name: NodeJS.Signals): void {
  if (started.pid <= 0) return;
  try {
    process.kill(-started.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

let nextPort = 20_000 + (process.pid % 500) * 20;

/** A free port of 127.0.0.1 below the ephemeral range, where no outgoing connection can take it meanwhile. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 2_000; tries++) {
    const port = nextPort++;
    if (nextPort > 32_000) nextPort = 20_000;
    if (await canListen(port)) return port;
  }
  throw new Error('no free port between 20000 and 32000 on 127.0.0.1');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The line of an output that names an error, or its end where none does. */
function reasonIn(output: string): string {
  const lines = output.trim().split('\n');
  const naming = lines.find((line) => /^\w*Error\b|\[(ALERT|emerg)\]/.test(line));
  return naming ?? (lines.slice(-5).join('\n  ') || 'it wrote nothing');
}

/** @throws Error with what the process wrote, when it ends first or nobody listens after `limitMs`. */
export async function untilListening(started: Started, port: number, limitMs = 15_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await canConnect(port))) {
    const said = () => reasonIn(started.stderr() || started.stdout());
    if (started.child.exitCode !== null || started.pid <= 0)
      throw new Error(`${started.name} ended at once: ${said()}`);
    if (Date.now() > deadline) throw new Error(`${started.name} does not listen on port ${port}: ${said()}`);
    await sleep(20);
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
