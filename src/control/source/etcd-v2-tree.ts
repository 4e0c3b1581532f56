/** What etcd v2 answers, turned into keys and changes: directories dissolved, keys relative to the prefix. */
import type { EtcdV2Event, EtcdV2Node } from './etcd-v2-client.ts';
import { relativeKey } from './keys.ts';
import type { Change } from './source.ts';

/** So deep may a tree lie for the directories of its backends to be told of. */
const DEEPEST = 64;

/**
 * A backend without a server is answered 503 and not 404 (shared/spec kv-schema §3.2), and the directory of one stays when
 * its last server expires. So it is told of, by a key with a slash at its end; other directories leave no trace. These are
 * all such directories that `path` is or lies in: etcd makes the directories of a key without a word.
 */
function backendsOn(path: string, isDirectory: boolean): string[] {
  const parts = path.split('/', DEEPEST + 1);
  const depth = isDirectory ? Math.min(parts.length, DEEPEST) : parts.length - 1;
  const found: string[] = [];
  for (let i = 1; i < depth; i++) {
    if (parts[i - 1] === 'backends') found.push(`${parts.slice(0, i + 1).join('/')}/`);
  }
  return found;
}

/** `below` is null where there is nothing: most of them are keys. */
type Directory = { isKey: boolean; below: Map<string, Directory> | null };

/** A set of keys that gives those below a directory at the cost of what it gives. */
export class KeysByPath {
  readonly #top: Directory = { isKey: false, below: null };

  constructor(keys: Iterable<string> = []) {
    for (const key of keys) this.add(key);
  }

  has(key: string): boolean {
    return this.#find(key)?.isKey === true;
  }

  add(key: string): void {
    let directory = this.#top;
    for (const part of key.split('/')) {
      directory.below ??= new Map();
      let next = directory.below.get(part);
      if (next === undefined) {
        next = { isKey: false, below: null };
        directory.below.set(part, next);
      }
      directory = next;
    }
    directory.isKey = true;
  }

  /** False when there is no such key. */
  delete(key: string): boolean {
    const parts = key.split('/');
    const way = [this.#top];
    for (const part of parts) {
      const next = way.at(-1)!.below?.get(part);
      if (next === undefined) return false;
      way.push(next);
    }
    const last = way.at(-1)!;
    if (!last.isKey) return false;
    last.isKey = false;
    // Directories that this leaves empty.
    for (let i = parts.length; i > 0 && !way[i].isKey && way[i].below === null; i--) {
      const above = way[i - 1];
      above.below!.delete(parts[i - 1]);
      if (above.below!.size === 0) above.below = null;
    }
    return true;
  }

  /** The keys at or below a path; '' is the root. */
  *under(path: string): Generator<string> {
    const start = path === '' ? this.#top : this.#find(path);
    const open = start === undefined ? [] : [{ path, directory: start }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { path: at, directory } = next;
      if (directory.isKey) yield at;
      for (const [part, below] of directory.below ?? []) {
        open.push({ path: directory === this.#top ? part : `${at}/${part}`, directory: below });
      }
    }
  }

  #find(path: string): Directory | undefined {
    let directory: Directory | undefined = this.#top;
    for (const part of path.split('/')) directory = directory?.below?.get(part);
    return directory;
  }
}

/**
 * All keys below a directory. `revisions`: gets at which index each was written; `timed`: gets those that have a TTL, or lie
 * in a directory that has one.
 */
export function entriesBelow(
  prefix: string,
  node: EtcdV2Node | null,
  revisions: Map<string, number> | null = null,
  timed: Set<string> | null = null,
): Map<string, string> {
  const entries = new Map<string, string>();
  const open = node === null ? [] : [{ at: node, isTimed: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at } = next;
    const isTimed = next.isTimed || at.ttl !== undefined;
    for (const below of at.nodes ?? []) open.push({ at: below, isTimed });
    const key = relativeKey(prefix, at.key);
    if (key === null) continue;
    if (at.dir) {
      for (const directory of backendsOn(key, true)) entries.set(directory, '');
      continue;
    }
    entries.set(key, at.value ?? '');
    if (at.modifiedIndex !== undefined) revisions?.set(key, at.modifiedIndex);
    if (isTimed) timed?.add(key);
  }
  return entries;
}

const REMOVALS: ReadonlySet<string> = new Set(['delete', 'expire', 'compareAndDelete']);

/** The keys at or below `path`, which may also lie at or above the prefix. */
function keysUnder(prefix: string, path: string, known: KeysByPath): string[] {
  if (path === '/' || path === prefix || prefix.startsWith(`${path}/`)) return [...known.under('')];
  const top = relativeKey(prefix, path);
  return top === null ? [] : [...known.under(top)];
}

/**
 * What an event changes, given the keys that exist. A removed directory takes all keys below it along: etcd reports
 * only the directory. `known` is kept up to date.
 */
export function changesOf(prefix: string, { action, node }: EtcdV2Event, known: KeysByPath): Change[] {
  if (REMOVALS.has(action)) {
    const gone = keysUnder(prefix, node.key, known);
    for (const key of gone) known.delete(key);
    return gone.map((key) => (action === 'expire' ? { key, value: null, expired: true } : { key, value: null }));
  }
  const key = relativeKey(prefix, node.key);
  if (key === null) return [];
  const changes: Change[] = [];
  if (node.dir && known.delete(key)) changes.push({ key, value: null });
  for (const directory of backendsOn(key, node.dir === true)) {
    if (known.has(directory)) continue;
    known.add(directory);
    changes.push({ key: directory, value: '' });
  }
  if (!node.dir) {
    known.add(key);
    changes.push({ key, value: node.value ?? '' });
  }
  return changes;
}
