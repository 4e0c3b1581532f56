/** Whether node_modules is what package-lock.json asks for, and `npm ci` where it is not. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

function packagesOf(path) {
  try {
    const { packages } = JSON.parse(readFileSync(path, 'utf8'));
    return typeof packages === 'object' && packages !== null ? packages : undefined;
  } catch {
    return undefined;
  }
}

/**
 * '' when every package that `root`/package-lock.json asks for is installed in its version, else the first difference.
 * npm keeps what it installed in node_modules/.package-lock.json, written last, so an interrupted install shows.
 * Optional packages may be missing (they are for other systems), and so may those for development if `production`.
 */
export function whyNotInstalled(root, production) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  if (wanted === undefined) return 'package-lock.json cannot be read';
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return 'node_modules is not there or not complete';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const present = installed[path];
    if (present === undefined) {
      if (entry.optional || entry.devOptional || (production && entry.dev)) continue;
      return `${path} is missing`;
    }
    if (present.version !== entry.version || present.integrity !== entry.integrity) return `${path} is another version`;
  }
  for (const path of Object.keys(installed)) if (wanted[path] === undefined) return `${path} is no longer wanted`;
  return '';
}

/** npm must not run on the Node inside the folder that it is about to remove. */
function environmentWithout(folder) {
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== folder);
  return { ...process.env, PATH: path.join(delimiter) };
}

/** Runs `npm ci`, silently if it succeeds. Returns '' or everything that npm wrote. */
export function installPackages(root, production) {
  const env = environmentWithout(join(root, 'node_modules', '.bin'));
  const args = ['ci', '--no-audit', '--no-fund', ...(production ? ['--omit=dev'] : [])];
  const result = spawnSync('npm', args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.error) return `npm cannot be run: ${result.error.message}`;
  if (result.status !== 0) return `${result.stdout}${result.stderr}npm ci failed`;
  // Where the user keeps npm from running install scripts, ours has not run yet; it has nothing to do otherwise.
  const fit = spawnSync(process.execPath, [join(root, 'scripts', 'fit-uws.mjs')], { stdio: 'inherit', env });
  return fit.error ? `scripts/fit-uws.mjs cannot be run: ${fit.error.message}` : '';
}
