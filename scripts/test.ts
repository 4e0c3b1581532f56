/**
 * Runs every test file below test/ with Node's test runner. Arguments that begin with `-` go to the Node of each file,
 * such as `--test-name-pattern=…`, all others choose the files whose path contains them: `npm test -- unit/rule`.
 */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { makeTestProgram } from './test-program.ts';

/** Files at a time: they wait more than they compute, and share the machine with the etcd, nginx and browser they start. */
const CONCURRENCY = 6;
/** Those that take longest, by the clock of a library or on their own account: all others run beside them. */
const FIRST = [
  'slow-clients',
  'faults',
  'snapshot',
  'engines',
  'websocket-idle',
  'stored-settings',
  'websocket-ending',
  'tutorial',
  'balancing',
  'log',
  'source-etcd-v2',
];
/** For one test, in milliseconds. */
const TIMEOUT_MS = 180_000;

/** Without it results are lost at the forced end. */
const EXIT_HOOK = new URL('../test/harness/exit-hook.ts', import.meta.url).href;

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('-'));
const filters = words.filter((word) => !word.startsWith('-'));

/** The place of a file in `FIRST`, or behind all of it. */
function rank(file: string): number {
  const index = FIRST.findIndex((name) => file.endsWith(`/${name}.test.ts`));
  return index < 0 ? FIRST.length : index;
}

const all = globSync('test/**/*.test.ts').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const files = filters.length === 0 ? all : all.filter((file) => filters.some((filter) => file.includes(filter)));

if (files.length === 0) {
  process.stderr.write(`no test file under test/ matches ${filters.join(', ') || '*.test.ts'}\n`);
  process.exitCode = 1;
} else {
  if (files === all)
    process.env.PROGRAM_UNDER_TEST = await makeTestProgram(join(root, 'node_modules', '.cache', 'tsuji-test'));
  const tests = run({
    // The command line of the runner would sort them by name.
    files: files.map((file) => join(root, file)),
    concurrency: CONCURRENCY,
    timeout: TIMEOUT_MS,
    // What a test that failed has left open would keep its file, and all that wait for it, for ever.
    execArgv: ['--test-force-exit', '--import', EXIT_HOOK, ...options],
  });
  tests.on('test:fail', () => {
    process.exitCode = 1;
  });
  tests.compose(spec).pipe(process.stdout);
}
