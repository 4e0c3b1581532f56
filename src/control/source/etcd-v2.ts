/**
 * Keys from etcd v2: the directory is read whole, then followed by long polls from the next index. When a poll fails or
 * etcd no longer keeps the events in between (it keeps 1 000 of the whole store), the directory is read anew. With an
 * alias there is a second directory, and a changed alias leads to a fresh reading of both.
 */
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { decodedKeyText } from '../../kernel/key-text.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { Bell } from './bell.ts';
import { ENDPOINT_DEADLINE_MS, EndpointMemory, followEndpoints } from './endpoint-loop.ts';
import { type EtcdV2Access, EtcdV2Client, V2_ABSENT, V2_FORBIDDEN, V2_OUTDATED } from './etcd-v2-client.ts';
import { changesOf, entriesBelow, KeysByPath } from './etcd-v2-tree.ts';
import { KeyTrees } from './key-trees.ts';
import type { Recalled, Source, SourceSink, SourceStatus } from './source.ts';
import { SourceKeys } from './source-keys.ts';
import { StatusKeeper } from './source-status.ts';
import { spread } from './spread.ts';
import { loadTls } from './tls.ts';

export type EtcdV2Tuning = {
  /** A poll without an event is begun anew after so long, after asking the cluster whether it has its quorum. */
  readonly pollMs: number;
  /** An endpoint that does not answer for so long is out of reach. */
  readonly deadlineMs: number;
  /** Pause after all endpoints have said that they have no v2 API. */
  readonly absentMs: number;
};

const TUNING: EtcdV2Tuning = { pollMs: 10_000, deadlineMs: ENDPOINT_DEADLINE_MS, absentMs: 60_000 };

/** Patience of a poll that is to tell only how far the store is: what there is comes at once. */
const HASTY_MS = 50;

/** A directory that is followed: what it holds since which etcd index. */
type Range = {
  readonly bell: Bell;
  readonly client: EtcdV2Client;
  readonly directory: string;
  readonly index: number;
  /** Whole keys without their leading slash. */
  readonly known: KeysByPath;
};

type Reading = {
  readonly ranges: Range[];
  readonly entries: SourceKeys;
  /** Keys with a TTL. */
  readonly timed: Set<string>;
};

export class EtcdV2Source implements Source {
  readonly name = 'etcdv2';
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdV2Tuning;
  readonly #memory: EndpointMemory;
  readonly #status = new StatusKeeper('etcdv2');
  readonly #stopping = new AbortController();
  readonly #trees: KeyTrees;
  #running: Promise<void> = Promise.resolve();
  /** The newest etcd index of which all is known. */
  #newest = 0;
  /** Directories that are followed, each with the index up to which all of it is known. */
  readonly #upTo = new Map<Range, number>();
  /** That there were when they were read last. */
  #keys = 0;
  /** Keys with a TTL. */
  #timed = new Set<string>();
  /** How many endpoints in a row have said that they have no v2 API. */
  #withoutV2 = 0;

  constructor(settings: EtcdSettings, tuning: Partial<EtcdV2Tuning> = {}, memory = new EndpointMemory()) {
    this.#settings = settings;
    this.#memory = memory;
    this.#tuning = { ...TUNING, ...tuning };
    this.#trees = new KeyTrees(settings.prefix);
  }

  recall(recalled: Recalled): void {
    this.#status.recalled(recalled);
    this.#keys = recalled.keys;
    this.#timed = new Set(recalled.leased);
  }

