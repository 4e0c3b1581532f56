/** What a release consists of, in the order in which it is made. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Build, bundle, ROOT } from './bundle.ts';
import { DEBIAN_ARCHITECTURES, makeDeb } from './deb.ts';
import { ARCHITECTURES, lockedNode } from './node-package.ts';
import { runProgram } from './run-program.ts';
import { packageRefs, sbomText } from './sbom.ts';
import { addonPath, type Bundled, makeProgram, makeTree, normalise, UWS } from './tree.ts';

/** `epoch`: of the commit, in seconds; the time of all that is made. */
export type Release = Build & { readonly version: string; readonly epoch: number };
type Say = (line: string) => void;

function git(...args: string[]): string {
  return runProgram('git', ['-C', ROOT, ...args]).trim();
}

/** Of package.json and the commit; SOURCE_DATE_EPOCH stands in for its time, as reproducible-builds.org has it. */
export function readRelease(say: Say): Release {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  let commit = 'unknown';
  let epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
  try {
    commit = git('rev-parse', 'HEAD');
    if (git('status', '--porcelain') !== '') {
      commit += '-changed';
      say('the work tree differs from its commit: this is no release, and is marked so');
    }
    if (process.env.SOURCE_DATE_EPOCH === undefined) epoch = Number(git('log', '-1', '--format=%ct'));
  } catch {
    say('not a git work tree: the commit is unknown');
  }
  return { version, commit, epoch, time: new Date(epoch * 1000).toISOString() };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The bundle with all packages, below `work`. */
export async function makeBundle(work: string, release: Release): Promise<Bundled> {
  const folder = join(work, 'bundle');
  rmSync(folder, { recursive: true, force: true });
  const packages = await bundle({ out: join(folder, 'js'), build: release, withPackages: true });
  return { folder, packages };
}

/** `dist/image/ARCH`, by Docker's names, which are Debian's. */
function fillImageFolders(dist: string, release: Release, bundled: Bundled, work: string): void {
  for (const architecture of ARCHITECTURES) {
    const folder = join(dist, 'image', DEBIAN_ARCHITECTURES[architecture]);
    makeProgram(architecture, folder, bundled, work);
    normalise(folder, release.epoch, ['tsuji', 'node']);
  }
}

export async function makeImageFolders(dist: string, release: Release, say: Say): Promise<void> {
  const work = join(dist, 'work');
  mkdirSync(work, { recursive: true });
  fillImageFolders(dist, release, await makeBundle(work, release), work);
  say('dist/image: for `docker build -t tsuji .`');
}

function makeTarball(folder: string, file: string, epoch: number, work: string): void {
  const fixed = ['--sort=name', '--format=gnu', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`];
  runProgram('tar', [...fixed, '--use-compress-program=gzip -n -9', '-C', work, '-cf', file, folder]);
}

/** Everything that people get, with SHA256SUMS of it. `dist` is an empty folder; what is left in `dist/work` is for nobody. */
export async function makeAll(dist: string, release: Release, say: Say): Promise<void> {
  const { version, epoch } = release;
  const work = join(dist, 'work');
  mkdirSync(work, { recursive: true });
  const bundled = await makeBundle(work, release);
  const files: { name: string; sha256: string }[] = [];
  for (const architecture of ARCHITECTURES) {
    const name = `tsuji-${version}-linux-${architecture}`;
    const tree = join(work, name);
    makeTree(architecture, tree, bundled, work, epoch);
    makeTarball(name, join(dist, `${name}.tar.gz`), epoch, work);
    for (const file of ['node', addonPath(architecture)]) {
      files.push({ name: `linux-${architecture}/${file}`, sha256: await sha256(join(tree, file)) });
    }
    say(`dist/${name}.tar.gz`);
    const deb = `tsuji_${version}_${DEBIAN_ARCHITECTURES[architecture]}.deb`;
    makeDeb(architecture, join(dist, deb), bundled, release, work);
    say(`dist/${deb}`);
  }
  fillImageFolders(dist, release, bundled, work);
  say('dist/image');
  runProgram('npm', ['pack', '--pack-destination', dist, '--loglevel=error'], { cwd: ROOT });
  say(`dist/tsuji-${version}.tgz`);
  const nodes = ARCHITECTURES.map((architecture) => {
    const { name, version } = lockedNode(architecture);
    return `${name}@${version}`;
  });
  const packages = [...packageRefs([...bundled.packages, UWS]), ...nodes];
  writeFileSync(join(dist, `tsuji-${version}.cdx.json`), sbomText({ packages, files, time: release.time }));
  say(`dist/tsuji-${version}.cdx.json`);
  const made = readdirSync(dist, { withFileTypes: true }).filter((entry) => entry.isFile());
  const lines: string[] = [];
  for (const { name } of made.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    lines.push(`${await sha256(join(dist, name))}  ${name}\n`);
  }
  writeFileSync(join(dist, 'SHA256SUMS'), lines.join(''));
  say('dist/SHA256SUMS');
}
