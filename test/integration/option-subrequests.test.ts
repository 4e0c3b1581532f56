/** What backends are asked by us, for a page, by forward auth and for mirrors, is for them what a request of a client's is. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const BREAKER = 'ResponseCodeRatio(500, 600, 0, 600) > 0.5';

type Count = { requests: number };

async function server(status: string, count: Count = { requests: 0 }): Promise<string> {
  const answer = answering(() => {
    count.requests++;
    return status === '200 OK' ? ok('fine') : `HTTP/1.1 ${status}\r\nContent-Length: 3\r\n\r\nbad`;
  });
  return (await startRawServer({ after }, answer)).url;
}

const engines = await startEngines({ after });
const { tsuji } = engines;
const site = await server('200 OK');
const sick = await server('500 Oh No');
const tired = await server('503 Service Unavailable');
/** Nobody listens there. */
const GONE = 'http://127.0.0.1:1';

async function statusOf(engine: Engine, host: string): Promise<number> {
  const cleanups: (() => unknown)[] = [];
  const { status } = await whole(engines.client({ after: (fn) => cleanups.push(fn) }, engine).ask({ host }));
  for (const cleanup of cleanups) cleanup();
  return status;
}

async function hasTripped(backend: string): Promise<boolean> {
  return (await tsuji.metrics()).includes(`\ntsuji_backend_breaker_trips_total{backend="${backend}"} 1\n`);
}

for (const engine of ENGINES) {
  test(`${engine}: the breaker of a backend sees what it answers to forward auth, to mirrors, and for a page`, async () => {
    const named = (name: string): string => `${name}-${engine}`;
    for (const [name, url] of Object.entries({ page: sick, auth: tired, mirror: sick })) {
      tsuji.set(`backends/${named(name)}/servers/s/url`, url);
      tsuji.set(`backends/${named(name)}/circuitbreaker/expression`, BREAKER);
    }
    const guarded = await addRoute(tsuji, [site], {
      'frontends/$/auth/forward/address': 'http://auth.test/',
      'frontends/$/auth/forward/backend': named('auth'),
      'frontends/$/errors/p/status': '503',
      'frontends/$/errors/p/backend': named('page'),
    });
    const mirrored = await addRoute(tsuji, [site], { 'frontends/$/mirrors/m/backend': named('mirror') });
    assert.equal(await statusOf(engine, guarded), 503);
    assert.equal(await statusOf(engine, mirrored), 200);
    for (const name of ['auth', 'page', 'mirror']) {
      await waitFor(() => hasTripped(named(name)), `the breaker of ${named(name)} to trip`);
    }
    // Asked no more: what could not be asked has let nobody in.
    assert.equal(await statusOf(engine, guarded), 500);
    // It refuses within the call: that this was waited for must have been noted before. Lines of a worker come behind its answers.
    assert.equal(await statusOf(engine, mirrored), 200);
    assert.doesNotMatch(tsuji.output, /event=own_error/);
  });

  test(`${engine}: a mirror that cannot be reached is not tried with another server`, async () => {
    const count = { requests: 0 };
    const copies = `copies-${engine}`;
    tsuji.set(`backends/${copies}/servers/a/url`, GONE);
    tsuji.set(`backends/${copies}/servers/b/url`, await server('200 OK', count));
    tsuji.set(`backends/${copies}/retry/attempts`, '3');
    const host = await addRoute(tsuji, [site], { 'frontends/$/mirrors/m/backend': copies });
    for (let round = 1; round <= 2; round++) {
      for (let i = 0; i < 2; i++) assert.equal(await statusOf(engine, host), 200);
      await waitFor(() => count.requests >= round, 'the copy whose turn it is to reach its server');
    }
    assert.equal(count.requests, 2);
  });
}

/** A server that answers with these statuses in turn, the last one from then on. */
async function flaky(...statuses: string[]): Promise<{ url: string; count: Count }> {
  const count = { requests: 0 };
  const answer = answering(() => {
    const status = statuses[Math.min(count.requests++, statuses.length - 1)];
    return `HTTP/1.1 ${status}\r\nContent-Length: 4\r\n\r\npage`;
  });
  return { url: (await startRawServer({ after }, answer)).url, count };
}

