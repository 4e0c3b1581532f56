/**
 * Keys from etcd v3: the prefix is read in pages at one revision and watched from the next. Whatever goes wrong (lost
 * connection, silence, compaction) ends the session. The next one watches from where that one was, if the store still has that
 * history (etcd-v3-mark.ts); else it begins with a fresh read, so nothing is ever missed, not even when the store came back
 * with other data. A changed alias leads to a fresh read, too, on the same connection.
 */
import { EtcdPermissionDeniedError } from 'etcd3/lib/errors.js';
import { reasonOf } from '../../kernel/errors.ts';
import { keyText } from '../../kernel/key-text.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Steps } from '../../kernel/steps.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { Slices } from '../routing/slices.ts';
import { Bell } from './bell.ts';
import { ENDPOINT_DEADLINE_MS, EndpointMemory, followEndpoints } from './endpoint-loop.ts';
import { EtcdV3Connection } from './etcd-v3-connection.ts';
import { Found, type FoundKeys, settlingAll } from './etcd-v3-found.ts';
import { EtcdV3Leases } from './etcd-v3-leases.ts';
import type { WatchMark } from './etcd-v3-mark.ts';
import { type Reading as RangeReading, readRange } from './etcd-v3-reading.ts';
import { type KeyRange, WatchCompacted, type WatchTiming, watchRange } from './etcd-v3-watch.ts';
import type { RevisionEvents } from './etcd-v3-watch-answer.ts';
import { ALIAS, KeyTrees } from './key-trees.ts';
import type { Change, Recalled, Source, SourceSink, SourceStatus } from './source.ts';
import { StatusKeeper } from './source-status.ts';
import { spread } from './spread.ts';
import { loadTls } from './tls.ts';

export type EtcdV3Tuning = WatchTiming & {
  /** Keys read by one request, the least. */
  readonly pageKeys: number;
  /** Backends, frontends and certificates are not read, which are nearly all there is; an alias is none then. */
  readonly leavesTrees: boolean;
};

const TUNING: EtcdV3Tuning = {
  probeMs: 10_000,
  deadlineMs: ENDPOINT_DEADLINE_MS,
  pageKeys: 1_000,
  leavesTrees: false,
};

const AFTER_SLASH = '0'; // the byte after '/', so [prefix/, prefix0) is everything below the prefix

type Reading = FoundKeys & { readonly revision: number };

/** `seen`: has the mark take in what they are made of; null: there is none. */
type Translated = { readonly changes: readonly Change[]; readonly seen: (() => void) | null };

/** Everything below `prefix`, and not what merely begins with the same letters. */
export function rangeBelow(prefix: string): KeyRange {
  return { start: Buffer.from(`${prefix}/`), end: Buffer.from(prefix + AFTER_SLASH) };
}

/** The same without its backends, frontends and certificates. */
function rangesBeside(prefix: string): KeyRange[] {
  const ranges: KeyRange[] = [];
  let { start } = rangeBelow(prefix);
  const { end } = rangeBelow(prefix);
  for (const tree of ['backends', 'frontends', 'tls']) {
    const left = rangeBelow(`${prefix}/${tree}`);
    ranges.push({ start, end: left.start });
    start = left.end;
  }
  return [...ranges, { start, end }];
}

export class EtcdV3Source implements Source {
  readonly name = 'etcdv3';
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdV3Tuning;
  readonly #memory: EndpointMemory;
  readonly #trees: KeyTrees;
  readonly #status = new StatusKeeper('etcdv3');
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Of the watches under way. */
  #bells: readonly Bell[] = [];
  /** Of the range below the prefix, while that is all that is followed; null: there is none, or it is of no use. */
  #mark: WatchMark | null = null;
  /** That there were when they were read last. */
  #keys = 0;
  #sink: SourceSink | null = null;
  readonly #slices = new Slices();
  readonly #leases = new EtcdV3Leases((keys) => this.#deletedAfterAll(keys));

  constructor(settings: EtcdSettings, tuning: Partial<EtcdV3Tuning> = {}, memory = new EndpointMemory()) {
    this.#settings = settings;
    this.#memory = memory;
    this.#tuning = { ...TUNING, ...tuning };
    this.#trees = new KeyTrees(settings.prefix);
  }

  recall(recalled: Recalled): void {
    this.#status.recalled(recalled);
    this.#keys = recalled.keys;
    this.#leases.recall(recalled.leased);
  }

