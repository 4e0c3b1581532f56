/** The packages that bring Node, also those for another processor than this one's. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import { runProgram } from './run-program.ts';

/** As Node names them. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

type Packed = readonly { readonly filename: string; readonly integrity: string }[];

/** What package-lock.json asks for. */
export function lockedNode(architecture: Architecture): { name: string; version: string; integrity: string } {
  const name = `node-linux-${architecture}`;
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string } | undefined>;
  };
  const locked = packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
  return { name, version: locked.version, integrity: locked.integrity };
}

/**
 * The folder of `node-linux-ARCH`, with `bin/node` and `LICENSE`: the installed one, or one that npm fetches below `work` and
 * whose integrity is that of package-lock.json.
 */
export function nodePackage(architecture: Architecture, work: string): string {
  const locked = lockedNode(architecture);
  const installed = join(ROOT, 'node_modules', locked.name);
  if (existsSync(join(installed, 'bin/node'))) return installed;

  const folder = join(work, `${locked.name}-${locked.version}`);
  if (existsSync(join(folder, 'LICENSE'))) return folder;
  mkdirSync(folder, { recursive: true });
  const told = runProgram('npm', ['pack', '--json', '--pack-destination', work, `${locked.name}@${locked.version}`]);
  const [{ filename, integrity }] = JSON.parse(told) as Packed;
  if (integrity !== locked.integrity) throw new Error(`${filename} is not the file that package-lock.json asks for`);
  // The licence comes last: a folder that has it is complete.
  for (const file of ['package/bin/node', 'package/LICENSE']) {
    runProgram('tar', ['-xzf', join(work, filename), '-C', folder, '--strip-components=1', file]);
  }
  return folder;
}
