#!/usr/bin/env node
/**
 * `tsuji` where npm has installed it, as `npx tsuji` does, and `npx tsuji` in the work tree: starts Node 24 with what was
 * compiled for the package, or with the sources. Plain JavaScript: it starts under whatever Node is there (20 or later).
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { SERVE_FLAGS } from './node-flags.mjs';
import { findNode, runChild } from './run-node.mjs';

const SOURCES = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const COMPILED = fileURLToPath(new URL('../dist/npm/main.js', import.meta.url));

// What was compiled at the last start, where we may write: a start takes half the time with it.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node-compile', import.meta.url));
// npm may have been told to run no install scripts; where all is as it should be this changes nothing.
await import('./fit-uws.mjs');
runChild(findNode(), [...SERVE_FLAGS, existsSync(SOURCES) ? SOURCES : COMPILED, ...process.argv.slice(2)]);
