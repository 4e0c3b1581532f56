import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FrontendUsage } from '../../../../src/control/usage/frontend-usage.ts';
import { unreachedBackends } from '../../../../src/control/usage/unreached.ts';
import { writeUsage } from '../../../../src/control/usage/usage-file.ts';
import type { Model } from '../../../../src/model/model.ts';
import { createHistograms, HistogramOwner, HistogramReader, Histograms } from '../../../../src/shared/histograms.ts';
import { temporaryFolder } from '../../../harness/tools.ts';
import { backend, frontend } from '../admin/fake-view.ts';

const HOUR = 3_600;
const TIMES = { lookMs: 1 << 30, writeMs: 1 << 30 };
const now = (): number => Math.floor(Date.now() / 1_000);

function setUp(t: TestContext, names: readonly string[]) {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'snapshot.usage');
  const buffer = createHistograms(64);
  const histograms = new Histograms(buffer);
  const frontends = new Map(names.map((name) => [name, frontend(name, 'b', 'Host:a')]));
  const start = async (): Promise<FrontendUsage> => {
    const usage = new FrontendUsage(
      () => ({ frontends }) as unknown as Model,
      new HistogramReader([buffer]),
      path,
      TIMES,
    );
    usage.start();
    await usage.uses();
    return usage;
  };
  const hit = (name: string, at: number) => histograms.answered(HistogramOwner.ofFrontend(name), 200, 0.1, at);
  return { path, frontends, hit, start };
}

const seen = async (usage: FrontendUsage) =>
  Object.fromEntries((await usage.uses()).map(({ name, last, since }) => [name, [last, since]]));

test('a frontend is watched from when it is first seen, and was used when it was hit last', async (t) => {
  const { frontends, hit, start } = setUp(t, ['a', 'b']);
  const began = now();
  const usage = await start();
  hit('a', began + 5);
  frontends.set('c', frontend('c', 'b', 'Host:c'));
  const { a, b, c } = await seen(usage);
  assert.deepEqual([a[0], b[0], c[0]], [began + 5, 0, 0]);
  assert.ok([usage.since, a[1], b[1], c[1]].every((since) => since >= began && since <= now()));
  await usage.stop();
});

test('over a short restart all is remembered, also what a predecessor has written behind our back', async (t) => {
  const { path, hit, start } = setUp(t, ['a', 'b']);
  const long = now() - 100 * HOUR;
  await writeUsage(path, {
    since: long,
    at: now() - 60,
    uses: new Map([
      ['a', { first: long, last: long + HOUR }],
      ['gone', { first: long, last: 0 }],
    ]),
  });
  const usage = await start();
  const { a, b } = await seen(usage);
  assert.equal(usage.since, long);
  assert.deepEqual(a, [long + HOUR, long]);
  assert.ok(b[1] >= now() - 5);
  hit('b', now());
  await writeUsage(path, { since: long, at: now(), uses: new Map([['a', { first: long, last: long + 2 * HOUR }]]) });
  await usage.stop();
  const again = await start();
  assert.deepEqual((await seen(again)).a, [long + 2 * HOUR, long]);
  assert.equal((await seen(again)).b[0] > 0, true);
  assert.match(readFileSync(path, 'utf8'), /"gone"/);
  await again.stop();
});

test('where nobody watched for a while it begins anew, and nothing is unused for longer', async (t) => {
  const { path, start } = setUp(t, ['a']);
  const long = now() - 100 * HOUR;
  await writeUsage(path, { since: long, at: now() - HOUR, uses: new Map([['a', { first: long, last: long + HOUR }]]) });
  const usage = await start();
  const { a } = await seen(usage);
  assert.equal(a[0], long + HOUR);
  assert.ok(a[1] >= now() - 5 && usage.since >= now() - 5);
  await usage.stop();
});

test('a file that is none, or from tomorrow, keeps nobody from watching', async (t) => {
  const { path, start } = setUp(t, ['a']);
  const tomorrow = now() + 24 * HOUR;
  const use = `["a",${now() - 24 * HOUR},${tomorrow}]`;
  for (const text of ['', 'nonsense', '[]', 'null', '{"v":2}', `{"v":1,"since":1,"at":${tomorrow}}\n${use}\n["x"]\n`]) {
    writeFileSync(path, text);
    const usage = await start();
    const { a } = await seen(usage);
    assert.ok(a[0] <= now() && a[1] >= now() - 5, text);
    await usage.stop();
  }
});

test('backends are reached by frontends, by their options, and by those of backends on the way', async () => {
  const backends = [
    backend('plain'),
    { ...backend('safe'), options: { failover: { backend: 'spare' } } },
    backend('spare'),
    backend('page'),
    { ...backend('lost'), options: { failover: { backend: 'lost2' } } },
    backend('lost2'),
  ];
  const frontends = [
    frontend('f', 'plain', 'Host:f'),
    frontend('g', 'safe', 'Host:g', { options: { errors: { pages: [{ backend: 'page' }] } } as never }),
    frontend('h', 'nowhere', 'Host:h'),
  ];
  const byName = <T extends { name: string }>(all: readonly T[]) => new Map(all.map((each) => [each.name, each]));
  const unreached = await unreachedBackends({ frontends: byName(frontends), backends: byName(backends) as never });
  assert.deepEqual(
    unreached.map(({ name }) => name),
    ['lost', 'lost2'],
  );
});
