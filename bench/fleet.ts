/**
 * `npm run bench -- fleet`: what a fleet of nodes means for its etcd. One node is measured against a real etcd (requests and bytes
 * as etcd counts them): its start, its rest, changes, a lost connection, a start with a snapshot. The others are played: each
 * with the waits of the source code and the times of the one that was measured. See README.md.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { Backoff } from '../src/control/source/backoff.ts';
import { spreadMs } from '../src/control/source/spread.ts';
import { Network } from './chaos/network.ts';
import { Random } from './chaos/random.ts';
import { etcdCommand, putAll } from './etcd.ts';
import type { FleetOptions } from './options.ts';
import { tsujiCommand } from './peers/tsuji.ts';
import { freePort, type Processes, type Started, untilListening } from './processes.ts';
import { numbered } from './routes/kinds.ts';
import { formatNumber, formatTable } from './table.ts';
import { HOST } from './updates/subjects.ts';
import { untilServed } from './updates/watch.ts';

const ROOT = join(import.meta.dirname, '..');
const KEYS_EACH = 3;
const SERVED_MS = 180_000;
const IDLE_MS = 30_000;
const CHANGES = 100;
const CHANGE_MS = 50;
const SETTLE_MS = 3_000;
const SEED = 1;
const LINK_BITS_PER_MS = 1_000_000;

/** As etcd has counted them: calls by method, and bytes from and to its clients. */
type Counts = { readonly calls: ReadonlyMap<string, number>; readonly received: number; readonly sent: number };
export type Cost = Counts & { readonly seconds: number };

/** What a page of etcd's metrics says of calls and bytes. */
export function readCounts(page: string): Counts {
  const calls = new Map<string, number>();
  for (const [, method, value] of page.matchAll(/^grpc_server_started_total\{grpc_method="(\w+)"[^}]*\} (\S+)$/gm)) {
    calls.set(method!, (calls.get(method!) ?? 0) + Number(value));
  }
  const total = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? 0);
  return {
    calls,
    received: total('etcd_network_client_grpc_received_bytes_total'),
    sent: total('etcd_network_client_grpc_sent_bytes_total'),
  };
}

export function costBetween(before: Counts, after: Counts, seconds: number): Cost {
  const calls = new Map<string, number>();
  for (const [method, count] of after.calls) {
    const more = count - (before.calls.get(method) ?? 0);
    if (more > 0) calls.set(method, more);
  }
  return { calls, received: after.received - before.received, sent: after.sent - before.sent, seconds };
}

type Moment = { readonly at: number; readonly ms: number };

/** Of works that begin at moments and last so long: how many there are at once at most, and when the last one has ended. */
export function mostAtOnce(works: readonly Moment[]): { readonly most: number; readonly lastMs: number } {
  const edges = works.flatMap(({ at, ms }) => [
    { at, step: 1 },
    { at: at + ms, step: -1 },
  ]);
  edges.sort((a, b) => a.at - b.at || a.step - b.step);
  let now = 0;
  let most = 0;
  for (const { step } of edges) {
    now += step;
    most = Math.max(most, now);
  }
  return { most, lastMs: edges.at(-1)?.at ?? 0 };
}

class Subject {
  readonly port: number;
  readonly #etcdPort: number;
  readonly #processes: Processes;
  readonly #args: { readonly file: string; readonly args: readonly string[] };
  readonly #frontends: number;
  #running: Started | null = null;

  constructor(processes: Processes, port: number, etcdPort: number, network: Network, frontends: number) {
    this.port = port;
    this.#etcdPort = etcdPort;
    this.#processes = processes;
    this.#frontends = frontends;
    const snapshot = join(processes.folder('fleet'), 'snapshot');
    const flags = [`--etcd.endpoint=${network.endpoint}`, '--etcd.useAPIV3', `--snapshot=${snapshot}`];
    this.#args = tsujiCommand(ROOT, port, flags);
  }

