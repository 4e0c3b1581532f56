/** A real tsuji in a child process, on free ports, configured through a folder of keys or any other flags. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { OWN_HOST } from './own-host.ts';
import { waitFor } from './wait.ts';

const SOURCES = new URL('../../src/main.ts', import.meta.url).pathname;
/** What `node` runs to start it: of the whole suite a bundle (scripts/test-program.ts), else the sources. */
export const MAIN = process.env.PROGRAM_UNDER_TEST ?? SOURCES;

/** The parts of `/api/status` that tests look at. */
export type Status = {
  generation: number;
  settled: boolean;
  workers: { index: number; state: string; generation: number; restarts: number }[];
  sources: { name: string; state: string; revision: string }[];
  entryPoints: { name: string; openExchanges: number }[];
  frontends: { name: string; routes: { name: string; rule: string }[] }[];
  backends: { name: string; servers: { url: string }[] }[];
  problems: { key: string; state: string; reason: string }[];
};

export type TsujiOptions = {
  /** Keys to begin with, relative to the prefix. */
  keys?: Record<string, string>;
  flags?: string[];
  workers?: number;
  /** Modules that are loaded into every thread first (`--import`). */
  imports?: string[];
  /** File descriptors that it may have. */
  descriptors?: number;
  env?: Record<string, string>;
  /** Runs this program, such as that of a release, instead of the sources. */
  program?: string;
  /** Do not wait until the keys are routed. */
  noWait?: boolean;
};

/** Ports of the addresses that the log names behind `event`, in its order. */
function portsIn(output: string, event: string): number[] {
  const line = new RegExp(`event=${event} address="?\\S*:(\\d+)`, 'g');
  return Array.from(output.matchAll(line), ([, port]) => Number(port));
}

/** For `imports`: every timeout of connections and exchanges passes `TIMER_SPEED` times as fast. */
export const FAST_TIMERS = new URL('./fast-timers-hook.ts', import.meta.url).href;
export const TIMER_SPEED = 50;

export class Tsuji {
  readonly child: ChildProcess;
  readonly folder: string;
  /** Everything that it has printed. */
  output = '';
  /** Exit code or signal, null while it runs. */
  exit: { code: number | null; signal: string | null } | null = null;
  port = 0;
  #adminPort = 0;
  /** Fields of every request to its admin address. */
  adminFields: Record<string, string> = {};

