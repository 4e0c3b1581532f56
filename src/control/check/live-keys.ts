/** All keys of the stores that the settings name, read once. */
import { timerSpan } from '../../kernel/durations.ts';
import { TsujiError } from '../../kernel/errors.ts';
import type { Settings } from '../../settings/settings.ts';
import { KvMerge } from '../routing/kv-merge.ts';
import { sourcesFrom } from '../source/from-settings.ts';
import type { Dump } from './dump.ts';

/**
 * `ms`: for which stores are waited for; one that has answered is enough when its time is over.
 * @throws TsujiError when none answers, or its TLS settings cannot be used
 */
export async function readLiveKeys({ etcd, folder }: Settings, ms: number): Promise<Dump> {
  const sources = sourcesFrom({ etcd: etcd === null ? null : { ...etcd, watch: false }, folder });
  const merge = new KvMerge(sources.map(({ name }) => name));
  const heard = new Map<string, string>();
  const done = Promise.withResolvers<void>();
  const look = (): void => {
    if (sources.every((source) => heard.has(source.name) || source.status().state === 'absent')) done.resolve();
  };
  const timer = setTimeout(() => done.resolve(), timerSpan(ms));
  for (const source of sources) {
    source.start({
      snapshot: (name, revision, entries) => {
        merge.replace(name, entries);
        heard.set(name, revision);
        // The status that an alias is told by comes right behind.
        setImmediate(look);
      },
      changes: () => {},
      statusChanged: () => setImmediate(look),
    });
  }
  await done.promise;
  clearTimeout(timer);
  const statuses = sources.map((source) => source.status());
  await Promise.all(sources.map((source) => source.stop()));
  if (heard.size === 0) {
    const errors = statuses.map(({ name, error }) => error || `${name} does not answer`);
    throw new TsujiError('NO_STORE', errors.join('; ') || 'neither --etcd nor --folder is given');
  }
  const format = [...heard].map(([name, revision]) => `${name} rev ${revision}`).join(', ');
  const prefix = etcd?.prefix ?? '';
  return {
    format,
    keys: [...merge.keys()],
    tree: statuses.find(({ tree }) => tree !== undefined)?.tree ?? prefix,
    aliasProblem: statuses.find(({ aliasProblem }) => aliasProblem !== undefined)?.aliasProblem ?? '',
  };
}
