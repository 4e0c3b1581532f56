/**
 * Reads the settings that stand in the store, once, before any route is made of it (shared/spec kv-schema §12). As long
 * as no source answers it goes on asking, ever more slowly, and says so. Afterwards it tells which of these keys are not
 * in force.
 */
import type { StoredKeys } from '../model/other-keys.ts';
import type { Settings } from '../settings/settings.ts';
import { isStoredSetting, STORED_SECTIONS, type StoredSettings } from '../settings/stored-settings.ts';
import { guarded } from './guarded.ts';
import type { RememberedSource } from './memory/snapshot-format.ts';
import { BACKOFF_LONGEST_MS } from './source/backoff.ts';
import { EndpointMemory } from './source/endpoint-loop.ts';
import { sourcesFrom } from './source/from-settings.ts';
import type { Source, SourceName, SourceStatus } from './source/source.ts';
import type { KeyValues } from './source/source-keys.ts';
import type { SourceLog } from './source/source-log.ts';

/**
 * When one API of etcd has answered, the other is waited for: until it has had a try for sure, or has failed twice since,
 * of which the first may have begun before.
 */
const OTHER_API_MS = BACKOFF_LONGEST_MS + 2_000;
const OTHER_API_FAILURES = 2;

export class StoredKeysReader implements StoredKeys {
  readonly sections = STORED_SECTIONS;
  /** For those who follow the store afterwards. */
  readonly endpoints = new EndpointMemory();
  private readonly sources: readonly Source[];
  private readonly sourceLog: SourceLog;
  private readonly found = new Map<SourceName, KeyValues>();
  private readonly remembered = new Map<SourceName, KeyValues>();
  /** Of the sources that have not answered, since the first that has. */
  private readonly failures = new Map<SourceName, number>();
  private keys: ReadonlyMap<string, string> = new Map();
  private problems: StoredSettings['problems'] = new Map();
  /** How often each source has failed that has not answered. */
  private readonly refusals = new Map<SourceName, number>();
  private readonly refusing = Promise.withResolvers<null>();
  private readonly endpointCount: number;
  private isQuiet = false;
  private settled: (() => void) | null = null;
  private grace: NodeJS.Timeout | null = null;

  /** @throws TsujiError for TLS settings of etcd that cannot be used */
  constructor({ etcd, folder }: Pick<Settings, 'etcd' | 'folder'>, sourceLog: SourceLog) {
    this.sourceLog = sourceLog;
    this.endpointCount = etcd?.endpoints.length ?? 0;
    const once = etcd === null ? null : { ...etcd, watch: false };
    this.sources = sourcesFrom({ etcd: once, folder }, this.endpoints, true);
  }

  /** Resolves with null when every endpoint has failed those that have not answered: there is nothing to be had soon. */
  get refused(): Promise<null> {
    return this.refusing.promise;
  }

  statuses(): SourceStatus[] {
    return this.sources.map((source) => source.status());
  }

  /** All keys of the store; of one that several sources have, the first source's. */
  async read(): Promise<ReadonlyMap<string, string>> {
    if (this.sources.length === 0) return this.keys;
    await new Promise<void>((resolve) => {
      this.settled = resolve;
      for (const source of this.sources) {
        source.start({
          snapshot: guarded('stored settings', (name, _revision, entries) => {
            this.found.set(name, entries);
            this.check();
          }),
          changes: () => {},
          statusChanged: guarded('stored settings', (name) => {
            const status = source.status();
            // That it answers is told by who reads all of its keys.
            if (!this.isQuiet && status.state !== 'live') this.sourceLog.saw(status);
            if (status.state === 'connecting' && status.error !== '') this.failed(name);
            this.statusChanged(name);
          }),
        });
      }
    });
    await this.stop();
    const found = this.sources.flatMap(({ name }) => this.found.get(name) ?? this.remembered.get(name) ?? []);
    this.found.clear();
    this.remembered.clear();
    return this.take(found);
  }

  /**
   * The same from what was remembered, which also stands for a source that has not answered when `read` resolves. Whoever
   * follows the routes by it tells of the sources from now on.
   */
  recall(sources: readonly RememberedSource[]): ReadonlyMap<string, string> {
    this.isQuiet = true;
    for (const { name, entries } of sources) this.remembered.set(name, entries);
    return this.take(this.sources.flatMap(({ name }) => this.remembered.get(name) ?? []));
  }

  /** Ends the reading; `read` does not resolve any more if it had not. */
  async stop(): Promise<void> {
    this.settled = null;
    if (this.grace !== null) clearTimeout(this.grace);
    await Promise.all(this.sources.map((source) => source.stop()));
  }

  /** What was made of the keys that were read. */
  judged({ problems }: StoredSettings): void {
    this.problems = problems;
  }

  problemOf(key: string, value: string): string {
    if (!isStoredSetting(key, value)) return '';
    if (this.keys.get(key) !== value) return 'new or changed since the start: it is read when tsuji starts again';
    const entryPoint = key.split('/', 2).join('/');
    return this.problems.get(key) ?? this.problems.get(entryPoint) ?? '';
  }

  /** `maps`: in order of precedence. */
  private take(maps: readonly KeyValues[]): ReadonlyMap<string, string> {
    const merged = new Map<string, string>();
    for (const map of maps) for (const [key, value] of map) if (!merged.has(key)) merged.set(key, value);
    this.keys = new Map([...merged].filter(([key, value]) => isStoredSetting(key, value)));
    return this.keys;
  }

  private failed(name: SourceName): void {
    this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1);
    const isAwaited = (source: Source): boolean =>
      !this.found.has(source.name) &&
      source.status().state !== 'absent' &&
      (this.refusals.get(source.name) ?? 0) < this.endpointCount;
    if (!this.sources.some(isAwaited)) this.refusing.resolve(null);
  }

  private statusChanged(name: SourceName): void {
    if (this.found.size > 0) this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
    this.check();
  }

  private check(): void {
    if (this.found.size === 0 || this.settled === null) return;
    const missing = this.sources.some(
      (source) =>
        !this.found.has(source.name) &&
        source.status().state !== 'absent' &&
        (this.failures.get(source.name) ?? 0) < OTHER_API_FAILURES,
    );
    if (!missing) this.settled();
    else this.grace ??= setTimeout(() => this.settled?.(), OTHER_API_MS);
  }
}