  start(sink: SourceSink): void {
    this.#status.attach(sink);
    this.#running = followEndpoints(
      this.#settings.endpoints,
      this.#memory,
      this.#stopping.signal,
      (endpoint) => this.#tryEndpoint(endpoint, sink),
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

  isLeased(key: string): boolean {
    return this.#timed.has(key);
  }

  catchUp(): void {
    for (const { bell } of this.#upTo.keys()) bell.ring();
  }

  async #tryEndpoint(endpoint: string, sink: SourceSink): Promise<number | null> {
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
    const { username, password, tls } = this.#settings;
    const material = tls === null ? null : loadTls(tls);
    const access = { endpoint, tls: material, username, password, deadlineMs: this.#tuning.deadlineMs };
    while (await this.#round(access, sink));
  }

  /** Reads all, tells it, and follows it until it must be read anew (true) or is not to be watched (false). */
  async #round(access: EtcdV2Access, sink: SourceSink): Promise<boolean> {
    const { signal } = this.#stopping;
    const clients: EtcdV2Client[] = [];
    const close = () => {
      for (const client of clients) client.close();
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      // What is in force serves meanwhile.
      if (this.#status.current.revision !== '') await spread(this.#keys, signal);
      const ranges = await this.#give(access, clients, sink);
      if (!this.#settings.watch) return false;
      await this.#follow(ranges, close, sink);
      return true;
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }

  /** A snapshot; returns what is to be followed of it. The rest may not stand in the session, whose wait would keep it. */
  async #give(access: EtcdV2Access, clients: EtcdV2Client[], sink: SourceSink): Promise<readonly Range[]> {
    const { ranges, entries, timed } = await this.#read(access, clients);
    this.#stopping.signal.throwIfAborted();
    this.#keys = entries.size;
    this.#newest = Math.max(...ranges.map(({ index }) => index));
    const isElsewhere = this.#status.aliased(this.#trees.elsewhere, this.#trees.problem);
    this.#memory.answered(access.endpoint);
    // Which of those that went meanwhile somebody has deleted, etcd does not say.
    const expired = new Set(isElsewhere ? [] : [...this.#timed].filter((key) => !entries.has(key)));
    this.#timed = timed;
    sink.snapshot('etcdv2', String(this.#newest), entries, expired);
    this.#withoutV2 = 0;
    this.#status.confirmed(String(this.#newest));
    return ranges;
  }

  /** All keys of concern. etcd v2 cannot read two directories at one index, so each has its own. */
  async #read(access: EtcdV2Access, clients: EtcdV2Client[]): Promise<Reading> {
    const trees = this.#trees;
    const { prefix } = this.#settings;
    const keys = new Map<string, string>();
    const indexes = new Map<string, number>();
    const timed = new Set<string>();
    const read = async (directory: string): Promise<Range> => {
      const client = new EtcdV2Client(access, directory);
      clients.push(client);
      const { node, index } = await client.read(true);
      const written = new Map<string, number>();
      const mortal = new Set<string>();
      const found = entriesBelow('', node, written, mortal);
      for (const [key, value] of found) {
        const name = decodedKeyText(`/${key}`, directory);
        keys.set(name, value);
        if (written.has(key)) indexes.set(name, written.get(key)!);
        if (mortal.has(key)) timed.add(name);
      }
      return { bell: new Bell(), client, directory, index, known: new KeysByPath(found.keys()) };
    };
    const own = await read(prefix);
    trees.aim(keys.get(trees.aliasKey));
    const ranges: Range[] = [];
    for (const directory of trees.ranges()) {
      try {
        ranges.push(directory === prefix ? own : await read(directory));
      } catch (error) {
        if (!(error instanceof TsujiError && error.code === V2_FORBIDDEN)) throw error;
        trees.refuse(error.message);
      }
    }
    const entries = SourceKeys.of(trees.settle(keys), trees.settle(indexes));
    const relative = [...timed].flatMap((key) => trees.relative(key) ?? []);
    return { ranges, entries, timed: new Set(relative) };
  }

  /** Resolves when one of the directories has to be read anew. */
  async #follow(ranges: readonly Range[], close: () => void, sink: SourceSink): Promise<void> {
    for (const range of ranges) this.#upTo.set(range, range.index);
    const polls = ranges.map((range) => this.#poll(range, sink));
    try {
      await Promise.race(polls);
    } finally {
      this.#upTo.clear();
      close();
      await Promise.allSettled(polls);
    }
  }

  /** Resolves when the directory has to be read anew. */
  async #poll(range: Range, sink: SourceSink): Promise<void> {
    const { bell, client, directory, known } = range;
    let seen = range.index;
    for (;;) {
      const isHasty = bell.answered();
      const patienceMs = isHasty ? HASTY_MS : this.#tuning.pollMs;
      const waited = await client.wait(seen + 1, patienceMs, bell.signal).catch((error: unknown) => {
        if (error instanceof TsujiError && error.code === V2_OUTDATED) return null;
        throw error;
      });
      if (waited === null) return;
      const { event, index } = waited;
      this.#stopping.signal.throwIfAborted();
      let upTo = Math.max(seen, index);
      if (event === null) {
        if (this.#trees.isRefused) return;
        await client.read(false);
        // Nothing came although the wait began at `index`, so nothing of ours happened up to there. Should an event be on its
        // way after all, the wait after a hasty one has it, and none is lost.
        if (!isHasty) seen = upTo;
      } else {
        seen = event.node.modifiedIndex ?? seen + 1;
        upTo = seen;
        const batch = changesOf('', event, known).map((change) => {
          return { ...change, key: decodedKeyText(`/${change.key}`, directory) };
        });
        const changes = this.#trees.changes(batch);
        if (changes === null) return;
        for (const { key, value } of changes) {
          if (value === null || event.node.ttl === undefined) this.#timed.delete(key);
          else this.#timed.add(key);
        }
        if (changes.length > 0) sink.changes('etcdv2', String(seen), changes);
      }
      this.#upTo.set(range, upTo);
      this.#newest = Math.max(this.#newest, event === null ? Math.min(...this.#upTo.values()) : seen);
      this.#status.confirmed(String(this.#newest));
    }
  }
}
