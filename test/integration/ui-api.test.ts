/** What the dashboard is told by a real tsuji, behind a real etcd and before servers that are ended. */
import assert from 'node:assert/strict';
import { createServer, get, type Server } from 'node:http';
import test, { after } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { startEtcd } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

type Row = readonly unknown[];
type List = {
  total: number;
  match: number;
  counts: Record<string, number>;
  cols: string[];
  rows: Row[];
  bad?: unknown[];
};
type Overview = {
  level: string;
  servers: [number, number];
  backends: Record<string, number>;
  problems: number[];
  c: number[];
};

/** A server that can be ended, and begun again at its port. */
class Origin {
  port = 0;
  private server: Server | null = null;

  async begin(): Promise<void> {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/none' ? 404 : 200;
      response.end('hello');
    });
    await new Promise<void>((resolve) => server.listen(this.port, OWN_HOST, resolve));
    this.port = (server.address() as { port: number }).port;
    this.server = server;
  }

  end(): void {
    this.server?.close();
    this.server?.closeAllConnections();
    this.server = null;
  }
}

const NAMES = ['shop', 'checkout'];
const NASTY = '<img src=x onerror=alert(1)>';
const origins = new Map(NAMES.map((name) => [name, [new Origin(), new Origin()]]));
const all = [...origins.values()].flat();
for (const origin of all) await origin.begin();
after(() => {
  for (const origin of all) origin.end();
});
const etcd = await startEtcd();
after(() => etcd.stop());

async function put(key: string, value: string): Promise<void> {
  await etcd.ctl(3, 'put', `/traefik/${key}`, value);
}