  constructor(options: TsujiOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'tsuji-test-'));
    for (const [key, value] of Object.entries(options.keys ?? {})) this.set(key, value);
    const flags = options.flags ?? [];
    const has = (name: string): boolean => flags.some((flag) => flag.toLowerCase().startsWith(`--${name}`));
    const args = [
      ...(options.imports ?? []).flatMap((url) => ['--import', url]),
      // What is loaded first names modules of the sources.
      ...(options.program === undefined ? [(options.imports ?? []).length === 0 ? MAIN : SOURCES] : []),
      ...(has('etcd') ? [] : [`--folder=${this.folder}`]),
      '--web',
      ...(has('web.address') ? [] : [`--web.address=${OWN_HOST}:0`]),
      ...(has('entrypoints') || has('configfile') ? [] : [`--entryPoints=Name:http Address:${OWN_HOST}:0`]),
      `--workers=${options.workers ?? 1}`,
      ...flags,
    ];
    const program = options.program ?? process.execPath;
    const limited = ['-c', `ulimit -n ${options.descriptors} && exec "$0" "$@"`, program, ...args];
    const [command, words] = options.descriptors === undefined ? [program, args] : ['/bin/sh', limited];
    this.child = spawn(command, words, {
      env: { ...process.env, NODE_TEST_CONTEXT: '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.child.stdout!.on('data', collect);
    this.child.stderr!.on('data', collect);
    // Not `exit`: what it has said last may come behind that.
    this.child.on('close', (code, signal) => {
      this.exit = { code, signal };
    });
  }

  /** That this entrypoint listens on since the last start; 0 while it does not. */
  portOf(entryPoint: string): number {
    return portsIn(this.output, `listening entrypoint=${entryPoint}`).at(-1) ?? 0;
  }

  /** That the admin address has since the last start, of a process or in place; 0 while it has none. */
  get adminPort(): number {
    // A test may have emptied the output since.
    this.#adminPort = portsIn(this.output, 'admin_listening').at(-1) ?? this.#adminPort;
    return this.#adminPort;
  }

  /** Writes a key atomically. */
  set(key: string, value: string): void {
    const path = join(this.folder, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.tmp`, value);
    renameSync(`${path}.tmp`, path);
  }

  /** Writes the keys of a new object, such as `backends/NAME`: it is seen with all of them or not at all. */
  create(path: string, keys: Readonly<Record<string, string>>): void {
    // What begins with a dot is no key.
    const made = join(this.folder, '.new');
    for (const [key, value] of Object.entries(keys)) {
      const file = join(made, key);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, value);
    }
    const place = join(this.folder, path);
    mkdirSync(dirname(place), { recursive: true });
    renameSync(made, place);
  }

  delete(key: string): void {
    rmSync(join(this.folder, key), { recursive: true, force: true });
  }

  async api(path: string): Promise<Response> {
    return fetch(`http://${OWN_HOST}:${this.adminPort}${path}`, { headers: this.adminFields });
  }

  /** The text of a page. `fetch`, which has it compressed, costs both sides three times as much, and whoever waits asks often. */
  private page(path: string): Promise<string> {
    const options = { host: OWN_HOST, port: this.adminPort, path, agent: false, headers: this.adminFields } as const;
    return new Promise((resolve, reject) => {
      get(options, (answer) => text(answer).then(resolve, reject)).on('error', reject);
    });
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.page('/api/status')) as Status;
  }

  metrics(): Promise<string> {
    return this.page('/metrics');
  }

  /** Until `condition` holds for what `/api/status` says. */
  async waitForStatus(condition: (status: Status) => boolean, what: string): Promise<void> {
    await waitFor(async () => condition(await this.status()), what);
  }

  /** Until its log has said so: a worker's lines come by way of the main thread, behind what they tell of. */
  async hasSaid(pattern: RegExp): Promise<void> {
    await waitFor(
      () => pattern.test(this.output),
      () => `${pattern} in the log, which is\n${this.output.slice(-4_000)}`,
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Has it be replaced by a successor, whose process id it gives; resolves when the old process has ended. */
  async succeed(): Promise<number> {
    this.kill('SIGUSR2');
    await waitFor(
      () => this.child.exitCode !== null,
      () => `a successor to take over, it said:\n${this.output.slice(-4_000)}`,
    );
    return Number(/event=successor_ready pid=(\d+)/.exec(this.output)?.[1] ?? 0);
  }

  /** Ends it and what it has started; resolves when nothing of it is left. */
  async end(): Promise<void> {
    for (const [, pid] of this.output.matchAll(/event=successor_started pid=(\d+)/g)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended already.
      }
    }
    if (this.exit !== null) return;
    this.kill('SIGKILL');
    await this.ended();
  }

  async ended(): Promise<{ code: number | null; signal: string | null }> {
    await waitFor(() => this.exit !== null, 'tsuji to end');
    return this.exit!;
  }
}

/** Starts tsuji and waits until it listens and, unless told otherwise, routes by its first table. */
export async function startTsuji(t: { after(fn: () => unknown): unknown }, options: TsujiOptions = {}): Promise<Tsuji> {
  const tsuji = new Tsuji(options);
  t.after(async () => {
    await tsuji.end();
    rmSync(tsuji.folder, { recursive: true, force: true });
  });
  await waitFor(
    () => {
      tsuji.port = portsIn(tsuji.output, 'listening entrypoint=\\S+')[0] ?? 0;
      return (tsuji.port > 0 && tsuji.adminPort > 0) || tsuji.exit !== null;
    },
    () => `tsuji to listen, it said:\n${tsuji.output}`,
  );
  if (tsuji.exit !== null) throw new Error(`tsuji ended with ${JSON.stringify(tsuji.exit)}:\n${tsuji.output}`);
  if (!options.noWait) {
    await tsuji.waitForStatus(
      ({ generation, workers }) => generation > 0 && workers.every((worker) => worker.generation === generation),
      'every worker to apply the first table',
    );
  }
  return tsuji;
}

/** Keys below a place, such as those of the frontend of `addRoute`: `frontends/$`. */
export function under(place: string, keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${place}/${key}`, value]));
}

let routes = 0;

/**
 * Adds a frontend of its own for these servers and waits until it is live; returns the host to ask for. `keys`: of the
 * frontend (`frontends/$/…`), of its backend (`backends/$/…`), and others as they are.
 */
export async function addRoute(
  tsuji: Tsuji,
  urls: readonly string[],
  keys: Record<string, string> = {},
): Promise<string> {
  const name = `r${++routes}`;
  const host = `${name}.test`;
  const backend: Record<string, string> = urls.length > 0 ? {} : { 'servers/none/weight': '1' };
  for (const [i, url] of urls.entries()) backend[`servers/s${i + 1}/url`] = url;
  const frontend: Record<string, string> = { backend: name, 'routes/r/rule': `Host:${host}` };
  for (const [key, value] of Object.entries(keys)) {
    const [, kind, rest] = /^(backends|frontends)\/\$\/(.+)$/.exec(key) ?? [];
    if (kind === undefined) tsuji.set(key, value);
    else (kind === 'backends' ? backend : frontend)[rest] = value;
  }
  tsuji.create(`backends/${name}`, backend);
  tsuji.create(`frontends/${name}`, frontend);
  await tsuji.waitForStatus(
    ({ settled, frontends, backends }) => {
      const known = backends.find((backend) => backend.name === name)?.servers.length ?? 0;
      return settled && known === urls.length && frontends.some((frontend) => frontend.name === name);
    },
    `the route to ${urls.join(' ')}`,
  );
  return host;
}

/** Keys of one backend with these servers, behind `Host:<host>`. */
export function routeKeys(urls: readonly string[], host = 'nginx.example.com'): Record<string, string> {
  const keys: Record<string, string> = {
    'frontends/frontend1/backend': 'backend1',
    'frontends/frontend1/routes/test_1/rule': `Host:${host}`,
  };
  urls.forEach((url, i) => {
    keys[`backends/backend1/servers/server${i + 1}/url`] = url;
    keys[`backends/backend1/servers/server${i + 1}/weight`] = '10';
  });
  return keys;
}
