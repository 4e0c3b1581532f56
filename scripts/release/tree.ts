/** The folders that tarball, Debian package and image are made of. */
import { chmodSync, cpSync, lutimesSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fitToGlibc } from '../elf-versions.mjs';
import { OLDEST_GLIBC_MINOR } from '../uws-host.mjs';
import { ROOT } from './bundle.ts';
import { launcherText } from './launcher.ts';
import { licencesText } from './licences.ts';
import { type Architecture, nodePackage } from './node-package.ts';

/** The version of the modules of the Node that comes along: process.versions.modules. */
const NODE_ABI = 137;
/** The package with the addon, relative to the root of the work tree and to the folder of a release alike. */
export const UWS = 'node_modules/uWebSockets.js';
const PROGRAMS = ['tsuji', 'node'];
/** What the root of the work tree gives to who reads. */
const PAPERS = ['LICENSE', 'README.md', 'CHANGELOG.md', 'docs', 'units'];

/** The addon of uWebSockets.js in a release, relative to its folder. */
export function addonPath(architecture: Architecture): string {
  return `${UWS}/uws_linux_${architecture}_${NODE_ABI}.node`;
}

export type Bundled = {
  /** Has `js` and what the bundle looks for beside it. */
  readonly folder: string;
  /** Folders of packages that are in it, relative to ROOT. */
  readonly packages: readonly string[];
};

/** Modes and times that depend on nobody's umask and clock. `epoch`: seconds. Programs are named relative to `folder`. */
export function normalise(folder: string, epoch: number, programs: readonly string[]): void {
  const executable = new Set(programs.map((name) => join(folder, name)));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) chmodSync(path, entry.isDirectory() || executable.has(path) ? 0o755 : 0o644);
    lutimesSync(path, epoch, epoch);
  }
  chmodSync(folder, 0o755);
  lutimesSync(folder, epoch, epoch);
}

/** The program with all that it runs with: `tsuji`, `node`, `js`, `proto`, `node_modules`. Replaces `folder`. */
export function makeProgram(architecture: Architecture, folder: string, bundled: Bundled, work: string): void {
  rmSync(folder, { recursive: true, force: true });
  cpSync(bundled.folder, folder, { recursive: true });
  cpSync(join(nodePackage(architecture, work), 'bin/node'), join(folder, 'node'));
  mkdirSync(join(folder, UWS), { recursive: true });
  for (const name of ['package.json', 'uws.js', 'ESM_wrapper.mjs']) {
    cpSync(join(ROOT, UWS, name), join(folder, UWS, name));
  }
  // `npm ci` has fitted the installed one to the glibc of this machine, or left it as it is.
  const addon = readFileSync(join(ROOT, addonPath(architecture)));
  fitToGlibc(addon, OLDEST_GLIBC_MINOR);
  writeFileSync(join(folder, addonPath(architecture)), addon);
  writeFileSync(join(folder, 'tsuji'), launcherText());
  for (const name of PROGRAMS) chmodSync(join(folder, name), 0o755);
}

/** What tsuji and all that comes with it is licensed under, and what there is to read. */
export function addPapers(architecture: Architecture, folder: string, bundled: Bundled, work: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of PAPERS) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const packages = [...bundled.packages, UWS].map((path) => join(ROOT, path));
  writeFileSync(join(folder, 'LICENSES-OF-OTHERS.txt'), licencesText(packages));
  cpSync(join(nodePackage(architecture, work), 'LICENSE'), join(folder, 'LICENSE-OF-NODE.txt'));
}

/** All of a tarball. Replaces `folder`. */
export function makeTree(
  architecture: Architecture,
  folder: string,
  bundled: Bundled,
  work: string,
  epoch: number,
): void {
  makeProgram(architecture, folder, bundled, work);
  addPapers(architecture, folder, bundled, work);
  normalise(folder, epoch, PROGRAMS);
}
