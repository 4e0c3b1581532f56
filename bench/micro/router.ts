/**
 * Time of `RoutingTable.route()` and of `writeTable()`, and the size of the table, by number of routes.
 *
 *     node_modules/.bin/node bench/micro/router.ts [number of routes …]
 *
 * 4096 requests in random order over all routes, again and again; their texts
 * are made the way a parser makes them: flat strings, not interned. Times are CPU time, so that other loads blur them less.
 */
import type { TableFrontend, TableInput } from '../../src/table/input.ts';
import { RoutingTable } from '../../src/table/reader.ts';
import { validateTable } from '../../src/table/validate.ts';
import { writeTable } from '../../src/table/writer.ts';

type Scenario = {
  readonly name: string;
  readonly frontend: (i: number) => Pick<TableFrontend, 'terms'>;
  readonly host: (i: number) => string;
  readonly path: (i: number) => string;
};

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'hosts',
    frontend: (i) => ({ terms: [{ kind: 'host', hosts: [`service-${i}.example.com`] }] }),
    host: (i) => `service-${i}.example.com`,
    path: () => '/index.html',
  },
  {
    name: 'paths of one host',
    frontend: (i) => ({
      terms: [
        { kind: 'host', hosts: ['www.example.com'] },
        { kind: 'path', paths: [`/section/page-${i}`] },
      ],
    }),
    host: () => 'www.example.com',
    path: (i) => `/section/page-${i}`,
  },
  {
    name: 'prefixes, no host',
    frontend: (i) => ({ terms: [{ kind: 'pathPrefix', prefixes: [`/api/service-${i}/`] }] }),
    host: () => 'www.example.com',
    path: (i) => `/api/service-${i}/items/17`,
  },
];

const REQUESTS = 4096;
const ROUNDS = 9;
const ROUND_MS = 60;

function tableInput(scenario: Scenario, count: number): TableInput {
  const backends = [];
  const frontends = [];
  for (let i = 0; i < count; i++) {
    const servers = ['a', 'b'].map((name, k) => ({
      name,
      slot: 2 * i + k,
      url: `http://10.0.${k}.${i % 250}:${8000 + (i % 1000)}`,
      scheme: 'http' as const,
      host: `10.0.${k}.${i % 250}`,
      port: 8000 + (i % 1000),
      hostHeader: `10.0.${k}.${i % 250}:${8000 + (i % 1000)}`,
      weight: 1,
    }));
    backends.push({ name: `backend-${i}`, slot: i, servers, pipelining: 0 });
    const { terms } = scenario.frontend(i);
    frontends.push({ name: `frontend-${i}`, backend: i, rank: 20, entryPoints: 1, passHostHeader: true, terms });
  }
  return { generation: 1, backends, frontends };
}

/** Flat and not interned, as from a network buffer. */
function received(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** CPU time of this process, ms: on a busy machine the clock on the wall tells of the others. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

function nsPerRoute(table: RoutingTable, scenario: Scenario, count: number): number {
  const hosts: string[] = [];
  const paths: string[] = [];
  for (let i = 0; i < REQUESTS; i++) {
    const route = Math.floor(Math.random() * count);
    hosts.push(received(scenario.host(route)));
    paths.push(received(scenario.path(route)));
  }
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = cpuMs();
    let routed = 0;
    let found = 0;
    while (cpuMs() - start < ROUND_MS) {
      for (let i = 0; i < REQUESTS; i++) if (table.route(0, 'GET', hosts[i], paths[i]) !== null) found += 1;
      routed += REQUESTS;
    }
    if (found !== routed) throw new Error(`${routed - found} requests found no route`);
    rounds.push(((cpuMs() - start) * 1e6) / routed);
  }
  return median(rounds);
}

const counts = process.argv.slice(2).map(Number);
if (counts.length === 0) counts.push(1, 1_000, 10_000, 100_000);

for (const scenario of SCENARIOS) {
  for (const count of counts) {
    const input = tableInput(scenario, count);
    let start = cpuMs();
    const buffer = writeTable(input);
    const writeMs = cpuMs() - start;
    start = cpuMs();
    validateTable(buffer);
    const validateMs = cpuMs() - start;
    const ns = nsPerRoute(new RoutingTable(buffer, false), scenario, count);
    console.log(
      `${scenario.name.padEnd(18)} ${String(count).padStart(7)} routes: ${ns.toFixed(0).padStart(5)} ns/route, written in ` +
        `${writeMs.toFixed(1)} ms, checked in ${validateMs.toFixed(1)} ms, ${(buffer.byteLength / 1024).toFixed(0)} KiB`,
    );
  }
}
