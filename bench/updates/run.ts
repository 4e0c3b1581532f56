/** `npm run bench -- updates`: what a change costs by the number of frontends, for those who make it and who ask meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readResident } from '../cpu.ts';
import { histogramOf, percentile } from '../histogram.ts';
import type { LoadResult } from '../load/plan.ts';
import { hasWrk, runLoad } from '../load.ts';
import { chooseCores, describeMachine, machineText } from '../machine.ts';
import type { UpdatesOptions } from '../options.ts';
import { startOrigin } from '../origin.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { askVersion } from '../peers/peer.ts';
import type { Processes } from '../processes.ts';
import { fromSources, makeReleased } from './released.ts';
import { startGoals, startText, type UpdatesFigures, updatesGoals, updatesText } from './report.ts';
import { measureStart } from './start.ts';
import { HOST, KINDS, type Kind, type Site, type Subject, tsuji } from './subjects.ts';
import { untilServed, Watch } from './watch.ts';

const SERVED_MS = 180_000;
const SETTLE_MS = 15_000;
/** After the last change. */
const LATE_MS = 10_000;
/** So many that each of two workers has some. */
const CONNECTIONS = 8;
const RATE = 1_000;
const CHANGES_PER_SECOND = 20;
/** Of each phase of load. */
const SECONDS = 20;
/** Of changes before that, which are not counted: V8 has not compiled yet what they run. */
const WARMUP_SECONDS = 1;

function loadOn(processes: Processes, core: number | null, { port }: Subject, routes: number): Promise<LoadResult> {
  const plan = { port, path: '/', fields: { Host: HOST }, connections: 20, seconds: SECONDS, bodyBytes: 0 };
  return runLoad(processes, core, 'wrk', { ...plan, rate: RATE, routes });
}

/** One after the other, at a steady rate, spread over all hosts; resolves when all were told. */
async function changeAll(subject: Subject, watch: Watch, frontends: number, seconds: number): Promise<void> {
  const from = performance.now();
  const told: Promise<void>[] = [];
  for (let i = 0; i < seconds * CHANGES_PER_SECOND; i++) {
    await sleep(Math.max(0, from + (i * 1_000) / CHANGES_PER_SECOND - performance.now()));
    const frontend = (i * 7_919) % frontends;
    const server = 1 + (Math.floor((i * 7_919) / frontends) % 2);
    watch.add(frontend, server);
    told.push(subject.change(frontend, server));
  }
  await Promise.all(told);
}

async function allSeen(watch: Watch): Promise<void> {
  for (const end = Date.now() + LATE_MS; watch.pending > 0 && Date.now() < end; ) await sleep(50);
}

/** Resident bytes, once what the start has left behind was given back. */
async function settled(pid: number): Promise<number> {
  await sleep(SETTLE_MS);
  return readResident(pid);
}

async function measure(kind: Kind, site: Site, load: number | null, floor: number): Promise<UpdatesFigures> {
  const { processes, frontends } = site;
  const subject = await kind.start(site);
  try {
    const some = [0, 0.25, 0.5, 0.75].map((share) => Math.floor(frontends * share));
    const served = await untilServed(subject.port, [...some, frontends - 1], SERVED_MS);
    if (Number.isNaN(served)) throw new Error(`${kind.name} does not serve ${frontends} hosts`);
    const start = performance.now() - subject.startedAt;
    const resident = await settled(subject.started.pid);
    const watch = new Watch(subject.port, CONNECTIONS);
    try {
      const quiet = await loadOn(processes, load, subject, frontends);
      await changeAll(subject, watch, frontends, WARMUP_SECONDS);
      await allSeen(watch);
      const first = watch.times[0] ?? Number.NaN;
      watch.times.length = 0;
      subject.store.length = 0;
      const since = Date.now();
      const changes = changeAll(subject, watch, frontends, SECONDS);
      const busy = await loadOn(processes, load, subject, frontends);
      await changes;
      await allSeen(watch);
      const p99 = (result: LoadResult): number => percentile(histogramOf(result.latencies), 99) / 1_000;
      return {
        name: kind.name,
        frontends,
        start,
        resident,
        bytesEach: (resident - floor) / frontends,
        first,
        times: watch.times,
        store: subject.store,
        lost: watch.pending,
        quietP99: p99(quiet),
        busyP99: p99(busy),
        errors: quiet.errors + busy.errors,
        delays: subject.delays(since),
      };
    } finally {
      await watch.stop();
    }
  } finally {
    await subject.stop();
  }
}

/** With one host, which nobody changes. */
async function measureOne(kind: Kind, site: Site): Promise<UpdatesFigures> {
  const subject = await kind.start({ ...site, frontends: 1 });
  try {
    await untilServed(subject.port, [0], SERVED_MS);
    const start = performance.now() - subject.startedAt;
    const resident = await settled(subject.started.pid);
    const none = { bytesEach: Number.NaN, first: Number.NaN, quietP99: Number.NaN, busyP99: Number.NaN };
    return {
      name: kind.name,
      frontends: 1,
      start,
      resident,
      ...none,
      times: [],
      store: [],
      lost: 0,
      errors: 0,
      delays: [],
    };
  } finally {
    await subject.stop();
  }
}

/** @throws Error when wrk or etcd is not installed, or one of the named subjects there is not. */
export async function measureUpdates(
  { frontends, peers }: UpdatesOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  if (!hasWrk()) throw new Error('updates are measured with wrk: apt-get install wrk');
  const etcd = askVersion('etcd', ['--version'], /etcd Version: ([\d.]+)/);
  if (etcd === null) throw new Error('updates are measured with etcd: apt-get install etcd-server');
  const versions = new Map([
    ['etcd', etcd],
    ['nginx', nginx.version() ?? '(absent)'],
    ['haproxy', haproxy.version() ?? '(absent)'],
  ]);
  const isThere = ({ name }: Kind): boolean =>
    versions.get(name.split(',')[0]!.toLowerCase()) !== '(absent)' &&
    (peers.length === 0 || peers.some((peer) => name.toLowerCase().startsWith(peer)));
  const kinds = KINDS.filter(isThere);
  if (kinds.length === 0) throw new Error(`none of these is there: ${peers.join(', ')}`);
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, false);
  console.log(`${machineText(machine, cores, versions)}\n`);
  const servers = (await startOrigin(processes, cores.load)).routes[0]!.servers;
  const released = await makeReleased(processes);
  const figures: UpdatesFigures[] = [];
  for (const kind of kinds) {
    const site = { processes, core: cores.proxy, frontends: 1, servers, released };
    if (kind === tsuji) {
      tell('tsuji: starts, and rest');
      const start = await measureStart(site, released, fromSources(processes));
      console.log(`${startText(start)}\n${startGoals(start).join('\n')}\n`);
    }
    tell(`${kind.name}: one host`);
    const one = await measureOne(kind, site);
    figures.push(one);
    for (const count of frontends) {
      tell(`${kind.name}: ${count} frontends`);
      figures.push(await measure(kind, { ...site, frontends: count }, cores.load, one.resident));
    }
  }
  tell('');
  console.log(
    `${CHANGES_PER_SECOND} changes/s for ${SECONDS} s under ${RATE} requests/s; live: served so on ${CONNECTIONS} connections`,
  );
  console.log(updatesText(figures));
  console.log(updatesGoals(figures).join('\n'));
}
