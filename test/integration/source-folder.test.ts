/** What a folder alone can do to a source. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { FolderSource, type FolderTuning } from '../../src/control/source/folder.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { temporaryFolder, waitFor } from '../harness/tools.ts';

function folderOf(t: TestContext): { root: string; write(path: string, text: string): void } {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const root = join(folder.path, 'keys');
  mkdirSync(root);
  return { root, write: (path, text) => writeFileSync(join(root, path), text) };
}

function followFolder(
  t: TestContext,
  root: string,
  tuning: Partial<FolderTuning> = {},
): { source: FolderSource; sink: SourceRecorder } {
  const source = new FolderSource(root, tuning);
  t.after(() => source.stop());
  const sink = new SourceRecorder(source);
  source.start(sink);
  return { source, sink };
}

test('one newline at the end of a file is not part of the value', async (t) => {
  const { root, write } = folderOf(t);
  write('none', 'v');
  write('one', 'v\n');
  write('two', 'v\n\n');
  write('windows', 'v\r\n');
  write('inner', ' a\nb ');
  const { sink } = followFolder(t, root);
  await sink.inState('live');
  assert.deepEqual(Object.fromEntries(sink.keys), { none: 'v', one: 'v', two: 'v\n', windows: 'v', inner: ' a\nb ' });
});

test('a directory made, moved in, moved within and removed brings and takes its keys', async (t) => {
  const { root } = folderOf(t);
  const { sink } = followFolder(t, root);
  await sink.inState('live');
  mkdirSync(join(root, 'backends/b/servers/s'), { recursive: true });
  writeFileSync(join(root, 'backends/b/servers/s/url'), 'u');
  await sink.has('backends/b/servers/s/url', 'u');
  writeFileSync(join(root, 'backends/b/servers/s/url'), 'v');
  await sink.has('backends/b/servers/s/url', 'v');
  renameSync(join(root, 'backends/b'), join(root, 'backends/c'));
  await sink.has('backends/c/servers/s/url', 'v');
  assert.equal(sink.keys.size, 1);
  writeFileSync(join(root, 'backends/c/servers/s/url'), 'w');
  await sink.has('backends/c/servers/s/url', 'w');
  rmSync(join(root, 'backends'), { recursive: true });
  await sink.has('backends/c/servers/s/url', undefined);
  mkdirSync(join(root, 'backends/c/servers/s'), { recursive: true });
  writeFileSync(join(root, 'backends/c/servers/s/url'), 'x');
  await sink.has('backends/c/servers/s/url', 'x');
  writeFileSync(join(root, 'backends/c/servers/s/url'), 'y');
  await sink.has('backends/c/servers/s/url', 'y');
  assert.equal(sink.snapshots().length, 1);
});

test('a file that is replaced by a rename is seen as one change', async (t) => {
  const { root, write } = folderOf(t);
  write('a', '1');
  const { sink } = followFolder(t, root);
  await sink.has('a', '1');
  write('a.tmp', '2');
  renameSync(join(root, 'a.tmp'), join(root, 'a'));
  await sink.has('a', '2');
  assert.deepEqual(sink.valuesOf('a'), ['2']);
});

test('files that are written together arrive in one batch', async (t) => {
  const { root, write } = folderOf(t);
  const { sink } = followFolder(t, root, { settleMs: 100, longestSettleMs: 2000 });
  await sink.inState('live');
  for (const name of ['a', 'b', 'c']) write(name, name);
  await sink.has('c', 'c');
  const batches = sink.told.filter(({ kind }) => kind === 'changes');
  assert.equal(batches.length, 1);
});

test('a link to a file is followed, also when only its target changes', async (t) => {
  const { root, write } = folderOf(t);
  const target = join(root, '..', 'target');
  writeFileSync(target, '1');
  symlinkSync(target, join(root, 'a'));
  symlinkSync('nowhere', join(root, 'dangling'));
  symlinkSync('.', join(root, 'loop'));
  const { sink } = followFolder(t, root, { rescanMs: 100 });
  await sink.has('a', '1');
  writeFileSync(target, '2');
  await sink.has('a', '2');
  write('b', '1');
  await sink.has('b', '1');
  assert.deepEqual([...sink.keys.keys()].sort(), ['a', 'b']);
});

test('a folder that is removed keeps its keys until it is there again', async (t) => {
  const { root, write } = folderOf(t);
  write('a', '1');
  const { source, sink } = followFolder(t, root);
  await sink.has('a', '1');
  renameSync(root, `${root}.old`);
  await sink.inState('stale');
  assert.match(source.status().error, /ENOENT/);
  mkdirSync(`${root}.new`);
  writeFileSync(join(`${root}.new`, 'a'), '2');
  renameSync(`${root}.new`, root);
  await sink.has('a', '2');
  await sink.inState('live');
  write('a', '3');
  await sink.has('a', '3');
});

test('a file in the place of the folder is an error, not an empty store', async (t) => {
  const { root } = folderOf(t);
  rmSync(root, { recursive: true });
  writeFileSync(root, 'x');
  const { source, sink } = followFolder(t, root);
  await waitFor(() => source.status().error !== '', 'an error');
  assert.match(source.status().error, /ENOTDIR/);
  assert.equal(sink.told.length, 0);
});

test('a file that cannot be read keeps its value, and the others go on', async (t) => {
  const { root, write } = folderOf(t);
  mkdirSync(join(root, 'd'));
  write('d/a', '1');
  write('b', '1');
  const { source, sink } = followFolder(t, root);
  await sink.has('b', '1');
  // A link to itself cannot be read by anyone, not even by root.
  symlinkSync('a', join(root, 'd/a.tmp'));
  renameSync(join(root, 'd/a.tmp'), join(root, 'd/a'));
  write('b', '2');
  await sink.has('b', '2');
  assert.equal(sink.keys.get('d/a'), '1');
  assert.match(source.status().error, /ELOOP.*d\/a/);
  assert.equal(source.status().state, 'live');
  rmSync(join(root, 'd/a'));
  await sink.has('d/a', undefined);
  assert.equal(source.status().error, '');
});
