/**
 * Keys in a file: what etcdctl or curl has printed of a prefix, or a snapshot of tsuji.
 *
 *     etcdctl get --prefix /traefik -w json                  v3, with base64
 *     curl 'http://…:2379/v2/keys/traefik?recursive=true'    v2, a tree of nodes
 *     etcdctl get --prefix /traefik                          a line with the key, the value in those behind it
 */
import { isUtf8 } from 'node:buffer';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { keyText } from '../../kernel/key-text.ts';
import { readSnapshot } from '../memory/snapshot-format.ts';
import type { MergedKey } from '../routing/kv-merge.ts';
import type { EtcdV2Node } from '../source/etcd-v2-client.ts';
import { entriesBelow } from '../source/etcd-v2-tree.ts';
import { KeyTrees } from '../source/key-trees.ts';
import type { SourceName } from '../source/source.ts';

export type Dump = {
  /** What it is, in words. */
  readonly format: string;
  readonly keys: readonly MergedKey[];
  /** Prefix of the keys in force, as an alias has it. */
  readonly tree: string;
  readonly aliasProblem: string;
};

type Stored = { readonly value: string; readonly revision: number | null };
type WholeKeys = Map<string, Stored>;

const SNAPSHOT = 'tsuji snapshot ';

function refused(reason: string): TsujiError {
  return new TsujiError('BAD_DUMP', reason);
}

function ofV3(kvs: readonly unknown[], prefix: string): WholeKeys {
  const keys: WholeKeys = new Map();
  for (const kv of kvs) {
    const { key, value = '', mod_revision } = (kv ?? {}) as Record<string, unknown>;
    if (typeof key !== 'string' || typeof value !== 'string') throw refused('a key of it has no text');
    const revision = Number(mod_revision);
    const bytes = Buffer.from(key, 'base64');
    keys.set(keyText(bytes, 0, bytes.length, prefix), {
      value: Buffer.from(value, 'base64').toString(),
      revision: Number.isSafeInteger(revision) && revision > 0 ? revision : null,
    });
  }
  return keys;
}

/** Keys have a slash before them here. */
function ofV2(node: EtcdV2Node): WholeKeys {
  const revisions = new Map<string, number>();
  const found = entriesBelow('', { ...node, key: node.key ?? '' }, revisions);
  return new Map([...found].map(([key, value]) => [`/${key}`, { value, revision: revisions.get(key) ?? null }]));
}

/** What stands on a line of its own below the prefix is a key. */
function ofLines(text: string, prefix: string): WholeKeys {
  const keys: WholeKeys = new Map();
  let key = '';
  let lines: string[] = [];
  const end = (): void => {
    if (key !== '') keys.set(key, { value: lines.join('\n'), revision: null });
  };
  for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) {
    if (line.startsWith(`${prefix}/`) && !/\s/.test(line) && (key === '' || lines.length > 0)) {
      end();
      key = line;
      lines = [];
    } else if (key !== '') lines.push(line);
    else if (line !== '') throw refused(`it begins with neither JSON nor a key below ${prefix}/`);
  }
  end();
  return keys;
}

function ofSnapshot(bytes: Buffer): Dump {
  const { sources } = readSnapshot(bytes);
  const keys = new Map<string, MergedKey>();
  for (const { name: source, entries } of sources) {
    for (const [key, value] of entries) if (!keys.has(key)) keys.set(key, { key, value, source, revision: null });
  }
  const tree = sources.find((source) => source.tree !== undefined)?.tree;
  const aliasProblem = sources.find((source) => source.aliasProblem !== undefined)?.aliasProblem ?? '';
  return { format: 'a snapshot', keys: [...keys.values()], tree: tree ?? '', aliasProblem };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused(`it begins as JSON, and is none: ${reasonOf(error)}`);
  }
}

function settled(format: string, source: SourceName, keys: WholeKeys, prefix: string): Dump {
  const trees = new KeyTrees(prefix);
  trees.aim(keys.get(trees.aliasKey)?.value);
  const entries = trees.settle(keys);
  if (entries.size === 0 && keys.size > 0) {
    const [first] = keys.keys();
    throw refused(`none of its ${keys.size} keys, such as ${first}, lies below ${prefix}/ (--etcd.prefix)`);
  }
  return {
    format,
    keys: [...entries].map(([key, { value, revision }]) => ({ key, value, source, revision })),
    tree: trees.elsewhere ?? prefix,
    aliasProblem: trees.problem,
  };
}

/**
 * `prefix`: below which the keys stand, without a slash at its end.
 * @throws TsujiError BAD_DUMP or SNAPSHOT_REFUSED with what is wrong with it
 */
export function readDump(bytes: Buffer, prefix: string): Dump {
  if (bytes.toString('latin1', 0, SNAPSHOT.length) === SNAPSHOT) {
    const dump = ofSnapshot(bytes);
    return dump.tree === '' ? { ...dump, tree: prefix } : dump;
  }
  if (!isUtf8(bytes)) throw refused('it is no text');
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (text.trim() === '') throw refused('it is empty');
  if (!/^\s*[{[]/.test(text)) return settled('keys and values in lines', 'etcdv3', ofLines(text, prefix), prefix);
  const json = jsonIn(text) as { kvs?: unknown; header?: unknown; node?: EtcdV2Node };
  if (Array.isArray(json.kvs) || (json.header !== undefined && json.kvs === undefined)) {
    const kvs = (json.kvs ?? []) as unknown[];
    return settled('an answer of etcd v3', 'etcdv3', ofV3(kvs, prefix), prefix);
  }
  if (typeof json.node !== 'object' || json.node === null) {
    throw refused('it is JSON, but neither of etcd v3 (kvs) nor of v2 (node)');
  }
  return settled('an answer of etcd v2', 'etcdv2', ofV2(json.node), prefix);
}
