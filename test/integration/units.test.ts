import assert from 'node:assert/strict';
import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../scripts/find-program.mjs';
import { type Etcd, run, startEtcd, startProcess, temporaryFolder, waitFor } from '../harness/tools.ts';

const UNITS = fileURLToPath(new URL('../../units/', import.meta.url));
const noSystemd = findProgram('systemd-analyze') ? false : 'systemd-analyze is not installed (package systemd)';

test('every unit passes systemd-analyze verify without a word', { skip: noSystemd }, async () => {
  const files = globSync('*.service', { cwd: UNITS }).sort();
  assert.equal(files.length, 6);
  const result = await run('systemd-analyze', ['verify', ...files.map((file) => join(UNITS, file))]);
  assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });
});

const ADDRESS = '10.1.2.3';

type Commands = { start: string[]; stopPost: string[][]; env: Record<string, string>; runtimeFolder: string };

/** What systemd would run for instance 1 of a unit, with /run in `folder`; understands no more than our units use. */
function commandsOf(unit: string, folder: string): Commands {
  const text = readFileSync(join(UNITS, unit), 'utf8').replaceAll('\\\n', ' ');
  const all = (name: string) => [...text.matchAll(new RegExp(`^${name}=-?(.*)$`, 'gm'))].map((match) => match[1]);
  const words = (command: string) =>
    [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain)
        .replaceAll('%i', '1')
        .replaceAll(`$${'{COREOS_PRIVATE_IPV4}'}`, ADDRESS)
        .replaceAll('$$', '$')
        .replaceAll('/run/', `${folder}/`),
    );
  return {
    start: words(all('ExecStart')[0]),
    stopPost: all('ExecStopPost').map(words),
    env: Object.fromEntries(all('Environment').map((pair) => pair.split('='))),
    runtimeFolder: (all('RuntimeDirectory')[0] ?? '').replaceAll('%i', '1'),
  };
}

const SERVER_KEYS = [
  ['/traefik/backends/backend1/servers/server1/url', `http://${ADDRESS}:8081`],
  ['/traefik/backends/backend1/servers/server1/weight', '1'],
];
const FRONTEND_KEYS = [
  ['/traefik/frontends/frontend1/backend', 'backend1'],
  ['/traefik/frontends/frontend1/routes/test_1/rule', 'Host:nginx.example.com'],
];

async function valuesOf(etcd: Etcd, api: 2 | 3, keys: string[][]): Promise<string[]> {
  const values: string[] = [];
  for (const [key] of keys) {
    const args = api === 2 ? ['get', key] : ['get', '--print-value-only', key];
    values.push((await etcd.ctl(api, ...args).catch(() => '')).trim());
  }
  return values;
}

async function checkRegistration(t: TestContext, unit: string, api: 2 | 3, keys: string[][]): Promise<void> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const { start, stopPost, env, runtimeFolder } = commandsOf(unit, folder.path);
  mkdirSync(join(folder.path, runtimeFolder), { recursive: true });
  const environment = { ...env, ETCDCTL_ENDPOINTS: etcd.url };
  const wanted = keys.map(([, value]) => value);

  // The commands of a unit form one group of processes, which systemd ends as a whole.
  const sidekick = startProcess(start[0], start.slice(1), { env: environment, ownGroup: true });
  t.after(() => sidekick.end('SIGKILL'));
  await waitFor(
    async () => (await valuesOf(etcd, api, keys)).join() === wanted.join(),
    `${unit} to set its keys`,
    10_000,
  );
  if (api === 3) {
    const leases = await etcd.ctl(3, 'lease', 'list');
    assert.match(leases, /found 1 leases/);
    const id = leases.trim().split('\n')[1];
    assert.match(await etcd.ctl(3, 'lease', 'timetolive', '--keys', id), /granted with TTL\(60s\).*attached keys/);
  } else {
    const answer = (await (await fetch(`${etcd.url}/v2/keys${keys[0][0]}`)).json()) as { node: { ttl: number } };
    assert.ok(answer.node.ttl > 45 && answer.node.ttl <= 60, `ttl ${answer.node.ttl}`);
  }

  process.kill(-sidekick.pid, 'SIGTERM');
  await waitFor(() => sidekick.hasEnded(), 'the loop to end');
  for (const [command, ...args] of stopPost) {
    const result = await run(command, args, { env: environment });
    assert.equal(result.code, 0, result.stderr);
  }
  assert.deepEqual(
    await valuesOf(etcd, api, keys),
    wanted.map(() => ''),
  );
}

for (const [unit, api, keys] of [
  ['register-nginx@.service', 2, SERVER_KEYS],
  ['register-nginx-v3@.service', 3, SERVER_KEYS],
  ['register-nginx_example_com.service', 2, FRONTEND_KEYS],
  ['register-nginx_example_com-v3.service', 3, FRONTEND_KEYS],
] as const) {
  test(`${unit} keeps its keys in etcd v${api} while it runs and takes them away when it stops`, (t) =>
    checkRegistration(t, unit, api, keys));
}
