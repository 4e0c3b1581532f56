/**
 * `npm run demo [-- --etcd] [-- --once]`: the tutorial in one command. Three small web servers register themselves under
 * the tutorial's keys, in a folder or in etcd, and tsuji routes to them in turn. Ctrl-C ends it and leaves nothing
 * behind; with `--once` it ends by itself, with 0 if the servers took turns exactly and 1 if not.
 */
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Process, startProcess, waitFor } from '../test/harness/tools.ts';
import { pickPort } from './demo/ports.ts';
import { type DemoServer, startServer, tutorialKeys } from './demo/servers.ts';
import { openEtcdStore, openFolderStore } from './demo/stores.ts';
import { SERVE_FLAGS } from './node-flags.mjs';

const HOST = 'nginx.example.com';
const SERVER_NAMES = ['server1', 'server2', 'server3'];
const REQUESTS = 6;
const START_MS = 30_000;
const USAGE = 'usage: npm run demo [-- --etcd] [-- --once]\n';

const root = fileURLToPath(new URL('..', import.meta.url));
/** tsuji, once it is started. */
let balancer: Process | null = null;
/** What to undo at the end, last thing first. */
const cleanups: (() => Promise<unknown> | unknown)[] = [];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function dashboardOf(port: number): string {
  return `http://127.0.0.1:${port}/dashboard/`;
}

/** One request on a connection of its own, as curl does it. */
function ask(port: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, headers: { Host: HOST }, agent: false, timeout: 5000 };
    const asked = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within 5 s')));
    asked.on('error', reject);
    asked.end();
  });
}

async function startTsuji(flags: readonly string[], httpPort: number, webPort: number): Promise<Process> {
  const args = [
    ...SERVE_FLAGS,
    'src/main.ts',
    '--web',
    `--web.address=:${webPort}`,
    `--entryPoints=Name:http Address::${httpPort}`,
  ];
  const tsuji = startProcess(process.execPath, [...args, '--defaultEntryPoints=http', ...flags], {
    cwd: root,
    ownGroup: true,
  });
  balancer = tsuji;
  cleanups.push(() => tsuji.end());
  await waitFor(
    async () => tsuji.hasEnded() || ((await ask(httpPort)).status === 200 && (await fetch(dashboardOf(webPort))).ok),
    `tsuji to serve ${HOST} and its dashboard`,
    START_MS,
  ).catch((error) => {
    throw new Error(`${error.message}\n${tsuji.output()}`);
  });
  if (tsuji.hasEnded()) throw new Error(`tsuji ended at its start:\n${tsuji.output()}`);
  return tsuji;
}

/** Shows who answers, and returns whether the servers took turns: each equally often and never twice in a row. */
async function showTurns(port: number): Promise<boolean> {
  const answers: string[] = [];
  for (let turn = 1; turn <= REQUESTS; turn++) {
    const { status, body } = await ask(port);
    answers.push(body);
    say(`  request ${turn}: ${status} from ${body}`);
  }
  const equal = SERVER_NAMES.every(
    (name) => answers.filter((answer) => answer === name).length === REQUESTS / SERVER_NAMES.length,
  );
  const alternating = answers.every((answer, turn) => turn === 0 || answer !== answers[turn - 1]);
  say(equal && alternating ? 'The servers take turns.' : 'The servers do NOT take turns.');
  return equal && alternating;
}

async function main(useEtcd: boolean, once: boolean, stopped: Promise<void>): Promise<number> {
  const servers: DemoServer[] = [];
  for (const name of SERVER_NAMES) {
    const server = await startServer(name);
    cleanups.push(() => server.close());
    servers.push(server);
    say(`${server.name} listens at ${server.url}`);
  }
  const keys = tutorialKeys(HOST, servers);
  const store = useEtcd ? await openEtcdStore(keys, say) : openFolderStore(keys);
  cleanups.push(() => store.close());
  const httpPort = await pickPort(80, 8000, say);
  const webPort = await pickPort(8080, 8081, say);
  const tsuji = await startTsuji(store.flags, httpPort, webPort);

  const url = `http://127.0.0.1${httpPort === 80 ? '' : `:${httpPort}`}/`;
  say(`\ntsuji serves ${HOST} at ${url}`);
  say(`dashboard:  ${dashboardOf(webPort)}`);
  say(`try:        curl -H Host:${HOST} ${url}`);
  say(`take server2 away, and watch the dashboard:\n            ${store.removal}\n`);
  const passed = await showTurns(httpPort);
  if (once) return passed ? 0 : 1;

  say('\nCtrl-C ends the demo.');
  const ended = waitFor(() => tsuji.hasEnded(), 'tsuji to end', Number.POSITIVE_INFINITY);
  await Promise.race([stopped, ended]);
  if (!tsuji.hasEnded()) return 0;
  say(`tsuji ended by itself:\n${tsuji.output()}`);
  return 1;
}

const words = new Set(process.argv.slice(2));
if (words.delete('--help')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const useEtcd = words.delete('--etcd');
const runOnce = words.delete('--once');
if (words.size > 0) {
  process.stderr.write(`unknown argument ${[...words].join(' ')}\n${USAGE}`);
  process.exit(1);
}

const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    stop();
  });
}
// They would end the demo with all that it has to clean up, and are for tsuji.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => balancer?.signal(signal));
// An interruption before everything runs has to end the start as well, which the second promise is for.
const code = await Promise.race([
  main(useEtcd, runOnce, stopped).catch((error: Error) => {
    process.stderr.write(`the demo failed: ${error.message}\n`);
    return 1;
  }),
  stopped.then(() => (runOnce ? 1 : 0)),
]);
if (interrupted) say('\ncleaning up');
for (const cleanup of cleanups.reverse()) {
  try {
    await cleanup();
  } catch (error) {
    process.stderr.write(`while cleaning up: ${(error as Error).message}\n`);
  }
}
process.exit(code);
