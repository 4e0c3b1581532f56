/**
 * Real parts for tests: free ports, child processes, etcd, nginx. Whatever is started here listens on `OWN_HOST`, keeps its
 * files in a temporary folder, and is killed at the latest when this process exits.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../scripts/find-program.mjs';
import { OWN_HOST } from './own-host.ts';
import { waitFor } from './wait.ts';

export { waitFor } from './wait.ts';

const children = new Set<ChildProcess>();
const folders = new Set<string>();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** How many descriptors of a process lead to files below that folder, with a name or without. */
export function descriptorsIn(folder: string, pid: number | 'self' = 'self'): number {
  const descriptors = `/proc/${pid}/fd`;
  const targets = readdirSync(descriptors).map((fd) => {
    try {
      return readlinkSync(`${descriptors}/${fd}`);
    } catch {
      // Closed meanwhile, or our own, of the folder.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(`${folder}/`)).length;
}

/** A port of `OWN_HOST` that nobody has listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, OWN_HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

/** An empty folder, removed at the latest when this process exits. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tsuji-'));
  folders.add(path);
  return {
    path,
    remove() {
      folders.delete(path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed; npm test installs it on Debian when run as root`);
  return path;
}

export type RunResult = { code: number | null; stdout: string; stderr: string };
export type RunOptions = { env?: Record<string, string>; cwd?: string; input?: string; timeoutMs?: number };

/** Long, as a script of a hundred programs beside busy ones takes: only what hangs waits so long. */
const RUN_MS = 120_000;

/** Runs a program to its end (killed after `timeoutMs`; `code` is null then) and gives what it wrote. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = spawn(command.includes('/') ? command : programPath(command), args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? RUN_MS,
    killSignal: 'SIGKILL',
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  // A program that ends without reading its input breaks the pipe, which is its own affair.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [code] = await once(child, 'close');
  children.delete(child);
  return { code, stdout, stderr };
}

export type Process = {
  readonly pid: number;
  /** What it wrote so far (the last megabyte at least), both streams together. */
  output(): string;
  /** The exit code, or null while it runs or when a signal ended it. */
  exitCode(): number | null;
  hasEnded(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Sends `name` (default SIGTERM), waits for the end, and after `ms` milliseconds (default 5 s) sends SIGKILL. */
  end(name?: NodeJS.Signals, ms?: number): Promise<number | null>;
};

export type ProcessOptions = {
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** In a process group of its own, so that Ctrl-C in a terminal does not reach it; default false. */
  ownGroup?: boolean;
};

/** Of a process that writes without end, the last part is kept: this many characters. */
const KEPT_OUTPUT = 1 << 20;

/** Starts a program that goes on until `end` is called. */
export function startProcess(command: string, args: readonly string[], options: ProcessOptions = {}): Process {
  const child = spawn(command.includes('/') ? command : programPath(command), args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup === true,
  });
  children.add(child);
  let output = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = output.length > 2 * KEPT_OUTPUT ? output.slice(-KEPT_OUTPUT) + text : output + text;
    });
  }
  const closed = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
    });
    child.on('close', () => {
      ended = true;
      children.delete(child);
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exitCode: () => child.exitCode,
    hasEnded: () => ended,
    signal: (name) => child.kill(name),
    async end(name = 'SIGTERM', ms = 5000) {
      if (!ended) child.kill(name);
      const hardEnd = setTimeout(() => child.kill('SIGKILL'), ms);
      await closed;
      clearTimeout(hardEnd);
      return child.exitCode;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.ok;
}

/** Waits until `url` answers 2xx; fails at once, with the output, when the process ends before. */
async function waitUntilServing(process: Process, url: string, what: string): Promise<void> {
  await waitFor(async () => process.hasEnded() || (await answers(url)), `${what} at ${url}`);
  if (process.hasEnded()) throw new Error(`${what} ended at its start:\n${process.output()}`);
}

type Service = {
  /** Of the running process; changes with `restart`. */
  pid(): number;
  /** SIGSTOP or SIGCONT make it silent and speak again. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; its folder stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same ports with the same data, after `kill`. */
  restart(): Promise<void>;
  /** Ends it for good and removes its folder. */
  stop(): Promise<void>;
};

/** A program that `start` begins and that then answers at `url`. `folder` is its own. */
async function startService(
  what: string,
  url: string,
  folder: ReturnType<typeof temporaryFolder>,
  start: () => Process,
): Promise<Service> {
  async function launch(): Promise<Process> {
    const started = start();
    await waitUntilServing(started, url, what).catch(async (error) => {
      await started.end('SIGKILL');
      throw error;
    });
    return started;
  }

  let current = await launch().catch((error) => {
    folder.remove();
    throw error;
  });
  const kill = async (): Promise<void> => {
    await current.end('SIGKILL');
  };
  return {
    pid: () => current.pid,
    signal: (name) => current.signal(name),
    kill,
    async restart() {
      await kill();
      current = await launch();
    },
    async stop() {
      await kill();
      folder.remove();
    },
  };
}

export type Etcd = Service & {
  /** `host:port`, as in `--etcd.endpoint`. */
  readonly endpoint: string;
  /** The same with `http://`. */
  readonly url: string;
  /** Runs etcdctl against it; `api` 2 or 3. Fails when etcdctl does. Returns its stdout. */
  ctl(api: 2 | 3, ...args: string[]): Promise<string>;
};

export type EtcdOptions = { enableV2?: boolean; args?: readonly string[]; ownGroup?: boolean };

/** A one-node etcd of its own; v2 API switched on unless `enableV2` is false. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  try {
    return await tryEtcd(options);
  } catch (error) {
    // A connection of this process took the port between its choice and its use.
    if (!String(error).includes('address already in use')) throw error;
    return tryEtcd(options);
  }
}

async function tryEtcd(options: EtcdOptions): Promise<Etcd> {
  const data = temporaryFolder();
  const url = `http://${OWN_HOST}:${await freePort()}`;
  const peer = `http://${OWN_HOST}:${await freePort()}`;
  const args = ['--name=test', `--data-dir=${data.path}`, '--logger=zap', '--log-level=error'];
  args.push(`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-peer-urls=${peer}`);
  args.push(`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=test=${peer}`);
  args.push('--heartbeat-interval=20', '--election-timeout=200', `--enable-v2=${options.enableV2 !== false}`);
  args.push(...(options.args ?? []));

  // An environment made for a system-wide etcd must not reach this one.
  const foreign = Object.keys(process.env).filter((name) => name.startsWith('ETCD_'));
  const env = Object.fromEntries(foreign.map((name) => [name, undefined]));
  const service = await startService('etcd', `${url}/health`, data, () =>
    startProcess('etcd', args, { env, ownGroup: options.ownGroup === true }),
  );
  return {
    ...service,
    endpoint: url.slice('http://'.length),
    url,
    async ctl(api, ...words) {
      const result = await run('etcdctl', ['--endpoints', url, ...words], { env: { ETCDCTL_API: String(api) } });
      if (result.code !== 0) throw new Error(`etcdctl ${words.join(' ')}: ${result.stderr || result.stdout}`);
      return result.stdout;
    },
  };
}

export type Nginx = Service & {
  readonly port: number;
  /** `http://host:port`, as a server's url. */
  readonly url: string;
};

export type NginxOptions = {
  port?: number;
  /** What it answers to every request, and its `X-Server` field; default `nginx`. */
  name?: string;
  /** The body, if it is to differ from `name`. */
  body?: string;
  /** More directives for the `server` block. */
  directives?: string;
};

function nginxConfig(folder: string, port: number, options: NginxOptions): string {
  const name = options.name ?? 'nginx';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off; default_type text/plain; keepalive_requests 1000000; client_max_body_size 0;
  ${temporary.map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`).join(' ')}
  server {
    listen ${OWN_HOST}:${port};
    add_header X-Server ${JSON.stringify(name)};
    ${options.directives ?? ''}
    location / { return 200 ${JSON.stringify(options.body ?? `${name}\n`)}; }
  }
}
`;
}

/** A one-process nginx with a configuration and folder of its own. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, 'temp'));
  const port = options.port ?? (await freePort());
  const config = join(folder.path, 'nginx.conf');
  writeFileSync(config, nginxConfig(folder.path, port, options));
  const url = `http://${OWN_HOST}:${port}`;

  const service = await startService('nginx', url, folder, () =>
    startProcess('nginx', ['-p', folder.path, '-c', config, '-e', 'stderr']),
  );
  return { ...service, port, url };
}
