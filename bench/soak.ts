/**
 * `npm run bench -- soak`: minutes of mixed traffic through one tsuji with two workers, while keys change and servers
 * die. It is no measurement: at its end nothing may be left over, wrong, or without an explanation. See README.md.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readResident } from './cpu.ts';
import { histogramOf, percentile } from './histogram.ts';
import { LatencyCounter } from './load/plan.ts';
import type { SoakOptions } from './options.ts';
import type { Processes } from './processes.ts';
import { buildSite, changeKeys, killServers, type Site } from './soak/disturb.ts';
import { Ledger } from './soak/ledger.ts';
import { growthOf, type Sample } from './soak/memory.ts';
import { type Findings, failuresOf, findingsText } from './soak/report.ts';
import { startTraffic } from './soak/traffic.ts';
import { codesIn, gaugeIn, Keys, openKindsIn, SoakedTsuji } from './soak/tsuji.ts';
import { visitWebSocket } from './soak/web-socket.ts';

const WORKERS = 2;
const BACKENDS = ['steady', 'mortal'] as const;
const SETTLE_MS = 15_000;

/** Looks again and again until `good`; after `ms` the last value counts. */
async function untilGood<T>(read: () => Promise<T>, good: (value: T) => boolean, ms: number): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await read();
    if (good(value) || performance.now() > deadline) return value;
    await sleep(100);
  }
}

/** Why WebSockets take no part; '' when they do. */
async function whyNoWebSockets(port: number): Promise<string> {
  const { status, ending, detail } = await visitWebSocket(port, 'steady', 1, false);
  if (status === 101 && ending === 'whole') return '';
  // An upgrade that is accepted and then goes wrong is a finding, not a reason to look away.
  return status === 101 ? '' : `tsuji answers upgrades with ${status || detail}`;
}

type Watch = { readonly samples: Sample[]; greatestLag: number; greatestUpstream: number };

/** Once a second: memory, lag of the main thread, open connections to servers. */
async function watchTsuji(tsuji: SoakedTsuji, watch: Watch, running: () => boolean, tell: (text: string) => void) {
  const startedAt = performance.now();
  for (let second = 0; running(); second++) {
    await sleep(Math.max(0, startedAt + second * 1000 - performance.now()));
    const bytes = readResident(tsuji.process.pid);
    watch.samples.push({ at: (performance.now() - startedAt) / 1000, bytes });
    const page = await tsuji.metrics();
    watch.greatestLag = Math.max(watch.greatestLag, gaugeIn(page, 'nodejs_eventloop_lag_seconds'));
    watch.greatestUpstream = Math.max(watch.greatestUpstream, gaugeIn(page, 'tsuji_open_upstream_connections'));
    tell(`soak: ${second} s, ${Math.round(bytes / 2 ** 20)} MiB`);
  }
}

/** The state of tsuji when nobody wants anything of it any more, and its end. */
async function settle(tsuji: SoakedTsuji, site: Site) {
  const page = await untilGood(
    () => tsuji.metrics(),
    (text) => gaugeIn(text, 'tsuji_open_exchanges') === 0 && gaugeIn(text, 'tsuji_open_upstream_connections') === 0,
    SETTLE_MS,
  );
  const status = await untilGood(
    () => tsuji.status(),
    ({ settled }) => settled,
    SETTLE_MS,
  );
  const exit = await (async () => {
    tsuji.process.child.kill('SIGTERM');
    return Promise.race([tsuji.process.ended, sleep(SETTLE_MS, 'none' as const, { ref: false })]);
  })();
  return {
    openExchanges: gaugeIn(page, 'tsuji_open_exchanges'),
    openKinds: openKindsIn(page),
    openUpstream: gaugeIn(page, 'tsuji_open_upstream_connections'),
    codes: codesIn(page),
    generation: status.generation,
    settled: status.settled,
    restarts: status.workers.reduce((sum, { restarts }) => sum + restarts, 0),
    exit,
    output: tsuji.process.stdout() + tsuji.process.stderr(),
    complaints: [...site.steady, ...site.mortal].map((server) => server.complaints()).join(''),
  };
}

/** @returns whether everything was as it has to be. @throws Error when the soak itself could not be run. */
export async function soak(options: SoakOptions, processes: Processes, tell: (text: string) => void): Promise<boolean> {
  const keys = new Keys(processes.folder('soak'));
  const site = await buildSite(processes, keys);
  const tsuji = await SoakedTsuji.start(processes, keys, WORKERS);
  const begun = await untilGood(
    () => tsuji.status(),
    ({ generation, settled }) => generation > 0 && settled,
    SETTLE_MS,
  );
  if (begun.generation === 0) throw new Error(`tsuji has no table: ${tsuji.process.stderr()}`);

  const webSockets = await whyNoWebSockets(tsuji.port);
  const ledger = new Ledger();
  const latencies = new LatencyCounter();
  const watch: Watch = { samples: [], greatestLag: 0, greatestUpstream: 0 };
  let running = true;
  const isRunning = (): boolean => running && tsuji.process.child.exitCode === null;
  const startedAt = performance.now();
  const traffic = startTraffic(tsuji.port, BACKENDS, webSockets === '', ledger, latencies);
  const changing = changeKeys(keys, site, isRunning);
  const killing = killServers(site, ledger, isRunning);
  const watching = watchTsuji(tsuji, watch, isRunning, tell);
  const ended = tsuji.process.ended.then(() => {});
  const over = Promise.race([sleep(options.minutes * 60_000), ended, changing, killing, watching]);
  try {
    await over;
  } finally {
    running = false;
  }
  const [changes] = await Promise.all([changing, killing, watching, traffic.stop()]);
  tell('soak: looking what is left');
  if (tsuji.process.child.exitCode !== null || tsuji.process.child.signalCode !== null) {
    throw new Error(`tsuji ended in the middle of the soak: ${tsuji.process.stderr().trim() || 'it said nothing'}`);
  }
  const findings: Findings = {
    seconds: (performance.now() - startedAt) / 1000,
    webSockets,
    ledger,
    changes,
    growth: growthOf(watch.samples),
    greatestLag: watch.greatestLag,
    greatestUpstream: watch.greatestUpstream,
    latency: [50, 99, 100].map((at) => percentile(histogramOf(latencies.pairs()), at)),
    ...(await settle(tsuji, site)),
  };
  const failures = failuresOf(findings);
  tell('');
  console.log(findingsText(findings, failures));
  return failures.length === 0;
}
