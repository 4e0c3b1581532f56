/** `npm run bench -- features`: what options of a frontend, and an access log, cost each request, measured in turns. */
import { join } from 'node:path';
import { ACCESS_LOGS, FEATURES, FIELDS } from './feature-keys.ts';
import { hasWrk } from './load.ts';
import { chooseCores, describeMachine, machineText } from './machine.ts';
import type { FeaturesOptions } from './options.ts';
import { startOrigin } from './origin.ts';
import { nginx, nginxWithLog } from './peers/nginx.ts';
import { LIKE_PEERS, tsujiAt } from './peers/tsuji.ts';
import type { Processes } from './processes.ts';
import { disturbances } from './report.ts';
import { type Bench, runScenario } from './runner.ts';
import { SCENARIOS } from './scenarios.ts';
import { spreadOf } from './stats.ts';
import { formatNumber, formatRange, formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');

/** @throws Error when nothing could be measured. */
export async function measureFeatures(
  { rounds, scenarios }: FeaturesOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const small = SCENARIOS.find(({ name }) => name === 'small')!;
  const scenario = { ...small, fields: FIELDS, goals: [] };
  const named = (name: string): boolean => scenarios.length === 0 || scenarios.some((part) => name.includes(part));
  const [[plain, keys], ...features] = FEATURES;
  const sides = [
    tsujiAt(ROOT, plain, LIKE_PEERS, keys),
    ...features.filter(([name]) => named(name)).map(([name, keys]) => tsujiAt(ROOT, name, LIKE_PEERS, keys)),
    ...ACCESS_LOGS.filter(([name]) => named(name)).map(([name, flags]) =>
      tsujiAt(ROOT, name, [...LIKE_PEERS, ...flags]),
    ),
  ];
  // What the same costs a proxy in C: a figure to hold ours against.
  if (named(nginxWithLog.name)) sides.push(nginx, nginxWithLog);
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, new Map())}\n`);
  const origin = await startOrigin(processes, cores.load);
  const bench: Bench = { processes, cores, origin, wrk: hasWrk(), openFiles: machine.openFiles, tell };
  const outcome = await runScenario(bench, scenario, { ...scenario.full, rounds }, sides);
  tell('');
  if (outcome.skipped.length > 0) {
    throw new Error(outcome.skipped.map(({ name, reason }) => `${name}: ${reason}`).join('\n'));
  }
  const first = outcome.series[0].samples;
  const nginxPlain = outcome.series.find(({ name }) => name === nginx.name)?.samples;
  const rows = outcome.series.map(({ name, samples }) => {
    const plain = name === nginxWithLog.name ? nginxPlain! : first;
    const cpu = spreadOf(samples.map((sample) => sample.cpu));
    // Round by round, since the machine is not the same in each.
    const more = spreadOf(samples.map((sample, i) => sample.cpu - plain[i].cpu));
    return [name, formatNumber(cpu.median), formatNumber(more.median), formatRange(more)];
  });
  console.log(`${scenario.title}, ${rounds} rounds of ${scenario.full.seconds} s`);
  console.log(formatTable(['option', 'CPU µs/request', 'more', 'min–max'], rows));
  console.log(disturbances(outcome).join('\n'));
}
