/** What etcd v2 answers, turned into keys and changes: directories dissolved, keys relative to the prefix. */
import type { EtcdV2Event, EtcdV2Node } from './etcd-v2-client.ts';
import { relativeKey } from './keys.ts';
import type { Change } from './source.ts';

/**
 * A backend without a server is answered 503 and not 404 (shared/spec kv-schema §3.2), and the directory of one stays when
 * its last server expires. So it is told of, by a key with a slash at its end; other directories leave no trace.
 */
const BACKEND = /(?:^|\/)backends\/[^/]+$/;

/** All keys below a directory. */
export function entriesBelow(prefix: string, node: EtcdV2Node | null): Map<string, string> {
  const entries = new Map<string, string>();
  const open = node === null ? [] : [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.nodes !== undefined) open.push(...next.nodes);
    const key = relativeKey(prefix, next.key);
    if (key === null) continue;
    if (next.dir && BACKEND.test(key)) entries.set(`${key}/`, '');
    if (!next.dir) entries.set(key, next.value ?? '');
  }
  return entries;
}

const REMOVALS: ReadonlySet<string> = new Set(['delete', 'expire', 'compareAndDelete']);

/** The keys at or below `path`, which may also lie at or above the prefix. */
function keysUnder(prefix: string, path: string, known: ReadonlySet<string>): string[] {
  if (path === '/' || path === prefix || prefix.startsWith(`${path}/`)) return [...known];
  const top = relativeKey(prefix, path);
  return top === null ? [] : [...known].filter((key) => key === top || key.startsWith(`${top}/`));
}

/**
 * What an event changes, given the keys that exist. A removed directory takes all keys below it along: etcd reports
 * only the directory. `known` is kept up to date.
 */
export function changesOf(prefix: string, { action, node }: EtcdV2Event, known: Set<string>): Change[] {
  if (REMOVALS.has(action)) {
    const gone = keysUnder(prefix, node.key, known);
    for (const key of gone) known.delete(key);
    return gone.map((key) => ({ key, value: null }));
  }
  const key = relativeKey(prefix, node.key);
  if (key === null) return [];
  const changes: Change[] = [];
  if (node.dir && known.delete(key)) changes.push({ key, value: null });
  // etcd makes the directories of a key without a word.
  const directory = node.dir ? `${key}/` : (/^(?:.*\/)?backends\/[^/]+\//.exec(key)?.[0] ?? '');
  if (BACKEND.test(directory.slice(0, -1)) && !known.has(directory)) {
    known.add(directory);
    changes.push({ key: directory, value: '' });
  }
  if (!node.dir) {
    known.add(key);
    changes.push({ key, value: node.value ?? '' });
  }
  return changes;
}
