/** One node among the live ones, for as long as one connection to etcd v3 holds: it writes its own key and watches those of all. */
import { hostname } from 'node:os';
import { KVClient } from 'etcd3/lib/rpc.js';
import { rangeBelow } from '../source/etcd-v3.ts';
import type { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { grantLease, keepLease, revokeLease } from '../source/etcd-v3-lease.ts';
import { watchRange } from '../source/etcd-v3-watch.ts';
import type { RevisionEvents } from '../source/etcd-v3-watch-answer.ts';

/** Of the key of a node: as long as one that has died is still counted, at most. */
export const LEASE_MS = 10_000;
const WATCH = { probeMs: 5_000, deadlineMs: 5_000 };

export type NodeSession = {
  readonly connection: EtcdV3Connection;
  /** Below it stand the nodes, without a slash at its end. */
  readonly place: string;
  /** Of this node, unlike that of any other. */
  readonly id: string;
  /** So many live. */
  readonly onCount: (nodes: number) => void;
  /** This node leaves. */
  readonly signal: AbortSignal;
};

/** Those that live, as the watch tells it. Rejects when it is lost, or this node is no longer among them. */
async function watchNodes({ connection, place, id, onCount }: NodeSession, signal: AbortSignal): Promise<never> {
  const range = rangeBelow(place);
  const found = await new KVClient(connection).range({ key: range.start, range_end: range.end, keys_only: true });
  const nodes = new Set(found.kvs.map(({ key }) => key.toString()));
  onCount(nodes.size);
  const gone = Promise.withResolvers<never>();
  const observer = {
    events: (events: RevisionEvents): void => {
      for (const { isDeleted, kv } of events) {
        const key = kv.bytes.toString('utf8', kv.start, kv.end);
        if (isDeleted) nodes.delete(key);
        else nodes.add(key);
      }
      if (nodes.has(`${place}/${id}`)) onCount(nodes.size);
      else gone.reject(new Error('the key of this node was deleted'));
    },
    confirmed: (): void => {},
  };
  const watch = watchRange(connection, range, Number(found.header.revision), WATCH, observer, signal);
  return Promise.race([watch, gone.promise]);
}

/**
 * Never resolves.
 * @throws when the connection or the lease is lost, or `signal` is aborted; the key is gone then, if it could be deleted
 */
export async function liveAsNode(session: NodeSession): Promise<never> {
  const { connection, place, id, signal } = session;
  const lease = await grantLease(connection, LEASE_MS);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const parts: Promise<never>[] = [];
  try {
    await new KVClient(connection).put({ key: Buffer.from(`${place}/${id}`), value: Buffer.from(hostname()), lease });
    parts.push(keepLease(connection, lease, LEASE_MS, either), watchNodes(session, either));
    return await Promise.race(parts);
  } finally {
    over.abort();
    if (signal.aborted) await revokeLease(connection, lease).catch(() => {});
    await Promise.allSettled(parts);
  }
}
