/**
 * Where a tsuji says how it is to whoever is on the same host or in the same container: a socket without a file (an abstract
 * one, unix(7)), so that no port is opened, nothing has to be writable, and nothing is left behind. Its name tells which tsuji
 * it is, by what sets it apart from others here. No more is imported than a script of a few milliseconds can bear.
 */
import { readlinkSync } from 'node:fs';

/** As variables spell them, without `TSUJI_`. None of them is a secret. */
const APART = [
  'ADMIN_DEFAULTADDRESS',
  'API_ENTRYPOINT',
  'CONFIGFILE',
  'ENTRYPOINTS',
  'ETCD_ENDPOINT',
  'ETCD_PREFIX',
  'FOLDER',
  'METRICS_PROMETHEUS_ENTRYPOINT',
  'PING_ENTRYPOINT',
  'WEB_ADDRESS',
  'WEB_PATH',
];
const PREFIX = 'TSUJI_';
const SHORT_CONFIG_FILE = /^-c=?(.*)$/s;

/** FNV-1a, 32 bits, in hex. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** Of an entrypoint, that may hold passwords, only where it listens. */
function shown(name: string, text: string): string {
  if (name !== 'ENTRYPOINTS') return text;
  return Array.from(text.matchAll(/(?:^|\s)address:(\S*)/gi), ([, address]) => address).join();
}

/** Name → texts, of flags over environment. */
function given(flags: readonly string[], env: NodeJS.ProcessEnv): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  const add = (name: string, text: string): void => {
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [text]);
    else known.push(text);
  };
  for (const [index, flag] of flags.entries()) {
    const [, file] = SHORT_CONFIG_FILE.exec(flag) ?? [];
    if (file !== undefined) add('CONFIGFILE', file === '' ? (flags[index + 1] ?? '') : file);
    const equals = flag.indexOf('=');
    if (!flag.startsWith('--') || equals < 0) continue;
    add(flag.slice(2, equals).replaceAll('.', '_').toUpperCase(), flag.slice(equals + 1));
  }
  for (const name of APART) {
    const text = env[PREFIX + name] ?? '';
    if (text !== '' && !byName.has(name)) add(name, text);
  }
  return byName;
}

/** Of the tsuji that runs, or would run, with these; the order of flags and what sets no tsuji apart do not matter. */
export function fingerprint(flags: readonly string[], env: NodeJS.ProcessEnv): string {
  const byName = given(flags, env);
  const lines = APART.map((name) => (byName.get(name) ?? []).map((text) => shown(name, text)).sort());
  return hash(JSON.stringify(lines));
}

/**
 * What the names of all sockets begin with that this process is to see; those of other containers may be in the same
 * network. '' where there are no such sockets.
 */
export function healthPrefix(): string {
  if (process.platform !== 'linux') return '';
  let space = '';
  try {
    space = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    // Then whoever asks cannot see it either.
  }
  return `tsuji-health/${space}/`;
}

/** `pid`: so that a process and its successor have one each. */
export function healthName(flags: readonly string[], env: NodeJS.ProcessEnv, pid: number): string {
  return `${healthPrefix()}${fingerprint(flags, env)}/${pid}`;
}
