/** A mistake of ours that one object meets costs that object; one that nobody catches costs nothing that is served. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const HOOK = new URL('../harness/poison-hook.ts', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'tsuji-uncaught-'));
after(() => rmSync(folder, { recursive: true }));
const BREAKER = 'NetworkErrorRatio() > 0.5';
const uncaught = join(folder, 'now');

const tsuji = await startTsuji(
  { after },
  {
    imports: [HOOK],
    env: { TSUJI_TEST_UNCAUGHT: uncaught },
    flags: [`--entryPoints=Name:http Address:${OWN_HOST}:0`, `--entryPoints=Name:https Address:${OWN_HOST}:0 TLS`],
  },
);
const upstream = await startRawServer(
  { after },
  answering(() => ok('x')),
);

async function statusOf(host: string): Promise<number> {
  const client = await rawClient({ after: () => {} }, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return Number((await client.untilClosed()).slice(9, 12));
}

type Problem = { key: string; state: string; reason: string };

async function problems(): Promise<Problem[]> {
  return ((await tsuji.status()) as unknown as { problems: Problem[] }).problems;
}

function put(name: string, keys: Record<string, string> = {}): void {
  tsuji.set(`backends/${name}/servers/s/url`, upstream.url);
  tsuji.set(`frontends/${name}/backend`, name);
  tsuji.set(`frontends/${name}/routes/r/rule`, `Host:${name}.test`);
  for (const [key, value] of Object.entries(keys)) tsuji.set(key, value);
}

test('whoever no step can be taken with is rejected with the reason, and all others are served, before and after', async () => {
  const before = await addRoute(tsuji, [upstream.url]);
  put('poison-model', { 'frontends/poison-model/priority': 'poison-model' });
  put('poison-slot');
  put('poison-heap');
  put('poison-index');
  const expected = [
    ['backends/poison-heap', 'it cannot be served: injected fault in add'],
    ['backends/poison-slot', 'it cannot be served: injected fault in hold'],
    ['frontends/poison-heap/backend', 'the backend "poison-heap" is left out: its own problems say why'],
    ['frontends/poison-index', 'it cannot be served: injected fault in add'],
    ['frontends/poison-model', 'an error inside tsuji: injected fault in add'],
    ['frontends/poison-slot/backend', 'the backend "poison-slot" is left out: its own problems say why'],
  ];
  const found = async () =>
    (await problems()).map(({ key, reason }) => [key.slice(1), reason]).filter(([key]) => /poison/.test(key));
  await waitFor(async () => isDeepStrictEqual(await found(), expected), 'all to be rejected');
  const next = await addRoute(tsuji, [upstream.url]);
  for (const host of [before, next]) assert.equal(await statusOf(host), 200);
  for (const name of ['model', 'slot', 'heap', 'index']) assert.equal(await statusOf(`poison-${name}.test`), 404);
  // A change of its keys is a new chance for an object.
  tsuji.set('frontends/poison-model/priority', '7');
  await waitFor(async () => (await statusOf('poison-model.test')) === 200, 'the mended frontend');
});

test('what is done about servers, breakers and certificates fails for the one that it is about', async () => {
  put('poison-weights', { 'backends/poison-weights/loadbalancer/method': 'drr' });
  put('poison-health', { 'backends/poison-health/healthcheck/path': '/' });
  put('poison-breaker', { 'backends/poison-breaker/circuitbreaker/expression': BREAKER });
  tsuji.set('tls/poison-certificate/entrypoints', 'https');
  tsuji.set('tls/poison-certificate/certificate/certfile', '/nowhere');
  tsuji.set('tls/poison-certificate/certificate/keyfile', '/nowhere');
  for (const where of [
    'weights of poison-weights',
    'health checks of poison-health',
    'breaker of poison-breaker',
    'certificate poison-certificate',
  ]) {
    await waitFor(() => tsuji.output.includes(`event=own_error in="${where}"`), where);
  }
  for (const name of ['poison-weights', 'poison-health', 'poison-breaker']) {
    await waitFor(async () => (await statusOf(`${name}.test`)) === 200, name);
  }
  const host = await addRoute(tsuji, [upstream.url], { 'backends/$/loadbalancer/method': 'drr' });
  assert.equal(await statusOf(host), 200);
});

test('a page that cannot be made is a 500 that is told, and all else is served', async () => {
  put('poison-page', { 'backends/poison-page/circuitbreaker/expression': BREAKER });
  const statusOfPage = async (path: string): Promise<number> => {
    const page = await tsuji.api(path);
    await page.arrayBuffer();
    return page.status;
  };
  await waitFor(async () => (await statusOfPage('/api/status')) === 500, 'the page to fail');
  await tsuji.hasSaid(/event=own_error in="admin page".* error="injected fault in view"/);
  for (const path of ['/ping', '/readyz', '/health', '/api/providers', '/dashboard/']) {
    assert.equal(await statusOfPage(path), 200, path);
  }
  await waitFor(async () => (await statusOf('poison-page.test')) === 200, 'the route');
  tsuji.delete('backends/poison-page');
  await waitFor(async () => (await statusOfPage('/api/status')) === 200, 'the page');
});

test('an error that nobody catches on the main thread is told, and everything goes on', async () => {
  writeFileSync(uncaught, '');
  await waitFor(() => tsuji.output.includes('event=own_error in="main thread" error="injected fault"'), 'the log line');
  assert.equal(await statusOf(await addRoute(tsuji, [upstream.url])), 200);
  assert.equal(tsuji.exit, null);
});
