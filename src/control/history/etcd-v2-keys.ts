/** The keys of etcd v2 below a prefix, for commands: read once, and written one by one. */
import { reasonOf } from '../../kernel/errors.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { EtcdV2Client, type EtcdV2Node } from '../source/etcd-v2-client.ts';
import { relativeKey } from '../source/keys.ts';
import { loadTls } from '../source/tls.ts';

const DEADLINE_MS = 10_000;

export type V2Key = {
  readonly value: string;
  /** Seconds that it still lives; 0: without end. */
  readonly ttl: number;
};

export type V2Keys = {
  /** Relative to the prefix. */
  readonly keys: ReadonlyMap<string, V2Key>;
  /** Directories with nothing in them, which v3 has not; relative to the prefix. */
  readonly empty: readonly string[];
};

/** What a recursive answer of etcd v2 holds. */
export function keysOfNode(prefix: string, top: EtcdV2Node | null): V2Keys {
  const keys = new Map<string, V2Key>();
  const empty: string[] = [];
  // The life of a directory is that of all in it.
  const open: { node: EtcdV2Node; ttl: number }[] = top === null ? [] : [{ node: top, ttl: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node } = next;
    const ttl = node.ttl === undefined ? next.ttl : next.ttl === 0 ? node.ttl : Math.min(node.ttl, next.ttl);
    const below = node.nodes ?? [];
    for (const each of below) open.push({ node: each, ttl });
    const key = relativeKey(prefix, node.key ?? '/');
    if (key === null) continue;
    if (node.dir !== true) keys.set(key, { value: node.value ?? '', ttl });
    else if (below.length === 0) empty.push(key);
  }
  return { keys, empty: empty.sort() };
}

/**
 * Asks the endpoints in their order, and uses the first one that answers.
 * @throws Error of the last one when none does
 */
export async function withV2<Result>(
  etcd: EtcdSettings,
  use: (client: EtcdV2Client, keys: V2Keys) => Promise<Result>,
): Promise<Result> {
  const { username, password } = etcd;
  const tls = etcd.tls === null ? null : loadTls(etcd.tls);
  let last: unknown = new Error('there is no endpoint');
  for (const endpoint of etcd.endpoints) {
    const client = new EtcdV2Client({ endpoint, tls, username, password, deadlineMs: DEADLINE_MS }, etcd.prefix);
    try {
      const { node } = await client.read(true).catch((error: unknown) => {
        last = new Error(`etcd v2 at ${endpoint}: ${reasonOf(error)}`, { cause: error });
        return { node: undefined };
      });
      if (node !== undefined) return await use(client, keysOfNode(etcd.prefix, node));
    } finally {
      client.close();
    }
  }
  throw last;
}
