/** How long requests take, and what nobody uses, over the nodes of a prefix. */
import assert from 'node:assert/strict';
import { createServer, get } from 'node:http';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { run, startEtcd } from '../harness/tools.ts';
import { MAIN, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** By path. What is not there is answered at once, but on a busy machine that may take some hundred milliseconds. */
const DELAYS_MS: Readonly<Record<string, number>> = { '/late': 200, '/slow': 1_000 };

const server = createServer((request, response) => {
  setTimeout(() => response.end('done'), DELAYS_MS[request.url!] ?? 0);
});
await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
after(() => server.close());
const { port } = server.address() as { port: number };
const etcd = await startEtcd();
after(() => etcd.stop());
const put = (key: string, value: string) => etcd.ctl(3, 'put', `/traefik/${key}`, value);
await put('backends/shop/servers/s1/url', `http://${OWN_HOST}:${port}`);
await put('backends/lonely/servers/s1/url', `http://${OWN_HOST}:1`);
for (const name of ['shop', 'idle']) {
  await put(`frontends/${name}/backend`, 'shop');
  await put(`frontends/${name}/routes/r/rule`, `Host:${name}.test`);
}
const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`];
const one = await startTsuji({ after }, { flags, workers: 2 });
const other = await startTsuji({ after }, { flags });

function ask(tsuji: Tsuji, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: OWN_HOST, port: tsuji.port, agent: false, path, headers: { host: 'shop.test' } }, (response) => {
      text(response).then(resolve, reject);
    }).on('error', reject);
  });
}

type Percentiles = {
  requests: number;
  p50: number | null;
  p99: number | null;
  unit: string;
  nodes: string[];
  missing: { name: string; reason: string }[];
  error?: string;
};

async function percentiles(query: string): Promise<Percentiles & { status: number }> {
  const response = await one.api(`/api/percentiles?${query}`);
  return { status: response.status, ...((await response.json()) as Percentiles) };
}

test('percentiles are those of all workers, and of all nodes when that is asked for', async () => {
  for (let i = 0; i < 8; i++) await ask(one, '/');
  await Promise.all([ask(other, '/slow'), ask(other, '/slow')]);
  const own = await waitFor(async () => {
    const answer = await percentiles('of=frontend:shop');
    return answer.requests === 8 ? answer : null;
  }, '8 requests of the frontend');
  assert.ok(own.p99! < 900 && own.p50! > 0, `${own.p99}`);
  assert.deepEqual([own.unit, own.nodes.length, own.missing], ['ms', 1, []]);

  for (const owner of ['frontend:shop', 'backend:shop', 'server:shop/s1']) {
    const all = await waitFor(async () => {
      const answer = await percentiles(`of=${owner}&nodes=all`);
      return answer.requests === 10 ? answer : null;
    }, `10 requests of ${owner} on both nodes`);
    assert.deepEqual([all.nodes.length, all.missing], [2, []]);
    assert.ok(all.p50! < 900 && all.p99! >= 950, `${all.p50} ${all.p99}`);
  }
  const idle = await percentiles('of=frontend:idle');
  assert.deepEqual([idle.status, idle.requests, idle.p50], [200, 0, null]);

  const window = percentiles('of=backend:shop&over=1500ms');
  await ask(one, '/late');
  const { requests, p50 } = await window;
  assert.ok(requests === 1 && p50! >= 190, `${requests} ${p50}`);
});

test('what cannot be asked is refused with the reason, and a node that does not answer is told', async () => {
  for (const [query, status, reason] of [
    ['of=backend:none', 404, /no backend:none/],
    ['of=server:shop/s9', 404, /no server:shop/],
    ['of=shop', 400, /none of backend:B/],
    ['of=backend:shop&over=2h', 400, /up to 30s/],
    ['of=backend:shop&nodes=some', 400, /neither/],
    ['of=backend:shop&color=red', 400, /"color"/],
  ] as const) {
    const answer = await percentiles(query);
    assert.equal(answer.status, status, query);
    assert.match(answer.error ?? '', reason);
  }
  await etcd.ctl(
    3,
    'put',
    '/traefik-nodes/far',
    JSON.stringify({ name: 'far', address: '10.9.9.9', admin: '127.0.0.1:8080' }),
  );
  const { status, nodes, missing } = await percentiles('of=backend:shop&nodes=all');
  await etcd.ctl(3, 'del', '/traefik-nodes/far');
  assert.deepEqual([status, nodes.length, missing.length], [200, 2, 1]);
  assert.match(missing[0].reason, /only its own host reaches/);
});

test('what nobody uses is told, since when it was watched, and by all nodes when that is asked for', async () => {
  type Unused = {
    watchedSince: number;
    watchedEnough: boolean;
    frontends: { name: string; lastHit: number | null }[];
    backends: { name: string; servers: string[] }[];
    nodes: string[];
    missing: unknown[];
  };
  const unused = async (query: string) => (await (await one.api(`/api/unused?${query}`)).json()) as Unused;
  const week = await unused('');
  assert.deepEqual([week.frontends, week.watchedEnough], [[], false], 'it has not watched for a week');
  assert.ok(week.watchedSince > Date.now() - 120_000);

  await ask(other, '/');
  const hit = Date.now();
  const own = await waitFor(async () => {
    const answer = await unused('for=1s');
    return answer.frontends.length === 2 ? answer : null;
  }, 'both frontends to be unused here');
  assert.deepEqual(own.backends, [{ name: 'lonely', servers: ['s1'] }]);
  assert.equal(own.watchedEnough, true);
  const used = Object.fromEntries(own.frontends.map(({ name, lastHit }) => [name, lastHit]));
  assert.ok(used.shop! < hit && used.idle === null, JSON.stringify(used));

  const span = Math.ceil((Date.now() - hit) / 1_000) + 30;
  assert.deepEqual((await unused(`for=${span}s&nodes=all`)).frontends, []);
  const all = await waitFor(async () => {
    const answer = await unused('for=2s&nodes=all');
    return answer.frontends.length === 2 ? answer : null;
  }, 'both frontends to be unused on both nodes');
  assert.deepEqual([all.nodes.length, all.missing], [2, []]);
  const last = all.frontends.find(({ name }) => name === 'shop')!.lastHit!;
  assert.ok(last >= hit - 2_000, 'as the other node has it');

  const flagsOfOne = ['--web', `--web.address=${OWN_HOST}:${one.adminPort}`];
  const shown = await run(process.execPath, [MAIN, 'unused', '--for=1s', '--nodes=all', ...flagsOfOne]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^# watched since 2\d{3}-\d\d-\d\d \d\d:\d\d UTC, for \S+ \S+, by \S+, \S+$/m);
  assert.match(shown.stdout, /^frontend idle {2}no request since 2/m);
  assert.match(shown.stdout, /^frontend shop {2}last request 2.* ago$/m);
  assert.match(shown.stdout, /^backend lonely {2}no frontend leads to it; its servers: s1$/m);
  const wrong = await run(process.execPath, [MAIN, 'unused', '--for=soon', ...flagsOfOne]);
  assert.deepEqual(
    [wrong.code, wrong.stderr.split('\n')[0]],
    [2, 'unused: for: "soon" is no duration: write 7d or 12h'],
  );
});
