/** What backends are asked by us, for a page, by forward auth and for mirrors, is for them what a request of a client's is. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
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