  start(sink: SourceSink): void {
    this.#status.attach(sink);
    this.#sink = sink;
    this.#running = followEndpoints(
      this.#settings.endpoints,
      this.#memory,
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

  catchUp(): void {
    for (const bell of this.#bells) bell.ring();
  }

  isLeased(key: string): boolean {
    return this.#leases.has(key);
  }

  /** They were told to have expired. */
  #deletedAfterAll(keys: readonly string[]): void {
    const changes = keys.map((key): Change => ({ key, value: null }));
    if (!this.#stopping.signal.aborted) this.#sink?.changes('etcdv3', this.#status.current.revision, changes);
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
      this.#leases.connect(connection);
      if (await this.#mark?.isKnownTo(connection)) {
        this.#memory.answered(endpoint);
        await this.#watch(connection, this.#mark!.revision, sink, true);
      }
      for (;;) {
        this.#mark = null;
        // What is in force serves meanwhile.
        if (this.#status.current.revision !== '') await spread(this.#keys, signal);
        const revision = await this.#give(connection, endpoint, sink);
        if (!watch) return null;
        await this.#watch(connection, revision, sink, false);
      }
    } catch (error) {
      if (error instanceof WatchCompacted) this.#mark = null;
      throw error;
    } finally {
      signal.removeEventListener('abort', close);
      this.#leases.connect(null);
      connection.close();
    }
  }

  /** A snapshot; returns its revision. Nothing of it may stand in `#session`, whose wait would keep it for as long as it lasts. */
  async #give(connection: EtcdV3Connection, endpoint: string, sink: SourceSink): Promise<number> {
    const { revision, entries, leases } = await this.#read(connection);
    this.#stopping.signal.throwIfAborted();
    const isElsewhere = this.#status.aliased(this.#trees.elsewhere, this.#trees.problem);
    this.#memory.answered(endpoint);
    const expired = this.#leases.replace(entries, leases, isElsewhere);
    sink.snapshot('etcdv3', String(revision), entries, expired);
    this.#status.confirmed(String(revision));
    return revision;
  }

  /** All keys of concern as they were at one revision. Fails when that revision is compacted meanwhile. */
  async #read(connection: EtcdV3Connection): Promise<Reading> {
    const { prefix } = this.#settings;
    if (this.#tuning.leavesTrees) return this.#readBeside(connection, prefix);
    const own = new Found(prefix);
    const { revision, mark } = await this.#readInto(connection, own, rangeBelow(prefix), null);
    this.#mark = mark;
    this.#keys = own.entries.size;
    const trees = this.#trees;
    trees.aim(own.entries.get(ALIAS));
    if (!trees.isAliased) return { revision, ...own.settled(trees) };
    const all = [own];
    for (const other of trees.ranges()) {
      if (other === prefix) continue;
      const found = new Found(other);
      try {
        await this.#readInto(connection, found, rangeBelow(other), revision);
      } catch (error) {
        if (!(error instanceof EtcdPermissionDeniedError)) throw error;
        trees.refuse(reasonOf(error));
      }
      all.push(found);
    }
    return { revision, ...(await this.#slices.result(() => settlingAll(all, trees))) };
  }

  async #readBeside(connection: EtcdV3Connection, prefix: string): Promise<Reading> {
    const found = new Found(prefix);
    let at: number | null = null;
    for (const range of rangesBeside(prefix)) {
      at = (await this.#readInto(connection, found, range, at)).revision;
    }
    this.#trees.aim(undefined);
    return { revision: at!, ...found.settled(this.#trees) };
  }

  #readInto(connection: EtcdV3Connection, found: Found, range: KeyRange, at: number | null): Promise<RangeReading> {
    return readRange(connection, range, at, this.#tuning.pageKeys, found.add);
  }

  /** Resolves when all has to be read anew; rejects when a watch is lost. `asks`: at once how far the store is. */
  async #watch(connection: EtcdV3Connection, after: number, sink: SourceSink, asks: boolean): Promise<void> {
    const round = new AbortController();
    const over = AbortSignal.any([this.#stopping.signal, round.signal]);
    let newest = after;
    const ranges = this.#trees.ranges();
    /** The watches that have confirmed since all had, and up to which revision. */
    const confirmed = new Map<string, number>();
    // What was half told has to be read anew.
    const failed = (error: unknown): void => {
      tellOwnError('events of etcd', error);
      round.abort();
    };
    if (ranges.length > 1) this.#mark = null;
    this.#bells = ranges.map(() => new Bell());
    if (asks) this.catchUp();
    const watches = ranges.map((prefix, i) => {
      const observer = {
        events: (events: RevisionEvents): void => {
          const { revision } = events;
          const told = (translated: Translated | null): void => {
            if (round.signal.aborted) return;
            if (translated === null) {
              round.abort();
              return;
            }
            const { changes, seen } = translated;
            newest = Math.max(newest, revision);
            seen?.();
            if (changes.length > 0) sink.changes('etcdv3', String(revision), changes);
            this.#status.confirmed(String(newest));
          };
          this.#slices.run(() => this.#translating(prefix, events, round.signal), told, failed);
        },
        confirmed: (upTo: number): void => {
          const told = (): void => {
            if (round.signal.aborted) return;
            this.#mark?.confirmed(upTo);
            confirmed.set(prefix, upTo);
            if (confirmed.size < ranges.length) return;
            newest = Math.max(newest, Math.min(...confirmed.values()));
            confirmed.clear();
            if (this.#trees.isRefused) round.abort();
            else this.#status.confirmed(String(newest));
          };
          // Behind the events that came before it.
          this.#slices.run(nothing, told, failed);
        },
      };
      return watchRange(connection, rangeBelow(prefix), after, this.#tuning, observer, over, this.#bells[i]);
    });
    try {
      await Promise.race(watches);
    } catch (error) {
      if (!round.signal.aborted) {
        // What came before it was lost counts, and the next watch begins behind it.
        if (!this.#stopping.signal.aborted) await this.#slices.result(nothing);
        throw error;
      }
    } finally {
      round.abort();
      await Promise.allSettled(watches);
    }
  }

  /** null when that tells nothing, because all has to be read anew, or `over` was aborted. */
  *#translating(prefix: string, events: RevisionEvents, over: AbortSignal): Steps<Translated | null> {
    const changes: Change[] = [];
    if (over.aborted) return null;
    const seen = this.#mark === null ? null : yield* this.#mark.seeing(events);
    for (const { isDeleted, kv } of events) {
      yield;
      if (over.aborted) return null;
      const { bytes, start, end, lease } = kv;
      const event = { key: keyText(bytes, start, end, prefix), value: isDeleted ? null : kv.value, lease };
      const own = this.#trees.changes([event]);
      if (own === null) return null;
      for (const { key, value, lease } of own) {
        if (value !== null) this.#leases.put(key, lease);
        const isExpired = value === null && this.#leases.deleted(key);
        changes.push(isExpired ? { key, value, expired: true } : { key, value });
      }
    }
    return { changes, seen };
  }
}

function* nothing(): Steps<void> {}
