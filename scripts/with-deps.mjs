/**
 * `node scripts/with-deps.mjs [--production] [--test-tools] FILE ARGS…`: runs FILE on the pinned Node 24 after making
 * sure that the packages are installed, so that every npm script works on a fresh clone.
 *
 * --production: development packages are not needed, and Node is started to serve. --test-tools: the programs that tests run are installed too.
 * Plain JavaScript: it starts under whatever Node is there (20 or later).
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { SERVE_FLAGS } from './node-flags.mjs';
import { installPackages, whyNotInstalled } from './packages.mjs';
import { fail, findNode, runChild } from './run-node.mjs';
import { provideTools, TEST_TOOLS } from './system-tools.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What was compiled at the last start: the sources are half as dear to start with it. */
const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'node-compile');

function parseArguments(words) {
  const known = new Set(['--production', '--test-tools']);
  const options = new Set();
  while (known.has(words[0])) options.add(words.shift());
  if (words.length === 0) fail('usage: node scripts/with-deps.mjs [--production] [--test-tools] FILE ARGS…');
  return { options, file: resolve(ROOT, words[0]), args: words.slice(1) };
}

const { options, file, args } = parseArguments(process.argv.slice(2));
if (!existsSync(file)) fail(`${file} does not exist`);
const production = options.has('--production');
const difference = whyNotInstalled(ROOT, production);
if (difference !== '') {
  process.stderr.write(`tsuji: running npm ci (${difference})\n`);
  const problem = installPackages(ROOT, production);
  if (problem !== '') fail(problem);
}
const node = findNode();
if (options.has('--test-tools')) {
  const problem = provideTools(TEST_TOOLS);
  if (problem !== '') fail(problem);
}
process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
runChild(node, [...(production ? SERVE_FLAGS : []), file, ...args]);
