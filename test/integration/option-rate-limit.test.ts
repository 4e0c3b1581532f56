/** Rate limits of a frontend (shared/spec frontend-options §2.5, §4.2). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const server = await startRawServer(
  { after },
  answering(() => ok('ok')),
);
const engines = await startEngines({ after }, { workers: 2 });
const { tsuji } = engines;
const route = (keys: Record<string, string>): Promise<string> =>
  addRoute(
    tsuji,
    [server.url],
    Object.fromEntries(Object.entries(keys).map(([key, value]) => [`frontends/$/ratelimit/${key}`, value])),
  );
/** Periods so long that no token comes back while the test runs. */
const limited = await route({
  extractorfunc: 'request.header.X-User',
  'rateset/r/period': '150h',
  'rateset/r/average': '1',
  'rateset/r/burst': '4',
});
const bySource = await route({
  extractorfunc: 'client.ip',
  usexforwardedfor: 'true',
  'rateset/r/period': '150s',
  'rateset/r/average': '1',
  'rateset/r/burst': '1',
});

async function statuses(
  engine: Engine,
  host: string,
  count: number,
  fields: Record<string, string>,
): Promise<number[]> {
  const cleanups: (() => unknown)[] = [];
  const answers: number[] = [];
  for (let i = 0; i < count; i++) {
    // Each on a connection of its own, so that several workers are asked.
    const client = engines.client({ after: (fn) => cleanups.push(fn) }, engine);
    answers.push((await whole(client.ask({ host, fields }))).status);
  }
  for (const cleanup of cleanups) cleanup();
  return answers;
}

for (const engine of ENGINES) {
  test(`${engine}: a source may ask so often, over all workers, and is told when it may again`, async (t) => {
    assert.deepEqual(await statuses(engine, limited, 6, { 'x-user': engine }), [200, 200, 200, 200, 429, 429]);
    assert.deepEqual(await statuses(engine, limited, 1, { 'x-user': `${engine} other` }), [200]);
    await whole(
      engines
        .client(t, engine)
        .ask({ host: bySource, fields: { 'x-forwarded-for': `10.0.0.1, 10.9.9.${ENGINES.indexOf(engine)}` } }),
    );
    const refused = await whole(
      engines
        .client(t, engine)
        .ask({ host: bySource, fields: { 'x-forwarded-for': `10.9.9.${ENGINES.indexOf(engine)}` } }),
    );
    assert.equal(refused.status, 429);
    assert.equal(refused.body.toString(), 'max rate reached: retry-in 2m30s');
    assert.deepEqual([refused.fields['retry-after'], refused.fields['x-retry-in']], ['150', '2m30s']);
    await tsuji.hasSaid(/event=limit_reached limit=ratelimit object=r\d+ value=0.00667 what=".*" refused=\d+\n/);
  });
}

test('addresses of one /64 are one client, and a limit whose keys change begins anew', async () => {
  const ask = (address: string): Promise<number[]> => statuses('uws', bySource, 1, { 'x-forwarded-for': address });
  assert.deepEqual(await ask('2001:db8:1:2::1'), [200]);
  assert.deepEqual(await ask('2001:db8:1:2:ffff::9'), [429]);
  assert.deepEqual(await ask('2001:db8:1:3::1'), [200]);
  const { generation } = await tsuji.status();
  tsuji.set(`frontends/${bySource.split('.')[0]}/ratelimit/rateset/r/burst`, '2');
  await waitFor(async () => {
    const status = await tsuji.status();
    return status.settled && status.generation > generation;
  }, 'the change to be live');
  assert.deepEqual(await ask('2001:db8:1:2::1'), [200]);
});

test('a limit that is wrong leaves its frontend out, and one that says nothing does nothing', async () => {
  const bad: Record<string, Record<string, string>> = {
    extractorfunc: {
      extractorfunc: 'client.name',
      'rateset/r/period': '1s',
      'rateset/r/average': '1',
      'rateset/r/burst': '1',
    },
    'rateset/r/average': {
      extractorfunc: 'client.ip',
      'rateset/r/period': '1s',
      'rateset/r/average': '0',
      'rateset/r/burst': '1',
    },
    'rateset/r/burst': { extractorfunc: 'client.ip', 'rateset/r/period': '1s', 'rateset/r/average': '1' },
    'rateset/r/period': {
      extractorfunc: 'client.ip',
      'rateset/r/period': 'soon',
      'rateset/r/average': '1',
      'rateset/r/burst': '1',
    },
  };
  let n = 0;
  for (const [key, keys] of Object.entries(bad)) {
    const name = `bad${++n}`;
    tsuji.set(`backends/${name}/servers/s/url`, server.url);
    tsuji.set(`frontends/${name}/backend`, name);
    for (const [each, value] of Object.entries(keys)) tsuji.set(`frontends/${name}/ratelimit/${each}`, value);
    await waitFor(
      async () =>
        (await tsuji.status()).problems.some(
          (problem) => problem.key.endsWith(`${name}/ratelimit/${key}`) && problem.state === 'rejected',
        ),
      `the problem of ${key}`,
    );
    assert.equal((await tsuji.api(`/api/providers/folder/frontends/${name}`)).status, 404);
  }
  const open = await route({ 'rateset/r/period': '1s', 'rateset/r/average': '1', 'rateset/r/burst': '1' });
  assert.deepEqual(await statuses('uws', open, 3, {}), [200, 200, 200]);
});
