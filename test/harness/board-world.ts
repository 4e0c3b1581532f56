/** Made-up backends, frontends and servers in one of the states that the dashboard shows, and what is answered of them. */
import {
  BACKEND_COLUMNS,
  CERTIFICATE_COLUMNS,
  FRONTEND_COLUMNS,
  PROBLEM_COLUMNS,
} from '../../src/control/admin/ui-api/columns.ts';
import { type BoardEvent, type Findings, type Overview, VERSION } from '../../src/control/admin/ui-api/shapes.ts';
import {
  backendRow,
  chance,
  eventsOf,
  findingsOf,
  historyOf,
  LEVELS,
  NAMES,
  problemsOf,
  type Row,
  type Scenario,
  SINCE,
} from './board-data.ts';
import { backendDetail, explained, frontendDetail, nodes } from './board-objects.ts';

export type BoardWorld = {
  /** May be changed by a test before it is shown. */
  readonly backends: Row[];
  readonly frontends: Row[];
  readonly problems: Row[];
  readonly certificates: Row[];
  readonly events: BoardEvent[];
  findings: Findings;
  changes: Partial<Overview>;
  overview(): Overview;
  tail(): Row[];
  answer(path: string, query: URLSearchParams): unknown;
};

export function boardWorld(scenario: Scenario): BoardWorld {
  const isBare = scenario === 'starting' || scenario === 'empty';
  const backends = isBare ? [] : NAMES.map((name) => backendRow(name, scenario));
  const frontends = backends.flatMap((backend) => {
    const { name, state, up, want, rate, e4, e5, p99 } = backend;
    const own = {
      name,
      state,
      rules: [`Host:${name}.example.com,www.${name}.example.com;PathPrefix:/`],
      entryPoints: ['http', 'https'],
      backend: name,
      up,
      want,
      rate,
      e4,
      e5,
      p99,
      priority: 30,
      last: Date.now(),
    };
    return [own];
  });
  const now = Date.now();
  const certificates: Row[] = isBare
    ? []
    : [
        {
          names: ['pay.example.com'],
          notAfter: now + (scenario === 'healthy' ? 41 : 9) * 86_400_000,
          days: scenario === 'healthy' ? 41 : 9,
          entryPoints: ['https'],
          defaultOf: [],
          keyType: 'P-256',
          from: 'file /etc/tsuji/pay.pem',
          stapled: true,
          problem: '',
          state: scenario === 'healthy' ? 'ok' : 'warn',
        },
        {
          names: ['*.example.com', 'example.com'],
          notAfter: now + 90 * 86_400_000,
          days: 90,
          entryPoints: ['https'],
          defaultOf: ['https'],
          keyType: 'RSA 2048',
          from: 'key tls/star',
          stapled: false,
          problem: '',
          state: 'ok',
        },
      ];
  const tables: Record<string, readonly [readonly string[], Row[]]> = {
    backends: [BACKEND_COLUMNS, backends],
    frontends: [FRONTEND_COLUMNS, frontends],
    problems: [PROBLEM_COLUMNS, problemsOf(scenario)],
    certificates: [CERTIFICATE_COLUMNS, certificates],
  };
  const events = eventsOf(scenario);
  const world: BoardWorld = {
    backends,
    frontends,
    problems: tables.problems[1],
    certificates,
    events,
    findings: findingsOf(scenario),
    changes: {},
    overview,
    tail: () => [
      {
        t: Date.now(),
        ms: [0.1, 0.3, 2, 1],
        code: 200,
        m: 'GET',
        h: 'shop.example.com',
        p: '/cart?id=…',
        f: 'shop',
        b: 'shop',
        s: 's1',
        tries: 1,
        ip: '10.3.1.17',
      },
      {
        t: Date.now(),
        ms: [0.1, 0, 0.2, 0],
        code: 502,
        m: 'POST',
        h: 'checkout.example.com',
        p: '/pay',
        f: 'checkout',
        b: 'checkout',
        s: 's2',
        tries: 2,
        ip: '10.3.1.18',
      },
      { skipped: 1109 },
    ],
    answer,
  };

  function count(key: string): Overview['backends'] {
    const counts = { failing: 0, impaired: 0, ok: 0, idle: 0 };
    for (const row of backends) counts[row[key] as keyof typeof counts]++;
    return counts;
  }

  function overview(): Overview {
    const c = {
      healthy: [8452, 636, 61, 0],
      degraded: [8452, 636, 61, 75],
      outage: [270, 20, 14, 11_053],
      starting: [0, 0, 3.4, 0],
      empty: [0, 0, 0, 0],
    }[scenario] as [number, number, number, number];
    const up = backends.reduce((sum, row) => sum + (row.up as number), 0);
    const want = backends.reduce((sum, row) => sum + (row.want as number), 0);
    const problems = world.problems as { isNew: boolean }[];
    return {
      v: VERSION,
      t: Date.now(),
      gen: scenario === 'starting' ? 0 : 482,
      genAt: scenario === 'starting' ? null : now - 900_000,
      settled: true,
      level: LEVELS[scenario],
      since: now - SINCE[scenario],
      c,
      lat:
        scenario === 'empty'
          ? null
          : scenario === 'outage'
            ? [0.21, 0.9, 2.3]
            : scenario === 'degraded'
              ? [3.1, 19, 412]
              : [2.9, 11, 48],
      inflight: 108,
      conns: [3118, 1204],
      bytes: [4.1e6, 88.2e6],
      retries: [scenario === 'outage' ? 640 : 0, scenario === 'outage' ? 12 : 0],
      sources: [
        ['etcdv3', scenario === 'starting' ? 'connecting' : 'live', scenario === 'starting' ? null : 400],
        ['etcdv2', scenario === 'starting' ? 'connecting' : scenario === 'degraded' ? 'stale' : 'live', 900],
      ],
      servers: scenario === 'starting' ? null : [up, want],
      backends: count('state'),
      frontends: frontends.length,
      problems: [problems.filter(({ isNew }) => isNew).length, problems.length],
      cert: (certificates[0]?.days as number | undefined) ?? null,
      workers: [8, 8],
      lag: 0.4,
      draining: false,
      changes: 3,
      rev: { findings: 1, lists: 1, wall: 1, events: events.length },
      node: 'lb-1',
      version: '0.3.0',
      startedAt: now - (scenario === 'starting' ? 42_000 : 19 * 86_400_000),
      ...world.changes,
    };
  }

  function holds(row: Row, word: string): boolean {
    if (word.startsWith('-')) return !holds(row, word.slice(1));
    if (word === 'is:new') return row.isNew === true;
    if (word.startsWith('is:')) return row.state === word.slice(3);
    return JSON.stringify(row).includes(word.replace(/^\w+:/, ''));
  }

  function listed(name: string, query: URLSearchParams): unknown {
    const [cols, all] = tables[name];
    const words = (query.get('q') ?? '').split(/\s+/).filter((word) => word !== '');
    const bad = words.filter((word) => /^[a-z]+:/.test(word) && !/^(?:is|host|backend|kind|method):/.test(word));
    const matches = bad.length > 0 ? [] : all.filter((row) => words.every((word) => holds(row, word)));
    const sort = query.get('sort') ?? '';
    const key = sort.replace('-', '');
    const rank: Record<string, number> = { failing: 0, impaired: 1, ok: 2, idle: 3 };
    if (sort === 'worst')
      matches.sort(
        (a, b) => rank[a.state as string] - rank[b.state as string] || (b.rate as number) - (a.rate as number),
      );
    else if (sort !== '')
      matches.sort(
        (a, b) =>
          ((a[key] as number) < (b[key] as number) ? -1 : (a[key] as number) > (b[key] as number) ? 1 : 0) *
          (sort.startsWith('-') ? -1 : 1),
      );
    const offset = Number(query.get('offset') ?? 0);
    const part = matches.slice(offset, offset + Number(query.get('limit') ?? 60));
    const counts: Record<string, number> = {};
    for (const row of all)
      for (const field of ['state', 'group'])
        if (row[field] !== undefined) counts[row[field] as string] = (counts[row[field] as string] ?? 0) + 1;
    return {
      total: all.length,
      match: matches.length,
      offset,
      counts,
      cols,
      rows: part.map((row) => cols.map((col) => row[col])),
      ...(bad.length === 0
        ? {}
        : {
            bad: bad.map((term) => ({
              term,
              from: 0,
              to: term.length,
              why: 'there is is, host, backend, kind, method',
            })),
          }),
    };
  }

  function answer(path: string, query: URLSearchParams): unknown {
    const [first, ...names] = path.split('/').map(decodeURIComponent);
    if (path === 'overview') return overview();
    if (path === 'findings') return world.findings;
    if (first === 'list') return listed(names[0], query);
    if (path === 'events') {
      const bars = Array.from({ length: 96 }, (_, at) => [at > 93 ? events.length : 0, at % 7 === 0 ? 2 : 0]);
      const before = Number(query.get('before') ?? Number.MAX_SAFE_INTEGER);
      const older = events.filter(({ id }) => id < before);
      const limit = Number(query.get('limit') ?? 60);
      const isNewest = !query.has('before');
      return {
        events: older.slice(0, limit),
        more: older.length > limit,
        ...(isNewest ? { barsFrom: now - 86_400_000, bars } : {}),
      };
    }
    if (path === 'wall')
      return {
        per: 'server',
        names: backends.map(({ name }) => name),
        states: backends.map(({ pips }) => pips).join('|'),
        hidden: 0,
      };
    if (first === 'spark') {
      const rows = (query.get('names') ?? '')
        .split(',')
        .map((name) => [
          decodeURIComponent(name),
          [
            Array.from({ length: 32 }, (_, at) => 5 + chance(name + at)),
            Array.from({ length: 32 }, (_, at) => (at > 20 && scenario === 'outage' ? 0.9 : 0)),
          ],
        ]);
      return { step: 10, rows: Object.fromEntries(rows) };
    }
    if (path === 'history') return historyOf(scenario, query.get('range') ?? '1h', Number(query.get('after') ?? 0));
    if (first === 'backends') {
      const backend = backendDetail(scenario, world, names[0]);
      const server = backend?.servers.find(({ name }) => name === names[2]);
      if (names.length === 1) return backend;
      return (
        server && {
          ...server,
          t: Date.now(),
          backend: names[0],
          c: backend!.c,
          keys: backend!.keys,
          events: backend!.events,
        }
      );
    }
    if (first === 'frontends') return frontendDetail(world, names[0]);
    if (path === 'nodes') return nodes(scenario);
    if (path === 'settings')
      return {
        settings: [
          {
            name: 'etcd.endpoint',
            value: '10.0.9.1:2379',
            from: 'flag',
            default: '127.0.0.1:2379',
            help: 'follow etcd at these members',
          },
          { name: 'etcd.password', value: '(set)', from: 'environment', default: '', help: 'how to get in' },
          { name: 'workers', value: '8', from: 'default', default: 'one per CPU', help: 'worker threads' },
        ],
      };
    if (path === 'explain') return explained();
    if (path === 'search')
      return {
        hits: backends
          .filter(({ name }) => String(name).includes(query.get('q') ?? ''))
          .map(({ name }) => ({ kind: 'backend', text: name, detail: '', place: `/backends/${name}` })),
      };
    return undefined;
  }

  return world;
}
