/** Rows, histories, events and findings of a made-up tsuji, the same each time. */
import type { ServerDetail } from '../../src/control/admin/ui-api/detail-shapes.ts';
import {
  type BoardEvent,
  type Findings,
  type History,
  type Level,
  SERVER_LETTERS,
  type ServerStateWord,
} from '../../src/control/admin/ui-api/shapes.ts';

export type Scenario = 'healthy' | 'degraded' | 'outage' | 'starting' | 'empty';

export type Row = Record<string, unknown>;

export const NAMES =
  'shop checkout catalog search api auth media images mail blog docs status billing invoices orders cart reviews pricing stock shipping tracking returns gifts loyalty profile sessions notify push sms webhooks events ingest reports export admin support'.split(
    ' ',
  );
export const STEPS: Readonly<Record<string, readonly [points: number, step: number]>> = {
  '5m': [150, 2000],
  '1h': [240, 15_000],
  '24h': [288, 300_000],
};
export const LEVELS: Readonly<Record<Scenario, Level>> = {
  healthy: 'healthy',
  degraded: 'degraded',
  outage: 'outage',
  starting: 'starting',
  empty: 'healthy',
};
export const SINCE: Readonly<Record<Scenario, number>> = {
  healthy: 273_600_000,
  degraded: 845_000,
  outage: 147_000,
  starting: 42_000,
  empty: 600_000,
};

/** 0…1, the same for the same text. */
export function chance(text: string): number {
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619);
  return ((hash ^ (hash >>> 15)) >>> 0) / 4_294_967_296;
}

function pipsOf(name: string, scenario: Scenario): string {
  const count = 2 + Math.floor(chance(name) * 6);
  if (scenario === 'outage' && name !== 'docs')
    return 'x'.repeat(Math.ceil(count / 2)) + 'f'.repeat(Math.floor(count / 2));
  if (scenario === 'degraded' && name === 'checkout') return 'ixie';
  if (scenario === 'degraded' && name === 'search') return 'tii';
  if (name === 'media') return 'id';
  return 'i'.repeat(count);
}

export function backendRow(name: string, scenario: Scenario): Row {
  const pips = pipsOf(name, scenario);
  const taking = [...pips].filter((letter) => !'dnl'.includes(letter));
  const up = taking.filter((letter) => !'xef'.includes(letter)).length;
  const isOut = up === 0;
  const isSick = scenario === 'degraded' && name === 'checkout';
  const isImpaired = scenario === 'degraded' && name === 'search';
  const rate = 10 + Math.round(900 * chance(`r${name}`) ** 2);
  return {
    name,
    state: isOut || isSick ? 'failing' : isImpaired ? 'impaired' : 'ok',
    why: isOut ? 'no server answers' : isSick ? 'breaker recovering' : isImpaired ? 's1 on trial' : '',
    up,
    want: taking.length,
    pips: pips.length > 12 ? '' : pips,
    rate,
    e4: 0.002 + 0.01 * chance(`4${name}`),
    e5: isOut ? 0.985 : isSick ? 0.234 : isImpaired ? 0.004 : 0,
    p50: isOut ? 0.21 : 2 + 8 * chance(`5${name}`),
    p99: isOut ? 2.3 : isSick ? 2310 : 12 + 60 * chance(`9${name}`),
    method: 'wrr',
    protection: chance(`p${name}`) > 0.5 ? 'breaker, check' : 'check',
    since: isOut || isSick ? Date.now() - SINCE[scenario] : null,
  };
}

