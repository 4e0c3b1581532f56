/**
 * `npm run bench -- tls` and `-- engines`: what the engines cost beside nginx and HAProxy, in turns, with several processes
 * of each, since two processes of the same program differ by some percent.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpuBetween, readCpu, readResident } from '../cpu.ts';
import { openIdle } from '../load.ts';
import { chooseCores, describeMachine, machineText } from '../machine.ts';
import type { EnginesOptions } from '../options.ts';
import { STATIC_HOST, startOrigin } from '../origin.ts';
import { askVersion } from '../peers/peer.ts';
import { freePort, type Processes, type Started, untilListening } from '../processes.ts';
import { ratioOf, spreadOf } from '../stats.ts';
import { formatNumber, formatRange, formatShare, formatSpread, formatTable } from '../table.ts';
import { load, planOf } from './loads.ts';
import { type EngineProxy, type EngineSite, engineProxies, makePair } from './proxies.ts';
import { WORKS, type Work } from './works.ts';

const ROOT = join(import.meta.dirname, '../..');
const SECONDS = 2;
const WARM_UP_SECONDS = 1;
/** Of a load, and of the pause behind it. */
const ROUTED_TRIES = 20;
const GRPC_SERVERS = 2;
/** Descriptors of a proxy beside its connections. */
const OTHER_FILES = 400;
/** HAProxy and tsuji keep one for a server beside each of a client. */
const FILES_PER_CLIENT = 2;

type Sample = { readonly value: number; readonly busy: number; readonly waited: number };
type Running = { readonly proxy: EngineProxy; readonly site: EngineSite; readonly started: Started };
type Series = { readonly name: string; readonly samples: Sample[] };

const valuesOf = ({ samples }: Series): number[] => samples.map(({ value }) => value);

/** Answers of gRPC by nghttpd: a body and a trailer. The path of the call is that of a file. */
async function startGrpcServers(processes: Processes, core: number | null, path: string): Promise<number[]> {
  const folder = processes.folder('grpc');
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 'a')]));
  const ports: number[] = [];
  for (let i = 0; i < GRPC_SERVERS; i++) {
    const port = await freePort();
    const args = ['--no-tls', '--trailer=grpc-status: 0', `--htdocs=${folder}`, '--address=127.0.0.1', String(port)];
    await untilListening(processes.start('origin (nghttpd)', core, { file: 'nghttpd', args }), port);
    ports.push(port);
  }
  return ports;
}

async function measure(
  processes: Processes,
  core: number | null,
  work: Work,
  { site, started }: Running,
  seconds: number,
): Promise<Sample> {
  const port = work.secure ? site.tls : site.clear;
  if (work.load === 'idle') return await measureMemory(processes, core, work, port, started);
  const before = readCpu(started.pid);
  const result = await load(processes, core, work, port, seconds, site.folder);
  const spent = cpuBetween(before, readCpu(started.pid));
  if (result.requests === 0 || result.errors > 0) {
    throw new Error(`${result.errors} of ${result.requests + result.errors} failed`);
  }
  return {
    value: spent.ran / 1_000 / result.requests,
    busy: spent.ran / 1_000 / result.microseconds,
    waited: spent.waited / 1_000 / result.microseconds,
  };
}

/** As many idle connections as every proxy may have here. */
function withinLimit(work: Work, openFiles: number): Work {
  const most = Math.floor((openFiles - OTHER_FILES) / FILES_PER_CLIENT / 1_000) * 1_000;
  if (work.load !== 'idle' || work.connections <= most) return work;
  const needed = FILES_PER_CLIENT * work.connections + OTHER_FILES;
  const connections = Math.max(most, 100);
  const title = `${work.title}: ${connections} with this limit of open files, for all raise it to ${needed} (ulimit -n)`;
  return { ...work, connections, title };
}

/** KiB for each connection. */
async function measureMemory(
  processes: Processes,
  core: number | null,
  work: Work,
  port: number,
  { pid }: Started,
): Promise<Sample> {
  const before = readResident(pid);
  const connections = await openIdle(processes, core, planOf(work, port, 1));
  try {
    const during = readResident(pid);
    const open = await connections.count();
    if (open < work.connections) throw new Error(`only ${open} of ${work.connections} connections stay open`);
    return { value: (during - before) / 1024 / open, busy: 0, waited: 0 };
  } finally {
    await connections.close();
  }
}

async function start(
  processes: Processes,
  core: number | null,
  proxy: EngineProxy,
  site: Omit<EngineSite, 'clear' | 'tls' | 'folder'>,
): Promise<Running> {
  const whole = { ...site, clear: await freePort(), tls: await freePort(), folder: processes.folder(proxy.name) };
  const started = processes.start(proxy.name, core, proxy.configure(whole));
  await untilListening(started, whole.tls);
  return { proxy, site: whole, started };
}

/** A proxy that has just begun to listen may not have its routes yet. */
async function warmUp(processes: Processes, core: number | null, work: Work, running: Running): Promise<void> {
  const wanted = work.load === 'idle' ? ({ ...work, load: 'http1', connections: 64 } as const) : work;
  for (let tries = 1; ; tries++) {
    try {
      await measure(processes, core, wanted, running, WARM_UP_SECONDS);
      return;
    } catch (error) {
      if (tries === ROUTED_TRIES) throw error;
    }
  }
}

