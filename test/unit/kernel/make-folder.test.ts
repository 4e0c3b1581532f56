import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { makeFolder } from '../../../src/kernel/make-folder.ts';

test('folders are made with those above them, and where nothing can be made that is an error at once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-folder-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const deep = join(folder, 'a/b/c');
  makeFolder(deep, 0o700);
  makeFolder(deep, 0o700);
  assert.equal(statSync(deep).mode & 0o777, 0o700);
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => makeFolder(join(folder, 'file/below'), 0o700), /ENOTDIR/);
  assert.throws(() => makeFolder('/proc/none/below', 0o700), /ENOENT/);
});
