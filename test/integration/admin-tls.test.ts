/** The protections of the entrypoint of the admin pages, with real certificates and a real tsuji. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { AdminServer } from '../../src/control/admin/admin-server.ts';
import type { EntryPointTls } from '../../src/kernel/entrypoint-options.ts';
import { TLS_DEFAULTS } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient } from '../harness/raw.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../harness/tls.ts';
import { freePort, run, temporaryFolder } from '../harness/tools.ts';
import { MAIN, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { FakeView, webSettings } from '../unit/control/admin/fake-view.ts';

const folder = temporaryFolder();
let authority: Certificate;
let one: Certificate;
let other: Certificate;
let client: Certificate;
let stranger: Certificate;

before(async () => {
  authority = await makeAuthority(folder.path, 'authority');
  one = await makeCertificate(folder.path, authority, 'one', `IP:${OWN_HOST}`);
  other = await makeCertificate(folder.path, authority, 'other', `IP:${OWN_HOST}`);
  client = await makeCertificate(folder.path, authority, 'client', 'DNS:client');
  stranger = await makeCertificate(
    folder.path,
    await makeAuthority(folder.path, 'elsewhere'),
    'stranger',
    'DNS:client',
  );
});
after(() => folder.remove());

async function start(t: TestContext, tls: Partial<EntryPointTls>, headMs = 10_000) {
  const times = { headMs, pieceMs: 10_000, answerMs: 10_000 };
  const settings = webSettings({ tls: { ...TLS_DEFAULTS, ...tls } });
  const admin = new AdminServer(new FakeView(), settings, { times, ticketKeys: [Buffer.alloc(48, 7)] });
  const { port } = await admin.listen();
  t.after(() => admin.close());
  return { admin, port };
}

/** Status and common name of the certificate, or why there is none. */
function get(port: number, path: string, options: RequestOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(
      { port, path, host: OWN_HOST, ca: readFileSync(authority.cert), agent: false, ...options },
      (response) => {
        const { socket } = response;
        const name = socket instanceof TLSSocket ? socket.getPeerCertificate() : null;
        response.resume().on('end', () => resolve(`${response.statusCode} ${name?.subject.CN}`));
      },
    );
    asked.on('error', () => resolve('failed')).end();
  });
}

function shown(pair: Certificate): RequestOptions {
  return { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
}

test('the pages are served with the certificate of their entrypoint, which changes with its files', async (t) => {
  const files = { cert: join(folder.path, 'live.pem'), key: join(folder.path, 'live.key') };
  const put = (pair: Certificate): void => {
    copyFileSync(pair.key, files.key);
    copyFileSync(pair.cert, files.cert);
  };
  put(one);
  const { admin, port } = await start(t, { certificates: [files] });
  assert.equal(await get(port, '/ping'), '200 one');
  assert.equal(await get(port, '/api/status'), '200 one');
  assert.equal(await get(port, '/ping', { maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }), 'failed');
  assert.deepEqual(
    admin.certificates().map(({ commonName, problem }) => [commonName, problem]),
    [['one', '']],
  );
  const plain = await rawClient(t, port);
  plain.send('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.doesNotMatch(await plain.untilClosed(), /200/);
  put(other);
  await waitFor(async () => (await get(port, '/ping')) === '200 other', 'the other certificate');
});

test('connections that do not finish their handshake are closed in time', async (t) => {
  const { admin, port } = await start(t, { certificates: [one] }, 300);
  const silent = await rawClient(t, port);
  const dripping = await rawClient(t, port);
  const drip = setInterval(() => dripping.send('\x16'), 20);
  t.after(() => clearInterval(drip));
  await Promise.all([silent.untilClosed(), dripping.untilClosed()]);
  await waitFor(() => admin.openConnections === 0, 'no connection to be left');
});

test('a client certificate that is demanded is demanded, and what is shown must hold', async (t) => {
  const files = [authority.cert];
  const required = await start(t, { certificates: [one], clientCA: { files, optional: false } });
  assert.equal(await get(required.port, '/ping'), 'failed');
  assert.equal(await get(required.port, '/ping', shown(stranger)), 'failed');
  assert.equal(await get(required.port, '/ping', shown(client)), '200 one');
  const optional = await start(t, { certificates: [one], clientCA: { files, optional: true } });
  assert.equal(await get(optional.port, '/ping'), '200 one');
  assert.equal(await get(optional.port, '/ping', shown(stranger)), 'failed');
});

test('tsuji keeps what its admin entrypoint was given, and its healthcheck follows', async (t) => {
  const port = await freePort();
  const flags = [
    `--entryPoints=Name:http Address:${OWN_HOST}:0`,
    `--entryPoints=Name:admin Address:127.0.0.1:1 TLS:${one.cert},${one.key} WhiteList.SourceRange:10.0.0.0/8`,
    '--api.entryPoint=admin',
    `--web.address=${OWN_HOST}:${port}`,
  ];
  const tsuji = await startTsuji(t, { flags, noWait: true });
  await waitFor(async () => (await get(port, '/ping')) === '200 one', 'ping');
  assert.equal(await get(port, '/api/status'), '403 one');
  assert.equal(tsuji.adminPort, port);
  const health = await run(process.execPath, [MAIN, 'healthcheck', ...flags]);
  assert.deepEqual([health.code, health.stdout], [0, `OK: https://${OWN_HOST}:${port}/ping\n`]);
});
