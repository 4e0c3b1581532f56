/** The name and the password that the admin pages ask for (shared/spec cli-api §3), with a real tsuji. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import bcrypt from 'bcryptjs';
import { OWN_HOST } from '../harness/own-host.ts';
import { rawClient } from '../harness/raw.ts';
import { startTsuji } from '../harness/tsuji.ts';

const USERS = `ada:${bcrypt.hashSync('correct', 4)},bob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=`;
const tsuji = await startTsuji(
  { after },
  {
    noWait: true,
    flags: [
      `--entryPoints=Name:http Address:${OWN_HOST}:0`,
      `--entryPoints=Name:traefik Address:${OWN_HOST}:0 Auth.Basic.Users:${USERS}`,
      '--defaultEntryPoints=http',
    ],
  },
);

const ask = (path: string, credentials = ''): Promise<Response> =>
  fetch(`http://${OWN_HOST}:${tsuji.adminPort}${path}`, {
    headers: credentials === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
  });

const GUARDED = ['/', '/dashboard/', '/api', '/api/status', '/api/providers', '/health', '/metrics', '/nothing'];

test('every page is given to who knows a password, and to nobody else', async () => {
  for (const path of GUARDED) {
    for (const credentials of ['', 'ada:wrong', 'bob:correct', 'nobody:test', ':', 'ada:']) {
      const answer = await ask(path, credentials);
      assert.equal(answer.status, 401, `${path} ${credentials}`);
      assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="traefik"');
      assert.equal(await answer.text(), '401 Unauthorized\n');
    }
  }
  for (const credentials of ['ada:correct', 'bob:test']) {
    // Twice, since the second time it is known already.
    for (let round = 0; round < 2; round++)
      assert.equal((await ask('/api/status', credentials)).status, 200, credentials);
  }
  assert.match(await (await ask('/metrics', 'ada:correct')).text(), /^tsuji_/m);
  assert.equal((await ask('/nothing', 'ada:correct')).status, 404);
});

test('whoever watches whether tsuji lives needs no password', async () => {
  for (const path of ['/ping', '/livez']) assert.equal((await ask(path)).status, 200, path);
  assert.notEqual((await ask('/readyz')).status, 401);
});

test('an event stream is given to nobody without a password', async (t) => {
  const client = await rawClient(t, tsuji.adminPort);
  client.send('GET /api/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  await client.until('HTTP/1.1 401 Unauthorized');
});

test('no page and no line shows a hash', async () => {
  const shown = await Promise.all(
    ['/api', '/api/status', '/metrics'].map(async (path) => (await ask(path, 'bob:test')).text()),
  );
  assert.doesNotMatch(shown.join('') + tsuji.output, /qUqP5cyxm6|\$2[aby]\$04/);
});
