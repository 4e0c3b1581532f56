import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isJournal, LogOutput } from '../../../src/kernel/log-output.ts';
import { waitFor } from '../../harness/wait.ts';

const log = new URL('../../../src/kernel/log.ts', import.meta.url).href;
const events = new URL('../../../src/kernel/events.ts', import.meta.url).href;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const nothingLost = (lines: number): never => assert.fail(`${lines} lines are lost`);

test('a file and its folders are made, and what stands in it stays', async (t) => {
  const path = join(folderOf(t), 'a', 'b', 'tsuji.log');
  for (const part of ['one', 'two']) {
    const output = new LogOutput(path, nothingLost);
    for (let i = 0; i < 100; i++) assert.ok(output.push(`${part} ${i}\n`));
    output.end();
    await waitFor(() => readFileSync(path, 'utf8').endsWith(`${part} 99\n`), 'the last line');
  }
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual([lines.length, lines[0], lines[199]], [201, 'one 0', 'two 99']);
});

test('a file that was moved away is made anew, and no line is torn or lost', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'tsuji.log');
  const output = new LogOutput(path, nothingLost);
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i}\n`);
  for (const [i, line] of lines.entries()) {
    if (i === 150) {
      renameSync(path, join(folder, 'old.log'));
      output.reopen();
    }
    assert.ok(output.push(line));
  }
  const both = (): string => readFileSync(join(folder, 'old.log'), 'utf8') + readFileSync(path, 'utf8');
  await waitFor(() => both().endsWith(lines.at(-1)!), 'the last line');
  assert.equal(both(), lines.join(''));
});

test('where it cannot be made anew, the file from before is written on', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'logs', 'tsuji.log');
  const output = new LogOutput(path, nothingLost);
  renameSync(join(folder, 'logs'), join(folder, 'old'));
  // A file where the folder was.
  closeSync(openSync(join(folder, 'logs'), 'w'));
  assert.throws(() => output.reopen(), /EEXIST|ENOTDIR/);
  assert.ok(output.push('still here\n'));
  await waitFor(() => readFileSync(join(folder, 'old', 'tsuji.log'), 'utf8') === 'still here\n', 'the line');
});

test('a place where nothing can be made is an error, and not for ever', () => {
  assert.throws(() => new LogOutput('/proc/nowhere/tsuji.log', nothingLost), /ENOENT/);
});

test('a reader that takes nothing costs lines, and neither time nor memory', async (t) => {
  const pipe = join(folderOf(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const output = new LogOutput(pipe, nothingLost);
  const line = `${'x'.repeat(999)}\n`;
  let taken = 0;
  while (output.push(line)) taken++;
  assert.ok(taken >= 1_000 && taken < 1_100, `${taken} lines were taken`);
  let bytes = 0;
  const room = Buffer.alloc(1 << 20);
  await waitFor(() => {
    try {
      bytes += readSync(reader, room);
    } catch {
      // It is empty for the moment.
    }
    return bytes === taken * line.length;
  }, 'all that was taken to come out');
  assert.ok(output.push(line), 'there is room again');
  output.end();
});

test('standard output that nobody takes keeps the process neither from its work nor from its end', async (t) => {
  const code = `
    import { endLog, log, setLogLevel } from '${log}';
    import { EVENTS } from '${events}';
    setLogLevel('DEBUG');
    const text = 'x'.repeat(1_000);
    for (let i = 0; i < 150; i++) log.debug('a line', { i, text });
    for (let i = 0; i < 150; i++) log.event(EVENTS.problem, String(i), { i, text });
    setTimeout(() => { process.stderr.write('works on'); endLog(); }, 50);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code0 = await new Promise((resolve) => child.on('exit', resolve));
  assert.deepEqual([said, code0], ['works on', 0]);
});

test('the journal is told by the device and the inode of standard output', () => {
  assert.equal(isJournal({}), false);
  assert.equal(isJournal({ JOURNAL_STREAM: '1:1' }), false);
  const code = `
    import { fstatSync } from 'node:fs';
    import { log, setLogLevel, setLogOutput } from '${log}';
    import { EVENTS } from '${events}';
    const { dev, ino } = fstatSync(1);
    process.env.JOURNAL_STREAM = dev + ':' + ino;
    setLogLevel('DEBUG');
    setLogOutput('', 'colours');
    log.debug('text');
    for (const level of ['info', 'warning', 'error']) log.event({ ...EVENTS.stop, text: 'text' }, '', {}, level);
    log.fatal('text');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  assert.deepEqual(
    stdout.split('\n').map((line) => line.replace(/time="\S+" /, '')),
    [
      '<7>level=debug msg=text',
      '<6>level=info msg=text event=stop',
      '<4>level=warning msg=text event=stop',
      '<3>level=error msg=text event=stop',
      '<3>level=fatal msg=text',
      '',
    ].map((line) => line.replace('msg=text', 'msg="text"')),
  );
});
