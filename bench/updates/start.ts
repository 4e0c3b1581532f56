/** What a tsuji with one frontend takes to start, and of memory when nobody asks it anything. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { readResident } from '../cpu.ts';
import { etcdCommand, putAll } from '../etcd.ts';
import { type Command, freePort, type Started, untilListening } from '../processes.ts';
import type { Released } from './released.ts';
import { keysOf, type Site } from './subjects.ts';
import { untilServed } from './watch.ts';

const STARTS = 7;
const SERVED_MS = 30_000;
const SETTLE_MS = 15_000;
/** By then a snapshot of a few keys is written. */
const WRITTEN_MS = 1_000;
const WORKERS = [1, 2, 3];

export type StartFigures = {
  /** Milliseconds from the start of the process to the first routed answer. */
  readonly fromEtcd: readonly number[];
  readonly fromSources: readonly number[];
  /** Nobody listens where etcd should be. */
  readonly fromSnapshot: readonly number[];
  /** Resident bytes at rest with one worker, two, three. */
  readonly atRest: readonly number[];
};

/** Starts it, and gives the milliseconds until it is served. @throws Error when it is not */
async function served({ processes, core }: Site, port: number, command: Command): Promise<[Started, number]> {
  const from = performance.now();
  const started = processes.start('tsuji', core, command);
  if (Number.isNaN(await untilServed(port, [0], SERVED_MS))) {
    throw new Error(`tsuji does not serve: ${started.stderr() || started.stdout()}`);
  }
  return [started, performance.now() - from];
}

async function times(site: Site, port: number, command: Command, starts = STARTS): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < starts; i++) {
    const [started, ms] = await served(site, port, command);
    all.push(ms);
    await sleep(WRITTEN_MS);
    await site.processes.stop(started);
  }
  return all;
}

export async function measureStart(site: Site, released: Released, sources: Released): Promise<StartFigures> {
  const { processes, servers } = site;
  const folder = processes.folder('start');
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const etcd = processes.start('etcd', null, etcdCommand(folder, etcdPort, peerPort));
  await untilListening(etcd, etcdPort);
  const client = new Etcd3({ hosts: `http://127.0.0.1:${etcdPort}` });
  await putAll(client, keysOf(1, servers[0]!));
  client.close();
  const flags = [`--etcd.endpoint=127.0.0.1:${etcdPort}`, '--etcd.useAPIV3', `--snapshot=${join(folder, 'snapshot')}`];
  const command = released.command(port, 1, flags);
  // The first one compiles.
  await times(site, port, command, 1);
  const fromEtcd = await times(site, port, command);
  const fromOwnSources = sources.command(port, 1, flags);
  await times(site, port, fromOwnSources, 1);
  const fromSources = await times(site, port, fromOwnSources);
  const atRest: number[] = [];
  for (const workers of WORKERS) {
    const [started] = await served(site, port, released.command(port, workers, flags));
    await sleep(SETTLE_MS);
    atRest.push(readResident(started.pid));
    await processes.stop(started);
  }
  await processes.stop(etcd);
  return { fromEtcd, fromSources, fromSnapshot: await times(site, port, command), atRest };
}
