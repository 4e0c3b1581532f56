/** `tsuji check`: what tsuji would make of the keys of a prefix, a folder or a dump, without serving them. */
import { readFileSync, statSync } from 'node:fs';
import { type CheckReport, checkKeys } from '../control/check/check.ts';
import { type Dump, readDump } from '../control/check/dump.ts';
import { readLiveKeys } from '../control/check/live-keys.ts';
import { reasonOf } from '../kernel/errors.ts';
import { setLogLevel } from '../kernel/log.ts';
import type { Settings } from '../settings/settings.ts';
import { keyLines } from './key-text.ts';
import { command, print, readDuration, readEtcd, readFlags } from './run-command.ts';
import { plain } from './terminal-text.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Reads the keys of PLACE, or of the stores that the flags of tsuji name (--etcd, --folder), and says what tsuji with these flags
would make of them: what is wrong with which key, what was probably meant, and whether requests would come to servers. It needs no
running tsuji, and changes nothing. PLACE is a folder of keys, or a file, - for standard input, with what one of these has printed:
  etcdctl get --prefix /traefik -w json
  curl 'http://127.0.0.1:2379/v2/keys/traefik?recursive=true'
or a snapshot that tsuji has kept. Keys in files stand below --etcd.prefix (/traefik).
Exit code 0: it would serve, and nothing is warned of, defaulted or rejected; 1: something is, or it would not serve; 2: the keys
cannot be read, or it was wrongly called.
`;
const MOST_FRONTENDS = 20;

type Read = { readonly dump: Dump; readonly prefix: string };

async function readPlace(place: string, settings: Settings, etcd: Settings['etcd'], ms: number): Promise<Read> {
  const prefix = etcd?.prefix ?? '/traefik';
  if (place !== '-' && statSync(place).isDirectory()) {
    return { dump: await readLiveKeys({ ...settings, etcd: null, folder: place }, ms), prefix: '' };
  }
  return { dump: readDump(readFileSync(place === '-' ? 0 : place), prefix), prefix };
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}

function reportLines(report: CheckReport, withAll: boolean): string[] {
  const { from, prefix, keys, others, counts, frontends, backends, servers, certificates } = report;
  const { withoutServers, serves, good } = report;
  const told = keys.filter(({ state }) => withAll || state !== 'accepted').flatMap(keyLines);
  const lines = others.map(({ key, state, reason }) => plain(`${state.padEnd(9)} ${key}: ${reason}`));
  const states = Object.entries(counts).map(([state, many]) => `${many} ${state}`);
  const objects = [
    count(frontends, 'frontend'),
    count(backends, 'backend'),
    count(servers, 'server'),
    count(certificates, 'certificate'),
  ];
  const shown = withoutServers.slice(0, MOST_FRONTENDS).join(', ');
  const more = withoutServers.length > MOST_FRONTENDS ? ` and ${withoutServers.length - MOST_FRONTENDS} more` : '';
  const empty = withoutServers.length === 0 ? [] : [plain(`without a server, answered 503: ${shown}${more}`)];
  const verdict = serves
    ? good
      ? 'it would serve'
      : 'it would serve, but not all as it is written'
    : 'it would not serve';
  const lack =
    keys.length > 0 || prefix === ''
      ? []
      : [plain(`no key is below ${prefix}: is the prefix right (--etcd.prefix), and may the user read it?`)];
  return [
    ...told,
    ...lines,
    `${count(keys.length, 'key')} of ${from}${prefix === '' ? '' : ` below ${prefix}`}: ${states.join(', ')}`,
    objects.join(', '),
    ...empty,
    ...lack,
    verdict,
  ];
}

export const runCheck = command('check', HELP, async ({ words: [place], options, flags }, env) => {
  // What sources have to say is told by us.
  setLogLevel('FATAL');
  const parsed = readFlags(flags, env);
  const ms = readDuration(options, 'timeout', '10s');
  let read: Read;
  try {
    const { etcd, folder } = parsed.settings;
    if (place !== undefined) read = await readPlace(place, parsed.settings, readEtcd(flags, env), ms);
    else if (etcd === null && folder === '') throw new UsageError('it needs a PLACE, or --etcd or --folder');
    else read = { dump: await readLiveKeys(parsed.settings, ms), prefix: etcd?.prefix ?? '' };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    process.stderr.write(`check: ${place === undefined ? '' : `${place}: `}${reasonOf(error)}\n`);
    return 2;
  }
  const report = checkKeys(read.dump, parsed.settings, read.prefix, parsed.withStored);
  if (options.get('format') === 'json') print([JSON.stringify(report)]);
  else print(reportLines(report, options.has('all')));
  return report.good ? 0 : 1;
});
