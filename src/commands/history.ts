/**
 * `tsuji history KEY`, `tsuji diff`, `tsuji rollback R`: what etcd v3 remembers of the keys, and a way back to it. They ask etcd
 * with the flags of the tsuji that runs (--etcd.endpoint and so on), and need no tsuji.
 */
import { changeText, differences, type KeyChange, shownValue } from '../control/history/difference.ts';
import { EtcdHistory, type KeyEvent, type State, valuesOf } from '../control/history/etcd-history.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { parseFlags } from '../settings/parse-flags.ts';
import { refuse } from './admin-client.ts';
import { type Arguments, readArguments, wantsHelp } from './arguments.ts';

const HISTORY_USAGE = `usage: tsuji history KEY [--json] [flags of tsuji that say which etcd]

What happened to one key of etcd v3, the oldest first, as far back as etcd knows: revision and value, with a mark for values
under a lease. KEY stands below the prefix, with it or without. Values that may be secrets are told by their length.
`;
const DIFF_USAGE = `usage: tsuji diff --from=R [--to=R] [--below=PATH] [--json] [flags of tsuji that say which etcd]

What differs between the keys at two revisions of etcd v3; --to is now without it.
`;
const ROLLBACK_USAGE = `usage: tsuji rollback R [--below=PATH] [--yes] [flags of tsuji that say which etcd]

Shows what has to change so that the keys are again what they were at revision R of etcd v3; with --yes it is done, in one
transaction, unless somebody writes one of these keys meanwhile. Keys under a lease, which servers keep themselves, are left
alone. --below=frontends/shop/ takes that part only.
`;

type Asked = { readonly history: EtcdHistory; readonly args: Arguments; readonly isJson: boolean };

/** Gives the exit code. */
async function withHistory(
  command: string,
  argv: readonly string[],
  options: readonly string[],
  most: number,
  run: (asked: Asked) => Promise<number>,
): Promise<number> {
  const args = readArguments(argv, [...options, 'json'], most);
  if (typeof args === 'string') return refuse(command, args);
  const parsed = parseFlags(args.flags, process.env);
  if (parsed.kind !== 'run') return refuse(command, parsed.kind === 'error' ? parsed.message : parsed.text);
  const { etcd } = parsed.settings;
  if (etcd === null) return refuse(command, 'it needs --etcd, with the flags of the tsuji that is meant');
  let history: EtcdHistory | null = null;
  try {
    history = await EtcdHistory.open(etcd);
    return await run({ history, args, isJson: args.options.has('json') });
  } catch (error) {
    return refuse(command, reasonOf(error));
  } finally {
    history?.close();
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** null for what is no revision. */
function revisionOf(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}

function eventText(key: string, { revision, value, isLeased }: KeyEvent): string {
  if (value === null) return `${revision}  deleted, or its lease ran out`;
  return `${revision}  ${shownValue(key, value)}${isLeased ? '  (lease)' : ''}`;
}

export async function runHistory(argv: readonly string[]): Promise<number> {
  if (wantsHelp(argv)) return usage(HISTORY_USAGE);
  return withHistory('history', argv, [], 1, async ({ history, args, isJson }) => {
    const [word] = args.words;
    if (word === undefined) return refuse('history', `it needs a key\n${HISTORY_USAGE}`);
    const start = `${history.prefix}/`;
    const key = word.startsWith(start) ? word.slice(start.length) : word.replace(/^\/+/, '');
    const { events, since } = await history.of(key);
    const shown = events.map((event) => ({ ...event, value: shownValue(key, event.value) }));
    if (isJson) print([JSON.stringify({ key, since, events: shown })]);
    else if (events.length === 0)
      print([`nothing happened to ${key} since revision ${since}, the first that etcd knows`]);
    else print(events.map((event) => eventText(key, event)));
    return 0;
  });
}

function below(changes: readonly KeyChange[], path: string | undefined): readonly KeyChange[] {
  return path === undefined ? changes : changes.filter(({ key }) => key.startsWith(path.replace(/^\/+/, '')));
}

export async function runDiff(argv: readonly string[]): Promise<number> {
  if (wantsHelp(argv)) return usage(DIFF_USAGE);
  return withHistory('diff', argv, ['from', 'to', 'below'], 0, async ({ history, args, isJson }) => {
    const from = revisionOf(args.options.get('from'));
    const to = args.options.has('to') ? revisionOf(args.options.get('to')) : 0;
    if (from === null) return refuse('diff', `--from: ${quoted(args.options.get('from') ?? '')} is no revision`);
    if (to === null) return refuse('diff', `--to: ${quoted(args.options.get('to') ?? '')} is no revision`);
    const [before, after] = [await history.at(from), await history.at(to)];
    const changes = below(differences(valuesOf(before.keys), valuesOf(after.keys)), args.options.get('below'));
    if (isJson) {
      const shown = changes.map(({ key, before: b, after: a }) => ({
        key,
        before: shownValue(key, b),
        after: shownValue(key, a),
      }));
      print([JSON.stringify({ from: before.revision, to: after.revision, changes: shown })]);
    } else print(changes.map(changeText));
    return 0;
  });
}

/** What servers keep themselves is neither brought back nor taken away. */
function withoutLeases(changes: readonly KeyChange[], now: State, then: State): readonly KeyChange[] {
  return changes.filter(({ key }) => !now.keys.get(key)?.isLeased && !then.keys.get(key)?.isLeased);
}

export async function runRollback(argv: readonly string[]): Promise<number> {
  if (wantsHelp(argv)) return usage(ROLLBACK_USAGE);
  return withHistory('rollback', argv, ['below', 'yes'], 1, async ({ history, args }) => {
    const revision = revisionOf(args.words[0]);
    if (revision === null)
      return refuse('rollback', `${quoted(args.words[0] ?? '')} is no revision\n${ROLLBACK_USAGE}`);
    const [then, now] = [await history.at(revision), await history.at(0)];
    const all = below(differences(valuesOf(now.keys), valuesOf(then.keys)), args.options.get('below'));
    const changes = withoutLeases(all, now, then);
    print(changes.map(changeText));
    const left = all.length - changes.length;
    if (left > 0) print([`# ${left} keys under a lease are left alone`]);
    if (changes.length === 0) print(['# there is nothing to change']);
    else if (!args.options.has('yes')) print([`# nothing was changed; with --yes these ${changes.length} keys are`]);
    else print([`# done, as revision ${await history.apply(changes, now)}`]);
    return 0;
  });
}

function usage(text: string): number {
  process.stdout.write(text);
  return 0;
}
