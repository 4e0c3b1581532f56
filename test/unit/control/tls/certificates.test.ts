/** Real files and pairs, made by openssl; what workers are told is taken down. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { readPair } from '../../../../src/control/tls/certificate-pair.ts';
import { Certificates } from '../../../../src/control/tls/certificates.ts';
import { loadClientCAs } from '../../../../src/control/tls/client-cas.ts';
import type { EntryPointTls } from '../../../../src/kernel/entrypoint-options.ts';
import type { ConfiguredCertificate } from '../../../../src/model/model.ts';
import type { WorkerCertificate } from '../../../../src/protocol/messages.ts';
import { TLS_DEFAULTS } from '../../../harness/defaults.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../../../harness/tls.ts';
import { temporaryFolder } from '../../../harness/tools.ts';
import { waitFor } from '../../../harness/wait.ts';

const folder = temporaryFolder();
const made = {} as Record<'ca' | 'a' | 'b' | 'expired', Certificate>;
const text = (path: string): string => readFileSync(path, 'utf8');

before(async () => {
  made.ca = await makeAuthority(folder.path, 'authority');
  const [a, b, expired] = await Promise.all([
    makeCertificate(folder.path, made.ca, 'a.test', 'DNS:a.test,DNS:*.A.test,IP:10.0.0.1,IP:2001:db8::1'),
    makeCertificate(folder.path, made.ca, 'b.test', 'DNS:b.test'),
    makeCertificate(folder.path, made.ca, 'expired.test', 'DNS:expired.test', { days: 0 }),
  ]);
  Object.assign(made, { a, b, expired });
});
after(() => folder.remove());

/** The workers' side: what is there after all messages. */
class Workers {
  readonly certificates: Certificates;
  readonly known = new Map<number, WorkerCertificate>();
  messages = 0;
  readonly configured = new Map<string, ConfiguredCertificate>();

  constructor(t: TestContext, tls: Partial<EntryPointTls> = {}) {
    this.certificates = new Certificates({
      entryPoints: [
        { name: 'http', tls: null },
        { name: 'https', tls: { ...TLS_DEFAULTS, ...tls } },
      ],
      fetchesOcsp: false,
      onPublish: (added, removed) => {
        this.messages++;
        for (const id of removed) assert.ok(this.known.delete(id), 'only what was there is removed');
        for (const one of added) this.known.set(one.id, one);
      },
      onChange: () => {},
    });
    t.after(() => this.certificates.stop());
  }

  /** Keys of one certificate are set, or gone. */
  set(name: string, pair: Certificate | null): void {
    const key = `/traefik/tls/${name}`;
    if (pair === null) this.configured.delete(name);
    else {
      this.configured.set(name, { name, key, entryPoints: ['https'], certText: pair.cert, keyText: pair.key });
    }
    this.certificates.apply(this.configured, new Map([[name, null]]));
  }

  names(): string[] {
    return [...this.known.values()].filter((one) => one.entryPoints !== 0).map((one) => one.names[0]);
  }

  async serve(...names: string[]): Promise<void> {
    await waitFor(
      () => JSON.stringify(this.names().sort()) === JSON.stringify(names.sort()),
      () => `the workers to serve ${names}; they serve ${this.names()}`,
    );
  }

  problem(name: string): string {
    const problem = this.certificates.problems().get(`/traefik/tls/${name}/certificate/certfile`);
    return problem === undefined ? '' : `${problem.state}: ${problem.reason}`;
  }

  default(): string {
    return [...this.known.values()].find((one) => one.defaultOf === 2)?.fingerprint ?? '';
  }
}

const inline = (pair: Certificate): Certificate => ({ cert: text(pair.cert), key: text(pair.key) });

test('the names of a certificate are its common name, DNS names and addresses', () => {
  const pair = readPair(text(made.a.cert), text(made.a.key));
  assert.deepEqual(pair.names, ['a.test', '*.a.test', '10.0.0.1', '2001:db8::1']);
  assert.equal(pair.keyType, 'EC prime256v1');
});

