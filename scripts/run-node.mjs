/**
 * Finds the Node that runs tsuji and becomes its front: signals go to it, its exit code is ours. Plain JavaScript: it
 * starts under whatever Node is there (20 or later).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

const NODE_MAJOR = 24;

/** @returns {never} */
export function fail(text) {
  process.stderr.write(`tsuji: ${text}\n`);
  process.exit(1);
}

function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0);
}

/** Of the package that brings Node for this system, '' where it is not installed. */
function pinnedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`);
    const path = join(dirname(manifest), 'bin', 'node');
    return existsSync(path) ? path : '';
  } catch {
    return '';
  }
}

/** The absolute path of a Node that is new enough: the pinned one, else the one that runs this. */
export function findNode() {
  const pinned = pinnedNode();
  if (pinned !== '') {
    if (process.execPath === pinned) return pinned;
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

/** Never returns: this process ends with the child's exit code. */
export function runChild(node, words) {
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
