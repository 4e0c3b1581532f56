/** `tsuji register`: keeps a server registered in etcd while it runs and is well. */

import { Prober, probeTarget } from '../control/health-checks/probe.ts';
import { useLogSettings } from '../control/log-settings.ts';
import { Registration, type RegistrationOptions, type WhileFailing } from '../control/registration/registration.ts';
import type { CheckTarget } from '../control/registration/server-check.ts';
import { loadRootCAs } from '../control/root-cas.ts';
import { serviceManager } from '../control/service/notify.ts';
import { timerSpan } from '../kernel/durations.ts';
import { endLog } from '../kernel/log.ts';
import { quoted } from '../kernel/quote.ts';
import { onEndingSignal, takeSignals } from '../kernel/signals.ts';
import { parseServerUrl, type ServerUrl } from '../model/server-url.ts';
import type { Settings } from '../settings/settings.ts';
import type { Arguments } from './arguments.ts';
import { command, readDuration, readEtcd, readFlags } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Writes url and weight of a server below the prefix, keeps them there while it runs, and takes them away when it
is stopped (TERM, INT): what a sidekick unit does by a loop in its shell. When it is killed, the keys go with their lease. They
are written anew when etcd has lost them. With --check the server is there only while it is well:

  --check=/health               GET of the server itself; 200 to 399 is well
  --check=http://HOST:PORT/x    of another address;  --check=tcp, --check=tcp://HOST:PORT: a connection

systemd hears READY=1 (Type=notify, NotifyAccess=all) when the server is registered.
Exit code 0: stopped; 2: wrongly called. An etcd that cannot be reached is tried for ever.
`;

const LEAST_TTL_MS = 5_000;
const MOST_TTL_MS = 86_400_000;
const MOST_CHECKS = 1_000;
const MOST_WEIGHT = 1_000_000;

function duration(args: Arguments, name: string, fallback: string, least: number, most: number): number {
  const ms = readDuration(args.options, name, fallback);
  if (ms < least || ms > most) {
    throw new UsageError(`--${name}: it is not from ${least / 1_000} s to ${most / 1_000} s`);
  }
  return ms;
}

function count(args: Arguments, name: string, fallback: string, least: number, most: number): number {
  const text = args.options.get(name) ?? fallback;
  const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`--${name}: ${quoted(text)} is no whole number from ${least} to ${most}`);
  }
  return value;
}

/** It is one part of a key. */
function part(text: string, what: string): string {
  if (/^[^/\x00-\x1f\x7f]{1,200}$/.test(text)) return text;
  throw new UsageError(`${quoted(text)} is no name of a ${what}: it is a part of a key, without slashes`);
}

function serverUrl(text: string): ServerUrl {
  const url = parseServerUrl(text);
  if (typeof url === 'string') throw new UsageError(url);
  return url;
}

function checkTarget(text: string, server: ServerUrl): CheckTarget {
  if (text === 'tcp') return { kind: 'tcp', host: server.host, port: server.port };
  if (text.startsWith('tcp://')) {
    const { host, port } = serverUrl(text.replace('tcp:', 'http:'));
    return { kind: 'tcp', host, port };
  }
  if (!/^(?:\/|https?:\/\/)/.test(text)) {
    throw new UsageError(`--check: ${quoted(text)} is neither a path, nor http://, https:// or tcp://, nor tcp`);
  }
  const check = { path: text, scheme: '', port: 0, hostname: '', headers: [] } as const;
  return { kind: 'http', target: probeTarget(server, check, null) };
}

function readCheck(args: Arguments, settings: Settings, server: ServerUrl): RegistrationOptions['check'] {
  const text = args.options.get('check');
  if (text === undefined) {
    const lonely = ['interval', 'timeout', 'rise', 'fall', 'failing'].find((name) => args.options.has(name));
    if (lonely !== undefined) throw new UsageError(`--${lonely} says nothing without --check`);
    return null;
  }
  const { insecureSkipVerify, rootCAs, origins } = settings;
  return {
    target: checkTarget(text, server),
    intervalMs: duration(args, 'interval', '5s', 100, 3_600_000),
    timeoutMs: duration(args, 'timeout', '2s', 10, 600_000),
    rise: count(args, 'rise', '1', 1, MOST_CHECKS),
    fall: count(args, 'fall', '2', 1, MOST_CHECKS),
    prober: new Prober({ insecureSkipVerify, rootCAs: rootCAs && loadRootCAs(rootCAs, origins.rootCAs) }),
  };
}

/** Resolves with the first signal that ends it; `again` with a second one. */
function signals(): { readonly first: Promise<void>; readonly again: Promise<void> } {
  const first = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  let count = 0;
  takeSignals();
  onEndingSignal(() => (++count === 1 ? first : again).resolve());
  return { first: first.promise, again: again.promise };
}

export const runRegister = command('register', HELP, async (args, env) => {
  const [backend, server, url] = args.words;
  const { settings } = readFlags(args.flags, env);
  const address = serverUrl(url);
  const lingerMs = duration(args, 'linger', '0', 0, 3_600_000);
  const registration = new Registration({
    etcd: readEtcd(args.flags, env),
    api: args.options.has('v2') ? 'v2' : 'v3',
    backend: part(backend, 'backend'),
    server: part(server, 'server'),
    url: address.url,
    weight: count(args, 'weight', '1', 0, MOST_WEIGHT),
    ttlMs: duration(args, 'ttl', '30s', LEAST_TTL_MS, MOST_TTL_MS),
    check: readCheck(args, settings, address),
    whileFailing: (args.options.get('failing') ?? 'remove') as WhileFailing,
    notifier: serviceManager,
  });
  useLogSettings(settings);
  const { first, again } = signals();
  registration.start();
  // What it waits for may be nothing that keeps a process alive.
  const alive = setInterval(() => {}, timerSpan(60_000));
  await first;
  await Promise.race([registration.stop(), again]);
  const lingering = new Promise<void>((resolve) => setTimeout(resolve, timerSpan(lingerMs)).unref());
  if (lingerMs > 0) await Promise.race([lingering, again]);
  clearInterval(alive);
  endLog();
  return 0;
});
