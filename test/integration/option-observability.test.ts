/** Names of requests, and what is noted of them (shared/spec frontend-options §3.12, logs §2.4). */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import test, { after } from 'node:test';
import { ENGINES, startEngines } from '../harness/engines.ts';
import { listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

let seen: IncomingHttpHeaders = {};
const server = createServer((request, response) => {
  seen = request.headers;
  response.setHeader('X-Request-Id', 'of the server');
  response.end('site');
});
const site = await listening({ after }, server);

const engines = await startEngines({ after });
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [site], under('frontends/$', keys));
const named = await route({ 'requestid/response': 'true' });
const strict = await route({ 'requestid/trust': 'false', 'requestid/header': 'x-correlation-id' });
const passing = await route({ 'requestid/mode': 'pass', 'requestid/response': 'true' });
const off = await route({ 'requestid/mode': 'off' });
const refusing = await route({ 'requestid/response': 'true', 'denylist/sourcerange': '0.0.0.0/0' });
const plain = await route({});
const unseen = await route({ 'observability/metrics': 'false', 'observability/accesslogs': 'false' });

const ask = engines.ask.bind(engines);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

for (const engine of ENGINES) {
  test(`${engine}: a request gets a name, or keeps a good one of a peer that is believed`, async () => {
    const made = await ask(engine, { host: named });
    assert.match(String(seen['x-request-id']), UUID);
    assert.equal(made.fields['x-request-id'], seen['x-request-id']);
    const kept = await ask(engine, { host: named, fields: { 'x-request-id': 'a/b=1' } });
    assert.deepEqual([seen['x-request-id'], kept.fields['x-request-id']], ['a/b=1', 'a/b=1']);
    for (const bad of [['a', 'b'], 'a b', 'a"b', 'x'.repeat(129)]) {
      await ask(engine, { host: named, fields: { 'x-request-id': bad } });
      assert.match(String(seen['x-request-id']), UUID);
    }
    await ask(engine, { host: strict, fields: { 'x-correlation-id': 'mine', 'x-request-id': 'other' } });
    assert.match(String(seen['x-correlation-id']), UUID);
    assert.equal(seen['x-request-id'], 'other');
    const refused = await ask(engine, { host: refusing, fields: { 'x-request-id': 'mine' } });
    assert.deepEqual([refused.status, refused.fields['x-request-id']], [403, 'mine']);
  });

  test(`${engine}: a request of a frontend that asks for nothing has a name as well`, async () => {
    await ask(engine, { host: plain });
    assert.match(String(seen['x-request-id']), UUID);
    await ask(engine, { host: plain, fields: { 'x-request-id': 'mine' } });
    assert.equal(seen['x-request-id'], 'mine');
    await ask(engine, { host: plain, fields: { 'x-request-id': ['a', 'b'] } });
    assert.match(String(seen['x-request-id']), UUID);
  });

  test(`${engine}: a frontend may leave names as they are`, async () => {
    const passed = await ask(engine, { host: passing, fields: { 'x-request-id': 'mine' } });
    assert.deepEqual([seen['x-request-id'], passed.fields['x-request-id']], ['mine', 'mine']);
    for (const host of [passing, off]) {
      const without = await ask(engine, { host });
      assert.deepEqual([seen['x-request-id'], without.fields['x-request-id']], [undefined, 'of the server']);
    }
    await ask(engine, { host: off, fields: { 'x-request-id': 'a b' } });
    assert.equal(seen['x-request-id'], 'a b');
  });
}

test('requests of a frontend without metrics count for entrypoints only', async () => {
  const backend = unseen.split('.')[0];
  const total = async (): Promise<number> => {
    const lines = (await tsuji.metrics()).matchAll(/^traefik_entrypoint_requests_total\{.*\} (\d+)$/gm);
    return Array.from(lines, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
  };
  const before = await total();
  for (const engine of ENGINES) assert.equal((await ask(engine, { host: unseen })).status, 200);
  await waitFor(async () => (await total()) >= before + ENGINES.length, 'the requests to be counted');
  const metrics = await tsuji.metrics();
  const counted = (name: string): boolean =>
    new RegExp(`^traefik_(backend|service)_requests_total\\{.*"${name}".*\\} [1-9]`, 'm').test(metrics);
  assert.ok(counted(named.split('.')[0]));
  assert.ok(!counted(backend));
});

test('what is wrong costs itself only', async () => {
  const host = await route({
    'requestid/header': 'Content-Length',
    'observability/sampling': '1.5',
    'observability/metrics': 'maybe',
  });
  const name = host.split('.')[0];
  const { problems } = await tsuji.status();
  const own = problems
    .filter(({ key }) => key.includes(`/${name}/`))
    .map(({ key, state }) => [key.split(`${name}/`)[1], state]);
  assert.deepEqual(own.sort(), [
    ['observability/metrics', 'defaulted'],
    ['observability/sampling', 'defaulted'],
    ['requestid/header', 'defaulted'],
  ]);
  await ask('uws', { host });
  assert.match(String(seen['x-request-id']), UUID);
});