for (const [name, servers] of origins) {
  for (const [i, { port }] of servers.entries())
    await put(`backends/${name}/servers/s${i + 1}/url`, `http://${OWN_HOST}:${port}`);
  await put(`frontends/${name}/routes/main/rule`, `Host:${name}.test`);
  await put(`frontends/${name}/backend`, name);
}
const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`];
const tsuji = await startTsuji({ after }, { flags, workers: 2 });

async function ask<T>(path: string): Promise<T> {
  const response = await tsuji.api(`/api/ui/${path}`);
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return (await response.json()) as T;
}

/** By name of the column. */
function cells({ cols, rows }: List): Record<string, unknown>[] {
  return rows.map((row) => Object.fromEntries(cols.map((name, i) => [name, row[i]])));
}

async function until<T>(path: string, is: (answer: T) => boolean, withinMs = 20_000): Promise<T> {
  let last: T | undefined;
  await waitFor(
    async () => {
      last = await ask<T>(path);
      return is(last);
    },
    () => `${path}: ${JSON.stringify(last)}`,
    withinMs,
  );
  return last!;
}

function request(name: string, path: string): void {
  get({ host: OWN_HOST, port: tsuji.port, path, headers: { host: `${name}.test` } }, (response) =>
    response.resume(),
  ).on('error', () => {});
}

const clients = setInterval(() => {
  for (const name of NAMES) for (const path of ['/', '/', '/', '/none']) request(name, path);
}, 200);
after(() => clearInterval(clients));

test('all is well: the verdict, the lists and the lines say so, with what clients were answered', async () => {
  const overview = await until<Overview>('overview', ({ level, c }) => level === 'healthy' && (c?.[2] ?? 0) > 5);
  assert.ok(JSON.stringify(overview).length <= 900);
  assert.deepEqual(overview.servers, [4, 4]);
  const backends = await until<List>('list/backends?sort=name', (list) => cells(list).every(({ e4 }) => e4 !== null));
  assert.deepEqual(
    cells(backends).map(({ name, state, up, want, pips }) => ({ name, state, up, want, pips })),
    [
      { name: 'checkout', state: 'ok', up: 2, want: 2, pips: 'ii' },
      { name: 'shop', state: 'ok', up: 2, want: 2, pips: 'ii' },
    ],
  );
  for (const { rate, e4 } of cells(backends)) assert.ok((rate as number) > 5 && Math.abs((e4 as number) - 0.25) < 0.1);
  const query = 'host:shop.test%20-host:checkout%20rate%3E1';
  // A rate takes two looks, and so many answers between them.
  const frontends = await until<List>(`list/frontends?q=${query}`, ({ rows }) => rows.length > 0);
  assert.deepEqual(
    cells(frontends).map(({ name, backend, rules }) => ({ name, backend, rules })),
    [{ name: 'shop', backend: 'shop', rules: ['Host:shop.test'] }],
  );
  const { per, names, states } = await ask<{ per: string; names: string[]; states: string }>('wall');
  assert.deepEqual({ per, names, states }, { per: 'server', names: ['checkout', 'shop'], states: 'ii|ii' });
});

test('a filter that nobody understands matches nothing and is named, and other mistakes are told', async () => {
  const { match, bad } = await ask<List>('list/frontends?q=shop%20hots:a');
  assert.equal(match, 0);
  assert.match(JSON.stringify(bad), /"term":"hots:a","from":5,"to":11/);
  for (const path of ['list/backends?limit=201', 'list/backends?sort=nothing', 'history?range=2h', 'events?before=x']) {
    const response = await tsuji.api(`/api/ui/${path}`);
    assert.equal(response.status, 400, path);
    assert.equal(typeof ((await response.json()) as { error: string }).error, 'string');
  }
  for (const path of ['nothing', 'list/nothing', 'backends/nothing', 'history?of=backend:nothing', 'overview/more']) {
    assert.equal((await tsuji.api(`/api/ui/${path}`)).status, 404, path);
  }
});

test('an answer that has not changed is not sent again', async () => {
  const first = await tsuji.api('/api/ui/wall');
  const etag = first.headers.get('etag');
  assert.ok(etag !== null);
  await first.text();
  const second = await fetch(first.url, { headers: { 'If-None-Match': etag } });
  assert.equal(second.status, 304);
});

test('a backend, its servers and a frontend are told whole, and their past in columns of one length', async () => {
  type Detail = {
    servers: { name: string; state: string; rate: number; lat: number[] | null; check: unknown }[];
    keys: string[][];
    frontends: unknown[][];
  };
  const detail = await until<Detail>('backends/shop', ({ servers }) => servers.every(({ lat }) => lat !== null));
  assert.deepEqual(
    detail.servers.map(({ name, state }) => [name, state]),
    [
      ['s1', 'in rotation'],
      ['s2', 'in rotation'],
    ],
  );
  assert.equal(detail.keys.length, 2);
  assert.equal(detail.frontends[0][0], 'shop');
  const server = await ask<{ backend: string; name: string }>('backends/shop/servers/s1');
  assert.deepEqual([server.backend, server.name], ['shop', 's1']);
  const frontend = await ask<{ terms: unknown; requests: number }>('frontends/shop');
  assert.deepEqual(frontend.terms, [{ matcher: 'Host', values: ['shop.test'] }]);
  assert.ok(frontend.requests > 0);
  for (const owner of ['all', 'entrypoint:http', 'backend:shop', 'server:shop/s1', 'frontend:shop']) {
    const history = await ask<Record<string, (number | null)[]>>(`history?of=${owner}&range=5m`);
    const columns = ['c2', 'c3', 'c4', 'c5', 'p50', 'p90', 'p99', 'inflight', 'max5'];
    assert.equal(new Set(columns.map((name) => history[name].length)).size, 1, owner);
  }
  const { rows } = await ask<{ rows: Record<string, unknown[][]> }>('spark/backends?names=shop,nothing');
  assert.deepEqual([Object.keys(rows), rows.shop.length, rows.shop[0].length], [['shop'], 2, 32]);
  const { hits } = await ask<{ hits: { kind: string; text: string }[] }>('search?q=checkout');
  assert.deepEqual(hits[0], {
    kind: 'frontend',
    text: 'checkout',
    detail: 'leads to checkout',
    place: '/frontends/checkout',
  });
});

test('nodes, workers and settings are told, as they are', async () => {
  type Nodes = { nodes: { isThis: boolean; workers: unknown; rate: number }[]; workers: { state: string }[] };
  const { nodes, workers } = await ask<Nodes>('nodes');
  assert.deepEqual([nodes.length, nodes[0].isThis, nodes[0].workers], [1, true, [2, 2]]);
  assert.ok(nodes[0].rate > 5);
  assert.deepEqual(
    workers.map(({ state }) => state),
    ['serving', 'serving'],
  );
  const { settings } = await ask<{ settings: { name: string; value: string; from: string }[] }>('settings');
  const { value, from } = settings.find(({ name }) => name === 'etcd.endpoint')!;
  assert.deepEqual([value, from], [etcd.endpoint, 'flag']);
  assert.equal(settings.find(({ name }) => name === 'web.history')?.from, 'default');
});

test('a rejected key of now is new, with what is wrong in it, and a name from a key stays text', async () => {
  await put(`frontends/${NASTY}/backend`, 'shop');
  await put(`frontends/${NASTY}/routes/main/rule`, 'Hots:a.test');
  await until<Overview>('overview', ({ problems }) => problems[0] === 1);
  const [problem] = cells(await ask<List>('list/problems?q=is:new'));
  const { state, value, mark, fix, isNew } = problem;
  assert.deepEqual(
    { state, value, mark, fix, isNew },
    { state: 'rejected', value: 'Hots:a.test', mark: [0, 4], fix: 'Host:a.test', isNew: true },
  );
  assert.ok(JSON.stringify(problem).includes(NASTY));
  await etcd.ctl(3, 'del', '--prefix', `/traefik/frontends/${NASTY}/`);
  await until<Overview>('overview', ({ problems }) => problems[1] === 0);
});

test('one server that is ended impairs its backend, and is told to be bad; it is well again soon after it is back', async () => {
  const [first] = origins.get('shop')!;
  first.end();
  type Detail = { state: string; servers: { name: string; state: string }[] };
  const { servers } = await until<Detail>('backends/shop', ({ state }) => state !== 'ok', 12_000);
  assert.equal(servers[0].name, 's1', 'bad ones first');
  assert.match(servers[0].state, /ejected|failing|on trial/);
  await first.begin();
  await until<Detail>('backends/shop', ({ state }) => state === 'ok', 25_000);
});

test('all servers ended: an outage within 12 s, no server of them is told to be well, and whoever listens hears of it', async () => {
  const stream = await tsuji.api('/api/ui/stream');
  for (const origin of all) origin.end();
  const ended = performance.now();
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  while (!/event: overview\ndata: [^\n]*"level":"outage"/.test(heard)) {
    assert.ok(performance.now() - ended < 12_000, heard);
    heard += (await reader.read()).value ?? '';
  }
  await reader.cancel();
  assert.match(heard, /event: event\ndata: /);
  await until<{ states: string }>('wall', ({ states }) => /^[xeft]{2}\|[xeft]{2}$/.test(states), 12_000);
  const { title, items } = await ask<{ title: string; items: unknown[] }>('findings');
  assert.match(title, /of requests fail|no backend answers/);
  assert.match(JSON.stringify(items), /of 4 servers"\]," (?:is|are) out: ".*tsuji itself is well/);
  const events = await ask<{ events: { kind: string; n: number }[] }>('events?q=kind:verdict');
  assert.ok(events.events.length > 0);
});
