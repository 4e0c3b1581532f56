/**
 * `npm run release`: makes what people install from this commit, in dist/. `docs/releases.md` tells what and why.
 *
 *   npm run release                everything
 *   npm run release -- image       only the folders that `docker build .` copies
 *   npm run release -- check       everything twice, and tries what was made
 *
 * Needs nothing but npm and what every Debian has (tar, gzip, dpkg-deb, md5sum).
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './release/bundle.ts';
import { checkRelease } from './release/check.ts';
import { makeAll, makeImageFolders, readRelease } from './release/make.ts';

const DIST = join(ROOT, 'dist');

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const [what = 'all', ...rest] = process.argv.slice(2);
if (!['all', 'image', 'check'].includes(what) || rest.length > 0) {
  process.stderr.write('usage: npm run release [-- image|check]\n');
  process.exitCode = 1;
} else {
  const release = readRelease(say);
  mkdirSync(DIST, { recursive: true });
  if (what === 'image') await makeImageFolders(DIST, release, say);
  else {
    rmSync(DIST, { recursive: true });
    await makeAll(DIST, release, say);
    if (what === 'check' && !(await checkRelease(DIST, release, say))) process.exitCode = 1;
  }
}
