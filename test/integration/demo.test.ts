import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, startProcess, waitFor } from '../harness/tools.ts';

const DEMO = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url));

/** The three servers in turn, twice, whoever is first. */
const TURNS = ['server1', 'server2', 'server3', 'server1', 'server2', 'server3', 'server1', 'server2'];

function assertTurns(output: string): void {
  const turns = [...output.matchAll(/request \d: 200 from (server\d)/g)].map((match) => match[1]);
  const first = TURNS.indexOf(turns[0]);
  assert.deepEqual(turns, TURNS.slice(first, first + 6), output);
}

for (const [store, args] of [
  ['a folder', []],
  ['etcd', ['--etcd']],
] as const) {
  test(`the demo on ${store} shows that the servers take turns, and ends by itself with 0`, async () => {
    const result = await run(process.execPath, [DEMO, '--once', ...args], { timeoutMs: 60_000 });
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0, result.stdout);
    assertTurns(result.stdout);
    assert.match(result.stdout, /dashboard: {2}http:\/\/127\.0\.0\.1:\d+\/dashboard\//);
    assert.match(result.stdout, /curl -H Host:nginx\.example\.com http:\/\/127\.0\.0\.1/);
  });
}

test('two demos stand side by side, and Ctrl-C ends one and leaves nothing of it behind', async (t) => {
  const demos = [0, 1].map(() => startProcess(process.execPath, [DEMO]));
  for (const demo of demos) t.after(() => demo.end('SIGTERM', 10_000));
  for (const demo of demos) {
    await waitFor(() => demo.hasEnded() || demo.output().includes('Ctrl-C ends'), 'the demo to serve', 60_000);
    assertTurns(demo.output());
  }
  const dashboards = demos.map((demo) => /http:\S+\/dashboard\//.exec(demo.output())?.[0] ?? '');
  assert.notEqual(dashboards[0], dashboards[1]);
  for (const dashboard of dashboards) assert.equal((await fetch(dashboard)).status, 200);
  const folder = /rm -r (\S+?)\/backends/.exec(demos[0].output())?.[1] ?? '';
  assert.ok(existsSync(folder), folder);

  demos[0].signal('SIGINT');
  await waitFor(() => demos[0].hasEnded(), 'the first demo to end');
  assert.equal(demos[0].exitCode(), 0, demos[0].output());
  assert.ok(!existsSync(folder));
  await assert.rejects(fetch(dashboards[0]));
  assert.equal((await fetch(dashboards[1])).status, 200);
});

test('an argument that the demo does not know is refused with its usage', async () => {
  const result = await run(process.execPath, [DEMO, '--bogus']);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /unknown argument --bogus\nusage: npm run demo/);
});
