/** Who is changed while requests come: each with so many hosts, of which a change moves one to another server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { etcdCommand, putAll } from '../etcd.ts';
import { haproxyBackend, haproxyCommand } from '../peers/haproxy.ts';
import { CLOSE_NEVER, NGINX_FORWARDED, nginxCommand, nginxUpstream } from '../peers/nginx.ts';
import { type Command, freePort, type Processes, type Started, untilListening } from '../processes.ts';
import { numbered } from '../routes/kinds.ts';
import { BareWatcher } from './bare-watcher.ts';
import type { Released } from './released.ts';

export const HOST = 'service-NUMBER.example.com';
export const WORKERS = 2;
const START_MS = 180_000;

export type Site = {
  readonly processes: Processes;
  readonly core: number | null;
  readonly frontends: number;
  /** Ports of the servers; every host begins with the first one. */
  readonly servers: readonly number[];
  /** The tsuji that is measured. */
  readonly released: Released;
};

export type Subject = {
  readonly name: string;
  readonly port: number;
  readonly started: Started;
  /** performance.now() at which its process was started. */
  readonly startedAt: number;
  /** From now on requests for that host go to that server; resolves when the subject was told. */
  change(frontend: number, server: number): Promise<void>;
  /** Milliseconds from each write to its event at a watcher of etcd that does nothing else; empty where there is no etcd. */
  readonly store: number[];
  /** How late timers of its main thread were since that moment in Unix milliseconds; empty where nobody knows. */
  delays(since: number): number[];
  stop(): Promise<void>;
};

export type Kind = { readonly name: string; start(site: Site): Promise<Subject> };

async function started(
  name: string,
  { processes, core }: Site,
  port: number,
  command: Command,
): Promise<Pick<Subject, 'name' | 'port' | 'started' | 'startedAt'>> {
  const startedAt = performance.now();
  const process = processes.start(name, core, command);
  await untilListening(process, port, START_MS);
  return { name, port, started: process, startedAt };
}

/** A backend with a server and a frontend for each host. */
export function keysOf(frontends: number, server: number): [string, string][] {
  const keys: [string, string][] = [];
  for (let i = 0; i < frontends; i++) {
    keys.push([`/traefik/backends/b${i}/servers/s/url`, `http://127.0.0.1:${server}`]);
    keys.push([`/traefik/frontends/f${i}/backend`, `b${i}`]);
    keys.push([`/traefik/frontends/f${i}/routes/r/rule`, numbered(`Host:${HOST}`, i)]);
  }
  return keys;
}

export const tsuji: Kind = {
  name: 'tsuji',
  async start(site) {
    const { processes, frontends, servers } = site;
    const folder = processes.folder('updates');
    const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
    const etcd = processes.start('etcd', null, etcdCommand(folder, etcdPort, peerPort));
    await untilListening(etcd, etcdPort);
    const client = new Etcd3({ hosts: `http://127.0.0.1:${etcdPort}` });
    await putAll(client, keysOf(frontends, servers[0]!));
    const file = join(folder, 'loop-delay');
    writeFileSync(file, '');
    const flags = [`--etcd.endpoint=127.0.0.1:${etcdPort}`, '--etcd.useAPIV3'];
    const command = site.released.command(port, WORKERS, flags);
    const args = ['--import', new URL('./loop-delay.mjs', import.meta.url).href, ...command.args];
    const env = { ...command.env, BENCH_LOOP_DELAY: file };
    const subject = await started('tsuji', site, port, { ...command, args, env });
    const bare = await BareWatcher.of(client, '/traefik/');
    return {
      ...subject,
      store: bare.times,
      change: async (frontend, server) => {
        const key = `/traefik/backends/b${frontend}/servers/s/url`;
        bare.begin(key);
        await client.put(key).value(`http://127.0.0.1:${servers[server]}`);
      },
      delays: (since) => {
        const lines = readFileSync(file, 'utf8').trim().split('\n');
        const pairs = lines.map((line) => line.split(' ').map(Number));
        return pairs.flatMap(([at, late]) => (at! >= since ? [late!] : []));
      },
      stop: async () => {
        await processes.stop(subject.started);
        await bare.stop();
        client.close();
        await processes.stop(etcd);
      },
    };
  },
};

/** Which pool each host goes to, as a file that the proxy reads. */
class PoolMap {
  readonly #path: string;
  readonly #end: string;
  readonly #pools: number[];

  constructor(path: string, frontends: number, end: string) {
    this.#path = path;
    this.#end = end;
    this.#pools = new Array(frontends).fill(0);
    this.write();
  }

