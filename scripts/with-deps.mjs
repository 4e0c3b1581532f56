/**
 * `node scripts/with-deps.mjs [--production] [--test-tools] FILE ARGS…`: runs FILE on the pinned Node 24 after making
 * sure that the packages are installed, so that every npm script works on a fresh clone.
 *
 * --production: development packages are not needed, and Node is started to serve. --test-tools: the programs that tests run are installed too.
 * Plain JavaScript: it starts under whatever Node is there (20 or later).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { SERVE_FLAGS } from './node-flags.mjs';
import { installPackages, whyNotInstalled } from './packages.mjs';
import { provideTools, TEST_TOOLS } from './system-tools.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_MAJOR = 24;

function fail(text) {
  process.stderr.write(`tsuji: ${text}\n`);
  process.exit(1);
}

function parseArguments(words) {
  const known = new Set(['--production', '--test-tools']);
  const options = new Set();
  while (known.has(words[0])) options.add(words.shift());
  if (words.length === 0) fail('usage: node scripts/with-deps.mjs [--production] [--test-tools] FILE ARGS…');
  return { options, file: resolve(ROOT, words[0]), args: words.slice(1) };
}

function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0);
}

/** The absolute path of a Node that runs TypeScript: the pinned one, else the one that runs this. */
function findNode() {
  const pinned = join(ROOT, 'node_modules', '.bin', 'node');
  if (process.execPath === pinned) return pinned;
  if (existsSync(pinned)) {
    const result = spawnSync(pinned, ['--version'], { encoding: 'utf8' });
    if (majorOf(result.stdout ?? '') >= NODE_MAJOR) return pinned;
  }
  if (majorOf(process.version) >= NODE_MAJOR) return process.execPath;
  return fail(
    `Node ${NODE_MAJOR} or later is needed and this is ${process.version}. The package ` +
      `node-${process.platform}-${process.arch}, which would bring it, is not installed or does not run here; ` +
      `please install Node ${NODE_MAJOR}.`,
  );
}

/** In the foreground of a terminal, Ctrl-C reaches the child as well, and sending it again would press it twice. */
function isForeground() {
  try {
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [processGroup, foregroundGroup] = [fields[2], fields[5]];
    return processGroup === foregroundGroup;
  } catch {
    return process.stdin.isTTY === true;
  }
}

/** For the child alone. Taken before it is there as well: they would end this process, or open Node's debugger. */
const FOR_CHILD = ['SIGUSR1', 'SIGUSR2'];
/** A terminal sends these to all in its foreground. */
const OF_TERMINAL = ['SIGINT', 'SIGQUIT', 'SIGHUP'];
let child = null;
for (const signal of FOR_CHILD) process.on(signal, () => child?.kill(signal));

function runChild(node, words) {
  child = spawn(node, words, { stdio: 'inherit' });
  for (const signal of [...OF_TERMINAL, 'SIGTERM']) {
    let forwarded = false;
    process.on(signal, () => {
      if (forwarded || (OF_TERMINAL.includes(signal) && isForeground())) return;
      // Once, for who runs this may send it again; but what ends nothing may come as often as it likes.
      forwarded = signal !== 'SIGHUP';
      child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`${node} cannot be run: ${error.message}`));
  child.on('close', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
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
runChild(node, [...(production ? SERVE_FLAGS : []), file, ...args]);
