/** What the benchmark asks of a proxy. One file per proxy writes its configuration; all configurations mean the same. */
import { spawnSync } from 'node:child_process';
import type { Command } from '../processes.ts';

export type Route = {
  readonly host: string;
  /** Ports on 127.0.0.1, equal weights, in turn. */
  readonly servers: readonly number[];
  /** Whether clients may ask for an upgrade on it. */
  readonly upgrade: boolean;
};

export type Site = {
  /** Where the proxy listens, on 127.0.0.1. */
  readonly port: number;
  /** Empty and its own. */
  readonly folder: string;
  readonly routes: readonly Route[];
  /** Client connections that must fit at once. */
  readonly connections: number;
};

export type Peer = {
  readonly name: string;
  /** Takes part only where `--peers` names it. */
  readonly onlyNamed?: true;
  /** Its version, or null when it is not installed. */
  version(): string | null;
  /** Writes the configuration into `site.folder`; the command stays in the foreground and ends with SIGTERM. */
  configure(site: Site): Command;
};

/** What a command prints about itself, matched by `pattern` (first group); null when it is not on the PATH. */
export function askVersion(file: string, args: readonly string[], pattern: RegExp): string | null {
  const asked = spawnSync(file, args, { encoding: 'utf8', timeout: 20_000 });
  if (asked.error !== undefined) return null;
  return pattern.exec(`${asked.stdout}${asked.stderr}`)?.[1] ?? 'unknown version';
}
