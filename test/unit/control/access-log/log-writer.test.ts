import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { FileOutput } from '../../../../src/control/access-log/file-output.ts';
import type { LineBatch } from '../../../../src/control/access-log/line-batch.ts';
import type { LineOutput } from '../../../../src/control/access-log/line-output.ts';
import { LogWriter } from '../../../../src/control/access-log/log-writer.ts';
import type { FromLogWriter } from '../../../../src/protocol/messages.ts';
import { AccessLogWords, createAccessLogBuffers, droppedLines } from '../../../../src/shared/access-log.ts';
import { RingWriter } from '../../../../src/shared/byte-ring.ts';
import { waitFor } from '../../../harness/wait.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-access-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A writer that runs, and both ends of it. */
function start(t: TestContext, output: LineOutput) {
  const buffers = createAccessLogBuffers(1, 100_000);
  const words = new AccessLogWords(buffers.words);
  const ring = new RingWriter(buffers.memories[0].buffer);
  const told: FromLogWriter[] = [];
  const writer = new LogWriter(
    () => output,
    buffers,
    (message) => told.push(message),
  );
  const ended = writer.run();
  const end = async (): Promise<void> => {
    writer.end();
    await ended;
  };
  t.after(end);
  return {
    writer,
    words,
    told,
    end,
    dropped: () => droppedLines(buffers),
    kinds: () => told.map(({ kind }) => kind),
    put: (line: string) => ring.push(Buffer.from(`${line}\n`), 0),
  };
}

/** Takes what it is told to, and keeps it. */
class Disk implements LineOutput {
  readonly isStdout: boolean;
  text = '';
  /** Bytes that it has room for. */
  room = Number.POSITIVE_INFINITY;
  code = 'ENOSPC';
  writes = 0;
  opens = 0;

  constructor(isStdout = false) {
    this.isStdout = isStdout;
  }

  open(): void {
    this.opens++;
  }

  write(batch: LineBatch): void {
    this.writes++;
    const end = Math.min(batch.length, batch.written + this.room);
    this.text += batch.bytes.toString('latin1', batch.written, end);
    this.room -= end - batch.written;
    batch.written = end;
    if (batch.written < batch.length) throw Object.assign(new Error('no space'), { code: this.code });
  }

  close(): void {}
}

test('lines are written in order, and counted', async (t) => {
  const path = join(folderOf(t), 'made/for/it/access.log');
  const { put, words, end, kinds } = start(t, new FileOutput(path));
  const lines = Array.from({ length: 3_000 }, (_, i) => `line ${i} ${'x'.repeat(i % 90)}`);
  for (const line of lines) assert.ok(put(line));
  await end();
  const text = readFileSync(path, 'utf8');
  assert.equal(text, `${lines.join('\n')}\n`);
  assert.deepEqual([words.lines, words.bytes], [lines.length, text.length]);
  assert.deepEqual(kinds(), ['opened', 'ended']);
});

test('a file that was moved away gets what was said before, the new one all after, and no line is split', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'log/access.log');
  const { put, writer, kinds, end } = start(t, new FileOutput(path));
  const moved: string[] = [];
  let count = 0;
  for (let turn = 0; turn < 5; turn++) {
    for (let i = 0; i < 500; i++) assert.ok(put(`line ${count++}`));
    await waitFor(() => existsSync(path), 'the file');
    moved.push(join(folder, `moved.${turn}`));
    renameSync(path, moved[turn]);
    // The folder is made anew as well.
    rmSync(join(folder, 'log'), { recursive: true, force: true });
    writer.reopen();
    await waitFor(() => kinds().filter((kind) => kind === 'reopened').length === turn + 1, 'the new file');
  }
  await end();
  const texts = [...moved, path].map((file) => readFileSync(file, 'utf8'));
  for (const text of texts) assert.ok(text === '' || text.endsWith('\n'));
  assert.equal(texts.join(''), Array.from({ length: count }, (_, i) => `line ${i}\n`).join(''));
});

