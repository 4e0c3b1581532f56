/** Whether a release is what it is meant to be: made once more it has the same bytes, and what people do with it works. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import { makeAll, type Release } from './make.ts';

const SUMS = 'SHA256SUMS';

/** Says each difference, and gives whether all is well. */
export async function checkRelease(dist: string, release: Release, say: (line: string) => void): Promise<boolean> {
  const again = join(dist, 'work', 'again');
  rmSync(again, { recursive: true, force: true });
  mkdirSync(again, { recursive: true });
  await makeAll(again, release, () => {});
  const [first, second] = [dist, again].map((folder) => readFileSync(join(folder, SUMS), 'utf8').split('\n'));
  const different = first.filter((line) => !second.includes(line));
  for (const line of different) say(`made again it is another file: ${line}`);
  if (different.length === 0) say('made again it has the same bytes');
  rmSync(again, { recursive: true });

  const tests = join(ROOT, 'test', 'release', 'artifacts.check.ts');
  const env = { ...process.env, TSUJI_DIST: dist };
  const { status } = spawnSync(process.execPath, ['--test', tests], { cwd: ROOT, env, stdio: 'inherit' });
  return different.length === 0 && status === 0;
}
