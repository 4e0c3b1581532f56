/**
 * What a second worker costs the first: CPU time of everything that one request does in shared memory (its turn, what is
 * counted per server and in the metrics), in one thread alone and in two at once.
 *
 *     node_modules/.bin/node bench/micro/sharing.ts
 *
 * `own backends`: each worker serves a backend of its own, so nothing should be shared and no cost be seen (a false
 * sharing of cache lines would be). `same backend`: both take turns with one cursor, which is what exactness costs.
 * Rounds alternate; the least of each is what the machine can do when nobody disturbs.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createCursors, takeTurn } from '../../src/shared/cursors.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../src/shared/metrics-layout.ts';
import { createServerState, ServerLane } from '../../src/shared/server-state.ts';

type Setup = {
  readonly worker: number;
  readonly cursors: SharedArrayBuffer;
  readonly servers: SharedArrayBuffer;
  readonly lane: SharedArrayBuffer;
};
type Ask = { readonly backend: number; readonly requests: number };

const WORKERS = 2;
const ROUNDS = 15;
const REQUESTS = 400_000;
const SERVERS = 3;

function serve(setup: Setup): void {
  const cursors = new Int32Array(setup.cursors);
  const servers = new ServerLane(setup.servers, setup.worker);
  const metrics = new MetricsLane(setup.lane);
  const port = parentPort!;
  port.on('message', ({ backend, requests }: Ask) => {
    const before = process.threadCpuUsage();
    for (let i = 0; i < requests; i++) {
      metrics.exchangeOpened(0, 'GET', PROTOCOL.http);
      const server = backend * SERVERS + (takeTurn(cursors, backend) % SERVERS);
      servers.begin(server);
      servers.end(server, false);
      metrics.entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.002, 0, 86);
      metrics.backendDone(backend, 'GET', 200, PROTOCOL.http, 0.002, 0, 86);
      metrics.exchangeClosed(0, 'GET', PROTOCOL.http);
    }
    const { user, system } = process.threadCpuUsage(before);
    port.postMessage(((user + system) * 1_000) / requests);
  });
}

function ask(worker: Worker, backend: number): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (nanoseconds: number) => {
      worker.removeAllListeners('error');
      resolve(nanoseconds);
    });
    worker.postMessage({ backend, requests: REQUESTS } satisfies Ask);
  });
}

async function measure(): Promise<void> {
  const cursors = createCursors();
  const servers = createServerState(WORKERS);
  const workers = Array.from({ length: WORKERS }, (_, worker) => {
    const setup: Setup = { worker, cursors, servers, lane: createMetricsLane([0.1, 0.3, 1.2, 5]) };
    return new Worker(new URL(import.meta.url), { workerData: setup });
  });
  const [first, second] = workers;
  const rows = { alone: [] as number[], 'own backends': [] as number[], 'same backend': [] as number[] };
  await Promise.all(workers.map((worker) => ask(worker, 0)));
  for (let round = 0; round < ROUNDS; round++) {
    rows.alone.push(await ask(first, 0));
    rows['own backends'].push((await Promise.all([ask(first, 0), ask(second, 1)]))[0]);
    rows['same backend'].push((await Promise.all([ask(first, 0), ask(second, 0)]))[0]);
  }
  for (const [name, times] of Object.entries(rows)) {
    const sorted = times.sort((a, b) => a - b);
    const [least, median] = [sorted[0], sorted[ROUNDS >> 1]];
    console.log(
      `${name.padEnd(13)} ${least.toFixed(0).padStart(5)} ns per request at least, median ${median.toFixed(0)}`,
    );
  }
  for (const worker of workers) await worker.terminate();
}

if (isMainThread) await measure();
else serve(workerData as Setup);