export function historyOf(scenario: Scenario, range: string, after: number): History {
  const [points, step] = STEPS[range] ?? STEPS['1h'];
  const end = Math.floor(Date.now() / step) * step;
  const began = SINCE[scenario];
  const t: number[] = [];
  for (let i = points - 1; i >= 0; i--) if (end - i * step > after) t.push(end - i * step);
  const isBad = (at: number) => scenario !== 'healthy' && scenario !== 'empty' && Date.now() - at <= began;
  const none = (at: number) => scenario === 'starting' && !isBad(at);
  const of = (value: (at: number) => number | null) => t.map((at) => (none(at) ? null : value(at)));
  const total = scenario === 'empty' ? 0 : scenario === 'starting' ? 3 : 9000;
  const part = (at: number) => (!isBad(at) ? 0 : scenario === 'outage' ? 0.973 : scenario === 'degraded' ? 0.0076 : 0);
  const all = (at: number) => total * (0.95 + 0.1 * chance(String(at)));
  const lat = (good: number, bad: number) => (at: number) =>
    total === 0 ? null : isBad(at) ? bad : good * (0.9 + 0.2 * chance(`l${at}`));
  return {
    step,
    t0: t[0] ?? end,
    c2: of((at) => all(at) * (1 - part(at)) * 0.92),
    c3: of((at) => all(at) * (1 - part(at)) * 0.07),
    c4: of((at) => all(at) * (1 - part(at)) * 0.01),
    c5: of((at) => all(at) * part(at)),
    p50: of(lat(3, scenario === 'outage' ? 0.2 : 3.1)),
    p90: of(lat(11, scenario === 'outage' ? 0.9 : 19)),
    p99: of(lat(48, scenario === 'outage' ? 2.3 : 412)),
    inflight: of(() => 12),
    max5: of((at) => part(at)),
    marks:
      scenario === 'empty' || scenario === 'starting'
        ? []
        : (
            [
              [end - 900_000, 'key', 'generation 482: 3 keys'],
              [end - began, 'worse', 'checkout/s2 down'],
              [end - 200_000, 'better', 'search/s3 is back'],
            ] as [number, string, string][]
          ).filter(([at, kind]) => at > t[0] && (scenario !== 'healthy' || kind !== 'worse')),
  };
}

export function serverDetail(letter: string, index: number, scenario: Scenario): ServerDetail {
  const words = Object.entries(SERVER_LETTERS) as [ServerStateWord, string][];
  const state = words.find(([, own]) => own === letter)![0];
  const isBad = 'xef'.includes(letter);
  return {
    name: `s${index + 1}`,
    url: `http://10.0.3.${31 + index}:8081`,
    state,
    since: isBad ? Date.now() - SINCE[scenario] : null,
    weight: 1,
    effective: isBad ? 0 : 1,
    share: isBad ? 0 : 0.5,
    inflight: 2,
    rate: isBad ? 0 : 106,
    e4: isBad ? null : 0.002,
    e5: isBad ? null : 0,
    broken: isBad ? 4 : 0,
    lat: isBad ? null : [3, 9, 22],
    ejections: letter === 'e' ? 12 : 0,
    check: {
      state: isBad ? 'down' : 'up',
      since: Date.now() - 60_000,
      at: Date.now() - 4000,
      ms: isBad ? null : 3.4,
      reason: isBad ? 'connect ECONNREFUSED' : '',
      checks: 400,
      failed: isBad ? 28 : 1,
      bits: `${'1'.repeat(12)}${(isBad ? '0' : '1').repeat(28)}`,
    },
    word: isBad ? [['code', 'connect ECONNREFUSED']] : ['200 in 3.4 ms'],
  };
}

export function eventsOf(scenario: Scenario): BoardEvent[] {
  const now = Date.now();
  const base: BoardEvent[] = [
    {
      id: 3,
      t: now - 900_000,
      kind: 'keys',
      worse: 0,
      of: [],
      text: [['b', 'generation 482'], ': weights of shop'],
      detail: [['code', 'shop/servers/s1/weight'], ' 1 → 2'],
      n: 1,
      by: 'etcdv3 rev 81204',
    },
    {
      id: 2,
      t: now - 4_000_000,
      kind: 'health',
      worse: -1,
      of: ['server', 'search', 's3'],
      text: [['b', 'search/s3'], ' is back after 41 s'],
      detail: [],
      n: 1,
      by: 'check',
    },
    {
      id: 1,
      t: now - 5_000_000,
      kind: 'process',
      worse: 0,
      of: [],
      text: [['b', 'tsuji'], ' started'],
      detail: [],
      n: 1,
      by: 'process',
    },
  ];
  if (scenario === 'starting' || scenario === 'empty') return base.slice(2);
  if (scenario === 'healthy') return base;
  const members = Array.from({ length: 87 }, (_, at) => ['server', 'shop', `s${at}`]);
  return [
    {
      id: 5,
      t: now - SINCE[scenario] + 2000,
      kind: 'ejection',
      worse: 2,
      of: [],
      text: [['b', '87 servers'], ' ejected'],
      detail: ['5 connections in a row broken'],
      n: 87,
      members,
      by: 'passive health',
    },
    {
      id: 4,
      t: now - SINCE[scenario],
      kind: 'health',
      worse: 2,
      of: ['server', 'checkout', 's2'],
      text: [['b', 'checkout/s2'], ' down'],
      detail: [['code', 'connect ECONNREFUSED 10.0.3.31:8081']],
      n: 1,
      by: 'check',
    },
    ...base,
  ];
}