test('a file that cannot be opened anew leaves the old one in use', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'log/access.log');
  const { put, writer, told, end } = start(t, new FileOutput(path));
  await waitFor(() => existsSync(path), 'the file');
  renameSync(join(folder, 'log'), join(folder, 'moved'));
  // A file where its folder was.
  new FileOutput(join(folder, 'log')).open();
  writer.reopen();
  await waitFor(() => told.some(({ kind }) => kind === 'reopenFailed'), 'the refusal');
  put('still here');
  await end();
  assert.equal(readFileSync(join(folder, 'moved/access.log'), 'utf8'), 'still here\n');
});

test('while the disk is full lines are dropped and counted; then the one that was begun goes on', async (t) => {
  const disk = new Disk();
  const { put, told, dropped, end } = start(t, disk);
  disk.room = 14;
  put('first line');
  put('second line');
  await waitFor(() => told.some(({ kind }) => kind === 'writeFailed'), 'the failure');
  // More than the ring takes, so that each byte of it is written over.
  const others = 160;
  for (let count = 1; count <= others; count++) {
    assert.ok(put('nobody has room '.repeat(3_000)));
    if (count % 80 === 0) await waitFor(() => dropped()[1] === count, 'the drops');
  }
  disk.room = Number.POSITIVE_INFINITY;
  await waitFor(() => disk.text.endsWith('second line\n'), 'the rest');
  put('third line');
  await end();
  assert.equal(disk.text, 'first line\nsecond line\nthird line\n');
  assert.deepEqual(dropped(), [0, others, 0]);
  assert.equal(told.filter(({ kind }) => kind === 'writeFailed').length, 1, 'told once');
  const lost = told.flatMap((message) => (message.kind === 'lost' ? [message] : []));
  assert.ok(lost.every(({ reason }) => reason === 'write_failed'));
  assert.equal(
    lost.reduce((sum, { count }) => sum + count, 0),
    others,
  );
});

test('a line that was begun in one file is not ended in another', async (t) => {
  const disk = new Disk();
  const { put, told, dropped, writer, kinds, end } = start(t, disk);
  disk.room = 14;
  put('first line');
  put('second line');
  put('third line');
  await waitFor(() => told.some(({ kind }) => kind === 'writeFailed'), 'the failure');
  const before = disk.text;
  disk.text = '';
  disk.room = Number.POSITIVE_INFINITY;
  writer.reopen();
  await waitFor(() => kinds().includes('reopened'), 'the new file');
  await end();
  assert.equal(before, 'first line\nsec');
  assert.equal(disk.text, 'third line\n');
  assert.deepEqual(dropped(), [0, 1, 0]);
});

test('a pipe that is full for a moment loses nothing', async (t) => {
  const disk = new Disk(true);
  disk.code = 'EAGAIN';
  disk.room = 6;
  const { put, dropped, end } = start(t, disk);
  put('first line');
  await waitFor(() => disk.writes > 3, 'several tries');
  disk.room = 1_000;
  await end();
  assert.equal(disk.text, 'first line\n');
  assert.deepEqual(dropped(), [0, 0, 0]);
});

test('when nobody reads standard output any more, the log is off', async (t) => {
  const disk = new Disk(true);
  disk.code = 'EPIPE';
  disk.room = 0;
  const { put, words, told } = start(t, disk);
  put('first line');
  await waitFor(() => words.isOff, 'the end of the log');
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['opened', 'off'],
  );
});

test('a file that cannot be opened is told, and SIGUSR1 tries it again', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'log/access.log');
  new FileOutput(join(folder, 'log')).open();
  const { put, writer, words, told, end } = start(t, new FileOutput(path));
  await waitFor(() => words.isOff, 'the refusal');
  assert.match((told[0] as { reason: string }).reason, /EEXIST|ENOTDIR/);
  rmSync(join(folder, 'log'));
  writer.reopen();
  await waitFor(() => !words.isOff, 'the log');
  put('a line');
  await end();
  assert.equal(readFileSync(path, 'utf8'), 'a line\n');
});
