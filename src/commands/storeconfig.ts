/**
 * `tsuji storeconfig` (shared/spec cli-api §1.4, kv-schema §12): writes the settings of flags, environment and file into the store
 * of the routes, where every tsuji of the prefix reads them at its start.
 */
import { differences, type KeyChange } from '../control/history/difference.ts';
import { EtcdHistory, valuesOf } from '../control/history/etcd-history.ts';
import { withV2 } from '../control/history/etcd-v2-keys.ts';
import { quoted } from '../kernel/quote.ts';
import { SET } from '../settings/effective.ts';
import type { EtcdSettings } from '../settings/settings.ts';
import { type StoredForm, storedForm } from '../settings/stored-form.ts';
import { isStoredSetting } from '../settings/stored-settings.ts';
import { command, print, readFlags } from './run-command.ts';

const HELP = `Writes the settings that are given by flags, variables and traefik.toml into etcd, below the prefix, where every tsuji
and Traefik 1.x of that prefix reads them at its start, above its own. What is left to its default is not written; what says
where the store is, and what is not read from one, is told and left out. Nothing is started.
Exit code 0: done; 1: there is no --etcd, or it cannot be written; 2: wrongly called.
`;

/** Of lists and entrypoints nothing of before may stay. */
function changesTo({ keys, wholes }: StoredForm, stored: ReadonlyMap<string, string>): KeyChange[] {
  const own = [...stored].filter(
    ([key, value]) =>
      keys.has(key) || (isStoredSetting(key, value) && wholes.some((whole) => key.toLowerCase().startsWith(whole))),
  );
  return differences(new Map(own), keys);
}

async function storeV3(etcd: EtcdSettings, form: StoredForm, isDry: boolean): Promise<KeyChange[]> {
  const history = await EtcdHistory.open(etcd);
  try {
    const state = await history.at(0);
    const changes = changesTo(form, valuesOf(state.keys));
    if (!isDry && changes.length > 0) await history.apply(changes, state);
    return changes;
  } finally {
    history.close();
  }
}

function storeV2(etcd: EtcdSettings, form: StoredForm, isDry: boolean): Promise<KeyChange[]> {
  return withV2(etcd, async (client, { keys }) => {
    const changes = changesTo(form, new Map(Array.from(keys, ([key, { value }]) => [key, value])));
    for (const { key, after } of isDry ? [] : changes) {
      if (after === null) await client.delete(key);
      else await client.set(key, after, 0);
    }
    return changes;
  });
}

/** What may be a secret is not shown. */
function shown(key: string, value: string): string {
  return /\/auth\//.test(key) || value.includes('-----BEGIN ') ? SET : quoted(value);
}

function line({ key, before, after }: KeyChange): string {
  if (after === null) return `- ${key} = ${shown(key, before!)}`;
  return `${before === null ? '+' : '~'} ${key} = ${shown(key, after)}`;
}

export const runStoreconfig = command('storeconfig', HELP, async ({ options, flags }, env) => {
  const { settings, given } = readFlags(flags, env);
  if (settings.etcd === null) throw new Error('there is no store to write to: give --etcd');
  const isDry = options.has('dryrun');
  const form = storedForm(given);
  const store = options.has('v2') ? storeV2 : storeV3;
  const changes = await store(settings.etcd, form, isDry);
  print(changes.map(line));
  for (const [setting, reason] of form.leftOut) print([`# ${setting} is left out: ${reason}`]);
  if (changes.length === 0) print(['# there is nothing to change']);
  else if (isDry) print(['# nothing was changed: --dryrun']);
  return 0;
});
