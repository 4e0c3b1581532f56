/** `backends/B/tls/…`: trust, a certificate of our own and the name to ask for, per backend (shared/spec frontend-options §2.8). */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { exchangeTest, response, type Scope } from '../harness/exchanges.ts';
import { answering, ok, rawClient } from '../harness/raw.ts';
import { type Certificate, makeAuthority, makeCertificate, startTlsServer, type TlsServer } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const authority = await makeAuthority(folder.path, 'authority');
const stranger = await makeAuthority(folder.path, 'stranger');
const inside = await makeCertificate(folder.path, authority, 'inside', 'DNS:inside.test');
const ours = await makeCertificate(folder.path, authority, 'ours', 'DNS:balancer.test');
const renewed = await makeCertificate(folder.path, authority, 'renewed', 'DNS:renewed.test');
const text = (path: string): string => readFileSync(path, 'utf8');

const tsuji = await startTsuji({ after });

/** It wants a certificate of `authority`. */
function startGuarded(t: Scope): Promise<TlsServer> {
  const options = { requestCert: true, ca: [text(authority.cert)], rejectUnauthorized: true };
  return startTlsServer(
    t,
    inside,
    answering(() => ok('hello')),
    options,
  );
}

function tls({ cert, key }: Certificate, more: Record<string, string> = {}): Record<string, string> {
  return {
    'backends/$/tls/ca': text(authority.cert),
    'backends/$/tls/certfile': cert,
    'backends/$/tls/keyfile': key,
    'backends/$/tls/servername': 'inside.test',
    ...more,
  };
}

async function statusOf(t: Scope, host: string): Promise<number> {
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return (await response(client)).status;
}

function socketOf(server: TlsServer): TLSSocket & { servername?: string } {
  return server.socket(server.connections.length - 1);
}

exchangeTest('a backend has its own authorities, certificate and name, and only that one', tsuji, async (t) => {
  const server = await startGuarded(t);
  const [own, none] = [
    await addRoute(tsuji, [server.url('127.0.0.1')], tls(ours)),
    await addRoute(tsuji, [server.url('127.0.0.1')]),
  ];
  assert.equal(await statusOf(t, none), 500);
  assert.equal(await statusOf(t, own), 200);
  const socket = socketOf(server);
  assert.equal(socket.servername, 'inside.test');
  assert.equal(socket.getPeerCertificate().subjectaltname, 'DNS:balancer.test');
  assert.equal(await statusOf(t, none), 500);
});

exchangeTest('what does not hold is not believed', tsuji, async (t) => {
  const server = await startGuarded(t);
  for (const wrong of [
    { 'backends/$/tls/servername': 'other.test' },
    { 'backends/$/tls/ca': text(stranger.cert) },
  ] as Record<string, string>[]) {
    assert.equal(await statusOf(t, await addRoute(tsuji, [server.url('127.0.0.1')], tls(ours, wrong))), 500);
  }
  const careless = await addRoute(
    tsuji,
    [server.url('127.0.0.1')],
    tls(ours, { 'backends/$/tls/ca': text(stranger.cert), 'backends/$/tls/insecureskipverify': 'true' }),
  );
  assert.equal(await statusOf(t, careless), 200);
});

exchangeTest('a check of a server is made as its requests are', tsuji, async (t) => {
  const server = await startGuarded(t);
  const checks = { 'backends/$/healthcheck/path': '/', 'backends/$/healthcheck/startdown': 'true' };
  const host = await addRoute(tsuji, [server.url('127.0.0.1')], tls(ours, checks));
  await waitFor(async () => (await statusOf(t, host)) === 200, 'the check to be good');
});

exchangeTest('a certificate that is renewed is shown from the next connection on', tsuji, async (t) => {
  const server = await startGuarded(t);
  const files = { cert: join(folder.path, 'current.pem'), key: join(folder.path, 'current.key') };
  copyFileSync(ours.cert, files.cert);
  copyFileSync(ours.key, files.key);
  const host = await addRoute(tsuji, [server.url('127.0.0.1')], tls(files));
  assert.equal(await statusOf(t, host), 200);
  copyFileSync(renewed.key, files.key);
  copyFileSync(renewed.cert, files.cert);
  await waitFor(async () => {
    assert.ok([200, 503].includes(await statusOf(t, host)));
    return socketOf(server).getPeerCertificate().subjectaltname === 'DNS:renewed.test';
  }, 'the new certificate to be shown');
  // And by a key.
  tsuji.set(`backends/${host.slice(0, -5)}/tls/certfile`, text(ours.cert));
  tsuji.set(`backends/${host.slice(0, -5)}/tls/keyfile`, text(ours.key));
  await waitFor(async () => {
    await statusOf(t, host);
    return socketOf(server).getPeerCertificate().subjectaltname === 'DNS:balancer.test';
  }, 'the first certificate to be shown');
});

const BAD: readonly (readonly [key: string, value: string, reason: RegExp])[] = [
  ['ca', '/nowhere', /"\/nowhere" is no PEM text, and as a file: it cannot be read \(ENOENT\)/],
  ['ca', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /it holds no certificate: /],
  ['certfile', '/nowhere', /as a file: it cannot be read/],
  ['certfile', text(renewed.cert), /it cannot be used with its key: .*mismatch/],
  ['certfile', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /it cannot be used with its key: /],
  ['keyfile', '', /a certificate and its key belong together/],
  ['servername', 'a b', /it is no name of a host/],
  ['servername', '*.inside.test', /it is no name of a host/],
  ['servername', '127.0.0.1', /it is no name of a host/],
];

test('where it cannot be used, the servers are not met without it: 404, and the key says why', async (t) => {
  const server = await startGuarded({ after });
  for (const [key, value, reason] of BAD) {
    // Some of them would do without any of it.
    const host = await addRoute(tsuji, [server.url('127.0.0.1')], tls(ours));
    const name = host.slice(0, -5);
    assert.equal(await statusOf(t, host), 200);
    tsuji.set(`backends/${name}/tls/${key}`, value);
    await waitFor(async () => (await statusOf(t, host)) === 404, `${key} to be refused`);
    const { problems } = (await tsuji.status()) as unknown as {
      problems: { key: string; reason: string; state: string }[];
    };
    const problem = problems.find((each) => each.key.endsWith(`/backends/${name}/tls/${key}`));
    assert.match(problem?.reason ?? '', reason);
    assert.equal(problem?.state, 'rejected');
    assert.doesNotMatch(JSON.stringify(problem), /BEGIN/);
  }
});

test('no page shows a key', async () => {
  const shown = await Promise.all(
    ['/api', '/api/status', '/metrics'].map(async (path) => (await tsuji.api(path)).text()),
  );
  assert.doesNotMatch(shown.join('') + tsuji.output, /PRIVATE KEY/);
  assert.match(shown[0], /"ownCertificate":true/);
});
