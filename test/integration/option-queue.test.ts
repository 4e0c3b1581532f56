/** Requests that wait for a slot of their backend's maxconn (shared/spec frontend-options §2.8). */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test, { after } from 'node:test';
import { type Ask, type Asked, ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { armedTimers, openExchanges } from '../harness/exchanges.ts';
import { bodyServer, listening } from '../harness/listening.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { startWsServer, wsClient } from '../harness/websocket.ts';

type Open = { name: string; body: string; response: ServerResponse };
/** Requests that the server has not answered, in order. */
const open: Open[] = [];
const server = bodyServer((request, response, body) => {
  open.push({ name: request.url!.slice(1), body, response });
});
const url = await listening({ after }, server);
const engines = await startEngines({ after }, { workers: 2 });
const { tsuji } = engines;
const route = (queue: string, timeout: string, keys: Record<string, string> = {}, to = url): Promise<string> =>
  addRoute(tsuji, [to], {
    'backends/$/maxconn/amount': '1',
    'backends/$/maxconn/queue': queue,
    ...(timeout === '' ? {} : { 'backends/$/timeouts/queue': timeout }),
    ...keys,
  });
const patient = await route('3', '60s');
const hasty = await route('3', '200ms');
const bySource = await route('9', '60s', { 'backends/$/maxconn/extractorfunc': 'request.header.X-Source' });
const buffered = await route('3', '60s', { 'backends/$/buffering/maxrequestbodybytes': '1000' });

async function waiting(host: string): Promise<number> {
  const name = `backend="${host.split('.')[0]}"`;
  const line = (await tsuji.metrics())
    .split('\n')
    .find((each) => each.startsWith(`tsuji_backend_maxconn_waiting{${name}`));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

async function answerNext(): Promise<Open> {
  await waitFor(() => open.length > 0, 'a request at the server');
  const next = open.shift()!;
  next.response.end(next.name);
  return next;
}

/** A request that is with the server, and then others, each of which waits before the next is sent. */
async function row(
  t: { after(fn: () => unknown): unknown },
  engine: Engine,
  host: string,
  asks: readonly Omit<Ask, 'host'>[],
) {
  const rest: Asked[] = [];
  for (const [i, each] of asks.entries()) {
    const before = open.length;
    const asked = engines.client(t, engine).ask({ host, ...each });
    asked.head.catch(() => {});
    asked.upload.on('error', () => {});
    if (each.body === 'open') asked.upload.write('some of a body');
    rest.push(asked);
    if (i === 0) await waitFor(() => open.length > before, 'the first request at the server');
    else await waitFor(async () => (await waiting(host)) === i, `request ${i} to wait`);
  }
  return rest;
}

const named = (name: string): Omit<Ask, 'host'> => ({ path: `/${name}` });

for (const engine of ENGINES) {
  test(`${engine}: who waits is served in order, over all workers, and only so many do`, async (t) => {
    const asked = await row(t, engine, patient, ['a', 'b', 'c', 'd'].map(named));
    const beyond = await whole(engines.client(t, engine).ask({ host: patient }));
    assert.deepEqual([beyond.status, beyond.body.toString()], [503, 'Service Unavailable']);
    const served: string[] = [];
    for (let i = 0; i < asked.length; i++) {
      assert.equal((await answerNext()).name, 'abcd'[i]);
      served.push((await whole(asked[i])).body.toString());
    }
    assert.deepEqual(served, ['a', 'b', 'c', 'd']);
    assert.equal(await waiting(patient), 0);
  });

  test(`${engine}: one that has waited too long is a 503, and its place and slot are free again`, async (t) => {
    const [first] = await row(t, engine, hasty, [named('a')]);
    // It may be over before anybody could see it wait.
    const second = engines.client(t, engine).ask({ host: hasty, path: '/b' });
    assert.equal((await second.head).status, 503);
    assert.equal(await waiting(hasty), 0);
    await answerNext();
    assert.equal((await first.head).status, 200);
    const next = engines.client(t, engine).ask({ host: hasty, path: '/c' });
    await answerNext();
    assert.equal((await next.head).status, 200);
  });

  test(`${engine}: a client that leaves gives up its place, and bodies wait with their requests`, async (t) => {
    const body = Buffer.from('a body that waits');
    const leaving = { path: '/b', method: 'POST', body: 'open' as const };
    const staying = { path: '/c', method: 'POST', body };
    const [first, gone, last] = await row(t, engine, patient, [named('a'), leaving, staying]);
    gone.leave();
    await waitFor(async () => (await waiting(patient)) === 1, 'its place to be free');
    await answerNext();
    assert.equal((await first.head).status, 200);
    assert.equal((await answerNext()).body, String(body));
    assert.equal((await whole(last)).body.toString(), 'c');
    const [, held] = await row(t, engine, buffered, [named('a'), staying]);
    await answerNext();
    assert.equal((await answerNext()).body, String(body));
    assert.equal((await held.head).status, 200);
  });
}

test('each source has a row of its own', async (t) => {
  const of = (source: string, name: string): Omit<Ask, 'host'> => ({
    path: `/${name}`,
    fields: { 'x-source': source },
  });
  const asked = await row(t, 'uws', bySource, [of('one', 'a'), of('one', 'b')]);
  const other = engines.client(t, 'uws').ask({ host: bySource, ...of('two', 'c') });
  await waitFor(() => open.length === 2, 'the other source at the server');
  assert.deepEqual(
    open.map(({ name }) => name),
    ['a', 'c'],
  );
  for (let i = 0; i < 3; i++) await answerNext();
  for (const each of [...asked, other]) assert.equal((await each.head).status, 200);
});

test('a WebSocket waits for its slot as well', async (t) => {
  const sockets = await startWsServer(t);
  const host = await route('3', '60s', {}, sockets.url);
  for (const engine of ['uws', 'tsuji'] as const) {
    const first = await wsClient(t, engines.port(engine), host);
    const second = wsClient(t, engines.port(engine), host);
    await waitFor(async () => (await waiting(host)) === 1, 'the second to wait');
    first.ws.close();
    (await second).ws.terminate();
    await waitFor(async () => (await openExchanges(tsuji)) === 0, 'both to end');
  }
});

test('more than a few pass through one slot, and nothing is left over', async (t) => {
  const host = await route('1000', '60s');
  const sink = setInterval(() => {
    for (const { response } of open.splice(0)) response.end('x');
  }, 1);
  t.after(() => clearInterval(sink));
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, i) => whole(engines.client(t, ENGINES[i % ENGINES.length]).ask({ host }))),
  );
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
  assert.equal(await waiting(host), 0);
});

test('a queue without its time is told, and refuses at once', async (t) => {
  const host = await route('3', '');
  const key = `backends/${host.split('.')[0]}/maxconn/queue`;
  const { problems } = await tsuji.status();
  assert.ok(
    problems.some((each) => each.key.endsWith(key) && /nothing waits without timeouts\/queue/.test(each.reason)),
  );
  const [first] = await row(t, 'uws', host, [named('a')]);
  assert.equal((await whole(engines.client(t, 'uws').ask({ host }))).status, 429);
  await answerNext();
  await first.head;
});

test('tsuji ends in order with requests that wait', async (t) => {
  await row(t, 'tsuji', patient, ['a', 'b'].map(named));
  await waitFor(async () => (await armedTimers(tsuji)) > 0, 'the time of the one that waits');
  tsuji.kill('SIGTERM');
  await answerNext();
  await answerNext();
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});
