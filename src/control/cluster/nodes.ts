/**
 * The live nodes of one etcd, counted while some frontend asks for their number (shared/spec frontend-options §3.13):
 *
 *     <prefix>/tsuji/nodes/<id of the process>  →  name of the host, with a lease of 10 s
 *
 * Only API v3 has leases. A node that is cut off keeps the number that it knew last, so that it never takes a larger share than
 * it had. One that comes back takes a smaller number only after the time of a lease: the others may have been cut off as well.
 */

import { randomUUID } from 'node:crypto';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { log } from '../../kernel/log.ts';
import type { Problem } from '../../kernel/problems.ts';
import type { OptionSet } from '../../middlewares/kind.ts';
import { nodesKeyOf } from '../../middlewares/kinds.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { guarded } from '../guarded.ts';
import { EndpointMemory, followEndpoints } from '../source/endpoint-loop.ts';
import { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { loadTls } from '../source/tls.ts';
import { LEASE_MS, liveAsNode } from './node-session.ts';

const DEADLINE_MS = 5_000;
/** In which a node that leaves may tell so; else its lease does. */
const FAREWELL_MS = 1_000;
/** A number that is older is told of, as often. */
const OLD_MS = 60_000;

export type ClusterNodesOptions = {
  /** null: there is none. */
  readonly etcd: EtcdSettings | null;
  readonly onCount: (nodes: number) => void;
  /** Problems have changed. */
  readonly onChange: () => void;
};

export class ClusterNodes {
  private readonly options: ClusterNodesOptions;
  private readonly id = randomUUID();
  /** Frontend → its key that asks. */
  private readonly users = new Map<string, string>();
  private leaving: AbortController | null = null;
  private running: Promise<void> = Promise.resolve();
  /** As it was told last, 0 before the first time. */
  private count = 0;
  /** As it was seen last. */
  private seen = 0;
  /** performance.now(): until then it is not lowered. */
  private lowerFrom = 0;
  private lowering: NodeJS.Timeout | null = null;
  private aging: NodeJS.Timeout | null = null;
  /** Why the nodes cannot be counted, '' when they can. */
  private reason = '';
  /** null: to be found anew. */
  private problemsByKey: Map<string, Problem> | null = null;

  constructor(options: ClusterNodesOptions) {
    this.options = options;
  }

  /** These frontends have changed. */
  follow(frontends: ReadonlyMap<string, { readonly options: OptionSet }>, changed: Iterable<string>): void {
    this.problemsByKey = null;
    for (const name of changed) {
      const key = nodesKeyOf(frontends.get(name)?.options ?? {});
      if (key === '') this.users.delete(name);
      else this.users.set(name, key);
    }
    if (this.users.size === 0) this.leave();
    else if (this.leaving === null) this.join(this.options.etcd);
  }

  /** Of the frontends that ask in vain, because the nodes were never counted. */
  problems(): ReadonlyMap<string, Problem> {
    this.problemsByKey ??= this.reason === '' || this.count > 0 ? new Map() : this.findProblems();
    return this.problemsByKey;
  }

  private findProblems(): Map<string, Problem> {
    const prefix = this.options.etcd?.prefix ?? '';
    const reason = `each node has the full limit: live nodes are counted in etcd with API v3 (${this.reason})`;
    const problems = new Map<string, Problem>();
    for (const [name, path] of this.users) {
      const key = `${prefix}/frontends/${name}/${path}`;
      problems.set(key, { key, state: 'ignored', reason });
    }
    return problems;
  }

  /** The others hear of it at once, when they can. */
  async stop(): Promise<void> {
    this.leave();
    await this.running;
  }

  private join(etcd: EtcdSettings | null): void {
    const leaving = new AbortController();
    this.leaving = leaving;
    if (etcd === null) {
      this.lost('there is no etcd');
      return;
    }
    const { signal } = leaving;
    const before = this.running;
    this.running = before.then(() =>
      followEndpoints(
        etcd.endpoints,
        new EndpointMemory(),
        signal,
        (endpoint) => this.session(etcd, endpoint, signal),
        (endpoint, error) => this.lost(`etcd v3 at ${endpoint}: ${reasonOf(error)}`),
      ),
    );
  }

  private leave(): void {
    this.leaving?.abort();
    this.leaving = null;
    this.clearTimers();
    this.count = 0;
    this.reason = '';
  }

  private async session(etcd: EtcdSettings, endpoint: string, signal: AbortSignal): Promise<never> {
    const { username, password, tls } = etcd;
    const material = tls === null ? null : loadTls(tls);
    const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS });
    const left = (): void => void setTimeout(() => connection.close(), FAREWELL_MS).unref();
    signal.addEventListener('abort', left, { once: true });
    this.lowerFrom = this.count === 0 ? 0 : performance.now() + LEASE_MS;
    try {
      await connection.authenticate();
      const onCount = guarded('live nodes', (nodes: number) => {
        if (!signal.aborted) this.saw(nodes);
      });
      return await liveAsNode({ connection, place: `${etcd.prefix}/tsuji/nodes`, id: this.id, onCount, signal });
    } finally {
      signal.removeEventListener('abort', left);
      connection.close();
    }
  }

  private saw(nodes: number): void {
    this.seen = nodes;
    if (this.reason !== '') {
      this.reason = '';
      this.problemsByKey = null;
      log.event(EVENTS.nodesBack, '', { nodes });
      this.options.onChange();
    }
    this.clearTimers();
    const wait = this.lowerFrom - performance.now();
    if (nodes >= this.count || wait <= 0) this.tell();
    else this.lowering = setTimeout(() => this.tell(), timerSpan(wait)).unref();
  }

  private tell(): void {
    const { seen } = this;
    if (seen === this.count) return;
    this.count = seen;
    log.event(EVENTS.nodes, '', { nodes: seen });
    this.options.onCount(seen);
  }

  private lost(reason: string): void {
    const isNew = this.reason === '';
    this.reason = reason;
    if (!isNew) return;
    this.problemsByKey = null;
    this.clearTimers();
    log.event(EVENTS.nodesLost, '', { reason, nodes: Math.max(1, this.count) });
    this.options.onChange();
    if (this.count === 0) return;
    this.aging = setInterval(() => {
      const limit = 'ratelimit_view';
      tellLimit({ limit, object: 'live nodes', value: this.count, what: 'nobody: rates are divided as long ago' });
    }, OLD_MS).unref();
  }

  private clearTimers(): void {
    if (this.lowering !== null) clearTimeout(this.lowering);
    if (this.aging !== null) clearInterval(this.aging);
    this.lowering = null;
    this.aging = null;
  }
}