export function findingsOf(scenario: Scenario): Findings {
  const since = Date.now() - SINCE[scenario];
  const level = LEVELS[scenario];
  if (scenario === 'outage') {
    return {
      level,
      since,
      title: '97.3 % of requests fail',
      lead: ['Since 14:29:41. ', ['b', '35 of 36'], ' backends have no server that answers.'],
      items: [
        {
          icon: 'bad',
          text: [['b', '140 of 144 servers'], ' stopped answering within 3 s: ', ['code', 'EHOSTUNREACH']],
          link: '/backends?q=is%3Afailing',
        },
        { icon: 'key', text: ['Last change of keys 29 s before: ', ['b', 'generation 482']] },
        { icon: 'ok', text: ['tsuji itself is well: 8 workers serve'] },
      ],
      links: [
        ['Failing backends 35', '/backends?q=is%3Afailing'],
        ['Events since 14:29', '/events'],
      ],
    };
  }
  if (scenario === 'degraded') {
    return {
      level,
      since,
      title: 'checkout fails 23.4 % of its requests',
      lead: ['Since 14:18:03. All together 0.76 % of requests get a 5xx.'],
      items: [
        {
          icon: 'bad',
          text: [['b', 'checkout'], ': 2 of 4 servers are out, the breaker is recovering'],
          link: '/backends/checkout',
        },
        { icon: 'warn', text: [['b', 'etcd v2'], ' has not answered for 48 s'] },
      ],
      links: [['checkout', '/backends/checkout']],
    };
  }
  if (scenario === 'starting') {
    return {
      level,
      since,
      title: 'no keys yet, every request is answered with 404',
      lead: ['etcd has not answered since the start.'],
      items: [],
      links: [],
    };
  }
  return { level, since, title: '', lead: [], items: [], links: [] };
}

export function problemsOf(scenario: Scenario): Row[] {
  const now = Date.now();
  const keys: Row[] = [
    {
      group: 'key',
      state: 'rejected',
      title: ['/traefik/frontends/campaign/routes/main/rule'],
      text: ['"Hots" is no known function'],
      since: now - 600_000,
      isNew: scenario !== 'healthy',
      value: 'Hots:campaign.example.com',
      mark: [0, 4],
      fix: 'Host:campaign.example.com',
      source: 'etcdv3 rev 81205',
      link: '',
    },
    {
      group: 'key',
      state: 'defaulted',
      title: ['/traefik/backends/blog/loadbalancer/method'],
      text: ['"roundrobin" is none of wrr, drr'],
      since: now - 31 * 86_400_000,
      isNew: false,
      value: 'roundrobin',
      mark: null,
      fix: '',
      source: 'etcdv2 rev 40118',
      link: '/backends/blog',
    },
    {
      group: 'key',
      state: 'ignored',
      title: ['/traefik/frontends/limited/ratelimit/extractorfunc'],
      text: ['not supported yet'],
      since: now - 31 * 86_400_000,
      isNew: false,
      value: null,
      mark: null,
      fix: '',
      source: '',
      link: '',
    },
  ];
  if (scenario === 'empty') return [];
  if (scenario !== 'degraded' && scenario !== 'outage') return keys;
  return [
    {
      group: 'now',
      state: 'bad',
      title: [['b', 'checkout'], ' fails 23.4 % of its requests'],
      text: ['2 of 4 servers are out'],
      since: now - 845_000,
      isNew: true,
      value: null,
      mark: null,
      fix: '',
      source: '',
      link: '/backends/checkout',
    },
    {
      group: 'now',
      state: 'warn',
      title: ['Certificate pay.example.com ends in 9 days'],
      text: ['The file has not changed for 81 d'],
      since: now - 86_400_000,
      isNew: false,
      value: null,
      mark: null,
      fix: '',
      source: '',
      link: '/certificates',
    },
    ...keys,
  ];
}
