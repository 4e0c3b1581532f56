/** Servers whose lease ran out while they serve, or do not (docs/memory.md, "Servers whose lease ran out"). */
import assert from 'node:assert/strict';
import { createServer, get, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { Etcd3 } from 'etcd3';
import { OWN_HOST } from '../harness/own-host.ts';
import { startTcpValve } from '../harness/tcp-valve.ts';
import { startEtcd } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const etcd = await startEtcd();
after(() => etcd.stop());
const client = new Etcd3({ hosts: etcd.url });
after(() => client.close());
// Registrars reach etcd through it, tsuji does not.
const valve = await startTcpValve(etcd.endpoint);
after(() => valve.close());

async function serve(name: string): Promise<{ server: Server; url: string }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  after(() => server.close());
  return { server, url: `http://${OWN_HOST}:${(server.address() as { port: number }).port}` };
}

async function route(backend: string): Promise<void> {
  await client.put(`/traefik/frontends/${backend}/backend`).value(backend);
  await client.put(`/traefik/frontends/${backend}/routes/r/rule`).value(`Host:${backend}.test`);
}

const one = await serve('one');
const two = await serve('two');
const tsuji = await startTsuji({ after }, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`], noWait: true });

/** The body of a 200, else the status. */
function ask(backend: string): Promise<string> {
  const options = { host: OWN_HOST, port: tsuji.portOf('http'), agent: false, headers: { host: `${backend}.test` } };
  return new Promise((resolve, reject) => {
    get(options, (response) => {
      text(response).then((body) => resolve(response.statusCode === 200 ? body : String(response.statusCode)), reject);
    }).on('error', reject);
  });
}

/** Whoever answers a few requests, in the order of their names. */
async function answers(backend: string): Promise<string> {
  const bodies: string[] = [];
  for (let i = 0; i < 4; i++) bodies.push(await ask(backend));
  return [...new Set(bodies)].sort().join();
}

async function answeredBy(backend: string, wanted: string): Promise<void> {
  let last = '';
  await waitFor(
    async () => {
      last = await answers(backend);
      return last === wanted;
    },
    () => `${backend} to be answered by ${wanted}, not ${last}; ${tsuji.output.slice(-2_000)}`,
  );
}

type WithSuspects = { suspects: { count: number; servers: { backend: string; server: string; until: number }[] } };

async function suspectsOf(backend: string): Promise<string> {
  const { suspects } = (await tsuji.status()) as unknown as WithSuspects;
  const own = suspects.servers.filter((each) => each.backend === backend);
  return own
    .map(({ server }) => server)
    .sort()
    .join();
}

async function suspected(backend: string, wanted: string): Promise<void> {
  await waitFor(
    async () => (await suspectsOf(backend)) === wanted,
    () => `the suspect servers of ${backend} to be "${wanted}"; ${tsuji.output.slice(-2_000)}`,
  );
}

test('when all leases run out at once while the servers live, traffic goes on, and goes to those that come back first', async () => {
  const backend = 'mass';
  await route(backend);
  const registrar = new Etcd3({ hosts: `http://${valve.endpoint}` });
  const leases = [one, two].map(() => registrar.lease(1));
  for (const lease of leases) lease.on('lost', () => {});
  for (const [i, { url }] of [one, two].entries()) {
    await leases[i].put(`/traefik/backends/${backend}/servers/s${i}/url`).value(url);
    await leases[i].put(`/traefik/backends/${backend}/servers/s${i}/weight`).value('3');
  }
  await answeredBy(backend, 'one,two');
  // Keep-alives do not get through.
  valve.shut();
  const bodies = new Map<string, number>();
  await waitFor(async () => {
    const body = await ask(backend);
    bodies.set(body, (bodies.get(body) ?? 0) + 1);
    return bodies.size > 2 || (await suspectsOf(backend)) === 's0,s1';
  }, 'both to be suspect');
  assert.deepEqual([...bodies.keys()].sort(), ['one', 'two'], 'no request fails');
  assert.equal(await answers(backend), 'one,two');
  await tsuji.hasSaid(/level=warning .*event=server_suspect backend=mass server=s0 url="http/);
  assert.match(await tsuji.metrics(), /^tsuji_servers_suspect 2$/m);

  await client.put(`/traefik/backends/${backend}/servers/s1/url`).value(two.url);
  await suspected(backend, 's0');
  await answeredBy(backend, 'two');
  // Should the only one that is back be dead, a retry goes to a suspect one.
  await client.put(`/traefik/backends/${backend}/retry/attempts`).value('0');
  await client.put(`/traefik/backends/${backend}/servers/s1/url`).value(`http://${OWN_HOST}:1`);
  await answeredBy(backend, 'one');
  assert.equal(await suspectsOf(backend), 's0');
  await client.put(`/traefik/backends/${backend}/servers/s0/url`).value(one.url);
  await client.put(`/traefik/backends/${backend}/servers/s1/url`).value(two.url);
  await answeredBy(backend, 'one,two');
  await suspected(backend, '');
  assert.match(await tsuji.metrics(), /^tsuji_suspects_total\{outcome="returned"\} 2$/m);
  valve.open();
  registrar.close();
});

