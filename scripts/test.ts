/**
 * Runs every test file below test/ with Node's test runner. Arguments that begin with `-` go to the runner, all others
 * choose the files whose path contains them: `npm test -- unit/rule`.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files at a time: they wait more than they compute, and share the machine with the etcd, nginx and browser they start. */
const CONCURRENCY = 3;
/** Files that wait for a long time by the clock of a library: they run beside all others, so they begin first. */
const FIRST = ['slow-clients', 'websocket-ending', 'stored-settings'];
/** For one file and for one test in it, in milliseconds. */
const TIMEOUT_MS = 180_000;

const root = fileURLToPath(new URL('..', import.meta.url));
/** Halves the time that a test file, and each tsuji that one starts, needs to begin. */
const COMPILE_CACHE = join(root, 'node_modules', '.cache', 'node-compile');

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('-'));
const filters = words.filter((word) => !word.startsWith('-'));
const waits = (file: string): number => Number(!FIRST.some((name) => file.includes(`/${name}.`)));
const all = globSync('test/**/*.test.ts', { cwd: root }).sort((a, b) => waits(a) - waits(b) || (a < b ? -1 : 1));
const files = filters.length === 0 ? all : all.filter((file) => filters.some((filter) => file.includes(filter)));

if (files.length === 0) {
  process.stderr.write(`no test file under test/ matches ${filters.join(', ') || '*.test.ts'}\n`);
  process.exit(1);
}
const result = spawnSync(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
    '--test-reporter=spec',
    ...options,
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env } },
);
process.exitCode = result.status ?? 1;