test('a pair is refused with a reason that holds nothing of the key', () => {
  const [cert, key] = [text(made.a.cert), text(made.a.key)];
  const wrong: [string, string, RegExp][] = [
    [cert, text(made.b.key), /does not belong to the certificate/],
    [key, key, /no certificate in certfile/],
    [cert, cert, /no private key in keyfile/],
    [cert.replace(/[A-Z]{6}/, 'AAAAAA'), key, /./],
    [`${cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`, key, /certificate 2 cannot be parsed/],
    ['', '', /no certificate/],
  ];
  for (const [certText, keyText, reason] of wrong) {
    assert.throws(
      () => readPair(certText, keyText),
      (error: Error) => {
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /[A-Za-z0-9+/]{40}/);
        return true;
      },
    );
  }
});

test('a pair that is cut anywhere is refused and never throws anything else', () => {
  const [cert, key] = [text(made.a.cert), text(made.a.key)];
  for (let length = 0; length < cert.trimEnd().length; length += 7) {
    assert.throws(() => readPair(cert.slice(0, length), key), { code: 'BAD_CERTIFICATE' });
  }
  for (let length = 0; length < key.trimEnd().length; length += 3) {
    assert.throws(() => readPair(cert, key.slice(0, length)), { code: 'BAD_CERTIFICATE' });
  }
});

test('pairs come and go with their keys, inline or as files, and nothing is told when nothing changed', async (t) => {
  const workers = new Workers(t);
  await workers.certificates.start();
  workers.set('one', inline(made.a));
  workers.set('two', made.b);
  await workers.serve('a.test', 'b.test');
  const { messages } = workers;
  workers.certificates.apply(workers.configured, new Map());
  assert.equal(workers.messages, messages);
  workers.set('one', null);
  await workers.serve('b.test');
});

test('a bad pair costs nobody else anything, and the pair from before is served on', async (t) => {
  const workers = new Workers(t);
  await workers.certificates.start();
  workers.set('good', inline(made.b));
  workers.set('bad', { cert: text(made.a.cert), key: text(made.b.key) });
  await waitFor(() => workers.problem('bad') !== '', 'the problem');
  assert.match(workers.problem('bad'), /^rejected: the key does not belong/);
  await workers.serve('b.test');
  workers.set('bad', inline(made.a));
  await workers.serve('a.test', 'b.test');
  assert.equal(workers.problem('bad'), '');
  // As when two keys are put one after the other.
  workers.set('bad', { cert: text(made.expired.cert), key: text(made.a.key) });
  await waitFor(() => workers.problem('bad') !== '', 'the problem');
  assert.match(workers.problem('bad'), /^warned: .*the pair from before is still served/);
  assert.deepEqual(workers.names().sort(), ['a.test', 'b.test']);
  workers.set('bad', inline(made.expired));
  await workers.serve('b.test', 'expired.test');
  assert.match(workers.problem('bad'), /^warned: the certificate has expired/);
});

