/** A whole tsuji on a TLS entrypoint: certificates from etcd, changed while clients come; sessions on any worker and node. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { after, before, type TestContext } from 'node:test';
import { Etcd3 } from 'etcd3';
import { handshake } from '../harness/handshake.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../harness/tls.ts';
import { type Etcd, run, startEtcd, temporaryFolder, waitFor } from '../harness/tools.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';

type Shown = { from: string; names: string[]; notAfter: number; problem: string };

const folder = temporaryFolder();
const made: Certificate[] = [];
let authority: Certificate;
let etcd: Etcd;
let client: Etcd3;

before(async () => {
  etcd = await startEtcd({ enableV2: false });
  client = new Etcd3({ hosts: etcd.url });
  authority = await makeAuthority(folder.path, 'authority');
  for (const name of ['first', 'second', 'wild']) {
    made.push(await makeCertificate(folder.path, authority, name, name === 'wild' ? 'DNS:*.wild.test' : 'DNS:a.test'));
  }
});
after(async () => {
  client.close();
  await etcd.stop();
  folder.remove();
});

const text = (path: string): string => readFileSync(path, 'utf8');

/** Both parts in one transaction. */
async function put(prefix: string, name: string, pair: Certificate): Promise<void> {
  const key = `${prefix}/tls/${name}`;
  await client
    .if(`${key}/none`, 'Create', '==', 0)
    .then(
      client.put(`${key}/entrypoints`).value('https'),
      client.put(`${key}/certificate/certfile`).value(text(pair.cert)),
      client.put(`${key}/certificate/keyfile`).value(text(pair.key)),
    )
    .commit();
}

function start(t: TestContext, prefix: string, ...flags: string[]): Promise<Tsuji> {
  return startTsuji(t, {
    workers: 2,
    flags: [
      '--etcd',
      '--etcd.useAPIV3',
      `--etcd.endpoint=${etcd.endpoint}`,
      `--etcd.prefix=${prefix}`,
      `--entryPoints=Name:https Address:${OWN_HOST}:0 TLS`,
      '--defaultEntryPoints=https',
      '--logLevel=DEBUG',
      ...flags,
    ],
  });
}

async function certificates(tsuji: Tsuji): Promise<Shown[]> {
  return ((await tsuji.status()) as unknown as { certificates: Shown[] }).certificates;
}

const named = (tsuji: Tsuji, servername: string) => async (name: string) =>
  waitFor(async () => (await handshake(tsuji.port, { servername })).name === name, `${name} to be served`);

test('a certificate in etcd is live at once, is replaced under traffic without a failed handshake, and goes', async (t) => {
  await put('/live', 'a', made[0]);
  const tsuji = await start(t, '/live');
  const served = named(tsuji, 'a.test');
  await served('first');
  assert.equal((await handshake(tsuji.port, { servername: 'other.test' })).name, 'TRAEFIK DEFAULT CERT');

  let running = true;
  const seen = new Set<string>();
  const clients = Array.from({ length: 4 }, async () => {
    while (running) {
      const { name, error } = await handshake(tsuji.port, { servername: 'a.test' });
      seen.add(error === '' ? name : error);
    }
  });
  for (const turn of [1, 0, 1]) {
    await put('/live', 'a', made[turn]);
    await served(turn === 1 ? 'second' : 'first');
  }
  // One key after the other: in between the pair does not fit, and the old one is served.
  await client.put('/live/tls/a/certificate/certfile').value(text(made[0].cert));
  await waitFor(async () => (await certificates(tsuji)).some(({ problem }) => problem.includes('still served')), 'it');
  assert.equal((await handshake(tsuji.port, { servername: 'a.test' })).name, 'second');
  await client.put('/live/tls/a/certificate/keyfile').value(text(made[0].key));
  await served('first');
  running = false;
  await Promise.all(clients);
  assert.deepEqual([...seen].sort(), ['first', 'second']);

  await put('/live', 'w', made[2]);
  await named(tsuji, 'x.wild.test')('wild');
  await client.delete().prefix('/live/tls/a/');
  await served('TRAEFIK DEFAULT CERT');
});

test('names and expiry are shown, and a private key is nowhere', async (t) => {
  await put('/shown', 'good', made[0]);
  await put('/shown', 'bad', { cert: made[0].cert, key: made[1].key });
  const tsuji = await start(t, '/shown');
  await waitFor(
    async () => (await certificates(tsuji)).filter(({ from }) => from !== 'self-signed').length === 2,
    'both',
  );
  await named(tsuji, 'a.test')('first');
  const status = await (await tsuji.api('/api/status')).text();
  const good = (await certificates(tsuji)).find(({ from }) => from === '/shown/tls/good')!;
  assert.deepEqual(good.names, ['first', 'a.test']);
  const { problems } = JSON.parse(status) as { problems: { key: string; state: string; reason: string }[] };
  assert.deepEqual(
    problems.map(({ key, state }) => [key, state]),
    [['/shown/tls/bad/certificate/certfile', 'rejected']],
  );
  const metrics = await tsuji.metrics();
  assert.match(
    metrics,
    new RegExp(`^traefik_tls_certs_not_after\\{cn="first",.*sans="a.test"\\} ${good.notAfter / 1000}$`, 'm'),
  );
  const api = await (await tsuji.api('/api')).text();
  for (const shown of [status, metrics, api, tsuji.output]) {
    for (const { key } of made) {
      for (const line of text(key).split('\n').slice(1, -2)) assert.ok(!shown.includes(line.slice(0, 30)));
    }
    assert.ok(!shown.includes('PRIVATE KEY'));
  }
});

test('a session is resumed on any worker and, when the keys are shared, on another node', async (t) => {
  await put('/tickets', 'a', made[0]);
  const [one, other] = await Promise.all([
    start(t, '/tickets', '--tls.ticketKeys=etcd'),
    start(t, '/tickets', '--tls.ticketKeys=etcd'),
  ]);
  for (const tsuji of [one, other]) await named(tsuji, 'a.test')('first');
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = { servername: 'a.test', maxVersion };
    await waitFor(async () => {
      const { session } = await handshake(one.port, client);
      return (await handshake(other.port, { ...client, session: session! })).resumed;
    }, 'both nodes to have the same keys');
    const { session } = await handshake(one.port, client);
    // Connections fall on either of two workers by chance.
    for (let i = 0; i < 8; i++) {
      assert.equal((await handshake(one.port, { ...client, session: session! })).resumed, true);
      assert.equal((await handshake(other.port, { ...client, session: session! })).resumed, true);
    }
  }
});

test('openssl resumes as well, and verifies the chain', async (t) => {
  await put('/openssl', 'a', made[0]);
  const tsuji = await start(t, '/openssl');
  await named(tsuji, 'a.test')('first');
  const to = ['s_client', '-connect', `${OWN_HOST}:${tsuji.port}`, '-servername', 'a.test', '-CAfile', authority.cert];
  for (const version of ['-tls1_2', '-tls1_3']) {
    const saved = `${folder.path}/session${version}.pem`;
    const request = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
    const options = ['-ign_eof', '-verify_return_error', '-verify_hostname', 'a.test', version];
    const first = await run('openssl', [...to, ...options, '-sess_out', saved], { input: request });
    assert.match(first.stdout, /Verify return code: 0 \(ok\)/);
    assert.match(first.stdout, /404 page not found/);
    const second = await run('openssl', [...to, ...options, '-sess_in', saved], { input: request });
    assert.match(second.stdout, /^Reused, TLSv1\.[23]/m);
  }
});
