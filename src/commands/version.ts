/** `tsuji version` (shared/spec cli-api §1.4). */
import { readFileSync } from 'node:fs';
import { command, print } from './run-command.ts';

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

const HELP = `Prints version, Node's version, when and from which commit it was made. The first five lines are those of Traefik.
`;

/**
 * The original's five lines, and of a release its commit. Scripts take them apart by label and by the column 14. The third is
 * called `Node version:`, because a Go version would be a lie, and nothing is known to look for it.
 */
function versionLines(): (readonly [label: string, value: string])[] {
  return [
    ['Version', ownVersion()],
    ['Codename', CODENAME],
    ['Node version', process.versions.node],
    ['Built', build?.time ?? 'runs from source'],
    ['OS/Arch', `${process.platform}/${GO_ARCHITECTURES.get(process.arch) ?? process.arch}`],
    ...(build === null ? [] : [['Commit', build.commit] as const]),
  ];
}

export const runVersion = command('version', HELP, ({ options }) => {
  const lines = versionLines();
  if (options.has('json')) {
    const names = lines.map(([label, value]) => [label.toLowerCase().replace(/[ /]/, '_'), value]);
    print([JSON.stringify(Object.fromEntries(names))]);
  } else print(lines.map(([label, value]) => `${label}:`.padEnd(14) + value));
  return 0;
});
