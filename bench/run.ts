/** `npm run bench`: see README.md for what is measured and how. */
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { measureAccessLog } from './access-log.ts';
import { chaos } from './chaos.ts';
import { compareRevisions } from './compare.ts';
import { measureMost } from './engines/most.ts';
import { measureEngines } from './engines/run.ts';
import { measureFeatures } from './features.ts';
import { measureFleet } from './fleet.ts';
import { hasWrk } from './load.ts';
import { chooseCores, describeMachine, machineText } from './machine.ts';
import { HELP, parseOptions, type RunOptions } from './options.ts';
import { startOrigin } from './origin.ts';
import { measurePasswords } from './passwords.ts';
import { PEERS } from './peers/all.ts';
import { askVersion } from './peers/peer.ts';
import { cpuPlot, latencyPlot } from './plots.ts';
import { Processes } from './processes.ts';
import { outcomeJson, outcomeText } from './report.ts';
import { namedKinds, ROUTE_SCENARIOS } from './routes/kinds.ts';
import { routesJson, routesText } from './routes/report.ts';
import { ROUTES_ROUNDS, type RoutesOutcome, runRoutes } from './routes/run.ts';
import { type Bench, type Outcome, runScenario } from './runner.ts';
import { fitEfforts, SCENARIOS } from './scenarios.ts';
import { soak } from './soak.ts';
import { measureUpdates } from './updates/run.ts';

const RESULTS = join(import.meta.dirname, 'results');
const FULL_SECONDS = 320;
const QUICK_SECONDS = 52;

/** A progress line that the next one overwrites; nothing where nobody watches. */
function tell(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** @throws Error naming the first of `names` that is not among `known`. */
function demandKnown(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no ${what} "${unknown}"; there are: ${known.join(', ')}`);
}

/** @throws Error when this is not a Linux with an nginx for the servers. */
function demandSystem(): void {
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc and runs on Linux only');
  if (askVersion('nginx', ['-v'], /nginx\/([\w.-]+)/) === null) {
    throw new Error('the benchmark uses nginx as the server behind the proxies: apt-get install nginx-light');
  }
}

function writeResults(options: RunOptions, outcomes: readonly Outcome[], facts: object): string[] {
  const prefix = options.quick ? 'quick' : 'full';
  const written: string[] = [];
  const write = (name: string, content: string | null) => {
    if (content === null) return;
    const path = join(RESULTS, `${prefix}${name}`);
    writeFileSync(path, content);
    written.push(path);
  };
  const json = { at: new Date().toISOString(), ...facts, scenarios: outcomes.map(outcomeJson) };
  write('.json', `${JSON.stringify(json, null, 2)}\n`);
  write('-cpu.svg', cpuPlot(outcomes));
  for (const outcome of outcomes) {
    if (outcome.rate > 0 && outcome.series.length > 0) write(`-${outcome.scenario.name}.svg`, latencyPlot(outcome));
  }
  return written;
}

async function run(options: RunOptions, processes: Processes): Promise<void> {
  demandSystem();
  demandKnown('scenario', options.scenarios, [...SCENARIOS.map(({ name }) => name), ...ROUTE_SCENARIOS]);
  demandKnown(
    'proxy',
    options.peers,
    PEERS.map(({ name }) => name),
  );
  const chosen = PEERS.filter(({ name, onlyNamed }) =>
    options.peers.length === 0 ? onlyNamed !== true : options.peers.includes(name),
  );
  const found = chosen.map((peer) => ({ peer, version: peer.version() }));
  const peers = found.filter(({ version }) => version !== null).map(({ peer }) => peer);
  const versions = new Map(found.map(({ peer, version }) => [peer.name, version ?? '(absent)']));
  if (peers.length === 0) throw new Error(`not installed: ${chosen.map(({ name }) => name).join(', ')}`);
  const scenarios = SCENARIOS.filter(({ name, quick }) =>
    options.scenarios.length > 0 ? options.scenarios.includes(name) : !options.quick || quick !== null,
  );
  const efforts = fitEfforts(scenarios, options.quick, peers.length, options.quick ? QUICK_SECONDS : FULL_SECONDS);

  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, versions)}\n`);
  const origin = await startOrigin(processes, cores.load);
  const bench: Bench = { processes, cores, origin, wrk: hasWrk(), openFiles: machine.openFiles, tell };
  if (!bench.wrk) console.log('wrk is not installed: autocannon saturates instead, which reaches far lower rates\n');

  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    const effort = efforts.get(scenario.name)!;
    const rounds = scenario.kind === 'idle' ? effort.rounds : (options.rounds ?? effort.rounds);
    const outcome = await runScenario(bench, scenario, { ...effort, rounds }, peers);
    tell('');
    console.log(`${outcomeText(outcome)}\n`);
    outcomes.push(outcome);
  }
  await mkdir(RESULTS, { recursive: true });
  const facts = { machine, cores, versions: Object.fromEntries(versions) };
  const kinds = namedKinds(options.scenarios);
  if (kinds.length > 0) {
    const measured: RoutesOutcome[] = [];
    const names = peers.map(({ name }) => name);
    await runRoutes(bench, kinds, options.rounds ?? ROUTES_ROUNDS, names, (outcome) => {
      tell('');
      console.log(`${routesText(outcome)}\n`);
      measured.push(outcome);
    });
    const path = join(RESULTS, 'routes.json');
    const json = { at: new Date().toISOString(), ...facts, kinds: measured.map(routesJson) };
    writeFileSync(path, `${JSON.stringify(json, null, 2)}\n`);
    console.log(`written: ${path}`);
  }
  if (outcomes.length === 0) return;
  for (const path of writeResults(options, outcomes, facts)) console.log(`written: ${path}`);
}

const options = parseOptions(process.argv.slice(2));
if (options.kind === 'help') console.log(HELP);
else if (options.kind === 'error') {
  console.error(options.message);
  process.exitCode = 1;
} else {
  const processes = new Processes();
  try {
    if (options.kind === 'features') await measureFeatures(options, processes, tell);
    else if (options.kind === 'log') await measureAccessLog(options, processes, tell);
    else if (options.kind === 'passwords') await measurePasswords(options, processes, tell);
    else if (options.kind === 'engines') await measureEngines(options, processes, tell);
    else if (options.kind === 'updates') await measureUpdates(options, processes, tell);
    else if (options.kind === 'most') await measureMost(processes, tell);
    else if (options.kind === 'compare') await compareRevisions(options, processes, tell);
    else if (options.kind === 'fleet') await measureFleet(options, processes, tell);
    else if (options.kind === 'dashboard') {
      // It shares a browser with the tests, whose runner would report on every other benchmark.
      const { measureDashboard } = await import('./dashboard.ts');
      process.exitCode = (await measureDashboard(options, processes, tell)) ? 0 : 1;
    } else if (options.kind === 'chaos') process.exitCode = (await chaos(options, processes, tell)) ? 0 : 1;
    else if (options.kind === 'soak') process.exitCode = (await soak(options, processes, tell)) ? 0 : 1;
    else await run(options, processes);
  } catch (error) {
    tell('');
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    await processes.stopAll();
  }
}