  async start(): Promise<void> {
    this.#running = this.#processes.start('tsuji', null, this.#args);
    await untilListening(this.#running, this.port, SERVED_MS);
    const served = await untilServed(this.port, [0, this.#frontends - 1], SERVED_MS);
    if (Number.isNaN(served)) throw new Error(`tsuji does not serve ${this.#frontends} hosts`);
  }

  async stop(): Promise<void> {
    await this.#processes.stop(this.#running!);
  }

  /** What etcd had to do for it meanwhile. */
  async cost(work: () => Promise<void>): Promise<Cost> {
    const before = await this.#counts();
    const from = performance.now();
    await work();
    const seconds = (performance.now() - from) / 1_000;
    return costBetween(before, await this.#counts(), seconds);
  }

  async #counts(): Promise<Counts> {
    return readCounts(await (await fetch(`http://127.0.0.1:${this.#etcdPort}/metrics`)).text());
  }
}

function mib(bytes: number): string {
  return `${formatNumber(bytes / 2 ** 20)} MiB`;
}

function callsText({ calls }: Cost): string {
  return [...calls].map(([method, count]) => `${count} ${method}`).join(', ') || 'none';
}

function costRow(name: string, cost: Cost): string[] {
  return [name, formatNumber(cost.seconds), callsText(cost), mib(cost.sent), mib(cost.received)];
}

type Measured = {
  readonly start: Cost;
  readonly idle: Cost;
  readonly changed: Cost;
  readonly lost: Cost;
  readonly again: Cost;
};

/** How it goes for all of them, as lines. */
export function fleetText({ start, idle, changed, lost, again }: Measured, nodes: number, frontends: number): string {
  const random = new Random(SEED);
  const keys = frontends * KEYS_EACH;
  const chance = (): number => random.next();
  const readMs = (again.sent * 8) / LINK_BITS_PER_MS;
  const spread = mostAtOnce(Array.from({ length: nodes }, () => ({ at: spreadMs(keys, chance), ms: readMs })));
  const backoffs = Array.from({ length: nodes }, () => new Backoff(undefined, undefined, chance).next());
  const perSecond = (cost: Cost, count: number): number => (count / cost.seconds) * nodes;
  const restCalls = [...idle.calls.values()].reduce((sum, count) => sum + count, 0);
  const each = changed.sent / CHANGES;
  const pages = start.calls.get('Range') ?? 0;
  const rows = [
    [
      'all start, nothing known',
      `${mib(start.sent * nodes)}, ${formatNumber((readMs * nodes) / 1_000)} s at 1 Gbit/s; ${pages} calls of Range each, one at a time`,
    ],
    [
      'all start, with snapshots',
      `the same, begun within ${formatNumber(spread.lastMs / 1_000)} s, ${spread.most} at once at most; all serve meanwhile`,
    ],
    [
      'all lose their connection',
      `${mib(lost.sent * nodes)} within ${formatNumber(Math.max(...backoffs))} ms: ${callsText(lost)} each`,
    ],
    [
      'at rest',
      `${formatNumber(perSecond(idle, restCalls))} calls/s, ${formatNumber(perSecond(idle, idle.sent + idle.received) / 1_024)} KiB/s`,
    ],
    [
      'a change',
      `${formatNumber(each)} bytes to each, ${formatNumber((each * nodes) / 1_024)} KiB to all; ${formatNumber((changed.received / CHANGES) * nodes)} bytes from all`,
    ],
    ['20 changes/s', `${mib(perSecond(changed, changed.sent))}/s to all`],
  ];
  return formatTable([`${nodes} nodes, ${frontends} frontends`, 'etcd'], rows);
}

/** @throws Error when etcd or tsuji does not come up */
export async function measureFleet(
  { nodes, frontends }: FleetOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const folder = processes.folder('fleet-etcd');
  const [etcdPort, peerPort] = [await freePort(), await freePort()];
  const etcd = processes.start('etcd', null, etcdCommand(folder, etcdPort, peerPort));
  await untilListening(etcd, etcdPort);
  const client = new Etcd3({ hosts: `http://127.0.0.1:${etcdPort}` });
  const network = await Network.to(etcdPort);
  const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    tell(`${frontends} frontends are written`);
    const pairs: [string, string][] = [];
    for (let i = 0; i < frontends; i++) {
      pairs.push([`/traefik/backends/b${i}/servers/s/url`, url]);
      pairs.push([`/traefik/frontends/f${i}/backend`, `b${i}`]);
      pairs.push([`/traefik/frontends/f${i}/routes/r/rule`, numbered(`Host:${HOST}`, i)]);
    }
    await putAll(client, pairs);
    const subject = new Subject(processes, await freePort(), etcdPort, network, frontends);
    tell('a node starts');
    const start = await subject.cost(() => subject.start());
    await sleep(SETTLE_MS);
    tell('it rests');
    const idle = await subject.cost(() => sleep(IDLE_MS));
    tell('keys change');
    const own = await subject.cost(() => changeKeys(client, frontends, 2));
    tell('it loses its connection');
    const lost = await subject.cost(async () => {
      network.set('cut');
      await sleep(100);
      network.set('well');
      await sleep(SETTLE_MS);
    });
    await subject.stop();
    const puts = await subject.cost(() => changeKeys(client, frontends, 3));
    const changed = { ...own, sent: own.sent - puts.sent, received: own.received - puts.received };
    tell('it starts again');
    const again = await subject.cost(async () => {
      await subject.start();
      await sleep(SETTLE_MS + spreadMs(frontends * KEYS_EACH, () => 1));
    });
    await subject.stop();
    tell('');
    const header = ['one node', 's', 'calls', 'sent to it', 'received'];
    const rows = [
      costRow('starts', start),
      costRow('rests', idle),
      costRow(`${CHANGES} changes`, changed),
      costRow('loses its connection', lost),
      costRow('starts again, with a snapshot', again),
    ];
    console.log(`${formatTable(header, rows)}\n`);
    console.log(fleetText({ start, idle, changed, lost, again }, nodes, frontends));
  } finally {
    server.close();
    server.closeAllConnections();
    network.close();
    client.close();
  }
}

/** One after the other, at a steady rate, to that weight. */
async function changeKeys(client: Etcd3, frontends: number, weight: number): Promise<void> {
  for (let i = 0; i < CHANGES; i++) {
    const key = `/traefik/backends/b${(i * 7_919) % frontends}/servers/s/weight`;
    await client.put(key).value(String(weight));
    await sleep(CHANGE_MS);
  }
}
