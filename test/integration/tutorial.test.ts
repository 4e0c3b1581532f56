/**
 * The tutorial, with its literal commands on real parts: etcd, three nginx, etcdctl, curl. One balancer that follows
 * etcd v2 and v3 as it does by default; both spellings of the sidekick units are played.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { type Etcd, type Nginx, run, startEtcd, startNginx } from '../harness/tools.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

type Cluster = { etcd: Etcd; nginx: Nginx[]; tsuji: Tsuji };

async function startCluster(t: TestContext, flags: string[] = []): Promise<Cluster> {
  const etcd = await startEtcd({ enableV2: true });
  t.after(() => etcd.stop());
  const nginx = await Promise.all(['one', 'two', 'three'].map((body) => startNginx({ body })));
  for (const server of nginx) t.after(() => server.stop());
  const tsuji = await startTsuji(t, {
    flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, ...flags],
    workers: 2,
    noWait: true,
  });
  return { etcd, nginx, tsuji };
}

/** The commands of the unit files, as a shell would run them. */
async function shell(command: string, etcd: Etcd, version: 2 | 3): Promise<string> {
  const result = await run('sh', ['-c', command], {
    env: { ETCDCTL_API: String(version), ETCDCTL_ENDPOINTS: etcd.url, ETCDCTL_ENDPOINT: etcd.url },
  });
  assert.equal(result.code, 0, `${command}: ${result.stderr}`);
  return result.stdout;
}

/** `curl -H Host:nginx.example.com http://lb`, as often as asked. */
async function curl(tsuji: Tsuji, times = 1): Promise<string[]> {
  const bodies: string[] = [];
  for (let i = 0; i < times; i++) {
    const got = await run('curl', ['-s', '-H', 'Host:nginx.example.com', `http://${OWN_HOST}:${tsuji.port}`]);
    bodies.push(got.stdout.trim());
  }
  return bodies;
}

/** Until that many servers answer in turn, each once. */
async function answeredBy(tsuji: Tsuji, names: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const got = await curl(tsuji, names.length);
      return [...got].sort().join() === [...names].sort().join();
    },
    `answers from ${names.join(', ')} in turn`,
  );
}

test('the tutorial on etcd v2: set with a TTL, scale out, scale in, expire', async (t) => {
  const { etcd, nginx, tsuji } = await startCluster(t);
  await waitFor(
    async () => (await curl(tsuji))[0] === '404 page not found',
    'the keys to be read, of which there are none',
  );

  const register = async (i: number, ttl: number): Promise<void> => {
    const base = `/traefik/backends/backend1/servers/server${i + 1}`;
    await shell(`etcdctl set ${base}/url ${nginx[i].url} --ttl ${ttl}`, etcd, 2);
    await shell(`etcdctl set ${base}/weight 10 --ttl ${ttl}`, etcd, 2);
  };
  await register(0, 60);
  await shell('etcdctl set /traefik/frontends/frontend1/backend backend1', etcd, 2);
  await shell('etcdctl set /traefik/frontends/frontend1/routes/test_1/rule Host:nginx.example.com', etcd, 2);
  await answeredBy(tsuji, ['one']);

  await register(1, 60);
  await register(2, 60);
  await answeredBy(tsuji, ['one', 'two', 'three']);
  const six = await curl(tsuji, 6);
  assert.deepEqual(six.slice(0, 3), six.slice(3), 'the servers alternate');

  await shell('etcdctl rm /traefik/backends/backend1/servers/server2/url', etcd, 2);
  await answeredBy(tsuji, ['one', 'three']);
  await shell('etcdctl rm /traefik/backends/backend1/servers/server2/weight', etcd, 2);
  // The directory of server2 is still there, and means nothing.
  assert.match(await shell('etcdctl ls /traefik/backends/backend1/servers', etcd, 2), /server2/);
  await answeredBy(tsuji, ['one', 'three']);

  // A sidekick that is killed does not remove its keys: they expire.
  await register(2, 1);
  await answeredBy(tsuji, ['one']);
  const { problems } = (await (await tsuji.api('/api/status')).json()) as { problems: unknown[] };
  assert.deepEqual(problems, []);
});