  set(frontend: number, pool: number): void {
    this.#pools[frontend] = pool;
  }

  write(): void {
    writeFileSync(this.#path, this.#pools.map((pool, i) => `${numbered(HOST, i)} pool${pool}${this.#end}`).join(''));
  }
}

/**
 * Changes by a reload, one after the other: what is changed meanwhile is in the next. A reload is over when a host that it
 * has changed is served as it should be, or after `mostMs`; who asks is told of by `isLive`.
 */
class Reloads {
  readonly #reload: () => void;
  readonly #restMs: number;
  #timer: NodeJS.Timeout | null = null;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(reload: () => void, restMs: number) {
    this.#reload = reload;
    this.#restMs = restMs;
  }

  want(): void {
    const wait = Math.max(0, this.#lastAt + this.#restMs - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#reload();
      this.#lastAt = performance.now();
    }, wait);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

/** Between two reloads: each leaves old processes behind for as long as they have connections. */
const REST_MS = 1_000;

function reloaded(
  subject: Pick<Subject, 'name' | 'port' | 'started' | 'startedAt'>,
  { processes }: Site,
  map: PoolMap,
  signal: NodeJS.Signals,
): Subject {
  const reloads = new Reloads(() => {
    map.write();
    process.kill(subject.started.pid, signal);
  }, REST_MS);
  return {
    ...subject,
    store: [],
    change: async (frontend, server) => {
      map.set(frontend, server);
      reloads.want();
    },
    delays: () => [],
    stop: async () => {
      reloads.stop();
      await processes.stop(subject.started);
    },
  };
}

export const nginxReload: Kind = {
  name: 'nginx, reload',
  async start(site) {
    const folder = site.processes.folder('updates-nginx');
    const port = await freePort();
    const path = join(folder, 'hosts.map');
    const map = new PoolMap(path, site.frontends, ';\n');
    const pools = site.servers.map((server, i) => nginxUpstream(`pool${i}`, [server])).join('');
    const servers = `${pools}
  map $host $pool {
    include ${path};
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${NGINX_FORWARDED}
    ${CLOSE_NEVER}
    location / { if ($pool = '') { return 404; } proxy_pass http://$pool; }
  }`;
    const command = nginxCommand({ folder, port, connections: 1_000 }, servers);
    return reloaded(await started('nginx', site, port, command), site, map, 'SIGHUP');
  },
};

/** One process, or with `master` one that reloads. */
async function haproxyWith(site: Site, more: readonly string[]): Promise<MappedHaproxy> {
  const folder = site.processes.folder('updates-haproxy');
  const port = await freePort();
  const path = join(folder, 'hosts.map');
  const socket = join(folder, 'socket');
  const map = new PoolMap(path, site.frontends, '\n');
  const rule = `  use_backend %[req.hdr(host),lower,map_str(${path})]`;
  const pools = site.servers.map((server, i) => haproxyBackend(`pool${i}`, [server])).join('\n');
  const command = haproxyCommand({ folder, port, connections: 1_000 }, rule, pools);
  const config = join(folder, 'haproxy.cfg');
  const text = readFileSync(config, 'utf8').replace('\nglobal\n', `\nglobal\n  stats socket ${socket} level admin\n`);
  writeFileSync(config, text);
  const args = [...more, ...command.args];
  return { map, path, socket, subject: await started('haproxy', site, port, { ...command, args }) };
}

type MappedHaproxy = {
  readonly map: PoolMap;
  readonly path: string;
  readonly socket: string;
  readonly subject: Pick<Subject, 'name' | 'port' | 'started' | 'startedAt'>;
};

export const haproxyReload: Kind = {
  name: 'HAProxy, reload',
  async start(site) {
    const { map, subject } = await haproxyWith(site, ['-W']);
    return reloaded(subject, site, map, 'SIGUSR2');
  },
};

export const haproxyMap: Kind = {
  name: 'HAProxy, runtime map',
  async start(site) {
    const { path, socket, subject } = await haproxyWith(site, []);
    return {
      ...subject,
      store: [],
      change: async (frontend, server) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const talk = connect(socket)
          .on('close', () => resolve())
          .on('error', reject);
        talk.resume().end(`set map ${path} ${numbered(HOST, frontend)} pool${server}\n`);
        await promise;
      },
      delays: () => [],
      stop: () => site.processes.stop(subject.started),
    };
  },
};

export const KINDS: readonly Kind[] = [tsuji, nginxReload, haproxyReload, haproxyMap];
