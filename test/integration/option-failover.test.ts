/** Backends that stand in for others (shared/spec frontend-options §3.7). */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { type Ask, ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { bodyServer, listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { startWsServer, wsClient } from '../harness/websocket.ts';

let healthy = true;
let status = 200;
async function site(name: string): Promise<string> {
  const server = bodyServer((request, response, body) => {
    if (request.url === '/health') response.writeHead(healthy ? 200 : 500).end();
    else response.writeHead(name === 'own' ? status : 200).end(`${name}:${body}`);
  });
  return listening({ after }, server);
}

const own = await site('own');
const spare = await site('spare');
const DEAD = 'http://127.0.0.1:1';
const engines = await startEngines({ after }, { workers: 2, flags: ['--ejection.failures=0'] });
const { tsuji } = engines;
tsuji.set('backends/spare/servers/s/url', spare);
tsuji.set('backends/spare/buffering/maxrequestbodybytes', '2000000');
tsuji.set('backends/none/servers/s/weight', '1');
tsuji.set('backends/none/failover/backend', 'spare');
const route = (keys: Record<string, string>, urls = [own]): Promise<string> =>
  addRoute(tsuji, urls, under('backends/$', keys));
const empty = await route({ 'failover/backend': 'spare' }, []);
const chained = await route({ 'failover/backend': 'none' }, []);
const byStatus = await route({
  'failover/backend': 'spare',
  'failover/status': '500,502-504',
  'failover/maxrequestbodybytes': '10',
  'buffering/maxresponsebodybytes': '100',
});
const dead = await route({ 'failover/backend': 'spare', 'failover/status': '502' }, [DEAD]);
const deadOnly = await route({ 'failover/backend': 'spare' }, [DEAD]);
const limited = await route({ 'failover/backend': 'spare', 'failover/status': '429', 'maxconn/amount': '-1' });
const checks = { 'healthcheck/path': '/health', 'healthcheck/interval': '50ms' };
const checked = await route({ 'failover/backend': 'spare', ...checks });
const half = await route({ 'failover/backend': 'spare', 'failover/below': '60', ...checks }, [own, `${DEAD}/`]);

async function ask(engine: Engine, request: Ask) {
  const answer = await engines.ask(engine, request);
  return { status: answer.status, body: answer.body.toString() };
}
const text = async (engine: Engine, request: Ask): Promise<string> => (await ask(engine, request)).body;

for (const engine of ENGINES) {
  test(`${engine}: a backend without servers has another one in its place, along a chain`, async () => {
    const body = Buffer.from('x'.repeat(3_000));
    assert.equal(await text(engine, { host: empty }), 'spare:');
    assert.equal(await text(engine, { host: empty, method: 'POST', body }), `spare:${body}`);
    assert.equal(await text(engine, { host: chained }), 'spare:');
  });

  test(`${engine}: an answer that is listed leads to the other backend, what may not be sent twice does not`, async () => {
    status = 503;
    assert.equal(await text(engine, { host: byStatus }), 'spare:');
    assert.equal(
      await text(engine, { host: byStatus, method: 'PUT', body: Buffer.from('0123456789') }),
      'spare:0123456789',
    );
    const long = await ask(engine, { host: byStatus, method: 'PUT', body: Buffer.from('0123456789a') });
    const post = await ask(engine, { host: byStatus, method: 'POST', body: Buffer.from('x') });
    assert.deepEqual(
      [long, post],
      [
        { status: 503, body: 'own:0123456789a' },
        { status: 503, body: 'own:x' },
      ],
    );
    status = 404;
    assert.equal((await ask(engine, { host: byStatus })).status, 404);
    status = 200;
    assert.equal(await text(engine, { host: byStatus }), 'own:');
  });

  test(`${engine}: so does an answer of ours, whatever the method, while nothing was sent`, async () => {
    const body = Buffer.from('a body');
    assert.equal(await text(engine, { host: dead, method: 'POST', body }), 'spare:a body');
    assert.equal(await text(engine, { host: limited, method: 'POST', body }), 'spare:a body');
    assert.equal((await ask(engine, { host: deadOnly })).status, 502);
  });
}

test('a backend whose servers are down is back at once when one is up', async () => {
  const becomes = (host: string, answer: string) =>
    waitFor(async () => (await text('uws', { host })) === answer, `${host} to answer ${answer}`);
  await becomes(checked, 'own:');
  await becomes(half, 'spare:');
  healthy = false;
  await becomes(checked, 'spare:');
  healthy = true;
  await becomes(checked, 'own:');
  const told = (event: string): number =>
    tsuji.output
      .split('\n')
      .filter((line) => line.includes(`event=${event} `) && line.includes(`=${checked.split('.')[0]} to`)).length;
  await waitFor(() => told('failover_off') === 1, 'the line of the return');
  assert.equal(told('failover_on'), 1, 'one line of all workers');
});

test('an open circuit breaker leads to the other backend', async () => {
  const host = await route({
    'failover/backend': 'spare',
    'circuitbreaker/expression': 'ResponseCodeRatio(500, 600, 0, 600) > 0.5',
  });
  status = 500;
  await waitFor(async () => (await text('tsuji', { host })) === 'spare:', 'the breaker to open');
  status = 200;
  for (const engine of ENGINES) assert.equal(await text(engine, { host }), 'spare:');
});

test('an ejected server is still tried', async (t) => {
  const fast = await startEngines(t, {
    flags: ['--ejection.failures=2', '--ejection.time=100ms', '--ejection.maxTime=100ms'],
  });
  fast.tsuji.set('backends/spare/servers/s/url', spare);
  let refuses = true;
  const flaky = createServer((request, response) => (refuses ? request.socket.destroy() : response.end('flaky:')));
  const url = await listening(t, flaky);
  const keys = { 'backends/$/failover/backend': 'spare', 'backends/$/failover/below': '100' };
  const host = await addRoute(fast.tsuji, [url, `${own}/`], keys);
  const get = async (): Promise<string> => (await whole(fast.client(t, 'uws').ask({ host }))).body.toString();
  await waitFor(async () => (await get()) === 'spare:', 'the ejection');
  refuses = false;
  await waitFor(async () => (await get()) === 'flaky:', 'its return');
});

test('a WebSocket goes to the other backend as well', async (t) => {
  const server = await startWsServer(t);
  tsuji.set('backends/sockets/servers/s/url', server.url);
  await waitFor(async () => (await tsuji.api('/api/providers/folder/backends/sockets')).status === 200, 'the backend');
  status = 503;
  for (const keys of [{}, { 'failover/status': '502,503' }]) {
    for (const urls of Object.keys(keys).length === 0 ? [[]] : [[own], [DEAD]]) {
      const host = await route({ 'failover/backend': 'sockets', ...keys }, urls);
      for (const engine of ['uws', 'tsuji'] as const) {
        assert.equal((await wsClient(t, engines.port(engine), host)).closed, null);
      }
    }
  }
  status = 200;
});

test('a change of the chain is live, and a circle, a gap and a chain that is too long are told', async () => {
  const reasonOf = async (backend: string): Promise<string> =>
    (await tsuji.status()).problems.find(({ key }) => key.endsWith(`/backends/${backend}/failover/backend`))?.reason ??
    '';
  const host = await route({ 'failover/backend': 'later' }, []);
  const name = host.split('.')[0];
  assert.match(await reasonOf(name), /there is no backend "later"/);
  assert.equal((await ask('uws', { host })).status, 503);
  tsuji.set('backends/later/servers/s/url', spare);
  await waitFor(async () => (await text('uws', { host })) === 'spare:', 'the backend that came later');
  assert.equal(await reasonOf(name), '');
  tsuji.set('backends/later/failover/backend', name);
  await waitFor(async () => (await reasonOf(name)) !== '' && (await reasonOf('later')) !== '', 'the circle');
  assert.match(await reasonOf('later'), /is a circle/);
  await waitFor(async () => (await ask('uws', { host })).status === 503, 'the circle to be in force');
  tsuji.delete('backends/later/failover');
  await waitFor(async () => (await text('uws', { host })) === 'spare:', 'the circle to be gone');
  for (let i = 1; i <= 5; i++) tsuji.set(`backends/c${i}/failover/backend`, i === 5 ? 'spare' : `c${i + 1}`);
  await waitFor(async () => /more than 4/.test(await reasonOf('c1')), 'the chain of five');
  assert.equal(await reasonOf('c2'), '');
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
