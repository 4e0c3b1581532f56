import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SERVE_FLAGS } from '../../scripts/node-flags.mjs';
import type { Command } from '../processes.ts';
import type { Peer, Site } from './peer.ts';

/** What tsuji does unasked, and nginx and HAProxy do not: names for requests. `bench -- features` has what they cost. */
export const LIKE_PEERS: readonly string[] = ['--requestId=off'];

type Keys = Readonly<Record<string, string>>;

/** `more`: keys of every frontend, below it. */
function writeKeys(folder: string, site: Site, more: Keys): void {
  const keys: Record<string, string> = {};
  for (const [index, route] of site.routes.entries()) {
    for (const [at, port] of route.servers.entries()) {
      keys[`backends/backend${index}/servers/server${at}/url`] = `http://127.0.0.1:${port}`;
      keys[`backends/backend${index}/servers/server${at}/weight`] = '1';
    }
    keys[`frontends/frontend${index}/backend`] = `backend${index}`;
    keys[`frontends/frontend${index}/routes/main/rule`] = `Host:${route.host}`;
    for (const [key, value] of Object.entries(more)) keys[`frontends/frontend${index}/${key}`] = value;
  }
  writeFolder(folder, keys);
}

/** A file per key: what `--folder` reads. */
export function writeFolder(folder: string, keys: Keys): void {
  for (const [key, value] of Object.entries(keys)) {
    const path = join(folder, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, value);
  }
}

/** Whether help of the tree at `root` lists a flag: since 0.3 all of them stand in `--help all`, and before in `--help`. */
function knowsFlag(root: string, flag: string): boolean {
  return [['--help', 'all'], ['--help']].some((args) => {
    const help = spawnSync(process.execPath, [join(root, 'src/main.ts'), ...args], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return help.stdout.toLowerCase().includes(flag.toLowerCase());
  });
}

/** @param flags among them where the keys are; one that says what `http` is counts more than `port` */
export function tsujiCommand(root: string, port: number, flags: readonly string[]): Command {
  const http = flags.some((flag) => flag.startsWith('--entryPoints=Name:http '))
    ? []
    : [`--entryPoints=Name:http Address:127.0.0.1:${port}`];
  return {
    file: process.execPath,
    args: [
      ...SERVE_FLAGS,
      join(root, 'src/main.ts'),
      ...http,
      ...(flags.some((flag) => flag.startsWith('--defaultEntryPoints=')) ? [] : ['--defaultEntryPoints=http']),
      '--workers=1',
      '--logLevel=ERROR',
      '--lifeCycle.graceTimeOut=1s',
      ...flags,
    ],
  };
}

/**
 * tsuji from the work tree at `root`, as one worker.
 *
 * @param flags more flags, with `{folder}` and `{port}` of the site; where one of them is unknown to that tree, the peer counts as not installed.
 * @param more keys of every frontend, below it
 */
export function tsujiAt(root: string, name: string, flags: readonly string[], more: Keys = {}): Peer {
  let before = '';
  return {
    name,
    version() {
      const main = join(root, 'src/main.ts');
      if (!existsSync(main)) return null;
      if (!flags.every((flag) => knowsFlag(root, flag.split('=')[0]!))) return null;
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      return version;
    },
    configure(site) {
      const keys = join(site.folder, 'keys');
      writeKeys(keys, site, more);
      // Folders may be in memory: a log of megabytes goes before the next one comes.
      if (before !== '') rmSync(join(before, 'access.log'), { force: true });
      before = site.folder;
      const told = flags.map((flag) => flag.replace('{folder}', site.folder).replace('{port}', String(site.port)));
      return tsujiCommand(root, site.port, [`--folder=${keys}`, ...told]);
    },
  };
}
