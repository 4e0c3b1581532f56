/**
 * `tsuji history KEY`, `tsuji diff`, `tsuji rollback R`: what etcd v3 remembers of the keys, and a way back to it. They ask etcd
 * with the flags of the tsuji that runs (--etcd.endpoint and so on), and need no tsuji.
 */
import { changeText, differences, type KeyChange, shownValue } from '../control/history/difference.ts';
import { EtcdHistory, type KeyEvent, type State, valuesOf } from '../control/history/etcd-history.ts';
import { quoted } from '../kernel/quote.ts';
import type { CommandName } from '../settings/command-rows.ts';
import type { Arguments } from './arguments.ts';
import { type Command, command, print, readEtcd } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HISTORY_HELP = `What happened to one key of etcd v3, the oldest first, as far back as etcd knows: revision and value, with a mark for values
under a lease. KEY stands below the prefix, with it or without. Values that may be secrets are told by their length.
`;
const DIFF_HELP = `What differs between the keys at two revisions of etcd v3; --to is now without it.
`;
const ROLLBACK_HELP = `Shows what has to change so that the keys are again what they were at revision R of etcd v3; with --yes it is done, in one
transaction, unless somebody writes one of these keys meanwhile. Keys under a lease, which servers keep themselves, are left
alone. --below=frontends/shop/ takes that part only.
`;

type Asked = { readonly history: EtcdHistory; readonly args: Arguments; readonly isJson: boolean };

function withHistory(name: CommandName, help: string, run: (asked: Asked) => Promise<number>): Command {
  return command(name, help, async (args, env) => {
    const history = await EtcdHistory.open(readEtcd(args.flags, env));
    try {
      return await run({ history, args, isJson: args.options.has('json') });
    } finally {
      history.close();
    }
  });
}

/** @throws UsageError for what is no revision */
function revisionOf(text: string, option: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new UsageError(`${option}${quoted(text)} is no revision`);
}

function eventText(key: string, { revision, value, isLeased }: KeyEvent): string {
  if (value === null) return `${revision}  deleted, or its lease ran out`;
  return `${revision}  ${shownValue(key, value)}${isLeased ? '  (lease)' : ''}`;
}

export const runHistory = withHistory('history', HISTORY_HELP, async ({ history, args, isJson }) => {
  const [word] = args.words;
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

function below(changes: readonly KeyChange[], path: string | undefined): readonly KeyChange[] {
  return path === undefined ? changes : changes.filter(({ key }) => key.startsWith(path.replace(/^\/+/, '')));
}

export const runDiff = withHistory('diff', DIFF_HELP, async ({ history, args, isJson }) => {
  const newer = args.options.get('to');
  const from = revisionOf(args.options.get('from') ?? '', '--from: ');
  const to = newer === undefined ? 0 : revisionOf(newer, '--to: ');
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

/** What servers keep themselves is neither brought back nor taken away. */
function withoutLeases(changes: readonly KeyChange[], now: State, then: State): readonly KeyChange[] {
  return changes.filter(({ key }) => !now.keys.get(key)?.isLeased && !then.keys.get(key)?.isLeased);
}

export const runRollback = withHistory('rollback', ROLLBACK_HELP, async ({ history, args }) => {
  const revision = revisionOf(args.words[0], '');
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
