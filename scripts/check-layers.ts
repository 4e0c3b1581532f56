/** Prints what breaks the layering of src (layers.ts), and ends with 1 if anything does. */
import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layerProblems } from './layers.ts';

const folder = fileURLToPath(new URL('../src', import.meta.url));
const files = new Map<string, string>();
for (const path of globSync('**/*.ts', { cwd: folder }).sort()) {
  files.set(path.split(sep).join('/'), readFileSync(join(folder, path), 'utf8'));
}
const problems = layerProblems(files);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`${files.size} files, ${problems.length} layer problems\n`);
if (problems.length > 0) process.exitCode = 1;
