/**
 * Runs every test file below test/ with Node's test runner. Arguments that begin with `-` go to the runner, all others
 * choose the files whose path contains them: `npm test -- unit/rule`.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Two files at a time: the tests start etcd, nginx and a browser, and share the machine with them. */
const CONCURRENCY = 2;
/** For one file and for one test in it, in milliseconds. */
const TIMEOUT_MS = 180_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('-'));
const filters = words.filter((word) => !word.startsWith('-'));
const all = globSync('test/**/*.test.ts', { cwd: root }).sort();
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
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = result.status ?? 1;
