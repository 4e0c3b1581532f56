/** What etcd v2 answers, turned into keys and changes: directories dissolved, keys relative to the prefix. */
import type { EtcdV2Event, EtcdV2Node } from './etcd-v2-client.ts';
import { relativeKey } from './keys.ts';
import type { Change } from './source.ts';

/** All keys below a directory. Empty directories leave no trace. */
export function entriesBelow(prefix: string, node: EtcdV2Node | null): Map<string, string> {
  const entries = new Map<string, string>();
  const open = node === null ? [] : [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.nodes !== undefined) open.push(...next.nodes);
    if (next.dir) continue;
    const key = relativeKey(prefix, next.key);
    if (key !== null) entries.set(key, next.value ?? '');
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
  if (node.dir) return known.delete(key) ? [{ key, value: null }] : [];
  known.add(key);
  return [{ key, value: node.value ?? '' }];
}