test('the tutorial on etcd v3: leases, scale out, scale in, etcd killed and back', async (t) => {
  const { etcd, nginx, tsuji } = await startCluster(t, ['--etcd.useAPIV3=true']);
  const leases: string[] = [];
  for (const [i, server] of nginx.entries()) {
    const lease = /lease (\S+) granted/.exec(await shell('etcdctl lease grant 60', etcd, 3))![1];
    leases.push(lease);
    const base = `/traefik/backends/backend1/servers/server${i + 1}`;
    await shell(`etcdctl put --lease=${lease} ${base}/url ${server.url}`, etcd, 3);
    await shell(`etcdctl put --lease=${lease} ${base}/weight 10`, etcd, 3);
  }
  await shell('etcdctl put /traefik/frontends/frontend1/backend backend1', etcd, 3);
  await shell('etcdctl put /traefik/frontends/frontend1/routes/test_1/rule Host:nginx.example.com', etcd, 3);
  await answeredBy(tsuji, ['one', 'two', 'three']);

  await shell(`etcdctl lease revoke ${leases[1]}`, etcd, 3);
  await answeredBy(tsuji, ['one', 'three']);

  await etcd.kill();
  await tsuji.waitForStatus((status) => status.sources[0].state === 'stale', 'the loss of etcd to be noticed');
  assert.deepEqual((await curl(tsuji, 4)).sort(), ['one', 'one', 'three', 'three'], 'routes outlive etcd');
  await etcd.restart();
  await shell(`etcdctl del /traefik/backends/backend1/servers/server3 --prefix`, etcd, 3);
  await answeredBy(tsuji, ['one']);
  await shell(`etcdctl put /traefik/backends/backend1/servers/server2/url ${nginx[1].url}`, etcd, 3);
  await answeredBy(tsuji, ['one', 'two']);
});

test('v2 and v3 are merged, and for the same key v3 wins', async (t) => {
  const { etcd, nginx, tsuji } = await startCluster(t);
  await shell(`etcdctl set /traefik/backends/backend1/servers/a/url ${nginx[0].url}`, etcd, 2);
  await shell('etcdctl set /traefik/frontends/frontend1/backend backend1', etcd, 2);
  await shell('etcdctl set /traefik/frontends/frontend1/routes/test_1/rule Host:nginx.example.com', etcd, 2);
  await answeredBy(tsuji, ['one']);
  await shell(`etcdctl put /traefik/backends/backend1/servers/b/url ${nginx[1].url}`, etcd, 3);
  await answeredBy(tsuji, ['one', 'two']);
  await shell(`etcdctl put /traefik/backends/backend1/servers/a/url ${nginx[2].url}`, etcd, 3);
  await answeredBy(tsuji, ['three', 'two']);
  await shell('etcdctl del /traefik/backends/backend1/servers/a/url', etcd, 3);
  await answeredBy(tsuji, ['one', 'two']);
});

test('a second balancer needs nothing but to be started', async (t) => {
  const { etcd, nginx, tsuji } = await startCluster(t);
  await shell(`etcdctl put /traefik/backends/backend1/servers/server1/url ${nginx[0].url}`, etcd, 3);
  await shell('etcdctl put /traefik/frontends/frontend1/backend backend1', etcd, 3);
  await shell('etcdctl put /traefik/frontends/frontend1/routes/test_1/rule Host:nginx.example.com', etcd, 3);
  const second = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`] });
  await answeredBy(tsuji, ['one']);
  await answeredBy(second, ['one']);
});

test('an etcd that is not there yet is waited for, and its routes come when it does', async (t) => {
  const etcd = await startEtcd({ enableV2: true });
  t.after(() => etcd.stop());
  const server = await startNginx({ body: 'late' });
  t.after(() => server.stop());
  await shell(`etcdctl put /traefik/backends/b/servers/s/url ${server.url}`, etcd, 3);
  await shell('etcdctl put /traefik/frontends/f/backend b', etcd, 3);
  await etcd.kill();
  const tsuji = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`], noWait: true });
  assert.deepEqual(await curl(tsuji), ['Service Unavailable']);
  assert.equal((await tsuji.api('/readyz')).status, 503);
  for (const path of ['/ping', '/livez']) assert.equal((await tsuji.api(path)).status, 200, path);
  await etcd.restart();
  await answeredBy(tsuji, ['late']);
  assert.equal((await tsuji.api('/readyz')).status, 200);
});
