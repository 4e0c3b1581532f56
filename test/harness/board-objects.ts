/** Single backends, frontends, nodes and an explanation of a made-up tsuji. */
import type { BackendDetail, FrontendDetail } from '../../src/control/admin/ui-api/detail-shapes.ts';
import type { BoardEvent } from '../../src/control/admin/ui-api/shapes.ts';
import { type Row, type Scenario, serverDetail } from './board-data.ts';

type World = { readonly backends: Row[]; readonly frontends: Row[]; readonly events: BoardEvent[] };

export function backendDetail(
  scenario: Scenario,
  { backends, events }: World,
  name: string,
): BackendDetail | undefined {
  const row = backends.find((backend) => backend.name === name);
  if (row === undefined) return undefined;
  const letters = String(row.pips);
  const order = [...letters].map((letter, index) => serverDetail(letter, index, scenario));
  return {
    t: Date.now(),
    name,
    state: row.state as BackendDetail['state'],
    why: String(row.why),
    since: row.since as number | null,
    method: 'drr',
    sticky: 'SHOP_SRV',
    hash: null,
    slowStart: null,
    up: row.up as number,
    want: row.want as number,
    draining: [],
    c: [229, 17, 1.6, 82],
    lat: [3.4, 480, 2310],
    inflight: 8,
    retries: [29.8, 0],
    bytes: [1e5, 6.7e6],
    breaker: {
      expression: 'NetworkErrorRatio() > 0.5',
      state: row.state === 'failing' ? 'recovering' : 'standby',
      since: null,
      trips: 7,
      refused: 38,
    },
    limit: null,
    conns: { open: 12, idle: 4, made: 4.1, reused: 300 },
    check: { path: '/healthz', interval: 10_000, timeout: 5000, fall: 2, rise: 1, port: 0, hostname: '' },
    options: {},
    servers: order.sort((a, b) => Number(b.effective === 0) - Number(a.effective === 0)),
    leftOut: [],
    frontends: [[name, [`Host:${name}.example.com`], 254]],
    frontendCount: 1,
    keys: [
      ['loadbalancer/method', 'drr', 'etcdv3 rev 81204'],
      ['servers/s1/url', 'http://10.0.3.31:8081', 'etcdv3 rev 81204'],
    ],
    events: events.slice(0, 5),
  };
}

export function frontendDetail({ frontends }: World, name: string): FrontendDetail | undefined {
  const row = frontends.find((frontend) => frontend.name === name);
  if (row === undefined) return undefined;
  return {
    t: Date.now(),
    name,
    state: row.state as FrontendDetail['state'],
    backend: String(row.backend),
    up: row.up as number,
    want: row.want as number,
    entryPoints: ['http', 'https'],
    routes: [{ name: 'main', rule: String((row.rules as string[])[0]) }],
    terms: [
      { matcher: 'Host', values: [`${name}.example.com`] },
      { matcher: 'PathPrefix', values: ['/'] },
    ],
    priority: 0,
    rank: 30,
    passHostHeader: true,
    options: { whiteList: { sourceRange: ['10.0.0.0/8'] } },
    c: [229, 17, 1.6, 82],
    lat: [3.4, 480, 2310],
    last: Date.now() - 1000,
    requests: 120_000,
    keys: [['backend', name, 'etcdv3 rev 81204']],
    events: [],
  };
}

export function nodes(scenario: Scenario): unknown {
  const isStarting = scenario === 'starting';
  const error = isStarting ? 'connect ECONNREFUSED 10.0.9.1:2379' : '';
  return {
    nodes: [
      {
        name: 'lb-1',
        isThis: true,
        address: '10.0.0.1',
        admin: 'http://10.0.0.1:8080',
        version: '0.3.0',
        startedAt: Date.now() - 42_000,
        notReady: '',
        generation: 482,
        applied: { etcdv3: '81207' },
        problems: 3,
        workers: [8, 8],
        rate: 9000,
        e5: 0,
      },
    ],
    more: 0,
    reason: '',
    sources: ['etcdv3', 'etcdv2'].map((name) => ({
      name,
      state: isStarting ? 'connecting' : 'live',
      revision: isStarting ? '' : '81207',
      confirmedAt: isStarting ? null : Date.now() - 400,
      restarts: isStarting ? 8 : 0,
      error,
      tree: null,
      remembered: false,
    })),
    workers: Array.from({ length: 8 }, (_, index) => ({
      index,
      state: 'serving',
      generation: 482,
      restarts: 0,
      lost: 0,
      share: 0.125,
      busy: 0.3,
    })),
    entryPoints: [{ name: 'http', address: ':80', port: 80, rate: 9000, e5: 0, lat: [3, 11, 48], conns: 3118 }],
    prefix: '/traefik',
  };
}

export function explained(): unknown {
  const head = 'GET /cart HTTP/1.1\r\nHost: shop.example.com\r\nX-Forwarded-For: 10.3.1.17\r\n\r\n';
  const server = {
    name: 's1',
    url: 'http://10.0.3.31:8081',
    weight: 1,
    effectiveWeight: 1,
    state: 'in rotation',
    inFlight: 0,
    chance: 0.5,
    why: 'its turn',
    reason: '',
    keys: [],
  };
  const tried = { rules: ['Host:shop.example.com'], rank: 21, wants: [], shadowed: false };
  return {
    gen: 482,
    short: 'frontend shop -> backend shop -> s1 (50 %)',
    served: true,
    certain: true,
    request: {
      entrypoint: 'http',
      method: 'GET',
      host: 'shop.example.com',
      target: '/api/cart',
      client: '10.3.1.17',
    },
    frontend: 'shop',
    backend: 'shop',
    reply: null,
    steps: [
      { name: 'entrypoint', ok: true, text: 'entrypoint http', middlewares: [] },
      {
        name: 'frontend',
        ok: true,
        text: 'frontend shop (priority 21): it alone matches',
        tried: [
          { ...tried, name: 'shop-admin', no: 'path' },
          { ...tried, name: 'shop', no: '' },
        ],
        triedInAll: 2,
        keys: [{ key: '/traefik/frontends/shop/backend', value: 'shop', source: 'etcdv3', revision: '81204' }],
      },
      {
        name: 'middlewares',
        ok: true,
        text: 'the request goes on',
        middlewares: [
          { kind: 'modifiers', does: ['/api is stripped'], reply: null, certain: true, options: null, keys: [] },
        ],
      },
      { name: 'backend', ok: true, text: 'backend shop (wrr)', middlewares: [] },
      {
        name: 'server',
        ok: true,
        text: '2 of 2 may get it',
        servers: [
          server,
          { ...server, name: 's2', state: 'down', chance: 0, why: 'down', reason: 'connect ECONNREFUSED' },
        ],
        leftOut: [],
        problems: [],
      },
    ],
    sent: { server: 's1', url: server.url, target: '/cart', head },
  };
}
