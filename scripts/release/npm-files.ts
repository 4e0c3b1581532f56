/**
 * Runs before `npm pack`: compiles what the package starts (scripts/tsuji.mjs), because Node strips no types below
 * node_modules. Its dependencies stay packages, so that npm sees, updates and audits them.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, ROOT } from './bundle.ts';
import { readRelease } from './make.ts';

const out = join(ROOT, 'dist', 'npm');
rmSync(out, { recursive: true, force: true });
// npm pack --json has standard output for itself.
const release = readRelease((line) => process.stderr.write(`${line}\n`));
await bundle({ out, build: release, withPackages: false });
