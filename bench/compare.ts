/** `npm run bench -- compare REV1 REV2`: CPU per request of two git revisions, measured in turns. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasWrk } from './load.ts';
import { chooseCores, describeMachine, machineText } from './machine.ts';
import type { CompareOptions } from './options.ts';
import { startOrigin } from './origin.ts';
import { tsujiAt } from './peers/tsuji.ts';
import type { Processes } from './processes.ts';
import { disturbances } from './report.ts';
import { type Bench, runScenario } from './runner.ts';
import { SCENARIOS } from './scenarios.ts';
import { meanOf, ratioOf, spreadOf, verdictOf } from './stats.ts';
import { formatNumber, formatRange, formatSpread, formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');

/** @throws Error with what git said. */
function git(args: readonly string[]): string {
  const done = spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`git ${args[0]}: ${(done.stderr || String(done.error)).trim()}`);
  return done.stdout.trim();
}

/** A folder with the files of a revision, using the packages that are installed here. */
function checkOut(revision: string, processes: Processes): { folder: string; label: string } {
  if (revision === 'work') return { folder: ROOT, label: 'work' };
  const commit = git(['rev-parse', '--verify', '--short', `${revision}^{commit}`]);
  const folder = join(processes.folder('revision'), 'tree');
  git(['worktree', 'add', '--detach', folder, commit]);
  processes.onEnd(() => {
    spawnSync('git', ['-C', ROOT, 'worktree', 'remove', '--force', folder]);
  });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return { folder, label: commit };
}

/** @throws Error for an unknown revision or scenario, or when nothing could be measured. */
export async function compareRevisions(
  options: CompareOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const scenarios = options.scenarios.map((name) => {
    const scenario = SCENARIOS.find(
      (one) => one.name === name && (one.kind === 'saturation' || one.kind === 'websocket'),
    );
    if (scenario === undefined) throw new Error(`compare has no scenario "${name}": it needs one with CPU per request`);
    return scenario;
  });
  const trees = [options.before, options.after].map((revision) => checkOut(revision, processes));
  // Two processes of one program differ by some percent, so there may be several of each.
  const pairs = Array.from({ length: options.processes }, (_, index) =>
    trees.map(({ folder, label }, side) =>
      tsujiAt(folder, `${side === 0 ? 'before' : 'after'} (${label}) ${index + 1}`, options.flags),
    ),
  );
  const sides = pairs.flat();
  const unable = sides.find((side) => side.version() === null);
  if (unable !== undefined) throw new Error(`${unable.name} has no src/main.ts or does not know one of the flags`);

  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, new Map(sides.map((side) => [side.name, side.version()!])))}\n`);
  const origin = await startOrigin(processes, cores.load);
  const bench: Bench = { processes, cores, origin, wrk: hasWrk(), openFiles: machine.openFiles, tell };
  for (const scenario of scenarios) {
    const outcome = await runScenario(bench, scenario, { ...scenario.full, rounds: options.rounds }, sides);
    tell('');
    const cpuOf = (name: string): readonly number[] =>
      outcome.series.find((one) => one.name === name)?.samples.map((sample) => sample.cpu) ?? [];
    if (outcome.skipped.length > 0) {
      throw new Error(outcome.skipped.map(({ name, reason }) => `${name}: ${reason}`).join('\n'));
    }
    const rows = outcome.series.map(({ name }) => {
      const cpu = spreadOf(cpuOf(name));
      return [name, formatNumber(cpu.median), formatRange(cpu)];
    });
    const [before, after] = [0, 1].map((side) => pairs.flatMap((pair) => cpuOf(pair[side].name)));
    const ratio = ratioOf(after, before);
    const { mean, error } = meanOf(after.map((cpu, i) => cpu / before[i]));
    console.log(`${scenario.title}, ${options.rounds} pairs of ${scenario.full.seconds} s, ${options.processes} times`);
    console.log(formatTable(['', 'CPU µs/request', 'min–max'], rows));
    console.log(`after ÷ before: ${formatSpread(ratio)}: ${verdictOf(ratio, before.length)}`);
    if (before.length > 1) console.log(`mean ${mean.toFixed(3)}, standard error ${error.toFixed(3)}`);
    console.log([...disturbances(outcome), ''].join('\n'));
  }
}
