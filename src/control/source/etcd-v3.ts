/**
 * Keys from etcd v3: the prefix is read in pages at one revision and watched from the next. Whatever goes wrong (lost
 * connection, silence, compaction) ends the session; the next one begins with a fresh read, so nothing is ever missed,
 * not even when the store came back with other data.
 */
import { type IEvent, type IKeyValue, type IRangeRequest, KVClient } from 'etcd3';
import { reasonOf } from '../../kernel/errors.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { followEndpoints } from './endpoint-loop.ts';
import { EtcdV3Connection } from './etcd-v3-connection.ts';
import { type KeyRange, type WatchTiming, watchRange } from './etcd-v3-watch.ts';
import { relativeKey } from './keys.ts';
import type { Change, Source, SourceSink, SourceStatus } from './source.ts';
import { StatusKeeper } from './source-status.ts';
import { loadTls } from './tls.ts';

export type EtcdV3Tuning = WatchTiming & {
  /** Keys read by one request. */
  readonly pageKeys: number;
};

const TUNING: EtcdV3Tuning = { probeMs: 10_000, deadlineMs: 5_000, pageKeys: 1_000 };

const AFTER_SLASH = '0'; // the byte after '/', so [prefix/, prefix0) is everything below the prefix
const NUL = Buffer.from([0]);

/** Everything below `prefix`, and not what merely begins with the same letters. */
export function rangeBelow(prefix: string): KeyRange {
  return { start: Buffer.from(`${prefix}/`), end: Buffer.from(prefix + AFTER_SLASH) };
}

export class EtcdV3Source implements Source {
  readonly name = 'etcdv3';
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdV3Tuning;
  readonly #range: KeyRange;
  readonly #status = new StatusKeeper('etcdv3');
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(settings: EtcdSettings, tuning: Partial<EtcdV3Tuning> = {}) {
    this.#settings = settings;
    this.#tuning = { ...TUNING, ...tuning };
    this.#range = rangeBelow(settings.prefix);
  }

  start(sink: SourceSink): void {
    this.#status.attach(sink);
    this.#running = followEndpoints(
      this.#settings.endpoints,
      this.#stopping.signal,
      (endpoint) => this.#session(endpoint, sink),
      (endpoint, error) => this.#status.failed(`etcd v3 at ${endpoint}: ${reasonOf(error)}`),
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  status(): SourceStatus {
    return this.#status.current;
  }

  async #session(endpoint: string, sink: SourceSink): Promise<null> {
    const { username, password, tls, watch } = this.#settings;
    const { deadlineMs } = this.#tuning;
    const material = tls === null ? null : loadTls(tls);
    const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs });
    const { signal } = this.#stopping;
    const close = () => connection.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      await connection.authenticate();
      const { revision, entries } = await this.#read(connection);
      signal.throwIfAborted();
      sink.snapshot('etcdv3', String(revision), entries);
      this.#status.confirmed(String(revision));
      if (!watch) return null;
      const observer = {
        events: (at: number, events: readonly IEvent[]) => this.#deliver(sink, at, events),
        confirmed: (at: number) => this.#status.confirmed(String(at)),
      };
      return await watchRange(connection, this.#range, revision, this.#tuning, observer, signal);
    } finally {
      signal.removeEventListener('abort', close);
      connection.close();
    }
  }

  /** All keys below the prefix as they were at one revision. Fails when that revision is compacted meanwhile. */
  async #read(connection: EtcdV3Connection): Promise<{ revision: number; entries: Map<string, string> }> {
    const kv = new KVClient(connection);
    const { start, end } = this.#range;
    const entries = new Map<string, string>();
    const page: IRangeRequest = { key: start, range_end: end, limit: this.#tuning.pageKeys };
    let answer = await kv.range(page);
    const { revision } = answer.header;
    for (;;) {
      for (const pair of answer.kvs) this.#take(entries, pair);
      if (!answer.more) return { revision: Number(revision), entries };
      const next = Buffer.concat([answer.kvs.at(-1)!.key, NUL]);
      // The member has this revision, since it answered the first page, so the others need no quorum.
      answer = await kv.range({ ...page, key: next, revision, serializable: true });
    }
  }

  #take(entries: Map<string, string>, pair: IKeyValue): void {
    const key = relativeKey(this.#settings.prefix, pair.key.toString());
    if (key !== null) entries.set(key, pair.value.toString());
  }

  #deliver(sink: SourceSink, revision: number, events: readonly IEvent[]): void {
    const changes: Change[] = [];
    for (const { type, kv } of events) {
      const key = relativeKey(this.#settings.prefix, kv.key.toString());
      if (key !== null) changes.push({ key, value: type === 'Delete' ? null : kv.value.toString() });
    }
    if (changes.length > 0) sink.changes('etcdv3', String(revision), changes);
    this.#status.confirmed(String(revision));
  }
}
