/** Rate limits that several nodes share over a real etcd (shared/spec frontend-options §3.13). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Etcd3 } from 'etcd3';
import { ClusterNodes } from '../../src/control/cluster/nodes.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { captureLog } from '../harness/log.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { startEtcd } from '../harness/tools.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const LIMIT = {
  'routes/r/rule': 'PathPrefix:/',
  'ratelimit/cluster': 'true',
  'ratelimit/extractorfunc': 'request.header.X-User',
  'ratelimit/rateset/r/period': '150h',
  'ratelimit/rateset/r/average': '1',
  'ratelimit/rateset/r/burst': '9',
};

/** Of `count` requests of one user. */
async function admitted(tsuji: Tsuji, user: string, count = 12): Promise<number> {
  let passed = 0;
  for (let i = 0; i < count; i++) {
    const { status } = await fetch(`http://${OWN_HOST}:${tsuji.port}/`, {
      headers: { 'x-user': user, connection: 'close' },
    });
    if (status === 200) passed++;
    else assert.equal(status, 429);
  }
  return passed;
}

const server = await startRawServer(
  { after },
  answering(() => ok('ok')),
);
const etcd = await startEtcd({ enableV2: false });
after(() => etcd.stop());
const client = new Etcd3({ hosts: etcd.url });
after(() => client.close());

const nodesOf = (tsuji: Tsuji): number =>
  Number(
    tsuji.output
      .match(/event=nodes nodes=(\d+)/g)
      ?.at(-1)
      ?.split('=')[2] ?? 0,
  );

test('a node that comes back does not take a larger share at once: the others may be on their way back', async (t) => {
  const lines = captureLog();
  const told: number[] = [];
  const options = { etcd: etcdSettings([etcd.endpoint], { prefix: '/other' }), onChange: () => {} };
  const nodes = new ClusterNodes({ ...options, onCount: (count) => told.push(count) });
  t.after(() => nodes.stop());
  await client.put('/other/tsuji/nodes/somebody').value('else');
  nodes.follow(new Map([['f', { options: { ratelimit: { clusterFactor: 1 } } }]]), ['f']);
  await waitFor(() => told.length > 0, 'the first count');
  await client.delete().prefix('/other/tsuji/nodes/').exec();
  await waitFor(() => lines.some(({ event }) => event === 'nodes_back'), 'it to be back');
  assert.deepEqual(told, [2]);
  await client.put('/other/tsuji/nodes/one').value('');
  await client.put('/other/tsuji/nodes/two').value('');
  await waitFor(() => told.length > 1, 'the next count');
  assert.deepEqual(told, [2, 3]);
  nodes.follow(new Map(), ['f']);
  await nodes.stop();
  assert.equal((await client.getAll().prefix('/other/tsuji/nodes/').keys()).length, 2);
});

test('two nodes admit together what the limit says, one that is left all of it, and one that is cut off its share', async (t) => {
  const keys: Record<string, string> = { 'backends/b/servers/s/url': server.url, 'frontends/f/backend': 'b' };
  for (const [key, value] of Object.entries(LIMIT)) keys[`frontends/f/${key}`] = value;
  for (const [key, value] of Object.entries(keys)) await client.put(`/traefik/${key}`).value(value);
  const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, '--etcd.useAPIV3=true', '--logLevel=INFO'];
  const start = (): Promise<Tsuji> => startTsuji(t, { flags, workers: 2 });
  const one = await start();
  await waitFor(
    () => nodesOf(one) === 1,
    () => `one node, it said:\n${one.output}`,
  );
  assert.equal(await admitted(one, 'alone'), 9);
  const two = await start();
  await waitFor(() => nodesOf(one) === 2 && nodesOf(two) === 2, 'both to know of each other');
  assert.equal((await client.getAll().prefix('/traefik/tsuji/nodes/').keys()).length, 2);
  assert.deepEqual([await admitted(one, 'both'), await admitted(two, 'both')], [4, 4]);
  two.kill('SIGTERM');
  await two.ended();
  await waitFor(() => nodesOf(one) === 1, 'the other one to have left');
  assert.equal(await admitted(one, 'alone again'), 9);
  const three = await start();
  await waitFor(() => nodesOf(one) === 2 && nodesOf(three) === 2, 'both to know of each other');
  await etcd.stop();
  for (const tsuji of [one, three]) {
    await waitFor(() => tsuji.output.includes('event=nodes_lost'), 'the loss to be told');
    assert.equal(await admitted(tsuji, 'cut off'), 4);
    const { problems } = await tsuji.status();
    assert.deepEqual(problems, []);
  }
});

test('without etcd each node has the full limit, and the key says so; a bad factor closes the frontend', async (t) => {
  const keys: Record<string, string> = { 'backends/b/servers/s/url': server.url, 'frontends/f/backend': 'b' };
  for (const [key, value] of Object.entries(LIMIT)) keys[`frontends/f/${key}`] = value;
  const tsuji = await startTsuji(t, { keys });
  assert.equal(await admitted(tsuji, 'all'), 9);
  const { problems } = await tsuji.status();
  assert.deepEqual(
    problems.map(({ key, state }) => [key, state]),
    [['/frontends/f/ratelimit/cluster', 'ignored']],
  );
  tsuji.set('frontends/f/ratelimit/clusterfactor', '0.5');
  await tsuji.waitForStatus(
    (status) => status.problems.some(({ key, state }) => key.endsWith('clusterfactor') && state === 'rejected'),
    'the problem',
  );
});
