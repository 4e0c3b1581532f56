/** Ending and upgrading under load: who asks is answered, on both engines and in whatever manner connections are used. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { before, type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawServer, startRawServer } from '../harness/raw.ts';
import { freePort, temporaryFolder } from '../harness/tools.ts';
import { addRoute, routeKeys, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { type Manner, Visitors } from '../harness/visitors.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, startWsServer, wsClient } from '../harness/websocket.ts';

const HOST = 'nginx.example.com';
const MANNERS: readonly Manner[] = ['each', 'kept'];

let server: RawServer;
before(async () => {
  server = await startRawServer(
    { after() {} },
    answering(() => ok('x')),
  );
  server.server.unref();
});

/**
 * '' or how requests have failed. The kernel resets whoever has come between the last look into the queue of a listener and its
 * end. Those are microseconds, but a busy machine may take the processor away right there, and then all `count` of each manner
 * may wait at that one port. That tsuji looks at all is held by unit/kernel/accept-queue.
 */
function failuresOf(groups: readonly Visitors[], count: number): string {
  const all = groups.flatMap(({ failures }) => failures);
  const others = all.filter((failure) => failure !== 'ECONNRESET');
  return others.length === 0 && all.length <= MANNERS.length * count ? '' : all.join(', ');
}

/** Ports that are known, since a successor has to find them. */
async function startOnPorts(t: TestContext, flags: readonly string[] = []): Promise<Tsuji> {
  return startTsuji(t, {
    keys: routeKeys([server.url], HOST),
    workers: 2,
    flags: [
      `--web.address=${OWN_HOST}:${await freePort()}`,
      `--entryPoints=Name:uws Address:${OWN_HOST}:${await freePort()} Engine:uws`,
      `--entryPoints=Name:tsuji Address:${OWN_HOST}:${await freePort()} Engine:tsuji`,
      '--defaultEntryPoints=uws,tsuji',
      ...flags,
    ],
  });
}

async function pidOf(tsuji: Tsuji): Promise<number> {
  return ((await (await tsuji.api('/health')).json()) as { pid: number }).pid;
}

/** On both engines and in both manners. */
function visit(tsuji: Tsuji, count: number): Visitors[] {
  return [tsuji.portOf('uws'), tsuji.portOf('tsuji')].flatMap((port) =>
    MANNERS.map((manner) => new Visitors(port, HOST, manner).start(count)),
  );
}

test('SIGTERM under load resets nobody who was there before it', async (t) => {
  const tsuji = await startOnPorts(t);
  const count = 8;
  const groups = visit(tsuji, count);
  await Promise.all(groups.map((group) => group.more(200)));
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
  await Promise.all(groups.map((group) => group.stop()));
  assert.equal(failuresOf(groups, count), '');
  for (const { refused } of groups) assert.ok(refused > 0);
});

test('SIGUSR2 under load: a successor takes over and nobody notices, and WebSockets live on until the old one ends', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'access.log');
  const flags = [`--accessLog.filePath=${path}`, '--accessLog.format=json'];
  const tsuji = await startOnPorts(t, ['--lifeCycle.graceTimeOut=1000h', ...flags]);
  const [uws, own] = [tsuji.portOf('uws'), tsuji.portOf('tsuji')];
  const ws = await startWsServer(t, echoing);
  const echo = await addRoute(tsuji, [ws.url]);
  const clients = await Promise.all([uws, own].map((port) => wsClient(t, port, echo)));
  const count = 4;
  const groups = visit(tsuji, count);
  const others = async (): Promise<unknown> => Promise.all(groups.map((group) => group.more(100)));
  await others();
  const before = await pidOf(tsuji);

  const succeeding = tsuji.succeed();
  await tsuji.hasSaid(/event=successor_ready/);
  await others();
  await waitFor(async () => (await pidOf(tsuji)) !== before, 'the successor at the admin address');
  for (const client of clients) {
    client.ws.send('still here');
    assert.equal((await client.next()).data.toString(), 'still here');
    client.ws.close();
  }
  assert.equal(await pidOf(tsuji), await succeeding);
  assert.equal(tsuji.child.exitCode, 0);
  await others();
  await Promise.all(groups.map((group) => group.stop()));
  assert.equal(failuresOf(groups, count), '');
  for (const { refused } of groups) assert.equal(refused, 0);
  // Both have written into it, each request a line, and none is torn.
  const answered = clients.length + groups.reduce((sum, { good }) => sum + good, 0);
  const lines = (): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);
  await waitFor(() => lines().length >= answered, 'a line for each answer');
  const good = lines().filter((line) => (JSON.parse(line) as Record<string, unknown>).Cause === 'ok');
  assert.ok(good.length >= answered, `${good.length} of ${answered}`);
});

test('a successor that cannot start, is ended, or is not ready in time leaves the old one as it was, which says why', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'traefik.toml');
  writeFileSync(file, 'debug = false\n');
  const tsuji = await startOnPorts(t, [`--configFile=${file}`]);
  const before = tsuji.child.pid;

  writeFileSync(file, 'debug = maybe\n');
  tsuji.kill('SIGUSR2');
  await tsuji.hasSaid(/event=successor_failed pid=\d+ reason="it ended with code 1"/);

  writeFileSync(file, 'debug = false\n');
  tsuji.kill('SIGUSR2');
  const started = /event=successor_started pid=(\d+)[\s\S]*event=successor_started pid=(\d+)/;
  await tsuji.hasSaid(started);
  process.kill(Number(started.exec(tsuji.output)![2]), 'SIGTERM');
  await tsuji.hasSaid(/event=successor_failed pid=\d+ reason="it ended with (?:code 0|SIGTERM)"/);

  writeFileSync(file, '[lifeCycle]\nsuccessorTimeout = "1ms"\n');
  tsuji.kill('SIGHUP');
  await tsuji.hasSaid(/setting=--lifeCycle.successorTimeout in_force=now/);
  tsuji.kill('SIGUSR2');
  await tsuji.hasSaid(/event=successor_failed pid=\d+ reason="not ready within 0.001 s"/);

  assert.equal(await pidOf(tsuji), before);
  const visitors = new Visitors(tsuji.portOf('uws'), HOST, 'each').start(1);
  await visitors.more(3);
  await visitors.stop();
});
