import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, startProcess, temporaryFolder, waitFor } from '../../harness/tools.ts';

const WITH_DEPS = fileURLToPath(new URL('../../../scripts/with-deps.mjs', import.meta.url));

function writeScript(t: TestContext, text: string): string {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'script.ts');
  writeFileSync(path, text);
  return path;
}

test('a TypeScript file runs on Node 24 with its arguments, and its exit code is passed on', async (t) => {
  const script = writeScript(
    t,
    `const words: string[] = process.argv.slice(2);
     console.log(process.versions.node.split('.')[0], words.join('|'));
     process.exitCode = 7;`,
  );
  const result = await run(process.execPath, [WITH_DEPS, script, '--flag=1', 'two words']);
  assert.deepEqual(result, { code: 7, stdout: '24 --flag=1|two words\n', stderr: '' });
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) {
  test(`${signal} reaches the child once, and its own exit code is passed on`, async (t) => {
    const script = writeScript(
      t,
      `let count: number = 0;
       process.on('${signal}', () => { console.log('signals', ++count); setTimeout(() => process.exit(5), 100); });
       setInterval(() => {}, 1000);
       console.log('ready');`,
    );
    // In a session of its own: as the foreground of a terminal it would leave Ctrl-C to the terminal.
    const child = startProcess('setsid', [process.execPath, WITH_DEPS, script]);
    t.after(() => child.end('SIGKILL'));
    await waitFor(() => child.output().includes('ready'), 'the script to start');
    child.signal(signal);
    await waitFor(() => child.output().includes('signals'), 'the signal to arrive');
    child.signal(signal);
    await waitFor(() => child.hasEnded(), 'the end of the script');
    assert.equal(child.exitCode(), 5);
    assert.equal(child.output(), 'ready\nsignals 1\n');
  });
}

test('SIGHUP, SIGUSR1 and SIGUSR2 reach the child each time and end nothing', async (t) => {
  const script = writeScript(
    t,
    `for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => console.log(signal));
     process.on('SIGTERM', () => process.exit(5));
     setInterval(() => {}, 1000);
     console.log('ready');`,
  );
  const child = startProcess('setsid', [process.execPath, WITH_DEPS, script]);
  t.after(() => child.end('SIGKILL'));
  await waitFor(() => child.output().includes('ready'), 'the script to start');
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGUSR1', 'SIGHUP'] as const) {
    const before = child.output().length;
    child.signal(signal);
    await waitFor(() => child.output().slice(before).includes(signal), `${signal} to arrive`);
  }
  child.signal('SIGTERM');
  await waitFor(() => child.hasEnded(), 'the end of the script');
  assert.equal(child.exitCode(), 5);
  assert.doesNotMatch(child.output(), /Debugger/);
});

test('a child that dies of a signal gives 128 and the number of the signal', async (t) => {
  const script = writeScript(t, `process.kill(process.pid, 'SIGKILL');`);
  const result = await run(process.execPath, [WITH_DEPS, script]);
  assert.equal(result.code, 137);
});

test('a file that does not exist, or none, is said', async () => {
  const missing = await run(process.execPath, [WITH_DEPS, '/nowhere/at-all.ts']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\/nowhere\/at-all\.ts does not exist/);
  const none = await run(process.execPath, [WITH_DEPS]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /usage: node scripts\/with-deps\.mjs/);
});
