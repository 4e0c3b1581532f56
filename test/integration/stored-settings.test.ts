/** Settings of tsuji itself in etcd (shared/spec kv-schema §12), by a real etcd. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { response } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { type Etcd, startEtcd } from '../harness/tools.ts';
import { startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

type Problems = { problems: { key: string; state: string; reason: string }[] };

async function etcdWith(t: TestContext, api: 2 | 3, keys: Record<string, string>): Promise<Etcd> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  for (const [key, value] of Object.entries(keys))
    await etcd.ctl(api, api === 3 ? 'put' : 'set', `/traefik/${key}`, value);
  return etcd;
}

async function statusOf(t: TestContext, port: number, host: string): Promise<number> {
  const client = await rawClient(t, port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { status } = await response(client);
  client.destroy();
  return status;
}

async function problemsOf(tsuji: Tsuji): Promise<Record<string, string>> {
  const { problems } = (await (await tsuji.api('/api/status')).json()) as Problems;
  return Object.fromEntries(problems.map(({ key, reason }) => [key, reason]));
}

async function routeTo(t: TestContext): Promise<Record<string, string>> {
  const server = await startRawServer(
    t,
    answering(() => ok('ok')),
  );
  return {
    'backends/b/servers/s/url': server.url,
    'frontends/f/backend': 'b',
    'frontends/f/routes/r/rule': 'Host:a.test',
  };
}

for (const api of [3, 2] as const) {
  test(`entrypoints and settings from etcd v${api} are in force from the start`, async (t) => {
    const etcd = await etcdWith(t, api, {
      ...(await routeTo(t)),
      'entrypoints/http/address': `${OWN_HOST}:0`,
      'entrypoints/http/whitelist/sourcerange/0': '10.0.0.0/8',
      'entrypoints/open/address': `${OWN_HOST}:0`,
      'entrypoints/bad/address': `${OWN_HOST}:0`,
      'entrypoints/bad/proxyprotocol/trustedips/0': 'nobody',
      'defaultentrypoints/0': 'http',
      'defaultentrypoints/1': 'open',
      'retry/attempts': 'many',
    });
    const tsuji = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`] });
    assert.equal(await statusOf(t, tsuji.portOf('http'), 'a.test'), 403);
    assert.equal(await statusOf(t, tsuji.portOf('open'), 'a.test'), 200);
    assert.equal(tsuji.portOf('bad'), 0);
    const problems = await problemsOf(tsuji);
    assert.match(problems['/traefik/entrypoints/bad/address'], /ProxyProtocol.TrustedIPs: "nobody" is no IP address/);
    assert.match(problems['/traefik/retry/attempts'], /"many" is not a whole number/);
    assert.equal('/traefik/entrypoints/http/address' in problems, false);

    await etcd.ctl(api, api === 3 ? 'put' : 'set', '/traefik/entrypoints/open/compress', 'true');
    await waitFor(
      async () => /since the start/.test((await problemsOf(tsuji))['/traefik/entrypoints/open/compress'] ?? ''),
      'the changed setting to be noticed',
    );
  });
}

test('while etcd cannot be reached tsuji listens, and it obeys the settings there before it serves a route', async (t) => {
  const etcd = await etcdWith(t, 3, {
    ...(await routeTo(t)),
    'entrypoints/http/address': `${OWN_HOST}:0`,
    'entrypoints/http/whitelist/sourcerange/0': '10.0.0.0/8',
    'entrypoints/more/address': `${OWN_HOST}:0`,
    'entrypoints/nowhere/address': 'here',
    'entrypoints/elsewhere/address': '192.0.2.1:80',
    'web/address': '192.0.2.1:8080',
    'entrypoints/guarded/address': `${OWN_HOST}:0`,
    'entrypoints/guarded/auth/basic/users/0': 'ann:secret',
    'defaultentrypoints/0': 'http',
    'defaultentrypoints/1': 'more',
  });
  await etcd.kill();
  const tsuji = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`], noWait: true });
  await tsuji.hasSaid(/The settings in the store cannot be read/);
  // As with Traefik, a ping tells nothing of routes.
  for (const path of ['/livez', '/ping']) assert.equal((await tsuji.api(path)).status, 200, path);
  const ready = await tsuji.api('/readyz');
  assert.deepEqual([ready.status, /^not ready: .* is connecting/.test(await ready.text())], [503, true]);
  // Not 404: nobody knows yet what there is.
  assert.equal(await statusOf(t, tsuji.port, 'a.test'), 503);
  const [source] = (await tsuji.status()).sources;
  assert.equal(source.state, 'connecting');

  await etcd.restart();
  await waitFor(
    () => tsuji.portOf('more') > 0,
    () => `tsuji to start anew by the settings of etcd, it said ${tsuji.output}`,
    60_000,
  );
  await waitFor(async () => (await statusOf(t, tsuji.portOf('more'), 'a.test')) === 200, 'the route to be served');
  assert.equal(await statusOf(t, tsuji.portOf('http'), 'a.test'), 403);
  // What cannot be used there costs its own entrypoint only.
  const problems = await waitFor(() => problemsOf(tsuji), 'the admin address of the new start');
  assert.match(problems['/traefik/entrypoints/nowhere/address'], /"here" is not an address/);
  const unusable = /cannot listen on 192.0.2.1:80.*this machine does not have that address/;
  assert.match(problems['/traefik/entrypoints/elsewhere/address'], unusable);
  assert.match(problems['/traefik/web/address'], unusable);
  assert.match(
    problems['/traefik/entrypoints/guarded/auth/basic/users/0'],
    /hash of user .* is of no known kind.*not listened on/,
  );
  assert.doesNotMatch(tsuji.output + JSON.stringify(problems), /secret/);
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});

test('a signal ends tsuji while it waits for etcd', async (t) => {
  const tsuji = await startTsuji(t, { flags: ['--etcd', '--etcd.endpoint=127.0.0.1:9'], noWait: true });
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});
