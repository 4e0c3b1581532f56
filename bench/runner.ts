/** Takes the proxies through one scenario: start, check, warm up, measure in turns, stop. */
import { checkAnswers, checkEcho, checkForwarding } from './check.ts';
import type { LoadPlan } from './load/plan.ts';
import type { Generator } from './load.ts';
import type { Cores } from './machine.ts';
import { type IdleSample, measureIdle, measureLoad, type Sample, type Target } from './measure.ts';
import { type Origin, STATIC_HOST } from './origin.ts';
import type { Peer } from './peers/peer.ts';
import { freePort, type Processes, type Started, untilListening } from './processes.ts';
import { type Effort, fieldsOf, type Scenario } from './scenarios.ts';

export type Bench = {
  readonly processes: Processes;
  readonly cores: Cores;
  readonly origin: Origin;
  readonly wrk: boolean;
  /** Open files that one process may have. */
  readonly openFiles: number;
  /** A line on what is going on. */
  readonly tell: (text: string) => void;
};

export type Series = {
  readonly name: string;
  readonly samples: readonly Sample[];
  readonly idle: readonly IdleSample[];
};

export type Outcome = {
  readonly scenario: Scenario;
  readonly effort: Effort;
  readonly generator: Generator;
  readonly connections: number;
  /** Requests per second that were asked for; 0: as many as come back. */
  readonly rate: number;
  readonly series: readonly Series[];
  /** Proxies that could not be measured, with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
};

type Running = Target & { readonly pid: number; readonly started: Started };

const WARM_UP_SECONDS = 1;
/** Files of a proxy beside its client connections. */
const SPARE_FILES = 1_500;

function generatorOf(scenario: Scenario, wrk: boolean): Generator {
  if (scenario.kind === 'websocket') return 'websocket';
  return wrk && scenario.kind !== 'steady' ? 'wrk' : 'autocannon';
}

function planOf(scenario: Scenario, port: number, seconds: number, rate: number, connections: number): LoadPlan {
  const { path, bodyBytes } = scenario;
  return { port, path, fields: fieldsOf(scenario), connections, seconds, bodyBytes, rate };
}

async function check(scenario: Scenario, port: number): Promise<string | null> {
  const { path, length, bodyBytes } = scenario;
  const what = { port, path, fields: fieldsOf(scenario), length, bodyBytes };
  if (scenario.kind === 'websocket') return await checkEcho(what);
  const problem = await checkAnswers(what);
  return problem ?? (await checkForwarding({ ...what, fields: { ...what.fields, Host: STATIC_HOST } }));
}

async function startPeer(bench: Bench, peer: Peer, connections: number): Promise<Running> {
  const { processes, cores, origin } = bench;
  const port = await freePort();
  const site = { port, folder: processes.folder(peer.name), routes: origin.routes, connections };
  const started = processes.start(peer.name, cores.proxy, peer.configure(site));
  try {
    await untilListening(started, port);
  } catch (error) {
    await processes.stop(started);
    throw error;
  }
  return { name: peer.name, port, pid: started.pid, started };
}

/** Half of what saturates nginx, or the first proxy where nginx does not take part. */
async function halfRate(bench: Bench, scenario: Scenario, generator: Generator, running: readonly Running[]) {
  const reference = running.find(({ name }) => name === 'nginx') ?? running[0]!;
  const plan = planOf(scenario, reference.port, WARM_UP_SECONDS, 0, scenario.connections);
  const sample = await measureLoad(bench.processes, bench.cores, reference, generator, plan);
  return Math.round(sample.perSecond / 2);
}

/** A proxy that fails in any way is left out with the reason; the others go on. */
export async function runScenario(
  bench: Bench,
  scenario: Scenario,
  effort: Effort,
  peers: readonly Peer[],
): Promise<Outcome> {
  const { processes, cores } = bench;
  const generator = generatorOf(scenario, bench.wrk);
  const connections = Math.min(scenario.connections, bench.openFiles - SPARE_FILES);
  const skipped: { name: string; reason: string }[] = [];
  let running: Running[] = [];
  const leaveOut = async (target: Running, reason: string) => {
    skipped.push({ name: target.name, reason });
    running = running.filter((other) => other !== target);
    await processes.stop(target.started);
  };
  try {
    for (const peer of peers) {
      try {
        running.push(await startPeer(bench, peer, Math.max(connections, 4_000)));
      } catch (error) {
        skipped.push({ name: peer.name, reason: (error as Error).message });
      }
    }
    for (const target of [...running]) {
      bench.tell(`${scenario.name}: ${target.name}: check and warm-up`);
      const problem = await check(scenario, target.port);
      if (problem !== null) await leaveOut(target, problem);
      else if (scenario.kind === 'idle') {
        await measureLoad(processes, cores, target, generator, planOf(scenario, target.port, WARM_UP_SECONDS, 0, 64));
      } else {
        const plan = planOf(scenario, target.port, WARM_UP_SECONDS, 0, connections);
        await measureLoad(processes, cores, target, generator, plan);
      }
    }
    if (running.length === 0) return { scenario, effort, generator, connections, rate: 0, series: [], skipped };
    const rate = scenario.kind === 'half-load' ? await halfRate(bench, scenario, generator, running) : scenario.rate;

    const collected = new Map<string, { samples: Sample[]; idle: IdleSample[] }>();
    for (let round = 1; round <= effort.rounds; round++) {
      const direct: Target[] =
        scenario.kind === 'steady' ? [{ name: 'direct', port: bench.origin.direct, pid: null }] : [];
      // Every second round runs backwards, so that no proxy always follows the same other one.
      const turns = [...direct, ...running];
      for (const target of round % 2 === 1 ? turns : turns.toReversed()) {
        bench.tell(`${scenario.name}: round ${round} of ${effort.rounds}: ${target.name}`);
        const series = collected.get(target.name) ?? { samples: [], idle: [] };
        collected.set(target.name, series);
        const plan = planOf(scenario, target.port, effort.seconds, rate, connections);
        try {
          if (scenario.kind === 'idle') series.idle.push(await measureIdle(processes, cores, target as Running, plan));
          else series.samples.push(await measureLoad(processes, cores, target, generator, plan));
        } catch (error) {
          const failed = running.find((other) => other === target);
          if (failed === undefined) throw error;
          collected.delete(target.name);
          await leaveOut(failed, (error as Error).message);
        }
      }
    }
    const series = [...collected].map(([name, { samples, idle }]) => ({ name, samples, idle }));
    return { scenario, effort, generator, connections, rate, series, skipped };
  } finally {
    await Promise.all(running.map(({ started }) => processes.stop(started)));
  }
}
