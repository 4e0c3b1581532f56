/** Scripts that change a key know when it is in force, on one node and on all of a prefix. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, get } from 'node:http';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { startEtcd } from '../harness/tools.ts';
import { MAIN, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const server = createServer((request, response) => response.end(request.url));
await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
after(() => server.close());
const { port } = server.address() as { port: number };
const etcd = await startEtcd();
after(() => etcd.stop());

async function put(key: string, value: string): Promise<number> {
  const answer = await etcd.ctl(3, 'put', '-w', 'json', `/traefik/${key}`, value);
  return (JSON.parse(answer) as { header: { revision: number } }).header.revision;
}

function path(tsuji: Tsuji, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: OWN_HOST, port: tsuji.port, agent: false, path: '/', headers: { host } }, (response) => {
      text(response).then((body) => resolve(response.statusCode === 200 ? body : `${response.statusCode}`), reject);
    }).on('error', reject);
  });
}

type Answer = { status: number; applied: boolean; revision: string; behind: string[]; error?: string };

async function wait(tsuji: Tsuji, query: string): Promise<Answer> {
  const response = await tsuji.api(`/api/config/wait?${query}`);
  return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
}

function command(...args: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [MAIN, 'wait', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const out = Promise.all([text(child.stdout), text(child.stderr)]);
  return new Promise((resolve) => {
    child.on('close', async (code) => resolve({ code, out: (await out).join('') }));
  });
}

const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`];
await put('backends/b/servers/s/url', `http://${OWN_HOST}:${port}`);
await put('frontends/f/backend', 'b');
const tsuji = await startTsuji({ after }, { flags, workers: 2 });

test('a change that was waited for is in force on every worker', async () => {
  for (let i = 0; i < 10; i++) {
    const revision = await put('frontends/f/routes/r/rule', `Host:a.test;AddPrefix:/${i}`);
    const answer = await wait(tsuji, `revision=${revision}`);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.ok(Number(answer.revision) >= revision);
    for (let n = 0; n < 6; n++) assert.equal(await path(tsuji, 'a.test'), `/${i}/`);
  }
  // What changes no route is in force as well.
  assert.equal((await wait(tsuji, `revision=${await put('frontends/f/nonsense', '1')}`)).status, 200);
});

test('a revision that touches nothing of ours is answered at once, on either API', async () => {
  const before = performance.now();
  for (let i = 0; i < 3; i++) {
    const elsewhere = await etcd.ctl(3, 'put', '-w', 'json', '/elsewhere', `${i}`);
    const { revision } = (JSON.parse(elsewhere) as { header: { revision: number } }).header;
    const answer = await wait(tsuji, `revision=${revision}&nodes=all&timeout=60s`);
    assert.deepEqual([answer.status, Number(answer.revision) >= revision], [200, true], JSON.stringify(answer));
    const set = await fetch(`${etcd.url}/v2/keys/elsewhere?value=${i}`, { method: 'PUT' });
    const { node } = (await set.json()) as { node: { modifiedIndex: number } };
    const other = await wait(tsuji, `revision=${node.modifiedIndex}&source=etcdv2&timeout=60s`);
    assert.equal(other.status, 200, JSON.stringify(other));
  }
  assert.ok(performance.now() - before < 9_000, 'the store is not asked by itself for 10 s');
});

test('one that does not come is told as that, and what cannot be asked with the reason', async () => {
  const late = await wait(tsuji, 'revision=999999&timeout=100ms');
  assert.deepEqual([late.status, late.applied], [504, false]);
  for (const [query, reason] of [
    ['', /revision: "" is no revision/],
    ['revision=-1', /"-1" is no revision/],
    ['revision=1&timeout=2h', /"2h" is no duration up to 60s/],
    ['revision=1&source=redis', /"redis" is none of etcdv3, etcdv2/],
    ['revision=1&nodes=some', /neither "this" nor "all"/],
    ['revision=1&color=red', /"color" is none of/],
  ] as const) {
    const answer = await wait(tsuji, query);
    assert.equal(answer.status, 400, query);
    assert.match(answer.error ?? '', reason);
  }
});

test('all nodes of a prefix know each other, and are waited for together', async (t) => {
  const other = await startTsuji(t, { flags });
  type Nodes = { nodes: { id: string; version: string; notReady: string; applied: { etcdv3: string } }[] };
  const nodes = async (): Promise<Nodes['nodes']> => ((await (await tsuji.api('/api/nodes')).json()) as Nodes).nodes;
  await waitFor(
    async () => (await nodes()).filter(({ notReady }) => notReady === '').length === 2,
    () => 'two nodes that are ready',
  );
  const revision = await put('frontends/f/routes/r/rule', 'Host:a.test;AddPrefix:/all');
  const done = await command(
    `${revision}`,
    '--nodes=all',
    '--timeout=30s',
    '--web',
    `--web.address=${OWN_HOST}:${tsuji.adminPort}`,
  );
  assert.equal(done.code, 0, done.out);
  assert.equal(await path(other, 'a.test'), '/all/');
  assert.ok((await nodes()).every(({ applied }) => Number(applied.etcdv3) >= revision));

  const late = await command('999999', '--timeout=100ms', '--web', `--web.address=${OWN_HOST}:${tsuji.adminPort}`);
  assert.deepEqual([late.code, /"applied":false/.test(late.out)], [1, true]);
  assert.match((await command()).out, /it needs REVISION/);

  // One that has stopped following keeps the others waiting, by name.
  const ids = (await nodes()).map(({ id }) => id);
  other.kill('SIGSTOP');
  const next = await put('frontends/f/routes/r/rule', 'Host:a.test;AddPrefix:/next');
  const behind = await wait(tsuji, `revision=${next}&nodes=all&timeout=1s`);
  assert.equal(behind.status, 504);
  assert.match(behind.behind.join(), new RegExp(`${ids[1]} at \\d+`));
  other.kill('SIGCONT');
  other.kill('SIGTERM');
  await other.ended();
  await waitFor(
    async () => (await nodes()).length === 1,
    () => 'the one that has left to be gone at once',
  );
});
