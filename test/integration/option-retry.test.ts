/** Answers of servers that are tried again (shared/spec frontend-options §3.8). */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test, { after } from 'node:test';
import { type Ask, ENGINES, type Engine, isHttp2, startEngines, whole } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { startHttp2Server } from '../harness/http2.ts';
import { bodyServer, listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { startWsServer, wsClient } from '../harness/websocket.ts';

type Seen = { server: string; method: string; body: string };
const seen: Seen[] = [];
let connections = 0;

async function site(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  name: string,
): Promise<string> {
  const server = bodyServer((request, response, body) => {
    seen.push({ server: name, method: request.method!, body });
    answer(request, response);
  });
  server.on('connection', () => connections++);
  return listening({ after }, server);
}

const bad = await site((request, response) => {
  response.writeEarlyHints({ link: '</bad.css>; rel=preload' });
  response.writeHead(503, { 'retry-after': String(request.headers['x-after'] ?? '0') }).end(`bad`);
}, 'bad');
const good = await site((_, response) => response.end('good'), 'good');
const engines = await startEngines({ after }, { flags: ['--ejection.failures=0', '--retry.minPerSecond=10000'] });
const { tsuji } = engines;
const route = (keys: Record<string, string>, urls = [bad, good]): Promise<string> =>
  addRoute(tsuji, urls, under('backends/$', keys));
const retrying = await route({ 'retry/status': '502-504' });
const anyMethod = await route({ 'retry/status': '503', 'retry/retrynonidempotentmethod': 'true' });
const hopeless = await route({ 'retry/status': '503', 'retry/attempts': '3' }, [bad]);
const late = await route({ 'retry/status': '503', 'retry/timeout': '20s' });
const paused = await route({ 'retry/status': '503', 'retry/initialinterval': '300ms' });
const pipelined = await route({ 'retry/status': '503', pipelining: '8' });
const noNetwork = await route({ 'retry/disableretryonnetworkerror': 'true' }, ['http://127.0.0.1:1', good]);
const network = await route({ 'retry/attempts': '2' }, ['http://127.0.0.1:1', good]);

async function ask(t: { after(fn: () => unknown): unknown }, engine: Engine, request: Ask) {
  const { body, ...answer } = await whole(engines.client(t, engine).ask(request));
  return { ...answer, body: body.toString() };
}

for (const engine of ENGINES) {
  test(`${engine}: an answer that is listed is tried again with another server, body and all`, async (t) => {
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', 'the body'],
      ['DELETE', undefined],
    ] as const) {
      for (let i = 0; i < 2; i++) {
        const before = seen.length;
        const asked: Ask = { host: retrying, method, ...(body === undefined ? {} : { body: Buffer.from(body) }) };
        const answer = await ask(t, engine, asked);
        assert.deepEqual([answer.status, answer.body], [200, 'good']);
        for (const each of seen.slice(before)) assert.deepEqual([each.method, each.body], [method, body ?? '']);
      }
    }
    assert.ok(
      seen.some(({ server, method }) => server === 'bad' && method === 'PUT'),
      'a PUT was sent again',
    );
  });

  test(`${engine}: what may not be sent twice, or is too long, is answered as it comes`, async (t) => {
    const statuses = async (host: string, method: string, bytes: number): Promise<number[]> => {
      const body = Buffer.alloc(bytes, 'x');
      const both = [await ask(t, engine, { host, method, body }), await ask(t, engine, { host, method, body })];
      return both.map(({ status }) => status).sort();
    };
    assert.deepEqual(await statuses(retrying, 'POST', 5), [200, 503]);
    assert.deepEqual(await statuses(anyMethod, 'POST', 5), [200, 200]);
    assert.deepEqual(await statuses(retrying, 'PUT', 65_537), [200, 503]);
    assert.deepEqual(await statuses(retrying, 'PUT', 65_536), [200, 200]);
  });

  test(`${engine}: the last try counts, with its interim responses; those of others are for nobody`, async (t) => {
    const before = seen.length;
    const asked = engines.client(t, engine).ask({ host: hopeless });
    const answer = await whole(asked);
    assert.deepEqual([answer.status, answer.body.toString()], [503, 'bad']);
    assert.equal(seen.length - before, 3);
    assert.equal(asked.interim.length, engine.startsWith('uws') ? 0 : 1);
    const other = engines.client(t, engine).ask({ host: retrying });
    await whole(other);
    assert.equal(other.interim.length, 0);
  });

  test(`${engine}: a server that asks for more time than is left is not passed over`, async (t) => {
    const statuses = async (seconds: string): Promise<number[]> => {
      const fields = { 'x-after': seconds };
      const both = [await ask(t, engine, { host: late, fields }), await ask(t, engine, { host: late, fields })];
      return both.map(({ status }) => status).sort();
    };
    assert.deepEqual(await statuses('21'), [200, 503]);
    assert.deepEqual(await statuses('10'), [200, 200]);
  });
}

