/**
 * The programs that tests and the demo run, and how to get them on Debian. Plain JavaScript: it runs before Node 24 is
 * there.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { findProgram } from './find-program.mjs';

const DEBIAN_PACKAGES = new Map([
  ['etcd', 'etcd-server'],
  ['etcdctl', 'etcd-client'],
  ['nginx', 'nginx'],
  ['curl', 'curl'],
  ['openssl', 'openssl'],
  ['chromium', 'chromium'],
  ['promtool', 'prometheus'],
]);
export const TEST_TOOLS = [...DEBIAN_PACKAGES.keys()];

/** Services that the packages would start; each is known to the system by its process name too. */
const SERVICES = ['etcd', 'nginx', 'prometheus'];

function runningProcesses() {
  const names = new Set();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      names.add(readFileSync(`/proc/${entry}/comm`, 'utf8').trim());
    } catch {
      // It ended in the meantime.
    }
  }
  return names;
}

function aptGet(...args) {
  const result = spawnSync('apt-get', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    // Maintainer scripts that ask for the runlevel are told that this is single-user mode, where no service starts.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', PREVLEVEL: 'N' },
  });
  if (result.status === 0) return true;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
  return false;
}

/** systemd does not ask for the runlevel: what the installation started after all is stopped again. */
function stopNewServices(before) {
  const after = runningProcesses();
  for (const service of SERVICES) {
    if (before.has(service) || !after.has(service)) continue;
    const systemctl = findProgram('systemctl');
    if (systemctl) spawnSync(systemctl, ['disable', '--now', service], { stdio: 'ignore' });
    const control = findProgram('service');
    if (control) spawnSync(control, [service, 'stop'], { stdio: 'ignore' });
  }
}

/**
 * Makes sure that the programs `names` exist, with apt-get where that is possible. Returns '' or what the user has to
 * do.
 */
export function provideTools(names) {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return '';
  const packages = missing.map((name) => DEBIAN_PACKAGES.get(name) ?? name);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (findProgram('apt-get') === undefined) return `missing programs: ${missing.join(', ')}; please install them`;
  if (process.getuid?.() !== 0) return `missing programs: ${missing.join(', ')}; please run as root: ${command}`;

  process.stderr.write(`tsuji: installing ${packages.join(', ')} with apt-get\n`);
  const before = runningProcesses();
  // Old package lists may still do, so a failed update alone is no reason to give up.
  aptGet('update');
  const installed = aptGet('install', '-y', '--no-install-recommends', ...packages);
  stopNewServices(before);
  const left = names.filter((name) => findProgram(name) === undefined);
  if (installed && left.length === 0) return '';
  return `${left.join(', ') || packages.join(', ')} could not be installed; please try by hand: ${command}`;
}
