/** SIGHUP: files are read again; what of it is in force now, and what waits for a restart, is said. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { routeKeys, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const HOST = 'nginx.example.com';
const folder = temporaryFolder();
after(() => folder.remove());
const place = (name: string): string => join(folder.path, name);
const FILE = place('traefik.toml');
const USERS = place('users');
const CA = place('ca.pem');

function password(text: string): void {
  writeFileSync(USERS, `ada:{SHA}${createHash('sha1').update(text).digest('base64')}\n`);
}

/** `more`: lines at the top. */
function settings(more: string): void {
  writeFileSync(
    FILE,
    `${more}
defaultEntryPoints = ["http", "https"]
[entryPoints.http]
address = "${OWN_HOST}:0"
[entryPoints.http.auth.basic]
usersFile = "${USERS}"
[entryPoints.https]
address = "${OWN_HOST}:0"
[entryPoints.https.tls.clientCA]
files = ["${CA}"]
`,
  );
}

const authorities = [await makeAuthority(folder.path, 'one'), await makeAuthority(folder.path, 'other')];
const one = await makeCertificate(folder.path, authorities[0], 'client1', 'DNS:one.test');
const other = await makeCertificate(folder.path, authorities[1], 'client2', 'DNS:other.test');
copyFileSync(authorities[0].cert, CA);
password('first');
settings('');
const server = await startRawServer(
  { after },
  answering(() => ok('x')),
);
const keys = routeKeys([server.url], HOST);
const tsuji = await startTsuji({ after }, { keys, workers: 2, flags: [`--configFile=${FILE}`] });

/** Until it has said that files were read again; what it has said on the way. */
async function reload(): Promise<string> {
  const before = tsuji.output.length;
  tsuji.kill('SIGHUP');
  await waitFor(() => tsuji.output.indexOf('event=reloaded', before) > 0, 'files to be read again');
  return tsuji.output.slice(before);
}

async function statusFor(text: string): Promise<string> {
  const client = await rawClient({ after }, tsuji.portOf('http'));
  const credentials = Buffer.from(`ada:${text}`).toString('base64');
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Basic ${credentials}\r\nConnection: close\r\n\r\n`);
  return (await client.untilClosed()).slice(9, 12);
}

/** A status, or `refused` when the handshake fails. */
async function statusOf({ cert, key }: Certificate): Promise<string> {
  const request = httpsRequest({
    host: OWN_HOST,
    port: tsuji.portOf('https'),
    headers: { host: HOST },
    cert: readFileSync(cert),
    key: readFileSync(key),
    rejectUnauthorized: false,
    agent: false,
  });
  request.end();
  return once(request, 'response').then(
    ([response]) => String(response.statusCode),
    () => 'refused',
  );
}

test('users and authorities of client certificates are those of their files from then on', async () => {
  assert.deepEqual([await statusFor('first'), await statusFor('second')], ['200', '401']);
  assert.deepEqual([await statusOf(one), await statusOf(other)], ['200', 'refused']);
  password('second');
  copyFileSync(place('other.pem'), CA);
  assert.match(await reload(), /event=setting_changed setting="entrypoint http: auth" in_force=now/);
  // Each of the workers hears of it by itself.
  await waitFor(async () => (await statusFor('first')) === '401' && (await statusFor('second')) === '200', 'the users');
  await waitFor(
    async () => (await statusOf(one)) === 'refused' && (await statusOf(other)) === '200',
    'the authorities',
  );
});

test('each changed setting of the file is said to be in force, or to wait for a restart; a bad file changes nothing', async () => {
  settings('logLevel = "DEBUG"\nmaxIdleConnsPerHost = 7\n');
  const said = await reload();
  assert.match(said, /event=setting_changed setting=--logLevel in_force=now/);
  assert.match(said, /level=warning .*event=setting_changed setting=--maxIdleConnsPerHost in_force="after a restart"/);
  // What waits is told each time, what is in force only once.
  assert.match(await reload(), /setting=--maxIdleConnsPerHost/);
  assert.equal(tsuji.output.split('setting=--logLevel').length, 2);

  settings('logLevel = DEBUG');
  assert.match(await reload(), /level=error .*event=reload_failed reason=".*traefik.toml: .*line 1/);
  assert.equal(await statusFor('second'), '200');

  copyFileSync(USERS, CA);
  settings('');
  assert.match(await reload(), /event=reload_failed reason=".*https.*no certificate in it/);
  assert.equal(await statusOf(other), '200');
});
