/**
 * `tsuji wait REVISION`: until the tsuji that runs with the same flags, or with `--nodes=all` every one of its prefix,
 * routes by that revision of etcd. For scripts that go on when a change is in force: exit code 0 when it is, 1 when not.
 */
import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { parseDuration } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { parseFlags } from '../settings/parse-flags.ts';
import { adminUrl } from '../settings/ping-url.ts';

const USAGE = `usage: tsuji wait REVISION [--nodes=all] [--source=etcdv3|etcdv2] [--timeout=5s] [flags of the tsuji that is asked]

Waits until every worker of the tsuji that runs here with these flags routes by REVISION of etcd, which
"etcdctl put -w json" prints; with --nodes=all, until every live node of the prefix does. At most 60 s.
Exit code 0: it does; 1: not in time, or it cannot be asked.
`;
/** More than what the answer may take anyway. */
const MARGIN_MS = 5_000;

function ask(url: string, ms: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestSecure : requestPlain;
    const signal = AbortSignal.timeout(ms);
    const asked = request(url, { agent: false, signal, rejectUnauthorized: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

function refuse(reason: string): number {
  process.stderr.write(`wait: ${reason}\n`);
  return 1;
}

/** `argv`: behind the name of the command. Gives the exit code. */
export async function runWait(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const own = new Map<string, string>();
  const flags: string[] = [];
  for (const argument of argv) {
    const [, name, value] = /^--(nodes|source|timeout)=(.*)$/.exec(argument) ?? [];
    if (name !== undefined) own.set(name, value);
    else if (argument.startsWith('-')) flags.push(argument);
    else if (own.has('revision')) return refuse(`one revision is enough, and ${quoted(argument)} is another`);
    else own.set('revision', argument);
  }
  if (!own.has('revision')) return refuse(`it needs a revision\n${USAGE}`);
  const ms = parseDuration(own.get('timeout') ?? '5s');
  if (ms === null) return refuse(`--timeout: ${quoted(own.get('timeout')!)} is no duration`);
  const parsed = parseFlags(flags, env);
  if (parsed.kind !== 'run') return refuse(parsed.kind === 'error' ? parsed.message : USAGE);
  const { web } = parsed.settings;
  if (web === null || web.port === 0) return refuse('the tsuji that is asked needs --web, on a port that is known');
  const url = `${adminUrl(web)}api/config/wait?${new URLSearchParams([...own])}`;
  try {
    const { status, body } = await ask(url, ms + MARGIN_MS);
    (status === 200 ? process.stdout : process.stderr).write(body);
    return status === 200 ? 0 : 1;
  } catch (error) {
    return refuse(`${url}: ${reasonOf(error)}`);
  }
}
