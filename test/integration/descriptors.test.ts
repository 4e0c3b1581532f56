/** More clients than the process may have file descriptors for: some are served, the others hear no at once, and it passes. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { HTTP1_ENGINES, isSecure, startEngines, whole } from '../harness/engines.ts';
import { openExchanges, openFiles, response } from '../harness/exchanges.ts';
import { answering, ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const CLIENTS = 400;

const engines = await startEngines({ after }, { workers: 2, descriptors: 256 });
const { tsuji } = engines;
const server = await startRawServer(
  { after },
  answering((head) => (head.startsWith('GET /wait') ? '' : ok('fine'))),
);
const host = await addRoute(tsuji, [server.url]);
const idle = await openFiles(tsuji);

const cpu = async (): Promise<number> =>
  Number(/^process_cpu_seconds_total (\S+)$/m.exec(await tsuji.metrics())?.[1] ?? 0);

for (const engine of HTTP1_ENGINES) {
  test(`${engine}: with all descriptors asked for, those who were there first are served`, async (t) => {
    const cleanups: (() => unknown)[] = [];
    const scope = { after: (fn: () => unknown) => cleanups.push(fn) };
    t.after(() => {
      for (const cleanup of cleanups) cleanup();
    });
    const early = await rawClient(scope, engines.port(engine));
    const clients: RawConnection[] = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await rawClient(scope, engines.port(engine)));
    await waitFor(() => clients.filter(({ closed }) => closed).length > CLIENTS / 2, 'most of them to be refused');
    assert.ok(clients.some(({ closed }) => !closed));
    const before = await cpu();
    assert.equal(early.closed, false);
    if (!isSecure(engine)) {
      for (let i = 0; i < 3; i++) {
        early.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        assert.equal((await response(early)).body, 'fine');
      }
    }
    assert.match(await tsuji.metrics(), /^tsuji_connections_refused_total [1-9]/m);
    await tsuji.hasSaid(/event=limit_reached .*limit=open_files/);
    assert.ok((await cpu()) - before < 5, 'it spins');
    for (const client of [early, ...clients]) client.destroy();
    await waitFor(async () => {
      const asked = engines.client(scope, engine).ask({ host });
      asked.upload.on('error', () => {});
      return whole(asked).then(
        ({ body }) => String(body) === 'fine',
        () => false,
      );
    }, 'it to serve everybody again');
    // Clients of the next test are not to find those of this one.
    await waitFor(async () => (await openFiles(tsuji)) < idle + 20, 'the descriptors to be free');
    assert.equal(
      (await tsuji.status()).workers.reduce((sum, { restarts }) => sum + restarts, 0),
      0,
    );
  });
}

test('requests for whose servers none is left are 503, and no server is blamed', async (t) => {
  const session = engines.client(t, 'tsuji-h2');
  const asked = Array.from({ length: 200 }, () => session.ask({ host, path: '/wait' }));
  for (const { upload } of asked) upload.on('error', () => {});
  const first = await Promise.race(asked.map(({ head }) => head));
  assert.equal(first.status, 503);
  await tsuji.hasSaid(/event=limit_reached .*object=servers/);
  assert.doesNotMatch(tsuji.output, /event=server_(down|ejected)/);
  for (const { leave } of asked) leave();
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'them to end');
  assert.equal(String((await whole(session.ask({ host }))).body), 'fine');
});
