/**
 * `tsuji history KEY`, `tsuji diff`, `tsuji rollback R`: what was of the keys, and a way back to it. They ask etcd with the flags
 * of the tsuji that runs (--etcd.endpoint and so on), and need no tsuji; of what etcd has compacted they find what that
 * tsuji has kept beside its snapshot (--snapshot).
 */
import { existsSync } from 'node:fs';
import { changeText, differences, type KeyChange, shownValue } from '../control/history/difference.ts';
import { type State, valuesOf } from '../control/history/etcd-history.ts';
import { KeyHistory, type KnownEvent, type KnownState } from '../control/history/key-history.ts';
import { snapshotPath } from '../control/memory/snapshot-file.ts';
import type { SourceName } from '../control/source/source.ts';
import { quoted } from '../kernel/quote.ts';
import type { CommandName } from '../settings/command-rows.ts';
import type { Arguments } from './arguments.ts';
import { type Command, command, print, readFlags } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HISTORY_HELP = `What happened to one key, the oldest first: revision and value, with a mark for values under a lease. What etcd v3 has
compacted comes from the snapshots that a tsuji here has kept, where there is one (--snapshot says where); so does all of etcd v2
(--source=etcdv2). KEY stands below the prefix, with it or without. Values that may be secrets are told by their length.
`;
const DIFF_HELP = `What differs between the keys at two revisions; --to is now without it. From etcd v3 or, of what that has compacted and of
etcd v2, from the snapshots that a tsuji here has kept (--snapshot).
`;
const ROLLBACK_HELP = `Shows what has to change so that the keys are again what they were at revision R of etcd v3; with --yes it is done, in one
transaction, unless somebody writes one of these keys meanwhile. Keys under a lease, which servers keep themselves, are left
alone. --below=frontends/shop/ takes that part only. What etcd has compacted comes from the snapshots that a tsuji here has kept.
`;

/** Of `tsuji.service`. */
const USUAL_SNAPSHOT = '/var/lib/tsuji/snapshot';

type Asked = { readonly history: KeyHistory; readonly args: Arguments; readonly isJson: boolean };

function withHistory(name: CommandName, help: string, run: (asked: Asked) => Promise<number>): Command {
  return command(name, help, async (args, env) => {
    const named = readFlags(args.flags, env).settings;
    const settings = named.etcd === null ? readFlags([...args.flags, '--etcd'], env).settings : named;
    const path = snapshotPath(settings, env.STATE_DIRECTORY ?? '');
    const usual = path === '' && settings.snapshot === '' && existsSync(USUAL_SNAPSHOT) ? USUAL_SNAPSHOT : path;
    const source = (args.options.get('source') ?? 'etcdv3') as SourceName;
    const history = await KeyHistory.open(settings.etcd!, usual, source);
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

function eventText(key: string, { revision, value, isLeased, isKept, isLate }: KnownEvent): string {
  const at = isLate ? `${revision} or before` : `${revision}`;
  const from = isKept ? '  (from snapshots)' : '';
  if (value === null) return `${at}  deleted, or its lease ran out${from}`;
  return `${at}  ${shownValue(key, value)}${isLeased ? '  (lease)' : ''}${from}`;
}

/** Which of the states come from snapshots. */
function fromSnapshots(states: readonly KnownState[]): string[] {
  return states.flatMap(({ revision, why }) =>
    why === '' ? [] : [`# revision ${revision} is from snapshots: ${why}`],
  );
}

export const runHistory = withHistory('history', HISTORY_HELP, async ({ history, args, isJson }) => {
  const [word] = args.words;
  const start = `${history.prefix}/`;
  const key = word.startsWith(start) ? word.slice(start.length) : word.replace(/^\/+/, '');
  const { events, since, why } = await history.of(key);
  const shown = events.map((event) => ({ ...event, value: shownValue(key, event.value) }));
  if (isJson) print([JSON.stringify({ key, since, why, events: shown })]);
  else if (events.length === 0) {
    const asked = since === null ? '' : ` since revision ${since}, the first that etcd knows`;
    print([`nothing is known to have happened to ${key}${asked}`]);
  } else print([...(why === '' ? [] : [`# from snapshots: ${why}`]), ...events.map((event) => eventText(key, event))]);
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
    const fromEtcd = before.why === '' && after.why === '';
    print([JSON.stringify({ from: before.revision, to: after.revision, fromEtcd, changes: shown })]);
  } else print([...fromSnapshots([before, after]), ...changes.map(changeText)]);
  return 0;
});

/** What servers keep themselves is neither brought back nor taken away. */
function withoutLeases(changes: readonly KeyChange[], now: State, then: State): readonly KeyChange[] {
  return changes.filter(({ key }) => !now.keys.get(key)?.isLeased && !then.keys.get(key)?.isLeased);
}

export const runRollback = withHistory('rollback', ROLLBACK_HELP, async ({ history, args }) => {
  const revision = revisionOf(args.words[0], '');
  const [then, now] = [await history.at(revision), await history.store.at(0)];
  const all = below(differences(valuesOf(now.keys), valuesOf(then.keys)), args.options.get('below'));
  const changes = withoutLeases(all, now, then);
  print([...fromSnapshots([then]), ...changes.map(changeText)]);
  const left = all.length - changes.length;
  if (left > 0) print([`# ${left} keys under a lease are left alone`]);
  if (changes.length === 0) print(['# there is nothing to change']);
  else if (!args.options.has('yes')) print([`# nothing was changed; with --yes these ${changes.length} keys are`]);
  else print([`# done, as revision ${await history.store.apply(changes, now)}`]);
  return 0;
});