test('the next try waits, and a client that has gone meanwhile is forgotten', async (t) => {
  const started = performance.now();
  for (let i = 0; i < 2; i++) assert.equal((await ask(t, 'tsuji', { host: paused })).status, 200);
  assert.ok(performance.now() - started >= 150, 'half of the interval at least');
  const before = seen.length;
  const both = [1, 2].map(() => engines.client(t, 'uws').ask({ host: paused }));
  await waitFor(() => seen.slice(before).some(({ server }) => server === 'bad'), 'the first try');
  for (const each of both) each.leave();
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});

test('connections whose answers count for nothing are used again, also those that requests share', async (t) => {
  for (const host of [retrying, pipelined]) {
    const warm = await Promise.all(Array.from({ length: 40 }, () => ask(t, 'uws', { host })));
    assert.ok(warm.every(({ status }) => status === 200));
    const before = connections;
    for (let i = 0; i < 20; i++) assert.equal((await ask(t, 'uws', { host })).status, 200);
    assert.equal(connections, before);
  }
});

test('keys below retry switch retries on, and may leave network errors out', async (t) => {
  const statuses = async (host: string) => [
    (await ask(t, 'uws', { host })).status,
    (await ask(t, 'uws', { host })).status,
  ];
  assert.deepEqual(await statuses(network), [200, 200]);
  assert.deepEqual((await statuses(noNetwork)).sort(), [200, 502]);
});

test('a handshake of a WebSocket is tried again as well', async (t) => {
  const server = await startWsServer(t);
  const host = await route({ 'retry/status': '503' }, [bad, server.url]);
  for (const engine of ['uws', 'tsuji'] as const) {
    for (let i = 0; i < 2; i++) assert.equal((await wsClient(t, engines.port(engine), host)).closed, null);
  }
});

test('servers that speak HTTP/2 are passed over as well', async (t) => {
  const answering = (status: number) =>
    startHttp2Server(t, ({ stream }) => {
      stream.respond({ ':status': status });
      stream.end(`${status}`);
    });
  const host = await route({ 'retry/status': '5xx' }, [(await answering(500)).url, (await answering(200)).url]);
  for (const engine of ENGINES.filter((each) => isHttp2(each) || each === 'uws')) {
    for (let i = 0; i < 4; i++) assert.equal((await ask(t, engine, { host })).body, '200');
  }
});

test('the budget of retries holds for them, and servers that answer so are ejected', async (t) => {
  const small = await startEngines(t, {
    flags: ['--retry.budget=20', '--retry.minPerSecond=0', '--ejection.failures=2'],
  });
  const keys = { 'backends/$/retry/status': '503' };
  const host = await addRoute(small.tsuji, [bad, good], keys);
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await whole(small.client(t, 'uws').ask({ host }))).status);
  assert.equal(statuses.filter((status) => status === 503).length > 0, true, statuses.join());
  await waitFor(
    async () => /tsuji_backend_server_ejections_total\S* [1-9]/.test(await small.tsuji.metrics()),
    'an ejection',
  );
});

test('the budget of retries holds for the expression of buffering, too', async (t) => {
  const small = await startEngines(t, { flags: ['--workers=1', '--retry.budget=50', '--retry.minPerSecond=0'] });
  const host = await addRoute(small.tsuji, [bad], { 'backends/$/buffering/retryexpression': 'ResponseCode() == 503' });
  const before = seen.length;
  for (let i = 0; i < 4; i++) assert.equal((await whole(small.client(t, 'uws').ask({ host }))).status, 503);
  assert.equal(seen.length - before, 4 + 2);
  assert.match(await small.tsuji.metrics(), /tsuji_backend_retries_refused_total\S* [1-9]/);
});

test('what is wrong below retry is told, and costs itself', async (t) => {
  const host = await route({ 'retry/status': '503,often', 'retry/attempts': '-2', 'retry/timeout': 'x' });
  const name = host.split('.')[0];
  const { problems } = await tsuji.status();
  const told = problems
    .filter(({ key }) => key.includes(`/${name}/retry/`))
    .map(({ key, state }) => [key.split('/').at(-1), state]);
  assert.deepEqual(told.sort(), [
    ['attempts', 'defaulted'],
    ['status', 'ignored'],
    ['timeout', 'defaulted'],
  ]);
  for (let i = 0; i < 2; i++) assert.equal((await ask(t, 'uws', { host })).status, 200);
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
