/** A worker that runs out of memory costs nobody else anything, with every engine; the heap is a small one here. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const LEAK_HOOK = new URL('../harness/leak-hook.ts', import.meta.url).href;
const engines = await startEngines({ after }, { imports: [LEAK_HOOK], workers: 2, flags: ['--limits.workerHeap=96'] });
const { tsuji } = engines;
const server = await startRawServer(
  { after },
  answering(() => ok('fine')),
);
const host = await addRoute(tsuji, [server.url]);

/** By a connection of its own: 0 when there was no answer. */
async function statusOf(engine: Engine, path: string): Promise<number> {
  const cleanups: (() => unknown)[] = [];
  const client = engines.client({ after: (fn) => cleanups.push(fn) }, engine);
  try {
    return (await whole(client.ask({ host, path }))).status;
  } catch {
    return 0;
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

async function restarts(): Promise<number> {
  return (await tsuji.status()).workers.reduce((sum, worker) => sum + worker.restarts, 0);
}

test('a worker that is short of memory refuses what is new, and serves again when there is room', async (t) => {
  const client = engines.client(t, 'tsuji-h2c');
  let last = 200;
  for (let i = 0; i < 200 && last === 200; i++) last = (await whole(client.ask({ host, path: '/leak' }))).status;
  assert.equal(last, 503);
  assert.equal((await whole(client.ask({ host }))).status, 503);
  await waitFor(async () => (await whole(client.ask({ host, path: '/free' }))).status === 200, 'room');
  assert.equal((await whole(client.ask({ host }))).status, 200);
  assert.equal(await restarts(), 0);
});

for (const engine of ENGINES) {
  test(`a worker whose memory runs out is replaced, and the others serve on: ${engine}`, async () => {
    const before = await restarts();
    assert.equal(await statusOf(engine, '/burst'), 200);
    let served = 0;
    await waitFor(
      async () => {
        if ((await statusOf(engine, '/')) === 200) served++;
        return (await restarts()) > before;
      },
      () => `a worker to be replaced: ${JSON.stringify(tsuji.exit)}`,
    );
    assert.ok(served > 0, 'nobody was served meanwhile');
    await tsuji.waitForStatus(({ workers }) => workers.every(({ state }) => state === 'serving'), 'two workers');
    for (let i = 0; i < 10; i++) assert.equal(await statusOf(engine, '/'), 200);
    assert.equal(tsuji.exit, null);
    assert.equal(await restarts(), before + 1);
  });
}
