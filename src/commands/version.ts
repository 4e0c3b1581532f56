/** `tsuji version` (shared/spec cli-api §1.4). */
import { readFileSync } from 'node:fs';

/** What scripts/release/bundle.ts puts here; in the sources nobody declares it. `time`: of the commit, ISO 8601. */
declare const TSUJI_BUILD: { readonly commit: string; readonly time: string };

const CODENAME = 'tsuji';
/** Go's names, as in the original's `OS/Arch: linux/amd64`. */
const GO_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
]);

/** The version in package.json, the one place where it is written. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const build = typeof TSUJI_BUILD === 'undefined' ? null : TSUJI_BUILD;

/** That a release was made from; '' when it runs from its sources. */
export function ownCommit(): string {
  return build?.commit ?? '';
}

/**
 * Prints the original's five lines, a release its commit too, and gives the exit code. Scripts take them apart by label
 * and by the column 14. The third is called `Node version:`, because a Go version would be a lie, and nothing is known
 * to look for it.
 */
export function runVersion(): number {
  const lines = [
    ['Version:', ownVersion()],
    ['Codename:', CODENAME],
    ['Node version:', process.versions.node],
    ['Built:', build?.time ?? 'runs from source'],
    ['OS/Arch:', `${process.platform}/${GO_ARCHITECTURES.get(process.arch) ?? process.arch}`],
  ];
  if (build !== null) lines.push(['Commit:', build.commit]);
  for (const [label, value] of lines) process.stdout.write(`${label.padEnd(14)}${value}\n`);
  return 0;
}
