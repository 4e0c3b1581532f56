/** A tsuji of the chaos run: its life, what its admin pages say, and when it could not be expected to serve or to know. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readResident } from '../cpu.ts';
import { tsujiCommand } from '../peers/tsuji.ts';
import { freePort, type Processes, type Started, untilListening } from '../processes.ts';
import { gaugeIn, type Status } from '../soak/tsuji.ts';
import type { Network } from './network.ts';
import type { Span } from './times.ts';

const ROOT = join(import.meta.dirname, '../..');
const WORKERS = 2;
const HOOK = new URL('./worker-end.ts', import.meta.url).href;
const GRACE_MS = 10_000;
/** What a node knows is in its snapshot after so long. */
const SNAPSHOT_MS = 3_000;

export type Outage = Span & { readonly why: 'killed' | 'drained' | 'succeeded' | 'worker' };

export class Node {
  readonly name: string;
  readonly port: number;
  readonly admin: number;
  readonly networks: readonly Network[];
  /** Connections with clients may have broken. */
  readonly outages: Outage[] = [];
  /** What it knew may have been older than the store. */
  readonly behind: Span[] = [];
  busy = false;
  readonly #processes: Processes;
  readonly #folder: string;
  readonly #keepsSnapshot: boolean;
  #running: Started | null = null;
  #said = '';

  private constructor(
    name: string,
    ports: { port: number; admin: number },
    networks: readonly Network[],
    processes: Processes,
    keepsSnapshot: boolean,
  ) {
    this.name = name;
    this.port = ports.port;
    this.admin = ports.admin;
    this.networks = networks;
    this.#processes = processes;
    this.#folder = processes.folder(`chaos-${name}`);
    this.#keepsSnapshot = keepsSnapshot;
  }

  static async make(
    name: string,
    networks: readonly Network[],
    processes: Processes,
    keepsSnapshot = true,
  ): Promise<Node> {
    const ports = { port: await freePort(), admin: await freePort() };
    return new Node(name, ports, networks, processes, keepsSnapshot);
  }

