import assert from 'node:assert/strict';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../scripts/find-program.mjs';
import { type Etcd, run, startEtcd, startProcess, temporaryFolder, waitFor } from '../harness/tools.ts';

const UNITS = fileURLToPath(new URL('../../units/', import.meta.url));
const noSystemd = findProgram('systemd-analyze') ? false : 'systemd-analyze is not installed (package systemd)';

/** Where a host has tsuji; not this one. */
const PROGRAM = '/usr/bin/tsuji';

/** Units as they stand, but with a program that exists in the place of tsuji. */
function unitsOn(folder: string): string[] {
  return globSync('*.service', { cwd: UNITS })
    .sort()
    .map((file) => {
      const path = join(folder, file);
      writeFileSync(path, readFileSync(join(UNITS, file), 'utf8').replaceAll(PROGRAM, '/bin/true'));
      return path;
    });
}

test('every unit passes systemd-analyze verify without a word', { skip: noSystemd }, async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const files = unitsOn(folder.path);
  assert.equal(files.length, 11);
  const result = await run('systemd-analyze', ['verify', ...files]);
  assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });
});

test('what tsuji.service leaves open for an attacker is 2.0 of 10 at most', { skip: noSystemd }, async () => {
  const words = ['security', '--offline=true', '--threshold=20', '--no-pager', join(UNITS, 'tsuji.service')];
  const { code, stdout } = await run('systemd-analyze', words);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /Overall exposure level for tsuji.service: 1\.\d/);
});

const ADDRESS = '10.1.2.3';

type Commands = {
  before: string[][];
  start: string[];
  stopPost: string[][];
  env: Record<string, string>;
  runtimeFolder: string;
};

