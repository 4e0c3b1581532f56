/** Starts the load generators on the load's core and reads what they measured. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { LoadPlan, LoadResult } from './load/plan.ts';
import type { Command, Processes } from './processes.ts';

export type Generator = 'wrk' | 'autocannon' | 'websocket';

/** wrk rests whole milliseconds between two requests of a connection; this many on average. */
const PAUSE_MS = 20;

export function hasWrk(): boolean {
  return spawnSync('wrk', ['-v']).error === undefined;
}

function wrkCommand(plan: LoadPlan): Command {
  const fields = Object.entries(plan.fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const connections = plan.rate > 0 ? Math.max(1, Math.round((plan.rate * PAUSE_MS) / 1_000)) : plan.connections;
  return {
    file: 'wrk',
    args: [
      '--threads=1',
      `--connections=${connections}`,
      `--duration=${plan.seconds}s`,
      '--timeout=5s',
      `--script=${join(import.meta.dirname, 'load/wrk.lua')}`,
      ...fields,
      `${plan.secure === true ? 'https' : 'http'}://127.0.0.1:${plan.port}${plan.path}`,
    ],
    env: {
      BENCH_BODY_BYTES: String(plan.bodyBytes),
      BENCH_PAUSE_MS: String(plan.rate > 0 ? PAUSE_MS : 0),
      BENCH_PIPELINING: String(plan.pipelining ?? 1),
      BENCH_ROUTES: String(plan.routes ?? 0),
    },
  };
}

export function ownCommand(script: string, plan: LoadPlan): Command {
  return { file: process.execPath, args: [join(import.meta.dirname, 'load', script), JSON.stringify(plan)] };
}

/** @throws SyntaxError or Error when the output holds no result. */
export function parseResult(output: string): LoadResult {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`a load generator gave no result: ${output.slice(-500)}`);
  return JSON.parse(line) as LoadResult;
}

/** @throws Error when the generator fails; failed requests are no failure of it, they are counted. */
export async function runLoad(
  processes: Processes,
  core: number | null,
  generator: Generator,
  plan: LoadPlan,
): Promise<LoadResult> {
  const command = generator === 'wrk' ? wrkCommand(plan) : ownCommand(`${generator}.ts`, plan);
  return parseResult(await processes.run(generator, core, command, (plan.seconds + 20) * 1_000));
}

export type IdleConnections = {
  /** Asks how many are open right now. */
  count(): Promise<number>;
  close(): Promise<void>;
};

/** Opens `plan.connections` idle connections and resolves once all were used once. */
export async function openIdle(processes: Processes, core: number | null, plan: LoadPlan): Promise<IdleConnections> {
  const started = processes.start('idle connections', core, ownCommand('idle.ts', plan));
  const lines = () => started.stdout().match(/^open \d+$/gm) ?? [];
  const nextLine = async (after: number) => {
    const deadline = Date.now() + 60_000;
    while (lines().length <= after) {
      if (started.child.exitCode !== null) throw new Error(`idle connections failed: ${started.stderr().trim()}`);
      if (Date.now() > deadline) throw new Error('idle connections took longer than 60 s');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return Number(lines()[after]!.slice('open '.length));
  };
  await nextLine(0);
  return {
    count() {
      const seen = lines().length;
      process.kill(started.pid, 'SIGUSR2');
      return nextLine(seen);
    },
    close: () => processes.stop(started),
  };
}
