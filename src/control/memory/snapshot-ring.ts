/**
 * Earlier snapshots of the keys, beside the file of the newest (`<file>.history/`): when that is written anew, the one that it
 * takes the place of is kept, with all changes that stand in it, until there are too many or they are too long.
 */
import { copyFile, link, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../kernel/make-folder.ts';

const MOST_FILES = 64;
const NAME = /^\d{15}-\d+$/;

function folderOf(path: string): string {
  return `${path}.history`;
}

/** The files that there are, the oldest first and that of the newest keys last. */
export async function ringFiles(path: string): Promise<string[]> {
  const folder = folderOf(path);
  const names = await readdir(folder).catch(() => []);
  return [
    ...names
      .filter((name) => NAME.test(name))
      .sort()
      .map((name) => join(folder, name)),
    path,
  ];
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** The file at `path` is about to be replaced. `mostBytes`: of those that are kept, in all. */
export async function keepSnapshot(path: string, mostBytes: number): Promise<void> {
  const bytes = await sizeOf(path).catch(() => 0);
  if (bytes === 0 || bytes > mostBytes) return;
  const folder = folderOf(path);
  makeFolder(folder, 0o700);
  const kept = join(folder, `${String(Date.now()).padStart(15, '0')}-${process.pid}`);
  // Where there are no links, as on some file systems of containers.
  await link(path, kept).catch(() => copyFile(path, kept));
  await forgetOldest(path, mostBytes);
}

async function forgetOldest(path: string, mostBytes: number): Promise<void> {
  const files = (await ringFiles(path)).slice(0, -1);
  const sizes = await Promise.all(files.map(sizeOf));
  let sum = sizes.reduce((all, size) => all + size, 0);
  for (let i = 0; i < files.length && (files.length - i > MOST_FILES || sum > mostBytes); i++) {
    await rm(files[i], { force: true });
    sum -= sizes[i];
  }
}