function report(work: Work, series: readonly Series[], skipped: readonly string[]): string {
  const unit = work.load === 'idle' ? 'KiB each' : work.load === 'handshakes' ? 'CPU µs/handshake' : 'CPU µs/request';
  const rows = series.map((one) => {
    const spread = spreadOf(valuesOf(one));
    const against = ['nginx', 'haproxy'].map((name) => {
      const other = series.find((candidate) => candidate.name === name);
      return other === undefined ? '–' : formatSpread(ratioOf(valuesOf(one), valuesOf(other)));
    });
    const { samples } = one;
    const busy = spreadOf(samples.map((sample) => sample.busy)).median;
    const waited = spreadOf(samples.map((sample) => sample.waited)).max;
    return [
      one.name,
      formatNumber(spread.median),
      formatRange(spread),
      ...against,
      formatShare(busy),
      formatShare(waited),
    ];
  });
  const lines = [
    work.title,
    formatTable(['proxy', unit, 'min–max', '÷ nginx', '÷ haproxy', 'busy', 'waited'], rows),
    ...skipped.map((text) => `left out: ${text}`),
  ];
  const own = series.find(({ name }) => name === 'tsuji');
  for (const { against, limit } of own === undefined ? [] : work.goals) {
    const others = series.filter(({ name }) => against.includes(name));
    if (others.length === 0) continue;
    const best = others.reduce((a, b) => (spreadOf(valuesOf(b)).median < spreadOf(valuesOf(a)).median ? b : a));
    const ratio = ratioOf(valuesOf(own!), valuesOf(best));
    const verdict = ratio.median <= limit ? 'met   ' : 'missed';
    lines.push(`${verdict}  tsuji ÷ ${best.name} ${formatSpread(ratio)}, goal ≤ ${limit.toFixed(2)}`);
  }
  return lines.join('\n');
}

async function runWork(
  work: Work,
  proxies: readonly EngineProxy[],
  options: EnginesOptions,
  processes: Processes,
  cores: { readonly proxy: number | null; readonly load: number | null },
  site: Omit<EngineSite, 'clear' | 'tls' | 'folder'>,
  tell: (text: string) => void,
): Promise<void> {
  const skipped: string[] = [];
  let running: Running[] = [];
  const leaveOut = async (name: string, error: unknown): Promise<void> => {
    skipped.push(`${name}: ${(error as Error).message}`);
    const gone = running.filter(({ proxy }) => proxy.name === name);
    running = running.filter(({ proxy }) => proxy.name !== name);
    for (const { started } of gone) await processes.stop(started);
  };
  const series = new Map<string, Series>();
  try {
    for (const proxy of proxies) {
      try {
        for (let i = 0; i < options.processes; i++) {
          const one = await start(processes, cores.proxy, proxy, site);
          running.push(one);
          tell(`${work.name}: ${proxy.name}: warm-up`);
          await warmUp(processes, cores.load, work, one);
        }
        series.set(proxy.name, { name: proxy.name, samples: [] });
      } catch (error) {
        await leaveOut(proxy.name, error);
      }
    }
    // Of memory only the first time counts: what was taken once is not given back.
    const rounds = work.load === 'idle' ? 1 : options.rounds;
    for (let round = 1; round <= rounds; round++) {
      for (let at = 0; at < options.processes; at++) {
        const turns = [...series.keys()].map((name) => running.filter(({ proxy }) => proxy.name === name)[at]!);
        for (const one of (round + at) % 2 === 0 ? turns.toReversed() : turns) {
          const { name } = one.proxy;
          tell(`${work.name}: round ${round} of ${rounds}: ${name}`);
          try {
            series.get(name)?.samples.push(await measure(processes, cores.load, work, one, SECONDS));
          } catch (error) {
            series.delete(name);
            await leaveOut(name, error);
          }
        }
      }
    }
    tell('');
    console.log(`${report(work, [...series.values()], skipped)}\n`);
  } finally {
    await Promise.all(running.map(({ started }) => processes.stop(started)));
  }
}

/** @throws Error when a tool is missing or a name is not known. */
export async function measureEngines(
  options: EnginesOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const works = WORKS.filter(({ command, name }) =>
    options.scenarios.length > 0 ? options.scenarios.includes(name) : command === options.command,
  );
  if (works.length === 0) throw new Error(`there are: ${WORKS.map(({ name }) => name).join(', ')}`);
  const proxies = engineProxies(ROOT).filter(({ name }) => options.peers.length === 0 || options.peers.includes(name));
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const versions = new Map<string, string>([['tsuji', version]]);
  for (const [file, args, pattern] of [
    ['nginx', ['-v'], /nginx\/([\w.-]+)/],
    ['haproxy', ['-v'], /version ([\w.]+)/],
    ['h2load', ['--version'], /nghttp2\/([\w.-]+)/],
    ['nghttpd', ['--version'], /nghttp2\/([\w.-]+)/],
    ['wrk', ['-v'], /wrk ([\w.-]+)/],
  ] as const) {
    versions.set(file, askVersion(file, args, pattern) ?? '(absent)');
  }
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, versions)}`);
  console.log(`${options.rounds} rounds of ${SECONDS} s, ${options.processes} processes of each\n`);
  const pair = makePair(processes.folder('certificate'));
  const origin = await startOrigin(processes, cores.load);
  const statics = origin.routes.find(({ host }) => host === STATIC_HOST)!.servers;
  let grpcServers: readonly number[] | null = null;
  for (const named of works) {
    const work = withinLimit(named, machine.openFiles);
    if (work.grpc) grpcServers ??= await startGrpcServers(processes, cores.load, work.path);
    const needsHttp2 = work.load === 'h2';
    const able = proxies.filter(
      ({ serves, onlyIdle }) => (!needsHttp2 || serves.http2) && (onlyIdle !== true || work.load === 'idle'),
    );
    const servers = work.grpc ? grpcServers! : statics;
    const connections = Math.max(work.connections, 1_000);
    const site = { pair, host: STATIC_HOST, servers, grpc: work.grpc, connections };
    await runWork(work, able, options, processes, cores, site, tell);
  }
}