/** What systemd would run for that instance of a unit, with /run in `folder`; understands no more than our units use. */
function commandsOf(unit: string, folder: string, instance = '1'): Commands {
  const text = readFileSync(join(UNITS, unit), 'utf8').replaceAll('\\\n', ' ');
  const all = (name: string) => [...text.matchAll(new RegExp(`^${name}=-?(.*)$`, 'gm'))].map((match) => match[1]);
  const words = (command: string) =>
    [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain)
        .replaceAll('%i', instance)
        .replaceAll(`$${'{COREOS_PRIVATE_IPV4}'}`, ADDRESS)
        .replaceAll('$$', '$')
        .replaceAll('\\\\', '\\')
        .replaceAll('/run/', `${folder}/`),
    );
  return {
    before: all('ExecStartPre').map(words),
    start: words(all('ExecStart')[0]),
    stopPost: all('ExecStopPost').map(words),
    env: Object.fromEntries(all('Environment').map((pair) => pair.split('='))),
    runtimeFolder: (all('RuntimeDirectory')[0] ?? '').replaceAll('%i', instance),
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
const DNS_KEYS = [['/skydns/com/example/nginx/10-1-2-3', `{"host":"${ADDRESS}","ttl":60}`]];

async function valuesOf(etcd: Etcd, api: 2 | 3, keys: string[][]): Promise<string[]> {
  const values: string[] = [];
  for (const [key] of keys) {
    const args = api === 2 ? ['get', key] : ['get', '--print-value-only', key];
    values.push((await etcd.ctl(api, ...args).catch(() => '')).trim());
  }
  return values;
}

async function checkRegistration(
  t: TestContext,
  unit: string,
  api: 2 | 3,
  keys: string[][],
  instance: string,
): Promise<void> {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const { before, start, stopPost, env, runtimeFolder } = commandsOf(unit, folder.path, instance);
  mkdirSync(join(folder.path, runtimeFolder), { recursive: true });
  const environment = { ...env, COREOS_PRIVATE_IPV4: ADDRESS, ETCDCTL_ENDPOINTS: etcd.url };
  const wanted = keys.map(([, value]) => value);

  for (const [command, ...args] of before) {
    assert.deepEqual(await run(command, args, { env: environment }), { code: 0, stdout: '', stderr: '' });
  }
  // The commands of a unit form one group of processes, which systemd ends as a whole.
  const sidekick = startProcess(start[0], start.slice(1), { env: environment, ownGroup: true });
  t.after(() => sidekick.end('SIGKILL'));
  await waitFor(async () => (await valuesOf(etcd, api, keys)).join() === wanted.join(), `${unit} to set its keys`);
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

for (const [unit, api, keys, instance] of [
  ['register-nginx@.service', 2, SERVER_KEYS, '1'],
  ['register-nginx-v3@.service', 3, SERVER_KEYS, '1'],
  ['register-nginx_example_com.service', 2, FRONTEND_KEYS, ''],
  ['register-nginx_example_com-v3.service', 3, FRONTEND_KEYS, ''],
  ['register-dns@.service', 2, DNS_KEYS, 'Nginx.example.com'],
  ['register-dns-v3@.service', 3, DNS_KEYS, 'Nginx.example.com'],
] as const) {
  test(`${unit} keeps its keys in etcd v${api} while it runs and takes them away when it stops`, (t) =>
    checkRegistration(t, unit, api, keys, instance));
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((of) =>
    (of ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  );

/** Runs the unit, and gives the address that it has written. */
async function nodeAddress(t: TestContext, environment: Readonly<Record<string, string>>): Promise<string> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const { start, runtimeFolder } = commandsOf('node-address.service', folder.path);
  mkdirSync(join(folder.path, runtimeFolder));
  const result = await run(start[0], start.slice(1), { env: environment });
  assert.equal(result.stderr, '');
  const [, address] = readFileSync(join(folder.path, runtimeFolder, 'env'), 'utf8').split(/^COREOS_PRIVATE_IPV4=|\n/);
  return address;
}

for (const [what, environment, address] of [
  ['what a person says', { NODE_ADDRESS: '10.0.0.1', COREOS_PRIVATE_IPV4: '10.0.0.2' }, '10.0.0.1'],
  ['CoreOS', { COREOS_PRIVATE_IPV4: '10.0.0.2', COREOS_EC2_IPV4_LOCAL: '10.0.0.3' }, '10.0.0.2'],
  [
    'Flatcar, said by a person',
    { COREOS_CUSTOM_PRIVATE_IPV4: '10.0.0.3', AFTERBURN_AWS_IPV4_LOCAL: '10.0.0.4' },
    '10.0.0.3',
  ],
  ['Flatcar on EC2', { COREOS_EC2_IPV4_PUBLIC: '3.3.3.3', COREOS_EC2_IPV4_LOCAL: '10.0.0.3' }, '10.0.0.3'],
  ['Fedora CoreOS on AWS', { AFTERBURN_AWS_IPV4_PUBLIC: '3.3.3.3', AFTERBURN_AWS_IPV4_LOCAL: '10.0.0.4' }, '10.0.0.4'],
  ['… on GCP', { AFTERBURN_GCP_IP_EXTERNAL_0: '3.3.3.3', AFTERBURN_GCP_IP_LOCAL_0: '10.0.0.5' }, '10.0.0.5'],
  [
    '… on Hetzner',
    { AFTERBURN_HETZNER_PRIVATE_IPV4_1: '10.1.0.6', AFTERBURN_HETZNER_PRIVATE_IPV4_0: '10.0.0.6' },
    '10.0.0.6',
  ],
  ['… on DigitalOcean', { AFTERBURN_DIGITALOCEAN_IPV4_PRIVATE_0: '10.0.0.7' }, '10.0.0.7'],
  ['… on Azure', { AFTERBURN_AZURE_IPV4_VIRTUAL: '3.3.3.3', AFTERBURN_AZURE_IPV4_DYNAMIC: '10.0.0.8' }, '10.0.0.8'],
] as const) {
  test(`node-address.service finds the address: ${what}`, async (t) => {
    assert.equal(await nodeAddress(t, environment), address);
  });
}

test('node-address.service finds the address of the default route where nobody says one', {
  skip:
    (findProgram('ip') === undefined && 'ip is not installed (package iproute2)') ||
    (ownAddresses().length === 0 && 'no network'),
}, async (t) => {
  assert.ok(ownAddresses().includes(await nodeAddress(t, {})));
});