test('one that has gone with its server is given up within seconds, be it the only one', async () => {
  const backend = 'dead';
  await route(backend);
  const dead = await serve('dead');
  await client.lease(1, { autoKeepAlive: false }).put(`/traefik/backends/${backend}/servers/s/url`).value(dead.url);
  await answeredBy(backend, 'dead');
  await new Promise((resolve) => dead.server.close(resolve));
  await waitFor(
    async () => (await tsuji.status()).backends.every(({ name }) => name !== backend),
    () => `the backend to be gone; ${tsuji.output.slice(-2_000)}`,
  );
  await tsuji.hasSaid(/event=server_given_up backend=dead server=s after_ms=\d+ outcome=failed reason=.*ECONNREFUSED/);
});

test('a server that was deleted is gone at once: by its key, or by a revoke before its lease could run out', async () => {
  const backend = 'left';
  await route(backend);
  const lease = client.lease(60, { autoKeepAlive: false });
  const other = client.lease(60, { autoKeepAlive: false });
  await lease.put(`/traefik/backends/${backend}/servers/s0/url`).value(one.url);
  await other.put(`/traefik/backends/${backend}/servers/s1/url`).value(two.url);
  await client.put(`/traefik/backends/${backend}/servers/s2/url`).value(`${one.url}/`);
  const kept = client.lease(1);
  await kept.put(`/traefik/backends/${backend}/servers/s3/url`).value(`${two.url}/`);
  const keptAt = performance.now();
  await answeredBy(backend, 'one,two');
  const servers = async (): Promise<string> => {
    const found = (await tsuji.status()).backends.find(({ name }) => name === backend)!.servers;
    return (found as unknown as { name: string }[]).map(({ name }) => name).join();
  };
  await client.delete().key(`/traefik/backends/${backend}/servers/s1/url`);
  await waitFor(
    async () => (await servers()) === 's0,s2,s3',
    () => tsuji.output.slice(-2_000),
  );
  await lease.revoke();
  await waitFor(
    async () => (await servers()) === 's2,s3',
    () => tsuji.output.slice(-2_000),
  );
  assert.doesNotMatch(tsuji.output, /server_given_up backend=left/);
  // Its lease could have run out by now, but etcd has it.
  await waitFor(() => performance.now() - keptAt > 1_200, 'the first TTL to be over');
  await client.delete().key(`/traefik/backends/${backend}/servers/s3/url`);
  await waitFor(
    async () => (await servers()) === 's2',
    () => tsuji.output.slice(-2_000),
  );
  await tsuji.hasSaid(/server_given_up backend=left server=s3 after_ms=\d{1,3} outcome=deleted/);
  await kept.revoke();
  assert.equal(await suspectsOf(backend), '');
});

test('in etcd v2 an expiry is told from a deletion, also when etcd was away meanwhile, and with keys of the frontend', async () => {
  const backend = 'older';
  const set = (key: string, value: string, ttl: string): Promise<string> =>
    etcd.ctl(2, 'set', `/traefik/${key}`, value, '--ttl', ttl);
  await set(`frontends/${backend}/backend`, backend, '2');
  await set(`frontends/${backend}/routes/r/rule`, `Host:${backend}.test`, '2');
  await set(`backends/${backend}/servers/s0/url`, one.url, '2');
  await set(`backends/${backend}/servers/s1/url`, two.url, '60');
  await answeredBy(backend, 'one,two');
  const setAt = performance.now();
  await etcd.kill();
  await tsuji.waitForStatus(({ sources }) => sources.every(({ state }) => state === 'stale'), 'the loss of etcd');
  await waitFor(() => performance.now() - setAt > 2_000, 'the TTL to be over');
  await etcd.restart();
  await tsuji.waitForStatus(({ sources }) => sources.every(({ state }) => state === 'live'), 'etcd to be back');
  await suspected(backend, 's0');
  await answeredBy(backend, 'two');
  await etcd.ctl(2, 'rm', `/traefik/backends/${backend}/servers/s1/url`);
  await answeredBy(backend, 'one');

  // The bound may be changed for all nodes at once.
  await client.put('/traefik/guard/suspect').value('100ms');
  await answeredBy(backend, '404');
  await tsuji.hasSaid(/event=server_given_up backend=older server=s0 .*outcome=time/);
});