test('a file that is not there is no secret, and a key without its first line is not shown', async (t) => {
  const workers = new Workers(t);
  await workers.certificates.start();
  workers.set('missing', { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' });
  workers.set('stripped', { cert: text(made.a.cert), key: text(made.a.key).split('\n').slice(1).join('\n') });
  await waitFor(() => workers.problem('missing') !== '' && workers.problem('stripped') !== '', 'the problems');
  assert.match(workers.problem('missing'), /\/nowhere\/cert\.pem: ENOENT/);
  assert.match(workers.problem('stripped'), /^rejected: keyfile: neither a readable file nor PEM text/);
  assert.doesNotMatch(workers.problem('stripped'), /[A-Za-z0-9+/]{30}/);
});

test('files are read anew when they were replaced, also by a symlink that was swapped', async (t) => {
  const live = join(folder.path, 'live');
  for (const [name, pair] of [
    ['v1', made.a],
    ['v2', made.b],
  ] as const) {
    mkdirSync(join(live, name), { recursive: true });
    copyFileSync(pair.cert, join(live, name, 'tls.crt'));
    copyFileSync(pair.key, join(live, name, 'tls.key'));
  }
  symlinkSync('v1', join(live, '..data'));
  symlinkSync('..data/tls.crt', join(live, 'tls.crt'));
  symlinkSync('..data/tls.key', join(live, 'tls.key'));
  const workers = new Workers(t, {
    certificates: [{ cert: join(live, 'tls.crt'), key: join(live, 'tls.key') }],
  });
  await workers.certificates.start();
  assert.deepEqual(workers.names(), ['a.test']);
  symlinkSync('v2', join(live, '..new'));
  renameSync(join(live, '..new'), join(live, '..data'));
  await workers.serve('b.test');
  // A file that ends in the middle of being written costs nothing; when it is whole it is served.
  writeFileSync(join(live, 'v2', 'tls.crt'), text(made.a.cert).slice(0, 300));
  await waitFor(() => workers.certificates.views().some(({ problem }) => problem !== ''), 'the problem');
  assert.deepEqual(workers.names(), ['b.test']);
  writeFileSync(join(live, 'v2', 'tls.key'), text(made.a.key));
  writeFileSync(join(live, 'v2', 'tls.crt'), text(made.a.cert));
  await workers.serve('a.test');
});

test('the default is the designated certificate, else the first static one, else a self-signed one', async (t) => {
  const own = new Workers(t);
  await own.certificates.start();
  assert.equal(own.certificates.views()[0].commonName, 'TRAEFIK DEFAULT CERT');
  assert.deepEqual(own.certificates.views()[0].defaultOf, ['https']);
  assert.deepEqual(own.names(), []);

  const fixed = new Workers(t, { certificates: [{ cert: 'nowhere', key: 'nowhere' }, made.b, made.a] });
  await fixed.certificates.start();
  assert.equal(fixed.default(), readPair(text(made.b.cert), text(made.b.key)).fingerprint);

  const designated = new Workers(t, { certificates: [made.b], defaultCertificate: made.a });
  await designated.certificates.start();
  assert.equal(designated.default(), readPair(text(made.a.cert), text(made.a.key)).fingerprint);
  assert.deepEqual(designated.names(), ['b.test']);

  const broken = new Workers(t, { certificates: [made.b], defaultCertificate: { cert: 'nowhere', key: 'nowhere' } });
  await broken.certificates.start();
  assert.equal(broken.default(), '');
  assert.deepEqual(broken.names(), ['b.test']);
});

test('of two certificates with the same names the later one is reported', async (t) => {
  const workers = new Workers(t);
  await workers.certificates.start();
  workers.set('b', inline(made.a));
  workers.set('a', inline(made.a));
  await waitFor(() => workers.problem('b') !== '', 'the problem');
  assert.match(workers.problem('b'), /^ignored: \/traefik\/tls\/a has the same names/);
  workers.set('a', null);
  await waitFor(() => workers.problem('b') === '', 'the problem to go');
});

test('without TLS anywhere nothing is made and nothing is watched', async (t) => {
  const certificates = new Certificates({
    entryPoints: [{ name: 'http', tls: null }],
    fetchesOcsp: false,
    onPublish: () => assert.fail('there is nothing to tell'),
    onChange: () => {},
  });
  t.after(() => certificates.stop());
  await certificates.start();
  assert.deepEqual(certificates.views(), []);
});

test('authorities of client certificates are files or texts, and one that cannot be read is fatal', () => {
  const of = (...files: string[]) =>
    loadClientCAs({ name: 'https', tls: { ...TLS_DEFAULTS, clientCA: { files, optional: false } } });
  assert.equal(of(made.ca.cert, text(made.ca.cert)).length, 2);
  assert.throws(() => of(made.ca.cert, '/nowhere'), { code: 'BAD_ENTRY_POINT', message: /"https".*\/nowhere: ENOENT/ });
  assert.throws(() => of(made.ca.key), { message: /there is no certificate/ });
});
