/**
 * Runs after `npm ci`: makes the prebuilt uWebSockets.js addons load on glibc 2.36 and 2.37 (elf-versions.mjs says how).
 * Never fails the install: what is wrong is said on stderr here, and again when tsuji loads the addon.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fitToGlibc } from './elf-versions.mjs';
import { glibcMinorOf, NATIVE_GLIBC_MINOR, readHost, uwsFolder, whyUnsupported } from './uws-host.mjs';

function warn(text) {
  process.stderr.write(`tsuji: ${text}\n`);
}

function fitFile(path, glibcMinor) {
  const bytes = readFileSync(path);
  if (fitToGlibc(bytes, glibcMinor) === 0) return;
  // A new file instead of a change in place: a process that has the old one mapped keeps it whole.
  const fresh = `${path}.${process.pid}`;
  try {
    writeFileSync(fresh, bytes, { mode: 0o644 });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

function main() {
  const host = readHost();
  const reason = whyUnsupported(host);
  if (reason !== '') {
    warn(`${reason}. tsuji is installed, but will not start here.`);
    return;
  }
  if (host.platform !== 'linux' || glibcMinorOf(host.glibc) >= NATIVE_GLIBC_MINOR) return;
  const folder = uwsFolder();
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`uws_linux_${host.arch}_`) || !name.endsWith('.node')) continue;
    try {
      fitFile(join(folder, name), glibcMinorOf(host.glibc));
    } catch (error) {
      warn(`${name} could not be fitted to glibc ${host.glibc}: ${error.message}`);
    }
  }
}

try {
  main();
} catch (error) {
  warn(`uWebSockets.js was not checked: ${error.message}`);
}
