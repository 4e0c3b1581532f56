/** `npm run bench -- log`: what a line of the access log costs, in turns with a process that writes none, and with nginx. */
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readThreads } from './cpu.ts';
import { ACCESS_LOGS } from './feature-keys.ts';
import { type Generator, hasWrk } from './load.ts';
import { type Cores, chooseCores, describeMachine, machineText } from './machine.ts';
import { measureLoad, type Sample } from './measure.ts';
import type { LogOptions } from './options.ts';
import { startOrigin } from './origin.ts';
import { nginx, nginxWithLog } from './peers/nginx.ts';
import type { Peer, Route } from './peers/peer.ts';
import { tsujiAt } from './peers/tsuji.ts';
import { freePort, type Processes, type Started, untilListening } from './processes.ts';
import { fieldsOf, SCENARIOS } from './scenarios.ts';
import { spreadOf } from './stats.ts';
import { formatNumber, formatRange, formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const WARM_UP_SECONDS = 3;
const SECONDS = 1;
/** Longer than any of them keeps lines to itself. */
const FLUSH_MS = 1_200;
const WRITER = 'access-log';
const LOG = 'access.log';
const NONE = 'none';

type Burst = Sample & {
  /** CPU microseconds of the thread that writes, per request. */
  readonly writer: number;
  /** Of the log, per request. */
  readonly bytes: number;
};
type Side = { readonly name: string; readonly port: number; readonly started: Started; readonly log: string };

/** On a disk, unlike the folders of other benchmarks: what the kernel does for it is a good part of what a line costs. */
async function start(peer: Peer, routes: readonly Route[], processes: Processes, cores: Cores): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-bench-log-'));
  processes.onEnd(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const started = processes.start(peer.name, cores.proxy, peer.configure({ port, folder, routes, connections: 4_000 }));
  await untilListening(started, port);
  return { name: peer.name, port, started, log: join(folder, LOG) };
}

async function burst(
  side: Side,
  seconds: number,
  pipelining: number,
  processes: Processes,
  cores: Cores,
): Promise<Burst> {
  const { name, port, log, started } = side;
  const small = SCENARIOS.find(({ name }) => name === 'small')!;
  const generator: Generator = hasWrk() ? 'wrk' : 'autocannon';
  const plan = {
    port,
    path: small.path,
    fields: fieldsOf(small),
    connections: 64,
    seconds,
    bodyBytes: 0,
    rate: 0,
    pipelining,
  };
  if (statSync(log, { throwIfNoEntry: false }) !== undefined) truncateSync(log);
  const before = readThreads(started.pid);
  const sample = await measureLoad(processes, cores, { name, port, pid: null }, generator, plan);
  await pause(FLUSH_MS);
  const spent = new Map(
    [...readThreads(started.pid)].map(([thread, ran]) => [thread, ran - (before.get(thread) ?? 0)]),
  );
  const all = [...spent.values()].reduce((sum, ran) => sum + ran, 0);
  const perRequest = (ran: number): number => ran / 1_000 / sample.requests;
  const bytes = (statSync(log, { throwIfNoEntry: false })?.size ?? 0) / sample.requests;
  return { ...sample, cpu: perRequest(all), writer: perRequest(spent.get(WRITER) ?? 0), bytes };
}

/** @throws Error when nothing could be measured. */
export async function measureAccessLog(
  { rounds, pipelining }: LogOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  const { routes } = await startOrigin(processes, cores.load);
  const engine =
    pipelining > 1
      ? ['--entryPoints=Name:http Address:127.0.0.1:{port} Engine:tsuji', `--upstream.pipelining=${pipelining}`]
      : [];
  const peers = [
    tsujiAt(ROOT, NONE, engine),
    ...ACCESS_LOGS.map(([name, flags]) => tsujiAt(ROOT, name, [...engine, ...flags])),
    nginx,
    nginxWithLog,
  ];
  console.log(`${machineText(machine, cores, new Map())}\n`);
  const sides: Side[] = [];
  for (const peer of peers) sides.push(await start(peer, routes, processes, cores));
  const found = new Map<string, Burst[]>(sides.map(({ name }) => [name, []]));
  for (const side of sides) await burst(side, WARM_UP_SECONDS, pipelining, processes, cores);
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      tell(`round ${round + 1} of ${rounds}: ${side.name}`);
      found.get(side.name)!.push(await burst(side, SECONDS, pipelining, processes, cores));
    }
  }
  tell('');
  const rows = [...found].map(([name, bursts]) => {
    const without = found.get(name.startsWith(nginx.name) ? nginx.name : NONE)!;
    // Round by round, since the machine is not the same in each.
    const more = spreadOf(bursts.map(({ cpu }, i) => cpu - without[i].cpu));
    const of = (figure: (burst: Burst) => number): number => spreadOf(bursts.map(figure)).median;
    return [
      name,
      formatNumber(of(({ cpu }) => cpu)),
      formatNumber(more.median),
      formatRange(more),
      formatNumber(of(({ writer }) => writer)),
      String(Math.round(of(({ bytes }) => bytes))),
      String(Math.round(of(({ perSecond }) => perSecond))),
    ];
  });
  const atOnce =
    pipelining > 1 ? `, ${pipelining} requests at once on a connection (not from nginx to its servers)` : '';
  console.log(`${rounds} rounds of ${SECONDS} s, CPU µs per request${atOnce}`);
  console.log(formatTable(['log', 'in all', 'more', 'min–max', 'of which the writer', 'bytes', 'requests/s'], rows));
}