  async start(): Promise<void> {
    const flags = [
      `--etcd.endpoint=${this.networks.map(({ endpoint }) => endpoint).join(',')}`,
      `--snapshot=${this.#keepsSnapshot ? join(this.#folder, 'snapshot') : 'off'}`,
      '--web',
      `--web.address=127.0.0.1:${this.admin}`,
      '--metrics.prometheus.names=both',
      '--retry',
      // Whatever was refused is tried elsewhere, or a budget would be one more explanation.
      '--retry.budget=1000',
      '--ejection.maxTime=2s',
      '--forwardingTimeouts.dialTimeout=1s',
      '--forwardingTimeouts.responseHeaderTimeout=3s',
      '--lifeCycle.graceTimeOut=5s',
      '--logLevel=INFO',
    ];
    const command = tsujiCommand(ROOT, this.port, flags);
    const args = command.args
      .filter((arg) => !/^--(logLevel=ERROR|lifeCycle\.graceTimeOut=1s)$/.test(arg))
      .map((arg) => arg.replace('--workers=1', `--workers=${WORKERS}`));
    const env = { CHAOS_WORKER_END: join(this.#folder, 'end') };
    this.#running = this.#processes.start(`tsuji ${this.name}`, null, {
      ...command,
      args: ['--import', HOOK, ...args],
      env,
    });
    await untilListening(this.#running, this.port, 30_000);
    await untilListening(this.#running, this.admin, 30_000);
  }

  /** SIGKILL, and nothing for so long. */
  async kill(awayMs: number): Promise<void> {
    await this.#away('killed', awayMs, () => process.kill(-this.#running!.pid, 'SIGKILL'));
  }

  /** SIGTERM, its end, and nothing for so long. */
  async drain(awayMs: number): Promise<void> {
    await this.#away('drained', awayMs, () => process.kill(this.pid(), 'SIGTERM'));
  }

  /** A successor takes over. @throws Error when none does */
  async succeed(): Promise<void> {
    const before = this.pid();
    const outage: Outage = { from: performance.now(), to: Number.POSITIVE_INFINITY, why: 'succeeded' };
    this.outages.push(outage);
    process.kill(before, 'SIGUSR2');
    for (const end = Date.now() + 40_000; this.pid() === before || isAlive(before); ) {
      if (Date.now() > end) throw new Error(`${this.name} has no successor: ${this.output().slice(-2_000)}`);
      await sleep(50);
    }
    outage.to = performance.now();
  }

  /** A worker has an uncaught error; resolves when another one serves in its place, so that there is always one that listens. */
  async endWorker(): Promise<void> {
    const restarts = (status: Status): number => status.workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const before = restarts(await this.status());
    const outage: Outage = { from: performance.now(), to: Number.POSITIVE_INFINITY, why: 'worker' };
    this.outages.push(outage);
    writeFileSync(join(this.#folder, 'end'), '');
    await this.#until((status) => restarts(status) > before);
    outage.to = performance.now();
    await this.#until(({ workers }) => workers.every(({ state }) => state === 'serving'));
  }

  async #until(good: (status: Status) => boolean): Promise<void> {
    for (const end = Date.now() + 40_000; !good(await this.status()); await sleep(50)) {
      if (Date.now() > end) throw new Error(`${this.name} does not replace its worker`);
    }
  }

  async #away(why: 'killed' | 'drained', awayMs: number, end: () => void): Promise<void> {
    const from = performance.now();
    const outage: Outage = { from, to: Number.POSITIVE_INFINITY, why };
    const behind: Span = { from: from - SNAPSHOT_MS, to: Number.POSITIVE_INFINITY };
    this.outages.push(outage);
    this.behind.push(behind);
    const running = this.#running!;
    end();
    const late = sleep(GRACE_MS, 'late' as const, { ref: false });
    if ((await Promise.race([running.ended, late])) === 'late') throw new Error(`${this.name} does not end`);
    this.#said += running.stdout() + running.stderr();
    await sleep(awayMs);
    await this.start();
    outage.to = performance.now();
    behind.to = performance.now() + SNAPSHOT_MS;
  }

  /** Of the process that serves now. */
  pid(): number {
    const successors = [...this.output().matchAll(/event=successor_ready pid=(\d+)/g)];
    const last = successors.at(-1);
    return last === undefined ? this.#running!.pid : Number(last[1]);
  }

  /** Of all processes that are or have been this node. */
  log(): string {
    return this.#said + this.output();
  }

  keepLog(folder: string): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${this.name}.log`), this.log());
  }

  output(): string {
    return this.#running!.stdout() + this.#running!.stderr();
  }

  resident(): number {
    return readResident(this.pid());
  }

  async page(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.admin}${path}`, { signal: AbortSignal.timeout(70_000) });
    return { status: answer.status, text: await answer.text() };
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.page('/api/status')).text) as Status;
  }

  /** Of what requests take, all that is not given back. '' for nothing. */
  async leftOver(): Promise<string> {
    const { text } = await this.page('/metrics');
    const counts = ['tsuji_open_exchanges', 'tsuji_open_upstream_connections'].map((name) => [
      name,
      gaugeIn(text, name),
    ]);
    for (const [, labels, value] of text.matchAll(/^tsuji_backend_server_in_flight(\{.*\}) (\S+)$/gm)) {
      counts.push([`in flight ${labels}`, Number(value)]);
    }
    return counts.flatMap(([name, value]) => (value === 0 ? [] : [`${name}: ${value}`])).join(', ');
  }

  /** Its exit code. */
  async stop(): Promise<number | null> {
    process.kill(this.pid(), 'SIGTERM');
    const running = this.#running!;
    const code = await Promise.race([running.ended, sleep(GRACE_MS, -1, { ref: false })]);
    this.#said += running.stdout() + running.stderr();
    return code;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
