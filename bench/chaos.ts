/**
 * `npm run bench -- chaos`: two nodes with two workers each on three etcd members, while servers, sidekicks, workers, nodes,
 * members and the network between them fail at random, and hostile keys are written. Every request is in a ledger, and each
 * answer that no fault explains is a fault of tsuji. See README.md.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runClients } from './chaos/clients.ts';
import { Faults } from './chaos/faults.ts';
import { lookAtTheEnd } from './chaos/finish.ts';
import { ChaosLedger, type Entry } from './chaos/ledger.ts';
import { Network } from './chaos/network.ts';
import { Node } from './chaos/node.ts';
import { Random } from './chaos/random.ts';
import { type Api, Service } from './chaos/service.ts';
import { Store } from './chaos/store.ts';
import type { ChaosOptions } from './options.ts';
import { askVersion } from './peers/peer.ts';
import { freePort, type Processes } from './processes.ts';
import { hostOf } from './soak/client.ts';

/** Each has a key that stays, so that it is there without servers: 503, and never 404. */
const BACKENDS: Readonly<Record<string, { readonly api: Api; readonly keys: Readonly<Record<string, string>> }>> = {
  alpha: { api: 'v3', keys: { 'loadbalancer/method': 'wrr' } },
  beta: { api: 'v2', keys: { 'loadbalancer/method': 'drr' } },
  gamma: { api: 'v3', keys: { 'healthcheck/path': '/length', 'healthcheck/interval': '1s' } },
};
const SERVERS = 3;
const NODES = ['A', 'B'];
const SHOWN = 15;
const READY_MS = 30_000;
const LOOK_MS = 300;

async function makeServices(processes: Processes, store: Store): Promise<Service[]> {
  const services: Service[] = [];
  for (const [backend, { api, keys }] of Object.entries(BACKENDS)) {
    await store.put(`/traefik/frontends/${backend}/backend`, backend);
    await store.put(`/traefik/frontends/${backend}/routes/main/rule`, `Host:${hostOf(backend)}`);
    for (const [key, value] of Object.entries(keys)) await store.put(`/traefik/backends/${backend}/${key}`, value);
    for (let i = 1; i <= SERVERS; i++) {
      services.push(new Service({ name: `${backend}${i}`, backend, api, port: await freePort() }, processes, store));
    }
  }
  await Promise.all(services.map((service) => service.start().then(() => service.register())));
  return services;
}

/** Notes which keys are gone. What is read while somebody writes says nothing. */
async function watchKeys(services: readonly Service[], store: Store, running: () => boolean): Promise<void> {
  while (running()) {
    for (const service of services) {
      const { perhaps } = service;
      const before = perhaps.length;
      const sentAt = performance.now();
      const isThere = await store.has(service).catch(() => true);
      const last = perhaps.at(-1);
      if (!isThere && perhaps.length === before && last !== undefined && last.from < sentAt)
        service.gone(performance.now());
    }
    await sleep(LOOK_MS);
  }
}

async function untilReady(node: Node): Promise<void> {
  for (const end = Date.now() + READY_MS; ; await sleep(50)) {
    const { generation, settled } = await node.status();
    if (generation > 0 && settled) return;
    if (Date.now() > end) throw new Error(`${node.name} has no table: ${node.log().slice(-2_000)}`);
  }
}

/** Uploads that more than one server, or one twice, has begun to answer. */
function doubled(services: readonly Service[]): string[] {
  const seen = new Map<string, number>();
  for (const { uploads } of services) {
    let text = '';
    try {
      text = readFileSync(uploads, 'utf8');
    } catch {
      // It never had one.
    }
    for (const target of text.split('\n')) if (target !== '') seen.set(target, (seen.get(target) ?? 0) + 1);
  }
  return [...seen].flatMap(([target, times]) => (times > 1 ? [`${target} came to servers ${times} times`] : []));
}

function entryText({ outcome, node }: Entry, begun: number): string {
  const { kind, backend, startedAt, endedAt, status, ending, detail, reused } = outcome;
  const at = (time: number): string => ((time - begun) / 1_000).toFixed(2);
  return `unexplained: ${at(startedAt)} to ${at(endedAt)} s, ${kind} to ${backend} at ${node.name}: ${status} ${ending}, ${detail}${reused ? ', reused' : ''}`;
}

/** @returns whether everything was as it has to be. @throws Error when the run itself could not be done. */
export async function chaos(
  options: ChaosOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<boolean> {
  if (askVersion('etcd', ['--version'], /etcd Version: ([\d.]+)/) === null) {
    throw new Error('chaos needs etcd with its v2 API: apt-get install etcd-server');
  }
  const seed = options.seed ?? Date.now() % 1_000_000;
  console.log(`chaos: ${options.seconds} s, --seed=${seed}`);
  const store = await Store.start(processes);
  const services = await makeServices(processes, store);
  const networks: Network[] = [];
  const nodes: Node[] = [];
  for (const name of NODES) {
    const ways = await Promise.all(store.members.map(({ port }) => Network.to(port)));
    networks.push(...ways);
    nodes.push(await Node.make(name, ways, processes));
  }
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map(untilReady));
  const faults = new Faults(new Random(seed), services, nodes, store);
  const ledger = new ChaosLedger();
  const begun = performance.now();
  let isRunning = true;
  let isAsking = true;
  const timer = setTimeout(() => (isRunning = false), options.seconds * 1_000);
  try {
    const asking = runClients(nodes, Object.keys(BACKENDS), ledger, () => isAsking);
    const watching = watchKeys(services, store, () => isAsking);
    tell('chaos');
    await faults.run(() => isRunning);
    isAsking = false;
    await Promise.all([asking, watching]);
    tell('chaos: looking what is left');
    const last = await lookAtTheEnd(nodes, nodes[0]!.networks, services, store, processes);
    for (const service of services) await service.abandon();
    const { good, explained, unexplained } = ledger.judge(faults.facts);
    const complaints = services
      .map((service) => service.complaints())
      .join('')
      .trim();
    const failures = [
      ...last.failures,
      ...faults.errors,
      ...doubled(services),
      ...(complaints === '' ? [] : [`servers complain: ${complaints.slice(0, 500)}`]),
      ...(unexplained.length === 0 ? [] : [`${unexplained.length} answers that no fault explains`]),
    ];
    tell('');
    if (failures.length > 0) console.log(faults.told.join('\n'));
    console.log([...faults.counts].map(([name, count]) => `${count} × ${name}`).join(', '));
    console.log(`${ledger.entries.length} requests, ${good} answered by a registered server`);
    for (const [why, count] of [...explained].sort()) console.log(`  ${count} × ${why}`);
    const [fresh, ...used] = last.bytes.map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
    console.log(`resident: ${used.join(', ')}; a fresh node: ${fresh}`);
    for (const entry of unexplained.slice(0, SHOWN)) console.log(entryText(entry, begun));
    for (const failure of failures) console.log(`FAILED: ${failure}`);
    if (failures.length === 0) console.log('chaos passed');
    else if (options.keep !== '') for (const node of nodes) node.keepLog(options.keep);
    return failures.length === 0;
  } finally {
    isAsking = false;
    clearTimeout(timer);
    for (const network of networks) network.close();
  }
}
