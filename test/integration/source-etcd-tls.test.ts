/** etcd over TLS, v3 and v2, with certificates made by openssl. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { EtcdV2Source } from '../../src/control/source/etcd-v2.ts';
import { EtcdV3Source } from '../../src/control/source/etcd-v3.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { freePort, run, startProcess, temporaryFolder, waitFor } from '../harness/tools.ts';

const NO_TLS = { ca: '', cert: '', key: '', insecureSkipVerify: false };

async function openssl(...args: string[]): Promise<void> {
  const result = await run('openssl', args);
  assert.equal(result.code, 0, result.stderr);
}

/** Files `ca.pem`, `NAME.pem` and `NAME.key` for `server` and `client`, and `other.pem` of an authority nobody knows. */
async function makeCertificates(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'other']) {
    await openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    );
  }
  writeFileSync(at('extensions'), `subjectAltName=IP:${OWN_HOST}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  for (const name of ['server', 'client']) {
    await openssl('req', ...newKey, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`);
    const signed = ['-in', at(`${name}.csr`), '-out', at(`${name}.pem`), '-extfile', at('extensions'), '-days', '2'];
    await openssl('x509', '-req', '-CA', at('ca.pem'), '-CAkey', at('ca.key'), ...signed);
  }
}

/** An etcd over TLS with the key `/traefik/a` in v2 and v3. `mutual`: it asks clients for a certificate. */
async function startTlsEtcd(t: TestContext, mutual: boolean): Promise<{ endpoint: string; folder: string }> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  await makeCertificates(folder.path);
  const at = (name: string) => join(folder.path, name);
  const endpoint = `${OWN_HOST}:${await freePort()}`;
  const url = `https://${endpoint}`;
  const peer = `http://${OWN_HOST}:${await freePort()}`;
  const etcd = startProcess('etcd', [
    ...['--name=test', `--data-dir=${at('data')}`, '--logger=zap', '--log-level=error', '--enable-v2'],
    ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-peer-urls=${peer}`],
    ...[`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=test=${peer}`],
    ...[`--cert-file=${at('server.pem')}`, `--key-file=${at('server.key')}`],
    ...(mutual ? ['--client-cert-auth', `--trusted-ca-file=${at('ca.pem')}`] : []),
  ]);
  t.after(() => etcd.end('SIGKILL'));
  const files = { 2: ['--ca-file', '--cert-file', '--key-file'], 3: ['--cacert', '--cert', '--key'] };
  for (const api of [2, 3] as const) {
    const [ca, cert, key] = files[api];
    const args = ['--endpoints', url, ca, at('ca.pem'), cert, at('client.pem'), key, at('client.key')];
    const write = [...args, api === 2 ? 'set' : 'put', '/traefik/a', '1'];
    await waitFor(async () => (await run('etcdctl', write, { env: { ETCDCTL_API: String(api) } })).code === 0, 'etcd');
  }
  return { endpoint, folder: folder.path };
}

for (const Source of [EtcdV3Source, EtcdV2Source]) {
  function follow(t: TestContext, endpoint: string, tls: Partial<typeof NO_TLS>) {
    const source = new Source(etcdSettings([endpoint], { tls: { ...NO_TLS, ...tls } }));
    t.after(() => source.stop());
    const sink = new SourceRecorder(source);
    source.start(sink);
    return { source, sink };
  }

  test(`${Source.name}: an authority alone is enough, as a file and as text, and so is not verifying`, async (t) => {
    const { endpoint, folder } = await startTlsEtcd(t, false);
    const ca = join(folder, 'ca.pem');
    for (const tls of [{ ca }, { ca: readFileSync(ca, 'utf8') }, { insecureSkipVerify: true }]) {
      await follow(t, endpoint, tls).sink.has('a', '1');
    }
  });

  test(`${Source.name}: a certificate of an unknown authority is refused with the reason`, async (t) => {
    const { endpoint, folder } = await startTlsEtcd(t, false);
    for (const tls of [{ ca: join(folder, 'other.pem') }, {}]) {
      const { source, sink } = follow(t, endpoint, tls);
      await waitFor(() => source.status().error !== '', 'an error');
      assert.match(source.status().error, /certificate/);
      assert.equal(sink.told.length, 0);
    }
  });

  test(`${Source.name}: an etcd that asks for a certificate gets ours`, async (t) => {
    const { endpoint, folder } = await startTlsEtcd(t, true);
    const ca = join(folder, 'ca.pem');
    const own = { cert: join(folder, 'client.pem'), key: join(folder, 'client.key') };
    await follow(t, endpoint, { ca, ...own }).sink.has('a', '1');
    const without = follow(t, endpoint, { ca });
    await waitFor(() => without.source.status().error !== '', 'an error');
    assert.equal(without.sink.told.length, 0);
  });

  test(`${Source.name}: a key of another certificate is told by name`, async (t) => {
    const { endpoint, folder } = await startTlsEtcd(t, false);
    const { source } = follow(t, endpoint, { cert: join(folder, 'client.pem'), key: join(folder, 'server.key') });
    await waitFor(() => source.status().error !== '', 'an error');
    assert.match(source.status().error, /etcd\.tls\.key: does not belong to etcd\.tls\.cert/);
  });
}
