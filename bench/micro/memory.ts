/**
 * What becomes of the memory of old tables: resident size of a tsuji with so many frontends in an etcd (v3) while its
 * keys change without a pause and requests keep coming.
 *
 *     node_modules/.bin/node bench/micro/memory.ts [number of frontends] [seconds] [other tree of tsuji …]
 *
 * With other trees they run one after the other.
 */
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { etcdCommand, putAll } from '../etcd.ts';
import { startOrigin } from '../origin.ts';
import { freePort, Processes, untilListening } from '../processes.ts';

const LOOK_MS = 5_000;
const CHANGE_EVERY_MS = 50;
const CLIENTS = 4;

function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kib) / 1024;
}

/** One request after the other until `stopped`; returns how many milliseconds each took that a server answered. */
async function ask(port: number, host: string, stopped: () => boolean): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  while (!stopped()) {
    const from = performance.now();
    const status = await new Promise<number>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent, headers: { host } }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode!));
      }).once('error', reject);
    });
    if (status === 200) times.push(performance.now() - from);
  }
  agent.destroy();
  return times;
}

async function measure(processes: Processes, root: string, frontends: number, seconds: number): Promise<void> {
  const server = (await startOrigin(processes, null)).routes[0]!.servers[0];
  const folder = processes.folder('memory');
  const [etcdPort, peerPort, port, admin] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const etcd = processes.start('etcd', null, etcdCommand(folder, etcdPort, peerPort));
  const client = new Etcd3({ hosts: `http://127.0.0.1:${etcdPort}` });
  await untilListening(etcd, etcdPort);
  const keys: [string, string][] = [];
  for (let i = 0; i < frontends; i++) {
    keys.push([`/traefik/backends/b${i}/servers/s/url`, `http://127.0.0.1:${server}`]);
    keys.push([`/traefik/frontends/f${i}/backend`, `b${i}`]);
    keys.push([`/traefik/frontends/f${i}/routes/r/rule`, `Host:service-${i}.example.com`]);
  }
  await putAll(client, keys);
  const flags = [
    `--etcd.endpoint=127.0.0.1:${etcdPort}`,
    '--etcd.useAPIV3',
    '--web',
    `--web.address=127.0.0.1:${admin}`,
    `--entryPoints=Name:http Address:127.0.0.1:${port}`,
    '--workers=2',
  ];
  const tsuji = processes.start('tsuji', null, { file: process.execPath, args: [join(root, 'src/main.ts'), ...flags] });
  await untilListening(tsuji, port);
  const host = `service-${frontends - 1}.example.com`;
  let stopped = false;
  const asking = Array.from({ length: CLIENTS }, () => ask(port, host, () => stopped));
  const endsAt = Date.now() + seconds * 1_000;
  const changing = (async () => {
    let changes = 0;
    for (; Date.now() < endsAt; changes++) {
      await client.put(`/traefik/backends/b${changes % frontends}/servers/s/weight`).value(String(2 + (changes % 7)));
      await sleep(CHANGE_EVERY_MS);
    }
    return changes;
  })();
  const sizes: number[] = [];
  while (Date.now() < endsAt) {
    sizes.push(residentMiB(tsuji.pid));
    await sleep(LOOK_MS);
  }
  const changes = await changing;
  const status = (await (await fetch(`http://127.0.0.1:${admin}/api/status`)).json()) as { generation: number };
  stopped = true;
  const times = (await Promise.all(asking)).flat().sort((a, b) => a - b);
  const timeAt = (part: number): string => times[Math.floor(part * (times.length - 1))]!.toFixed(1);
  console.log(
    `${root}: ${frontends} frontends, ${changes} changes, ${status.generation} tables, ${times.length} requests ` +
      `(ms: median ${timeAt(0.5)}, p99 ${timeAt(0.99)}, most ${timeAt(1)}); ` +
      `MiB every ${LOOK_MS / 1_000} s: ${sizes.map((size) => size.toFixed(0)).join(' ')}`,
  );
  await processes.stop(tsuji);
  client.close();
  await processes.stop(etcd);
}

const args = process.argv.slice(2);
const [frontends = 10_000, seconds = 60] = args.filter((arg) => /^[1-9]\d*$/.test(arg)).map(Number);
const roots = args.filter((arg) => !/^\d+$/.test(arg));
const processes = new Processes();
try {
  for (const root of roots.length > 0 ? roots : [join(import.meta.dirname, '../..')])
    await measure(processes, root, frontends, seconds);
} finally {
  await processes.stopAll();
}