const LATER = '503 Later';

for (const engine of ENGINES) {
  const ask = async (host: string, fields: Record<string, string> = {}): Promise<string> => {
    const cleanups: (() => unknown)[] = [];
    const { status, body } = await whole(
      engines.client({ after: (fn) => cleanups.push(fn) }, engine).ask({ host, fields }),
    );
    for (const cleanup of cleanups) cleanup();
    return `${status} ${body.toString()}`;
  };
  /** The site of that frontend is out of order, and its page is with that backend. */
  const withPage = (backend: string): Promise<string> =>
    addRoute(tsuji, [sick], { 'frontends/$/errors/p/status': '500', 'frontends/$/errors/p/backend': backend });
  const set = (backend: string, keys: Record<string, string>): string => {
    const name = `${backend}-${engine}`;
    for (const [key, value] of Object.entries(keys)) tsuji.set(`backends/${name}/${key}`, value);
    return name;
  };

  test(`${engine}: a page is tried again for its status, in a while, and with another server`, async () => {
    const [one, other] = [await flaky(LATER), await flaky('200 OK')];
    const backend = set('retried', {
      'servers/a/url': one.url,
      'servers/b/url': other.url,
      'retry/attempts': '2',
      'retry/status': '503',
      'retry/initialinterval': '50ms',
    });
    const host = await withPage(backend);
    for (let i = 1; i <= 4; i++) assert.equal(await ask(host), '500 page');
    assert.equal(other.count.requests, 4);
    assert.ok(one.count.requests > 0);
  });

  test(`${engine}: a page is asked for once more as long as the expression of its backend's buffering holds`, async () => {
    const server = await flaky(LATER, LATER, '200 OK');
    const host = await withPage(
      set('repeated', {
        'servers/a/url': server.url,
        'buffering/retryexpression': 'ResponseCode() == 503 && Attempts() < 5',
      }),
    );
    assert.equal(await ask(host), '500 page');
    assert.equal(server.count.requests, 3);
    const host2 = await withPage(
      set('unreached', { 'servers/a/url': GONE, 'buffering/retryexpression': 'IsNetworkError()' }),
    );
    assert.match(await ask(host2), /^500 Bad Gateway/);
  });

  test(`${engine}: what stands in for a backend answers our own requests too, for a status and without a server`, async () => {
    const [bad, good] = [await flaky(LATER), await flaky('200 OK')];
    const spare = set('spare', { 'servers/a/url': good.url });
    const failover = { 'failover/backend': spare, 'failover/status': '502,503' };
    const ill = set('ill', { 'servers/a/url': bad.url, ...failover });
    const gone = set('gone', { 'servers/a/url': GONE, ...failover });
    const none = set('none', { 'servers/none/weight': '1', 'failover/backend': spare });
    for (const [index, backend] of [ill, gone, none].entries()) {
      assert.equal(await ask(await withPage(backend)), '500 page');
      assert.equal(good.count.requests, 2 * index + 1, backend);
      const guarded = await addRoute(tsuji, [site], {
        'frontends/$/auth/forward/address': 'http://auth.test/',
        'frontends/$/auth/forward/backend': backend,
      });
      assert.equal(await ask(guarded), '200 fine');
      assert.equal(good.count.requests, 2 * index + 2, backend);
    }
    assert.equal(bad.count.requests, 2);
  });

  test(`${engine}: a mirror follows no sticky cookie of its backend, and sets none`, async () => {
    const [one, other] = [await flaky('200 OK'), await flaky('200 OK')];
    const backend = set('sticky', {
      'servers/a/url': one.url,
      'servers/b/url': other.url,
      'loadbalancer/stickiness/cookiename': 'srv',
    });
    const host = await addRoute(tsuji, [site], { 'frontends/$/mirrors/m/backend': backend });
    for (let i = 0; i < 4; i++) assert.equal(await ask(host, { cookie: `srv=${one.url}` }), '200 fine');
    await waitFor(() => one.count.requests === 2 && other.count.requests === 2, 'the copies to be spread');
  });
}

test('nothing is left of any of them', async () => {
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
