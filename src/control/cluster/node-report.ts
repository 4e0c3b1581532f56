/**
 * What this node says of itself to the others of its prefix, and what they say, in etcd v3:
 *
 *     <prefix>-nodes/<id of the process>  →  NodeState as JSON, with a lease of 10 s
 *
 * Beside the prefix, so that no node reads it with its routes. Each node writes its own key only, at once when something
 * has changed and then once a second at most; those of the others are read when somebody asks, so that a hundred nodes
 * cost etcd a hundred small writes per change and no watch.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { KVClient } from 'etcd3/lib/rpc.js';
import { reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { EndpointMemory, followEndpoints } from '../source/endpoint-loop.ts';
import { rangeBelow } from '../source/etcd-v3.ts';
import { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { grantLease, keepLease, revokeLease } from '../source/etcd-v3-lease.ts';
import { loadTls } from '../source/tls.ts';
import { LEASE_MS } from './node-session.ts';
import { type NodeState, readNodeState } from './node-state.ts';
import { addressTowards } from './own-address.ts';

const DEADLINE_MS = 5_000;
/** In which a node that leaves may tell so; else its lease does. */
const FAREWELL_MS = 1_000;
/** Between two writes of the own key. */
const WRITE_MS = 1_000;
/** Nodes that are read; more are counted. */
const MOST_NODES = 1_000;

export type NodeList = {
  readonly nodes: readonly NodeState[];
  /** Beyond those that are listed. */
  readonly more: number;
  /** Why there may be others, '' when these are all. */
  readonly reason: string;
};

export class NodeReport {
  readonly id = randomUUID();
  private readonly etcd: EtcdSettings | null;
  private readonly state: () => Omit<NodeState, 'id' | 'name' | 'address'>;
  private address = '';
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private connection: EtcdV3Connection | null = null;
  private listing: Promise<NodeList> | null = null;
  private changed = Promise.withResolvers<void>();
  private reason = 'etcd v3 has not answered yet';

  /** `state`: of this node, now. */
  constructor(etcd: EtcdSettings | null, state: () => Omit<NodeState, 'id' | 'name' | 'address'>) {
    this.etcd = etcd;
    this.state = state;
  }

  start(): void {
    const { etcd } = this;
    if (etcd === null) return;
    const { signal } = this.stopping;
    this.running = followEndpoints(
      etcd.endpoints,
      new EndpointMemory(),
      signal,
      (endpoint) => this.session(etcd, endpoint, signal),
      (endpoint, error) => {
        this.reason = `etcd v3 at ${endpoint}: ${reasonOf(error)}`;
        log.debug('This node cannot tell the others of itself', { reason: this.reason });
      },
    );
  }

  /** Something of its state has changed. */
  touch(): void {
    this.changed.resolve();
  }

  /** The others hear of it at once, when they can. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /**
   * All live nodes as etcd has them, this one as it is; this one alone when etcd cannot be asked. Whoever asks while it is
   * asked shares the answer.
   */
  list(): Promise<NodeList> {
    this.listing ??= this.read().finally(() => {
      this.listing = null;
    });
    return this.listing;
  }

  private async read(): Promise<NodeList> {
    const own: NodeState = { id: this.id, ...this.told() };
    const { connection, etcd } = this;
    if (etcd === null) return { nodes: [own], more: 0, reason: '' };
    if (connection === null) return { nodes: [own], more: 0, reason: this.reason };
    try {
      const { start, end } = rangeBelow(this.place(etcd));
      const range = { key: start, range_end: end, limit: MOST_NODES };
      const { kvs, count } = await new KVClient(connection).range(range);
      const states = kvs.map(({ key, value }) => readNodeState(key.toString().split('/').at(-1)!, value.toString()));
      const others = states.filter(({ id }) => id !== this.id);
      return { nodes: [own, ...others], more: Math.max(0, Number(count) - kvs.length), reason: '' };
    } catch (error) {
      return { nodes: [own], more: 0, reason: reasonOf(error) };
    }
  }

  private told(): Omit<NodeState, 'id'> {
    return { name: hostname(), address: this.address, ...this.state() };
  }

  private place({ prefix }: EtcdSettings): string {
    return `${prefix}-nodes`;
  }

  private async session(etcd: EtcdSettings, endpoint: string, signal: AbortSignal): Promise<never> {
    const { username, password, tls } = etcd;
    const material = tls === null ? null : loadTls(tls);
    const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS });
    const left = (): void => void setTimeout(() => connection.close(), FAREWELL_MS).unref();
    signal.addEventListener('abort', left, { once: true });
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const parts: Promise<never>[] = [];
    let lease = '';
    try {
      await connection.authenticate();
      this.address = await addressTowards(endpoint);
      lease = await grantLease(connection, LEASE_MS);
      parts.push(
        keepLease(connection, lease, LEASE_MS, either),
        this.write(connection, this.place(etcd), lease, either),
      );
      return await Promise.race(parts);
    } finally {
      this.connection = null;
      over.abort();
      if (signal.aborted && lease !== '') await revokeLease(connection, lease).catch(() => {});
      signal.removeEventListener('abort', left);
      connection.close();
      await Promise.allSettled(parts);
    }
  }

  private async write(connection: EtcdV3Connection, place: string, lease: string, over: AbortSignal): Promise<never> {
    const kv = new KVClient(connection);
    const key = Buffer.from(`${place}/${this.id}`);
    const ended = new Promise<never>((_, reject) => {
      over.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });
    ended.catch(() => {});
    let written = '';
    for (;;) {
      this.changed = Promise.withResolvers();
      const value = JSON.stringify(this.told());
      if (value !== written) {
        await kv.put({ key, value: Buffer.from(value), lease });
        written = value;
        this.connection = connection;
        this.reason = '';
        await sleep(WRITE_MS, undefined, { signal: over });
      }
      await Promise.race([this.changed.promise, ended]);
    }
  }
}
