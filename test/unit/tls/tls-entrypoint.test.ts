/** Handshakes of real clients with an entrypoint as workers have it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test, { after, before, type TestContext } from 'node:test';
import type { EntryPointTls } from '../../../src/kernel/entrypoint-options.ts';
import type { TicketKeyRing, WorkerCertificate } from '../../../src/protocol/messages.ts';
import { handshake } from '../../harness/handshake.ts';
import { OWN_HOST } from '../../harness/own-host.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../../harness/tls.ts';
import {
  HANDSHAKES,
  type Handshakes,
  serveTls,
  type TlsServing,
  workerCertificate,
} from '../../harness/tls-serving.ts';
import { temporaryFolder } from '../../harness/tools.ts';

const folder = temporaryFolder();
const made = {} as Record<'ca' | 'a' | 'wild' | 'fallback' | 'address' | 'client', Certificate>;

before(async () => {
  made.ca = await makeAuthority(folder.path, 'authority');
  const [a, wild, fallback, address, client] = await Promise.all([
    makeCertificate(folder.path, made.ca, 'a.test', 'DNS:a.test'),
    makeCertificate(folder.path, made.ca, 'wild', 'DNS:*.wild.test'),
    makeCertificate(folder.path, made.ca, 'fallback', 'DNS:fallback.test'),
    makeCertificate(folder.path, made.ca, 'address', `IP:${OWN_HOST}`),
    makeCertificate(folder.path, made.ca, 'client', 'DNS:client.test'),
  ]);
  Object.assign(made, { a, wild, fallback, address, client });
});
after(() => folder.remove());

const ring = () => [randomBytes(48)];

function serve(
  t: TestContext,
  by: Handshakes,
  keys: TicketKeyRing,
  certificates: readonly WorkerCertificate[],
  tls: Partial<EntryPointTls> = {},
  clientCAs: readonly string[] = [],
): Promise<TlsServing> {
  return serveTls(t, keys, certificates, tls, clientCAs, by);
}

for (const by of HANDSHAKES) {
  test(`${by}: SNI picks the certificate, the default is for all other names and for those who name nobody`, async (t) => {
    const { port } = await serve(t, by, ring(), [
      workerCertificate(made.a),
      workerCertificate(made.wild),
      workerCertificate(made.fallback, { defaultOf: 1 }),
    ]);
    assert.equal((await handshake(port, { servername: 'a.test' })).name, 'a.test');
    assert.equal((await handshake(port, { servername: 'x.wild.test' })).name, 'wild');
    assert.equal((await handshake(port, { servername: 'x.y.wild.test' })).name, 'fallback');
    assert.equal((await handshake(port)).name, 'fallback');
  });

  test(`${by}: AES-128 is taken of a client that would rather have AES-256, and AES-256 of one that has nothing else`, async (t) => {
    const { port } = await serve(t, by, ring(), [workerCertificate(made.a, { defaultOf: 1 })]);
    const ciphers = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';
    assert.equal((await handshake(port, { ciphers })).suite, 'TLS_AES_128_GCM_SHA256');
    const only = 'TLS_AES_256_GCM_SHA384';
    assert.equal((await handshake(port, { ciphers: only })).suite, only);
  });

  test(`${by}: without SNI the address that the client came to picks the certificate`, async (t) => {
    const { port, store } = await serve(t, by, ring(), [
      workerCertificate(made.a),
      workerCertificate(made.fallback, { defaultOf: 1 }),
    ]);
    assert.equal((await handshake(port)).name, 'fallback');
    const address = workerCertificate(made.address);
    store.apply([address], []);
    assert.equal((await handshake(port)).name, 'address');
    assert.equal((await handshake(port, { servername: 'a.test' })).name, 'a.test');
    assert.equal((await handshake(port, { servername: 'nobody.test' })).name, 'fallback');
    store.apply([], [address.id]);
    assert.equal((await handshake(port)).name, 'fallback');
  });

  test(`${by}: a strict entrypoint refuses every name that no certificate has`, async (t) => {
    const certificates = [workerCertificate(made.a, { defaultOf: 1 }), workerCertificate(made.address)];
    const { port, store } = await serve(t, by, ring(), certificates, { sniStrict: true });
    assert.equal((await handshake(port, { servername: 'a.test' })).name, 'a.test');
    assert.equal((await handshake(port)).name, 'address');
    assert.notEqual((await handshake(port, { servername: 'b.test' })).error, '');
    store.apply([], [certificates[1].id]);
    assert.match((await handshake(port, { servername: 'b.test' })).error, /HANDSHAKE_FAILURE/);
    assert.match((await handshake(port)).error, /HANDSHAKE_FAILURE/);
  });

  test(`${by}: a new certificate and a new default are served from the next handshake on`, async (t) => {
    const old = workerCertificate(made.a, { defaultOf: 1 });
    const { port, store } = await serve(t, by, ring(), [old]);
    assert.equal((await handshake(port, { servername: 'x.wild.test' })).name, 'a.test');
    store.apply([workerCertificate(made.wild), workerCertificate(made.fallback, { defaultOf: 1 })], [old.id]);
    assert.equal((await handshake(port, { servername: 'x.wild.test' })).name, 'wild');
    assert.equal((await handshake(port, { servername: 'a.test' })).name, 'fallback');
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a session of ${version} is resumed on another worker, and after rotations while its key is known`, async (t) => {
      const [first, second, third] = [randomBytes(48), randomBytes(48), randomBytes(48)];
      const certificates = [workerCertificate(made.a), workerCertificate(made.fallback, { defaultOf: 1 })];
      const one = await serve(t, by, [first, second], certificates);
      const other = await serve(t, by, [first, second], certificates);
      const client = { servername: 'a.test', maxVersion: version };
      const { session, resumed } = await handshake(one.port, client);
      assert.equal(resumed, false);
      assert.ok(session !== null);
      assert.equal((await handshake(other.port, { ...client, session })).resumed, true);
      other.tickets.rotate([second, third, first]);
      assert.equal((await handshake(other.port, { ...client, session })).resumed, true);
      other.tickets.rotate([third, randomBytes(48), second]);
      const refused = await handshake(other.port, { ...client, session });
      assert.deepEqual([refused.name, refused.resumed], ['a.test', false]);
    });
  }

  test(`${by}: a ticket of an older key is renewed with the newest`, async (t) => {
    const [older, newest] = [randomBytes(48), randomBytes(48)];
    const { port, tickets } = await serve(t, by, [older], [workerCertificate(made.a, { defaultOf: 1 })]);
    const client = { servername: 'a.test', minVersion: 'TLSv1.3' as const };
    const { session } = await handshake(port, client);
    tickets.rotate([newest, randomBytes(48), older]);
    const renewed = await handshake(port, { ...client, session: session! });
    assert.equal(renewed.resumed, true);
    tickets.rotate([newest]);
    assert.equal((await handshake(port, { ...client, session: renewed.session! })).resumed, true);
  });

  test(`${by}: a forged or cut ticket leads to a full handshake`, async (t) => {
    const { port } = await serve(t, by, ring(), [workerCertificate(made.a, { defaultOf: 1 })]);
    const client = { servername: 'a.test', maxVersion: 'TLSv1.2' as const };
    const { session } = await handshake(port, client);
    const foreign = await serve(t, by, ring(), [workerCertificate(made.a, { defaultOf: 1 })]);
    const { name, resumed } = await handshake(foreign.port, { ...client, session: session! });
    assert.deepEqual([name, resumed], ['a.test', false]);
  });

  test(`${by}: TLS 1.2 is the least by default, and older versions are there when asked for`, async (t) => {
    const certificates = [workerCertificate(made.a, { defaultOf: 1 })];
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const usual = await serve(t, by, ring(), certificates);
    assert.match((await handshake(usual.port, old)).error, /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
    assert.equal((await handshake(usual.port)).protocol, 'TLSv1.3');
    const lenient = await serve(t, by, ring(), certificates, { minVersion: 'TLSv1' });
    assert.equal((await handshake(lenient.port, old)).protocol, 'TLSv1.1');
    const modern = await serve(t, by, ring(), certificates, { minVersion: 'TLSv1.3' });
    assert.match((await handshake(modern.port, { maxVersion: 'TLSv1.2' })).error, /PROTOCOL_VERSION/);
  });

  test(`${by}: only the cipher suites that were named are there`, async (t) => {
    const only = { cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256'] };
    const { port } = await serve(t, by, ring(), [workerCertificate(made.a, { defaultOf: 1 })], only);
    const offer = (ciphers: string) => handshake(port, { maxVersion: 'TLSv1.2', ciphers });
    assert.equal((await offer('ECDHE-ECDSA-AES128-GCM-SHA256')).error, '');
    assert.match((await offer('ECDHE-ECDSA-AES256-GCM-SHA384')).error, /HANDSHAKE_FAILURE/);
  });

  test(`${by}: client certificates are required, or verified only when presented, for whatever name`, async (t) => {
    const cas = [readFileSync(made.ca.cert, 'utf8')];
    const certificates = [workerCertificate(made.a), workerCertificate(made.fallback, { defaultOf: 1 })];
    const client = { cert: readFileSync(made.client.cert), key: readFileSync(made.client.key) };
    const required = { clientCA: { files: ['x'], optional: false } };
    const { port } = await serve(t, by, ring(), certificates, required, cas);
    for (const servername of ['a.test', 'nobody.test']) {
      assert.equal((await handshake(port, { servername, ...client })).error, '');
      assert.notEqual((await handshake(port, { servername, maxVersion: 'TLSv1.2' })).error, '');
    }
  });

  test(`${by}: a session without a client certificate is not resumed where one is required`, async (t) => {
    const cas = [readFileSync(made.ca.cert, 'utf8')];
    const certificates = [workerCertificate(made.a, { defaultOf: 1 })];
    const keys = ring();
    const required = await serve(t, by, keys, certificates, { clientCA: { files: ['x'], optional: false } }, cas);
    const lenient = await serve(t, by, keys, certificates, { clientCA: { files: ['x'], optional: true } }, cas);
    const open = await serve(t, by, keys, certificates);
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const other of [lenient, open]) {
        const { session } = await handshake(other.port, { servername: 'a.test', maxVersion });
        assert.ok(session !== null);
        const refused = await handshake(required.port, { servername: 'a.test', maxVersion, session });
        assert.equal(refused.resumed, false);
      }
    }
  });
}
