/**
 * `--scenario=routes`: CPU per request by number of routes. All sizes of a kind run side by side, in all proxies, and
 * take turns.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { etcdCommand } from '../etcd.ts';
import type { LoadPlan } from '../load/plan.ts';
import { measureLoad, type Sample, type Target } from '../measure.ts';
import { askVersion } from '../peers/peer.ts';
import { type Command, freePort, type Started, untilListening } from '../processes.ts';
import type { Bench } from '../runner.ts';
import { fieldsOf, SCENARIOS } from '../scenarios.ts';
import { numbered, type RouteKind, SIZES } from './kinds.ts';
import { haproxyOf, type ManyRoutes, nginxOf, tsujiOf } from './proxies.ts';

export type RoutesSeries = { readonly proxy: string; readonly routes: number; readonly samples: readonly Sample[] };

export type RoutesOutcome = {
  readonly kind: RouteKind;
  readonly rounds: number;
  readonly series: readonly RoutesSeries[];
  readonly skipped: readonly { readonly proxy: string; readonly routes: number; readonly reason: string }[];
};

type Running = Target & { readonly pid: number; readonly routes: number; readonly started: Started };

export const ROUTES_ROUNDS = 5;
export const ROUND_SECONDS = 1;
const CONNECTIONS = 64;
/** Until the last of 100 000 routes is there, with an etcd on a busy machine. */
const LOAD_MS = 180_000;
const ANSWER_MS = 20_000;

function statusOf(port: number, host: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { Host: host }, agent: false, timeout: ANSWER_MS };
    const sent = request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** The first, the middle and the last route are served, and no other. @throws Error with what is wrong. */
async function checkRoutes(kind: RouteKind, routes: number, port: number): Promise<void> {
  const ask = (route: number) => statusOf(port, numbered(kind.host, route), numbered(kind.path, route));
  const deadline = Date.now() + LOAD_MS;
  while ((await ask(routes - 1)) !== 200) {
    if (Date.now() > deadline) throw new Error(`the last route was not served after ${LOAD_MS} ms`);
    await sleep(100);
  }
  for (const route of [0, routes >> 1]) {
    const status = await ask(route);
    if (status !== 200) throw new Error(`answered ${status} for route ${route}`);
  }
  if ((await ask(routes)) === 200) throw new Error('serves a route that there is not');
}

function planOf(kind: RouteKind, { port, routes }: Running): LoadPlan {
  const { path, host } = kind;
  const fields = { ...fieldsOf(SCENARIOS[0]), Host: host };
  return { port, path, fields, routes, connections: CONNECTIONS, seconds: ROUND_SECONDS, bodyBytes: 0, rate: 0 };
}

async function runKind(
  bench: Bench,
  kind: RouteKind,
  rounds: number,
  proxies: readonly string[],
  etcd: Etcd3,
  etcdPort: number,
): Promise<RoutesOutcome> {
  const { processes, cores, origin } = bench;
  const skipped: { proxy: string; routes: number; reason: string }[] = [];
  let running: Running[] = [];
  const leaveOut = async ({ name, routes, started }: Running, error: unknown) => {
    skipped.push({ proxy: name, routes, reason: (error as Error).message });
    running = running.filter((one) => one.started !== started);
    await processes.stop(started);
  };
  const start = async (proxy: string, routes: number): Promise<void> => {
    const port = await freePort();
    const folder = processes.folder(`${proxy}-${routes}`);
    const servers = origin.routes[0].servers;
    const many: ManyRoutes = { kind, routes, port, folder, connections: 1_000, servers };
    let command: Command;
    if (proxy === 'tsuji') command = await tsujiOf(many, etcd, etcdPort);
    else command = proxy === 'nginx' ? nginxOf(many) : haproxyOf(many);
    const started = processes.start(proxy, cores.proxy, command);
    const target = { name: proxy, port, pid: started.pid, routes, started };
    running.push(target);
    try {
      await untilListening(started, port, LOAD_MS);
      await checkRoutes(kind, routes, port);
      await measureLoad(processes, cores, target, 'wrk', planOf(kind, target));
    } catch (error) {
      await leaveOut(target, error);
    }
  };
  try {
    for (const proxy of proxies) {
      const most = proxy === 'nginx' || proxy === 'haproxy' ? kind.most[proxy] : Number.POSITIVE_INFINITY;
      for (const routes of SIZES) {
        bench.tell(`${kind.name}: ${proxy} with ${routes}: start, check and warm-up`);
        if (routes <= most) await start(proxy, routes);
      }
    }
    const samples = new Map<Running, Sample[]>(running.map((target) => [target, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const target of round % 2 === 1 ? running : running.toReversed()) {
        bench.tell(`${kind.name}: round ${round} of ${rounds}: ${target.name} with ${target.routes}`);
        try {
          samples.get(target)!.push(await measureLoad(processes, cores, target, 'wrk', planOf(kind, target)));
        } catch (error) {
          samples.delete(target);
          await leaveOut(target, error);
        }
      }
    }
    const series = [...samples].map(([{ name, routes }, of]) => ({ proxy: name, routes, samples: of }));
    return { kind, rounds, series, skipped };
  } finally {
    await Promise.all(running.map(({ started }) => processes.stop(started)));
  }
}

/** @param done told of each kind. @throws Error when etcd or wrk is not installed. */
export async function runRoutes(
  bench: Bench,
  kinds: readonly RouteKind[],
  rounds: number,
  peers: readonly string[],
  done: (outcome: RoutesOutcome) => void,
): Promise<void> {
  if (!bench.wrk) throw new Error('the scenario routes needs wrk: apt-get install wrk');
  if (askVersion('etcd', ['--version'], /Version: ([\d.]+)/) === null) {
    throw new Error('the scenario routes keeps its routes in an etcd: apt-get install etcd-server');
  }
  const { processes, cores } = bench;
  const proxies = ['nginx', 'haproxy', 'tsuji'].filter((name) => peers.includes(name));
  const [port, peerPort] = [await freePort(), await freePort()];
  const server = processes.start('etcd', cores.load, etcdCommand(processes.folder('etcd'), port, peerPort));
  const client = new Etcd3({ hosts: `http://127.0.0.1:${port}` });
  try {
    await untilListening(server, port);
    for (const kind of kinds) done(await runKind(bench, kind, rounds, proxies, client, port));
  } finally {
    client.close();
    await processes.stop(server);
  }
}
