/** A lease of etcd v3 that is kept for as long as one connection holds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseClient } from 'etcd3/lib/rpc.js';
import { timerSpan } from '../../kernel/durations.ts';
import type { EtcdV3Connection } from './etcd-v3-connection.ts';

/** Renewals within the time of a lease, or of a key of v2: two may get lost. */
export const RENEWALS = 3;

/** Its id. etcd may give it more time than asked for. */
export async function grantLease(connection: EtcdV3Connection, ttlMs: number): Promise<string> {
  return (await new LeaseClient(connection).leaseGrant({ TTL: Math.ceil(ttlMs / 1_000) })).ID;
}

/** With all keys that are under it. One that has ended is no error. */
export async function revokeLease(connection: EtcdV3Connection, lease: string): Promise<void> {
  try {
    await new LeaseClient(connection).leaseRevoke({ ID: lease });
  } catch (error) {
    if (!/lease not found/i.test(String(error))) throw error;
  }
}

/** Rejects when the lease has ended or cannot be kept, or `signal` is aborted. */
export async function keepLease(
  connection: EtcdV3Connection,
  lease: string,
  ttlMs: number,
  signal: AbortSignal,
): Promise<never> {
  const stream = await new LeaseClient(connection).leaseKeepAlive();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  let heardAt = performance.now();
  stream.on('data', ({ TTL }) => {
    if (Number(TTL) > 0) heardAt = performance.now();
    else lost.reject(new Error('the lease has ended'));
  });
  stream.on('error', (error: Error) => lost.reject(error));
  stream.on('end', () => lost.reject(new Error('etcd ended the lease')));
  try {
    for (;;) {
      stream.write({ ID: lease });
      await Promise.race([sleep(timerSpan(ttlMs / RENEWALS), undefined, { signal }), lost.promise]);
      if (performance.now() - heardAt > ttlMs) throw new Error('etcd does not answer for the lease');
    }
  } finally {
    stream.cancel();
  }
}
