/** Types, lint with formatting, and layers: each is run and named with its time, whatever the others say. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');

/** Run by this Node, since what PATH calls `node` may be an old one. */
const CHECKS: readonly (readonly [name: string, file: string, ...args: string[]])[] = [
  ['types', join(modules, 'typescript', 'bin', 'tsc')],
  ['lint and format', join(modules, '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings'],
  ['layers', join(root, 'scripts', 'check-layers.ts')],
];

const summary: string[] = [];
for (const [name, file, ...args] of CHECKS) {
  const startedAt = performance.now();
  const passed = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' }).status === 0;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  summary.push(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!passed) process.exitCode = 1;
}
process.stdout.write(`${summary.join('\n')}\n`);
