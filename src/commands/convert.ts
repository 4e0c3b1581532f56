/** `tsuji convert`: keys of etcd v2 to v3, and a traefik.toml of Traefik 1.7 to flags or a file of ours. */
import { readFileSync } from 'node:fs';
import { type KeyPlan, planKeys } from '../control/history/convert-keys.ts';
import { changeText } from '../control/history/difference.ts';
import { EtcdHistory, type State, USUAL_OPS } from '../control/history/etcd-history.ts';
import { keysOfNode, type V2Keys, withV2 } from '../control/history/etcd-v2-keys.ts';
import type { EtcdV2Node } from '../control/source/etcd-v2-client.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { EtcdSettings } from '../settings/settings.ts';
import { convertTraefikFile } from '../settings/traefik-file.ts';
import type { Arguments } from './arguments.ts';
import { command, print, readEtcd } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `convert keys: shows what has to be written into etcd v3 so that it has what v2 has below the prefix; with --yes it is
written. FILE is what curl "http://ETCD:2379/v2/keys/traefik?recursive=true" printed, - for standard input; without it etcd is asked.
Where v3 has a value already, that one stays, as it counts more today. Nothing is taken away, neither there nor in v2.

convert toml FILE: prints the flags, or the file, by which tsuji does what Traefik 1.7 does with that traefik.toml; on standard error
what is not supported, and why.
Exit code 0: done, or shown; 1: it failed, or tsuji would not start with that file; 2: wrongly called.
`;

function readDump(file: string, prefix: string): V2Keys {
  try {
    const { node } = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8')) as { node?: EtcdV2Node };
    if (node === undefined) throw new Error('it is no answer of /v2/keys: it has no "node"');
    return keysOfNode(prefix, node);
  } catch (error) {
    throw new Error(`${file}: ${reasonOf(error)}`, { cause: error });
  }
}

function targetOf({ options, flags }: Arguments, env: NodeJS.ProcessEnv): EtcdSettings {
  const to = options.get('to');
  if (to === undefined) return readEtcd(flags, env);
  const others = flags.filter((flag) => !/^--etcd\.endpoint=/i.test(flag));
  return readEtcd([...others, `--etcd.endpoint=${to}`], env);
}

async function write(history: EtcdHistory, { changes, lives }: KeyPlan, state: State): Promise<number> {
  const leases = new Map<string, string>();
  const byLife = new Map<number, string>();
  for (const [key, seconds] of lives) {
    const lease = byLife.get(seconds) ?? (await history.lease(seconds * 1_000));
    byLife.set(seconds, lease);
    leases.set(key, lease);
  }
  let revision = state.revision;
  for (let from = 0; from < changes.length; from += USUAL_OPS) {
    revision = await history.apply(changes.slice(from, from + USUAL_OPS), state, leases);
  }
  return revision;
}

async function convertKeys(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const { words, options, flags } = args;
  const from = readEtcd(flags, env);
  const found = words[1] === undefined ? await withV2(from, async (_, keys) => keys) : readDump(words[1], from.prefix);
  const history = await EtcdHistory.open(targetOf(args, env));
  try {
    const state = await history.at(0);
    const plan = planKeys(found, state.keys, {
      withLeases: options.get('expiring') === 'lease',
      overwrites: options.has('overwrite'),
    });
    print(plan.changes.map((change) => changeText(change) + leaseNote(plan, change.key)));
    print(plan.notes.map((note) => `# ${note}`));
    if (found.keys.size === 0) print([`# v2 has no keys below ${from.prefix}`]);
    else if (plan.changes.length === 0) print(['# there is nothing to write']);
    else if (options.has('yes')) print([`# done, as revision ${await write(history, plan, state)}`]);
    else print([`# nothing was written; with --yes these ${plan.changes.length} keys are`]);
    return 0;
  } finally {
    history.close();
  }
}

function leaseNote({ lives }: KeyPlan, key: string): string {
  const seconds = lives.get(key);
  return seconds === undefined ? '' : `  (lease of ${seconds} s)`;
}

/** For a shell that is one of POSIX. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function convertToml({ words, options }: Arguments): number {
  if (words[1] === undefined) throw new UsageError('it needs the FILE');
  const { flags, toml, notes, refusal } = convertTraefikFile(words[1]);
  if (options.get('as') === 'toml') process.stdout.write(toml);
  else print(flags.map(shellWord));
  process.stderr.write(notes.map((note) => `# ${note}\n`).join(''));
  if (refusal === '') return 0;
  process.stderr.write(`tsuji would not start: ${refusal}\n`);
  return 1;
}

export const runConvert = command('convert', HELP, (args, env) => {
  const [what] = args.words;
  if (what !== 'keys' && what !== 'toml') throw new UsageError(`${quoted(what)} is neither keys nor toml`);
  const foreign = what === 'keys' ? ['as'] : ['to', 'expiring', 'overwrite', 'yes'];
  const wrong = foreign.find((name) => args.options.has(name));
  if (wrong !== undefined) throw new UsageError(`--${wrong} says nothing to convert ${what}`);
  return what === 'keys' ? convertKeys(args, env) : convertToml(args);
});
