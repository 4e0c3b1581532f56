/**
 * Keys from etcd v2: the directory is read whole, then followed by long polls from the next index. When a poll fails or
 * etcd no longer keeps the events in between (it keeps 1 000 of the whole store), the directory is read anew.
 */
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { followEndpoints } from './endpoint-loop.ts';
import { EtcdV2Client, V2_ABSENT, V2_OUTDATED } from './etcd-v2-client.ts';
import { changesOf, entriesBelow } from './etcd-v2-tree.ts';
import type { Source, SourceSink, SourceStatus } from './source.ts';
import { StatusKeeper } from './source-status.ts';
import { loadTls } from './tls.ts';

export type EtcdV2Tuning = {
  /** A poll without an event is begun anew after so long, after asking the cluster whether it has its quorum. */
  readonly pollMs: number;
  /** An endpoint that does not answer for so long is out of reach. */
  readonly deadlineMs: number;
  /** Pause after all endpoints have said that they have no v2 API. */
  readonly absentMs: number;
};

const TUNING: EtcdV2Tuning = { pollMs: 10_000, deadlineMs: 5_000, absentMs: 60_000 };

export class EtcdV2Source implements Source {
  readonly name = 'etcdv2';
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdV2Tuning;
  readonly #status = new StatusKeeper('etcdv2');
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** How many endpoints in a row have said that they have no v2 API. */
  #withoutV2 = 0;

  constructor(settings: EtcdSettings, tuning: Partial<EtcdV2Tuning> = {}) {
    this.#settings = settings;
    this.#tuning = { ...TUNING, ...tuning };
  }

  start(sink: SourceSink): void {
    this.#status.attach(sink);
    this.#running = followEndpoints(
      this.#settings.endpoints,
      this.#stopping.signal,
      (endpoint) => this.#follow(endpoint, sink),
      (endpoint, error) => this.#status.failed(`etcd v2 at ${endpoint}: ${reasonOf(error)}`),
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  status(): SourceStatus {
    return this.#status.current;
  }

  async #follow(endpoint: string, sink: SourceSink): Promise<number | null> {
    try {
      await this.#session(endpoint, sink);
      return null;
    } catch (error) {
      if (!(error instanceof TsujiError && error.code === V2_ABSENT)) {
        this.#withoutV2 = 0;
        throw error;
      }
      // An API that was there and is gone must not take its routes along.
      if (this.#status.current.revision !== '') throw error;
      if (++this.#withoutV2 < this.#settings.endpoints.length) return 0;
      this.#withoutV2 = 0;
      this.#status.absent();
      return this.#tuning.absentMs;
    }
  }

  /** Resolves only when the keys are not to be watched. */
  async #session(endpoint: string, sink: SourceSink): Promise<void> {
    const { prefix, username, password, tls, watch } = this.#settings;
    const { deadlineMs } = this.#tuning;
    const material = tls === null ? null : loadTls(tls);
    const client = new EtcdV2Client({ endpoint, tls: material, username, password, deadlineMs }, prefix);
    const { signal } = this.#stopping;
    const close = () => client.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      for (;;) {
        const { node, index } = await client.read(true);
        signal.throwIfAborted();
        const entries = entriesBelow(prefix, node);
        sink.snapshot('etcdv2', String(index), entries);
        this.#withoutV2 = 0;
        this.#status.confirmed(String(index));
        if (!watch) return;
        await this.#poll(client, index, new Set(entries.keys()), sink);
      }
    } finally {
      signal.removeEventListener('abort', close);
      client.close();
    }
  }

  /** Resolves when the directory has to be read anew. */
  async #poll(client: EtcdV2Client, after: number, known: Set<string>, sink: SourceSink): Promise<void> {
    let seen = after;
    for (;;) {
      const waited = await client.wait(seen + 1, this.#tuning.pollMs).catch((error: unknown) => {
        if (error instanceof TsujiError && error.code === V2_OUTDATED) return null;
        throw error;
      });
      if (waited === null) return;
      const { event, index } = waited;
      this.#stopping.signal.throwIfAborted();
      if (event === null) {
        // Nothing came although the wait began at `index`, so nothing of ours happened up to there.
        seen = Math.max(seen, index);
        await client.read(false);
      } else {
        seen = event.node.modifiedIndex ?? seen + 1;
        const changes = changesOf(this.#settings.prefix, event, known);
        if (changes.length > 0) sink.changes('etcdv2', String(seen), changes);
      }
      this.#status.confirmed(String(seen));
    }
  }
}
