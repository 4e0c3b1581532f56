/** Frontends that send to other backends than their own: split and mirrors; who a client is; deny lists. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { type Ask, ENGINES, type Engine, startEngines } from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { bodyServer, listening } from '../harness/listening.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

type Seen = { name: string; method: string; host: string; body: string; mirror: string | undefined };
const seen: Seen[] = [];

async function site(name: string, hangs = false): Promise<string> {
  const server = bodyServer((request, response, body) => {
    const mirror = request.headers['x-tsuji-mirror'] as string | undefined;
    seen.push({ name, method: request.method!, host: request.headers.host!, body, mirror });
    if (!hangs) response.end(name);
  });
  return listening({ after }, server);
}

const engines = await startEngines({ after }, { workers: 2 });
const { tsuji } = engines;
const main = await site('main');
tsuji.set('backends/blue/servers/s/url', await site('blue'));
tsuji.set('backends/green/servers/s/url', await site('green'));
tsuji.set('backends/hanging/servers/s/url', await site('hanging', true));
tsuji.set('backends/empty/servers/s/weight', '1');
tsuji.set('backends/dead/servers/s/url', 'http://127.0.0.1:1');
const route = (keys: Record<string, string>): Promise<string> => addRoute(tsuji, [main], under('frontends/$', keys));
const entries = (weights: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(weights).flatMap(([name, weight]) => [
      [`split/entries/${name}/backend`, name],
      [`split/entries/${name}/weight`, weight],
    ]),
  );
const split = await route({ ...entries({ blue: '3', green: '1' }), 'split/header': 'X-Variant' });
const sticky = await route({ ...entries({ blue: '1', green: '1' }), 'split/sticky': 'true', 'split/httponly': 'true' });
const half = await route(entries({ blue: '1', empty: '1' }));
const mirrored = await route({
  'mirrors/m/backend': 'blue',
  'mirrors/h/backend': 'hanging',
  'mirrors/half/backend': 'green',
  'mirrors/half/percent': '50',
  'mirroring/unsafemethods': 'true',
  'mirroring/maxbodybytes': '10',
});
const careful = await route({ 'mirrors/m/backend': 'blue' });
const denied = await route({
  'denylist/sourcerange': '10.1.0.0/16',
  'denylist/usexforwardedfor': 'true',
  'denylist/status': '451',
});
const byDepth = await route({ 'ipstrategy/depth': '2', 'whitelist/sourcerange': '10.2.0.0/16' });
const deniedByDepth = await route({ 'ipstrategy/depth': '2', 'denylist/sourcerange': '10.3.0.1' });
const byOthers = await route({ 'ipstrategy/excludedips': '10.9.0.0/16', 'denylist/sourcerange': '10.3.0.1' });

const ask = engines.ask.bind(engines);
const text = async (engine: Engine, request: Ask): Promise<string> => (await ask(engine, request)).body.toString();

for (const engine of ENGINES) {
  test(`${engine}: a split follows its weights exactly, a header, and a cookie`, async () => {
    const answers: string[] = [];
    for (let i = 0; i < 8; i++) answers.push(await text(engine, { host: split }));
    assert.equal(answers.filter((name) => name === 'blue').length, 6);
    assert.equal(answers.filter((name) => name === 'green').length, 2);
    assert.equal(await text(engine, { host: split, fields: { 'x-variant': 'green' } }), 'green');
    const first = await ask(engine, { host: sticky });
    const [cookie] = first.fields['set-cookie']!;
    assert.match(cookie, /^_[0-9a-f]{5}=(blue|green); Path=\/; HttpOnly$/);
    const fields = { cookie: cookie.split(';')[0] };
    for (let i = 0; i < 3; i++) {
      const again = await ask(engine, { host: sticky, fields });
      assert.deepEqual([again.body.toString(), again.fields['set-cookie']], [first.body.toString(), undefined]);
    }
    for (let i = 0; i < 4; i++) assert.equal(await text(engine, { host: half }), 'blue');
  });

  test(`${engine}: a mirror gets a copy, body and all, and nobody waits for it`, async () => {
    const before = seen.length;
    assert.equal(await text(engine, { host: mirrored, method: 'POST', body: Buffer.from('0123456789') }), 'main');
    assert.equal(await text(engine, { host: mirrored, method: 'POST', body: Buffer.from('0123456789') }), 'main');
    await waitFor(async () => seen.length === before + 7, 'the mirrors');
    const copies = seen.slice(before).filter(({ mirror }) => mirror !== undefined);
    assert.deepEqual(copies.map(({ name }) => name).sort(), ['blue', 'blue', 'green', 'hanging', 'hanging']);
    for (const { method, host, body, mirror } of copies) {
      assert.deepEqual([method, host, body, mirror], ['POST', mirrored, '0123456789', mirrored.split('.')[0]]);
    }
    const long = seen.length;
    assert.equal(await text(engine, { host: mirrored, method: 'POST', body: Buffer.from('0123456789a') }), 'main');
    assert.equal(await text(engine, { host: careful, method: 'POST', body: Buffer.from('x') }), 'main');
    assert.equal(await text(engine, { host: careful }), 'main');
    await waitFor(async () => seen.length === long + 4, 'the mirror of the GET');
    assert.deepEqual(
      seen
        .slice(long)
        .filter(({ name }) => name !== 'main')
        .map(({ method }) => method),
      ['GET'],
    );
  });

  test(`${engine}: addresses behind proxies are allowed and denied`, async () => {
    const status = async (host: string, forwarded: string): Promise<number> =>
      (await ask(engine, { host, fields: forwarded === '' ? {} : { 'x-forwarded-for': forwarded } })).status;
    assert.deepEqual(
      [await status(denied, ''), await status(denied, '9.9.9.9, 10.1.2.3'), await status(denied, '9.9.9.9, x')],
      [200, 451, 200],
    );
    assert.deepEqual(
      [
        await status(byDepth, '10.2.0.1, 9.9.9.9'),
        await status(byDepth, '10.2.0.1'),
        await status(byDepth, '1.1.1.1, 10.2.0.1'),
      ],
      [200, 403, 403],
    );
    assert.deepEqual(
      [
        await status(byOthers, '10.3.0.1, 10.9.0.1'),
        await status(byOthers, '10.3.0.2, 10.9.0.1'),
        // Nobody knows who that is.
        await status(byOthers, ''),
      ],
      [403, 200, 403],
    );
    for (const [forwarded, expected] of [
      ['10.3.0.1, 9.9.9.9', 403],
      ['10.3.0.2, 9.9.9.9', 200],
      ['10.3.0.2', 403],
      ['x, 9.9.9.9', 403],
      ['', 403],
    ] as const) {
      assert.equal(await status(deniedByDepth, forwarded), expected, `a deny list by depth and "${forwarded}"`);
    }
  });
}

test('copies are counted by what became of them; beyond so many under way none is made', async (t) => {
  const hanging = bodyServer(() => {});
  tsuji.set('backends/patient/servers/s/url', await listening(t, hanging));
  const host = await route({
    'mirrors/m/backend': 'blue',
    'mirrors/h/backend': 'patient',
    'mirrors/d/backend': 'dead',
    'mirroring/timeout': '60s',
  });
  const counted = async (backend: string, result: string): Promise<number> => {
    const labels = `frontend="${host.split('.')[0]}",backend="${backend}",result="${result}"`;
    return Number((await tsuji.metrics()).split(`\ntsuji_mirror_requests_total{${labels}} `)[1]?.split('\n')[0]);
  };
  const before = seen.length;
  assert.equal(await text('tsuji', { host }), 'main');
  await waitFor(async () => (await counted('blue', 'ok')) === 1 && (await counted('dead', 'failed')) === 1, 'both');
  assert.deepEqual([await counted('blue', 'failed'), await counted('patient', 'ok')], [0, 0]);
  // Of two workers, each has room for 100.
  for (let i = 0; (await counted('patient', 'skipped')) === 0; i++) {
    assert.ok(i < 20, 'none was left out');
    await Promise.all(Array.from({ length: 20 }, () => text('tsuji', { host })));
  }
  assert.ok(seen.length > before);
});

test('a backend may be absent beside a split, and what is wrong is told', async () => {
  const name = 'alone';
  tsuji.set(`frontends/${name}/routes/r/rule`, `Host:${name}.test`);
  tsuji.set(`frontends/${name}/split/entries/green/backend`, 'green');
  tsuji.set(`frontends/${name}/split/entries/gone/backend`, 'gone');
  await waitFor(async () => (await ask('uws', { host: `${name}.test` })).status === 200, 'the split to be live');
  assert.equal(await text('uws', { host: `${name}.test` }), 'green');
  const { problems } = await tsuji.status();
  assert.ok(
    problems.some(({ key, reason }) => key.endsWith('split/entries/gone/backend') && /no backend "gone"/.test(reason)),
  );
  for (const [key, value] of Object.entries({ 'denylist/sourcerange': 'x', 'ipstrategy/depth': '-1' })) {
    const bad = `bad-${key.split('/')[0]}`;
    tsuji.set(`frontends/${bad}/backend`, 'green');
    tsuji.set(`frontends/${bad}/${key}`, value);
    await waitFor(
      async () =>
        (await tsuji.status()).problems.some((each) => each.key.endsWith(`${bad}/${key}`) && each.state === 'rejected'),
      `the problem of ${key}`,
    );
    assert.equal((await tsuji.api(`/api/providers/folder/frontends/${bad}`)).status, 404);
  }
  await waitFor(async () => (await openExchanges(tsuji)) === 0, 'every exchange to end');
});
