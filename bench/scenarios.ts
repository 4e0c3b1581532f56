/** What is measured. Durations are whole seconds because wrk knows no others. */
import { SINK_HOST, SMALL_BODY, STATIC_HOST } from './origin.ts';

/**
 * `saturation`: as many requests as come back; CPU per request. `steady`: a fixed rate by autocannon, one histogram per
 * proxy and one without any. `half-load`: a steady rate of half of what nginx can do. `websocket`: echoes instead of
 * requests. `idle`: memory of kept-alive connections that rest.
 */
export type Kind = 'saturation' | 'steady' | 'half-load' | 'websocket' | 'idle';

export type Effort = { readonly rounds: number; readonly seconds: number };

/** `value of tsuji ÷ value of the other` or, without another, the value itself must not exceed `limit`. */
export type Goal = {
  readonly proxy: string;
  readonly metric: 'cpu' | 'p99' | 'growth';
  readonly against: 'best' | 'nginx' | null;
  readonly limit: number;
};

export type Scenario = {
  readonly name: string;
  readonly title: string;
  readonly kind: Kind;
  readonly host: string;
  readonly path: string;
  /** Of requests, beside those of a browser. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Bytes of the response body. */
  readonly length: number;
  /** Bytes of the request body; 0: GET. */
  readonly bodyBytes: number;
  readonly connections: number;
  /** Requests per second of a `steady` load. */
  readonly rate: number;
  readonly full: Effort;
  /** null: left out of `--quick`. */
  readonly quick: Effort | null;
  readonly goals: readonly Goal[];
};

/** Nine fields as a browser sends them, beside Host. */
const BROWSER_FIELDS: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language': 'de,en-US;q=0.7,en;q=0.3',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'http://nginx.example.com/catalogue/items?page=2',
  Cookie: 'session=4f1c0de2a9b84c6e9d3b; theme=dark; consent=2024-05-01',
  'Cache-Control': 'max-age=0',
  'Upgrade-Insecure-Requests': '1',
  'Sec-Fetch-Mode': 'navigate',
};

export function fieldsOf(scenario: Scenario): Readonly<Record<string, string>> {
  return { Host: scenario.host, ...BROWSER_FIELDS, ...scenario.fields };
}

const MIB = 1024 * 1024;
const SMALL = { host: STATIC_HOST, path: '/', length: SMALL_BODY.length, bodyBytes: 0, connections: 64, rate: 0 };

export const SCENARIOS: readonly Scenario[] = [
  {
    ...SMALL,
    name: 'small',
    title: 'small body, 64 connections',
    kind: 'saturation',
    full: { rounds: 5, seconds: 2 },
    quick: { rounds: 3, seconds: 1 },
    goals: [
      { proxy: 'tsuji', metric: 'cpu', against: 'best', limit: 1.1 },
      { proxy: 'tsuji-pipelining', metric: 'cpu', against: 'best', limit: 0.85 },
    ],
  },
  {
    ...SMALL,
    name: '10k',
    title: '10 KiB body, 64 connections',
    kind: 'saturation',
    path: '/10k',
    length: 10 * 1024,
    full: { rounds: 3, seconds: 2 },
    quick: null,
    goals: [],
  },
  {
    ...SMALL,
    name: '1m',
    title: '1 MiB body, 16 connections',
    kind: 'saturation',
    path: '/1m',
    length: MIB,
    connections: 16,
    full: { rounds: 3, seconds: 2 },
    quick: { rounds: 2, seconds: 1 },
    goals: [{ proxy: 'tsuji', metric: 'cpu', against: 'nginx', limit: 0.6 }],
  },
  {
    ...SMALL,
    name: 'upload',
    title: '1 MiB upload, 16 connections',
    kind: 'saturation',
    host: SINK_HOST,
    length: `received ${MIB}\n`.length,
    bodyBytes: MIB,
    connections: 16,
    full: { rounds: 3, seconds: 2 },
    quick: null,
    goals: [],
  },
  {
    ...SMALL,
    name: 'websocket',
    title: 'WebSocket echo of 64 bytes, 64 connections',
    kind: 'websocket',
    host: SINK_HOST,
    full: { rounds: 3, seconds: 2 },
    quick: null,
    goals: [],
  },
  {
    ...SMALL,
    name: 'idle',
    title: '10 000 idle client connections',
    kind: 'idle',
    connections: 10_000,
    full: { rounds: 1, seconds: 1 },
    quick: null,
    goals: [{ proxy: 'tsuji', metric: 'growth', against: null, limit: 40 }],
  },
  {
    ...SMALL,
    name: 'half-load',
    title: 'small body at half of the rate that saturates nginx',
    kind: 'half-load',
    full: { rounds: 3, seconds: 2 },
    quick: null,
    goals: [{ proxy: 'tsuji', metric: 'p99', against: 'nginx', limit: 1.5 }],
  },
  {
    ...SMALL,
    name: 'latency',
    title: 'small body at a steady rate, autocannon',
    kind: 'steady',
    connections: 100,
    rate: 2_000,
    full: { rounds: 3, seconds: 3 },
    quick: { rounds: 2, seconds: 1 },
    goals: [],
  },
];

/** Seconds around a measurement that are not measured: the generator's start and end, the pause between two. */
const OVERHEAD_SECONDS = 0.3;
const START_SECONDS = 2;
const WARM_UP_SECONDS = 1;
const IDLE_SECONDS = 6;
/** autocannon's groups start one after the other, and each ends at a full second. */
const STAGGER_SECONDS = 1.2;

/** Seconds that a scenario takes, roughly. */
export function expectedSeconds(scenario: Scenario, effort: Effort, proxies: number): number {
  if (scenario.kind === 'idle') return START_SECONDS + effort.rounds * proxies * IDLE_SECONDS;
  const steady = scenario.kind === 'steady';
  const turn = effort.seconds + OVERHEAD_SECONDS + (steady ? STAGGER_SECONDS : 0);
  const turns = effort.rounds * (steady ? proxies + 1 : proxies);
  return START_SECONDS + proxies * (WARM_UP_SECONDS + OVERHEAD_SECONDS) + turns * turn;
}

/**
 * The rounds of each scenario, cut down evenly (to two at least where there were two, in a quick run to one) until the
 * run fits into `limitSeconds`. Many installed proxies thus make a run less exact, not longer.
 */
export function fitEfforts(
  scenarios: readonly Scenario[],
  quick: boolean,
  proxies: number,
  limitSeconds: number,
): Map<string, Effort> {
  const efforts = new Map(
    scenarios.map((scenario) => [scenario.name, (quick ? scenario.quick : null) ?? scenario.full]),
  );
  const total = () =>
    scenarios.reduce((sum, scenario) => sum + expectedSeconds(scenario, efforts.get(scenario.name)!, proxies), 0);
  while (total() > limitSeconds) {
    const longest = [...efforts].reduce((a, b) => (b[1].rounds > a[1].rounds ? b : a));
    if (longest[1].rounds <= (quick ? 1 : 2)) break;
    efforts.set(longest[0], { ...longest[1], rounds: longest[1].rounds - 1 });
  }
  return efforts;
}
