/**
 * `tsuji wait REVISION`: until the tsuji that runs with the same flags, or with `--nodes=all` every one of its prefix,
 * routes by that revision of etcd. For scripts that go on when a change is in force: exit code 0 when it is, 1 when not.
 */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import { commandHelp } from '../settings/help.ts';
import { adminPlace, refuse, tellAnswer } from './admin-client.ts';

const HELP = `Waits until every worker of the tsuji that runs here with these flags routes by REVISION of etcd, which
"etcdctl put -w json" prints; with --nodes=all, until every live node of the prefix does. At most 60 s.
Exit code 0: it does; 1: not in time, or it cannot be asked.
`;
/** More than what the answer may take anyway. */
const MARGIN_MS = 5_000;

/** `argv`: behind the name of the command. Gives the exit code. */
export async function runWait(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(commandHelp('wait', HELP));
    return 0;
  }
  const own = new Map<string, string>();
  const flags: string[] = [];
  for (const argument of argv) {
    const [, name, value] = /^--(nodes|source|timeout)=(.*)$/.exec(argument) ?? [];
    if (name !== undefined) own.set(name, value);
    else if (argument.startsWith('-')) flags.push(argument);
    else if (own.has('revision')) return refuse('wait', `one revision is enough, and ${quoted(argument)} is another`);
    else own.set('revision', argument);
  }
  if (!own.has('revision')) return refuse('wait', `it needs a revision\n${commandHelp('wait', HELP)}`);
  const ms = parseDuration(own.get('timeout') ?? '5s');
  if (ms === null) return refuse('wait', `--timeout: ${quoted(own.get('timeout')!)} is no duration`);
  const place = adminPlace(flags, env);
  if ('reason' in place) return refuse('wait', place.reason);
  const url = `${place.url}api/config/wait?${new URLSearchParams([...own])}`;
  return tellAnswer('wait', url, 'GET', ms + MARGIN_MS);
}
