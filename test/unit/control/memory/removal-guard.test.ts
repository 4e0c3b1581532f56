import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import test, { mock, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HeldFile } from '../../../../src/control/memory/held-file.ts';
import { type HeldKeys, RemovalGuard } from '../../../../src/control/memory/removal-guard.ts';
import { Reconciler } from '../../../../src/control/routing/reconciler.ts';
import { Slices } from '../../../../src/control/routing/slices.ts';
import type { Change } from '../../../../src/control/source/source.ts';
import { ModelBuilder } from '../../../../src/model/build-model.ts';
import { captureLog } from '../../../harness/log.ts';
import { temporaryFolder } from '../../../harness/tools.ts';
import { waitFor } from '../../../harness/wait.ts';

const lines = captureLog();
const GRACE_MS = 60_000;

/** A guard in its place, with a clock that is turned by hand. */
function start(t: TestContext, removal: number | null, busy: readonly string[] = [], recalled: HeldKeys | null = null) {
  if (recalled === null) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
  }
  const builder = new ModelBuilder({
    prefix: '/traefik',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const watched: string[] = [];
  const held: (HeldKeys | null)[] = [];
  const guard: RemovalGuard = new RemovalGuard({
    limits: { removal, graceMs: GRACE_MS },
    frontends: () => builder.model.frontends.size,
    keysOf: (kind, name) => builder.keysOf(kind, name),
    traffic: { has: (name) => busy.includes(name), start: () => watched.push('on'), stop: () => watched.push('off') },
    onRelease: () => reconciler.again(),
    onHeld: (keys) => held.push(keys),
    onChange: () => {},
  });
  if (recalled !== null) guard.recall(recalled);
  const reconciler: Reconciler = new Reconciler({
    sources: [
      {
        name: 'etcdv3',
        status: () => ({ name: 'etcdv3', state: 'live', revision: '1', confirmedAt: 0, restarts: 0, error: '' }),
      },
    ],
    builder,
    admit: (changes) => guard.admit(changes),
    // However slow the machine: a turn of the clock is a turn of the model.
    slices: new Slices(Number.POSITIVE_INFINITY),
    onModel: () => {},
  });
  t.after(() => {
    guard.stop();
    reconciler.stop();
  });
  let revision = 1;
  const settle = async (): Promise<void> => {
    mock.timers.tick(20);
    await setImmediate();
  };
  return {
    builder,
    guard,
    watched,
    held,
    async load(frontends: number): Promise<void> {
      const keys = new Map<string, string>();
      for (let i = 0; i < frontends; i++) for (const { key, value } of routeKeys(i)) keys.set(key, value!);
      reconciler.snapshot('etcdv3', '1', keys);
      await settle();
    },
    async change(changes: readonly Change[]): Promise<void> {
      reconciler.changes('etcdv3', String(++revision), changes);
      await settle();
    },
    async pass(ms: number): Promise<void> {
      mock.timers.tick(ms);
      await settle();
    },
    frontends: (): number => builder.model.frontends.size,
    servers: (name: string): number => builder.model.backends.get(name)?.servers.length ?? 0,
  };
}

function routeKeys(i: number): Change[] {
  return [
    { key: `backends/b${i}/servers/s/url`, value: `http://10.0.0.${i}` },
    { key: `frontends/f${i}/backend`, value: `b${i}` },
    { key: `frontends/f${i}/routes/r/rule`, value: `Host:h${i}.test` },
  ];
}

function deleted(changes: readonly Change[]): Change[] {
  return changes.map(({ key }) => ({ key, value: null }));
}

test('more than a share of the frontends at once stays until its time is over, and everything else passes', async (t) => {
  const node = start(t, 0.5);
  await node.load(4);
  await node.change(deleted(routeKeys(0)));
  assert.equal(node.frontends(), 3, 'one of four may go');
  await node.change([...deleted(routeKeys(1)), ...deleted(routeKeys(2)), ...routeKeys(9)]);
  assert.equal(node.frontends(), 4, 'two more, of the four that there were, may not; a new one comes');
  assert.equal(node.servers('b1'), 1);
  const held = node.guard.status()!;
  assert.deepEqual([held.frontends, held.backends, held.keys], [2, 2, 6]);
  assert.match(held.reason, /3 of 4 frontends would be gone/);
  assert.ok(
    lines.some(
      ({ event, level, removed, of }) => event === 'config_held' && level === 'error' && removed === 3 && of === 4,
    ),
  );
  await node.pass(GRACE_MS - 1_000);
  assert.equal(node.frontends(), 4);
  await node.pass(2_000);
  assert.equal(node.frontends(), 2);
  assert.equal(node.guard.status(), null);
  assert.match(String(lines.findLast(({ event }) => event === 'config_released')?.because), /grace time is over/);
});

test('very many deletions are held bit by bit: other work may be done between any two of them', async (t) => {
  const node = start(t, 0.5);
  await node.load(200);
  const gone = Array.from({ length: 200 }, (_, i) => deleted(routeKeys(i))).flat();
  const steps = node.guard.admit(new Map(gone.map(({ key }) => [key, null])));
  let stops = 0;
  let most = 0;
  for (let before = 0, step = steps.next(); ; step = steps.next(), stops++) {
    const now = node.guard.status()?.keys ?? 0;
    most = Math.max(most, now - before);
    before = now;
    if (step.done === true) break;
  }
  assert.equal(node.guard.status()?.keys, gone.length);
  assert.equal(most, 1, 'none are held together');
  assert.ok(stops > 4 * gone.length, `${stops} stops`);
});

test('leases that run out one after the other are one removal', async (t) => {
  const node = start(t, 0.5);
  await node.load(10);
  for (let i = 0; i < 9; i++) await node.change(deleted(routeKeys(i)));
  assert.equal(node.frontends(), 5, 'the first five had gone before it was more than half');
  assert.equal(node.guard.status()?.frontends, 4);
  // They come back one after the other: nothing is held any more.
  for (let i = 0; i < 9; i++) await node.change(routeKeys(i));
  assert.equal(node.frontends(), 10);
  assert.equal(node.guard.status(), null);
  assert.match(String(lines.findLast(({ event }) => event === 'config_released')?.because), /the keys are back/);
  await node.pass(2 * GRACE_MS);
  assert.equal(node.frontends(), 10);
});

test('the last server of a backend that has requests stays, that of an idle one goes', async (t) => {
  const node = start(t, 1, ['b0', 'b1']);
  await node.load(3);
  await node.change([{ key: 'backends/b1/servers/other/url', value: 'http://10.0.1.1' }]);
  await node.change(['b0', 'b1', 'b2'].map((name) => ({ key: `backends/${name}/servers/s/url`, value: null })));
  assert.deepEqual(['b0', 'b1', 'b2'].map(node.servers), [1, 1, 0]);
  assert.equal(node.guard.status()?.keys, 1);
  node.guard.confirm();
  await node.pass(20);
  assert.equal(node.servers('b0'), 0);
});

test('keys below the prefix say it live, and confirm what is held', async (t) => {
  const node = start(t, null);
  await node.load(4);
  assert.deepEqual(node.watched, ['off']);
  await node.change([{ key: 'guard/removal', value: '25%' }]);
  assert.deepEqual(node.watched, ['off', 'on']);
  await node.change([...deleted(routeKeys(0)), ...deleted(routeKeys(1))]);
  assert.equal(node.frontends(), 4);
  await node.change([{ key: 'guard/confirm', value: 'yes, 26 November' }]);
  assert.equal(node.frontends(), 2);
  await node.change([
    { key: 'guard/removal', value: 'half' },
    { key: 'guard/nothing', value: '1' },
  ]);
  const problems = [...node.builder.model.problems.values()].map(({ key, reason }) => `${key}: ${reason}`).join('\n');
  assert.match(problems, /guard\/removal: "half" is no share from 0% to 100%/);
  assert.match(
    problems,
    /guard\/nothing: it is none of guard\/removal, guard\/grace, guard\/confirm and guard\/suspect/,
  );
  await node.change([...deleted(routeKeys(2)), ...deleted(routeKeys(3))]);
  assert.equal(node.frontends(), 0, 'a value that is none is as without it');
});

test('without a limit nothing is held', async (t) => {
  const node = start(t, null, ['b0']);
  await node.load(3);
  await node.change([0, 1, 2].flatMap((i) => deleted(routeKeys(i))));
  assert.equal(node.frontends(), 0);
  assert.equal(node.servers('b0'), 0);
});

test('what is held is held on after a restart, as far as it has not come back, for the rest of its time', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const before = start(t, 0.5);
  await before.load(4);
  await before.change([1, 2, 3].flatMap((i) => deleted(routeKeys(i))));
  const file = new HeldFile(`${folder.path}/snapshot`, '/traefik');
  file.keep(before.held.at(-1)!);
  await file.stop();
  before.guard.stop();

  const held = (await new HeldFile(`${folder.path}/snapshot`, '/traefik').read())!;
  assert.deepEqual(held, before.held.at(-1));
  const node = start(t, 0.5, [], held);
  await node.load(1);
  assert.equal(node.frontends(), 4);
  assert.equal(node.servers('b3'), 1);
  assert.equal(node.guard.status()?.since, held.since);
  await node.change(routeKeys(2));
  assert.equal(node.guard.status()?.frontends, 2);
  assert.equal(node.held.at(-1)?.keys.size, 6);
  await node.pass(GRACE_MS + 1_000);
  assert.equal(node.frontends(), 2);
  assert.equal(node.held.at(-1), null, 'there is nothing for another restart');

  const late = start(t, 0.5, [], { ...held, since: held.since - 2 * GRACE_MS });
  await late.load(1);
  assert.equal(late.frontends(), 1, 'its time was over meanwhile');
  const unguarded = start(t, null, [], held);
  await unguarded.load(1);
  assert.equal(unguarded.frontends(), 1);
  assert.deepEqual(unguarded.held, [null]);
});

test('a file of held keys that does not hold is refused with its reason, and one of nothing is no file', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = `${folder.path}/snapshot`;
  const keys = new Map([['tls/t/key', 'secret\n']]);
  const held: HeldKeys = { reason: 'r', since: 1, holdsAll: true, backends: [], keys };
  const reasonOf = async (text: string, prefix = '/traefik'): Promise<unknown> => {
    writeFileSync(`${path}.held`, text);
    assert.equal(await new HeldFile(path, prefix).read(), null);
    return lines.findLast(({ event }) => event === 'held_lost')?.reason;
  };
  const file = new HeldFile(path, '/traefik');
  file.keep(held);
  await waitFor(() => existsSync(`${path}.held`), 'the file');
  assert.equal(statSync(`${path}.held`).mode & 0o777, 0o600);
  const text = readFileSync(`${path}.held`, 'utf8');
  assert.match(String(await reasonOf(text.replace('secret', 'public'))), /checksum/);
  assert.match(String(await reasonOf(text, '/other')), /prefix/);
  assert.match(String(await reasonOf('')), /JSON/);
  file.keep(null);
  await file.stop();
  assert.equal(existsSync(`${path}.held`), false);
});
